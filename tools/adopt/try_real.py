"""Adopt the models of the catalogue for real, and print what came of it.

``python -m tools.adopt.try_real FOLDER --photo bird.jpg`` takes their files from a folder. No test
needs them. It fetches and adopts by the commands that users type, into ``build/try``.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from chalicelib.bootstrap import Services
from chalicelib.domain import Identification
from chalicelib.identify import IdentifyRequest
from chalicelib.settings import Settings
from tools import ROOT
from tools.adopt.__main__ import TAXONOMY
from tools.fetch_model.__main__ import read_catalogue

TARGET: Final = ROOT / "build" / "try"


class Tried(NamedTuple):
    """What came of one model; ``kilobytes`` are those of the whole directory."""

    name: str
    animals: int
    resolved: int
    waiting: int
    seconds: float
    kilobytes: int


def try_model(name: str, folder: Path, taxonomy: Path) -> Tried:
    """Fetch a model from a folder and adopt it; return the figures."""
    start = time.monotonic()
    run("tools.fetch_model", name, "--mirror", str(folder), "--into", str(TARGET / "fetched"))
    catalogue = read_catalogue()
    directory = TARGET / name
    run(
        "tools.adopt", str(TARGET / "fetched" / name / catalogue[name]["model"]["name"]),
        "--name", name, "--into", str(directory), "--taxonomy", str(taxonomy),
    )  # fmt: skip
    seconds = time.monotonic() - start
    rows = [row for row in read(directory / "labels.csv") if row["taxonID"]]
    return Tried(
        name=name,
        animals=len(rows),
        resolved=sum(bool(row["inaturalistID"]) for row in rows),
        waiting=sum(not row["decision"] for row in read(directory / "review.csv")),
        seconds=seconds,
        kilobytes=sum(path.stat().st_size for path in directory.iterdir()) // 1000,
    )


def run(*arguments: str) -> None:
    """Run a program of this project; raises ``CalledProcessError`` if it fails."""
    subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def named(settings: Settings, photos: Sequence[Path]) -> Iterator[tuple[str, Identification]]:
    """Yield what the service says of each photo."""
    services = Services.build(settings)
    for photo in photos:
        yield photo.name, services.identify(IdentifyRequest(photo.read_bytes(), use_geo=False))


def main() -> None:
    """Try every model of the catalogue, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="holds the files of the catalogue")
    parser.add_argument("--photo", type=Path, nargs="+", default=[], help="photos to identify")
    parser.add_argument("--taxonomy", type=Path, default=TAXONOMY.resolve())
    options = parser.parse_args()
    tried = [try_model(name, options.folder, options.taxonomy) for name in read_catalogue()]
    print("\n| model | animals | with a taxon | for a person | seconds | kB | calibration |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for one in tried:
        card = json.loads((TARGET / one.name / "model.json").read_bytes())
        method = card["calibration"]["method"]
        print(
            f"| {one.name} | {one.animals:,} | {one.resolved:,} | {one.waiting} "
            f"| {one.seconds:.1f} | {one.kilobytes:,} | {method} |"
        )
    directories = [TARGET / one.name for one in tried]
    default = Settings()
    ways = {one.name: replace(default, model_directory=one) for one in directories}
    ways |= {"general": default, "all": replace(default, specialists=tuple(directories))}
    for way, settings in ways.items():
        for photo, answer in named(settings, options.photo):
            first, decided = answer.candidates[0], answer.decision
            name = decided.name.scientific_name if decided.name else "-"
            print(
                f"{way}: {photo}: {decided.kind} {name}; first "
                f"{first.taxon.scientific_name} {first.vision_score:.2f}"
            )


if __name__ == "__main__":
    main()
