"""Where fetched models are, and what lies beside each."""

from typing import Final

from tools import ROOT

FETCHED: Final = ROOT / "build" / "fetched"
"""A directory for each model, by its name in the catalogue."""

ORIGIN: Final = "origin.json"
"""What the catalogue says of a model: the names of its files, its licence and its source."""
