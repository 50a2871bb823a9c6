"""Programs that build, show and measure the service. None of them ships to Lambda."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The root of the repository."""
