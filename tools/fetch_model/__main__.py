"""Fetch a model of the catalogue: ``make fetch-model NAME=inat-birds``; docs/model.md."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
from tqdm import tqdm

from tools import ROOT
from tools.fetch_model.download import (
    TIMEOUT_SECONDS,
    FetchError,
    RemoteFile,
    copy,
    download,
    is_complete,
)
from tools.fetch_model.places import FETCHED, ORIGIN

CATALOGUE: Final = Path(__file__).parent / "catalogue.json"

ORIGIN_MEMBERS: Final = ("license", "source", "trainingData", "knows")


def read_catalogue(path: Path = CATALOGUE) -> Mapping[str, Any]:
    """Return the models by their names."""
    catalogue: Mapping[str, Any] = json.loads(path.read_bytes())
    return catalogue


def fetch(
    name: str, catalogue: Mapping[str, Any], directory: Path, mirror: Path | None = None
) -> Path:
    """Fetch a model and its labels into a directory, and return that. Raises ``FetchError``."""
    if name not in catalogue:
        known = "; ".join(f"{one} ({model['knows']})" for one, model in catalogue.items())
        raise FetchError(f"The catalogue has no model {name!r}. It has {known}")
    model = catalogue[name]
    target = directory / name
    target.mkdir(parents=True, exist_ok=True)
    files = [
        RemoteFile(one["name"], one["url"], one["sha256"], one["bytes"])
        for one in (model["model"], model["labels"])
    ]
    with httpx.Client(follow_redirects=True, timeout=TIMEOUT_SECONDS) as client:
        for file in files:
            path = target / file.name
            if is_complete(path, file):
                continue
            if mirror:
                copy(file, mirror, path)
                continue
            with tqdm(
                total=file.size, unit="B", unit_scale=True, desc=file.name, disable=None
            ) as bar:
                download(file, path, client, bar.update)
    origin = {"model": files[0].name, "labels": files[1].name}
    origin |= {member: model[member] for member in ORIGIN_MEMBERS}
    text = json.dumps(origin, indent=2, ensure_ascii=False)
    (target / ORIGIN).write_text(text + "\n", encoding="utf-8")
    return target


def main() -> int:
    """Fetch; return 1 if that fails."""
    parser = argparse.ArgumentParser(prog="tools.fetch_model", description="Fetch a public model")
    parser.add_argument("name", help=", ".join(read_catalogue()))
    parser.add_argument("--mirror", type=Path, help="a folder that holds the files")
    parser.add_argument("--into", type=Path, default=FETCHED, help="default: %(default)s")
    options = parser.parse_args()
    try:
        target = fetch(options.name, read_catalogue(), options.into, options.mirror)
    except FetchError as error:
        print(error, file=sys.stderr)
        return 1
    model = read_catalogue()[options.name]
    place = target.relative_to(ROOT) if target.is_relative_to(ROOT) else target
    print(f"{place}: {model['knows']}, {model['license']}, from {model['source']}")
    print(f"Adopt it: make adopt NAME={options.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
