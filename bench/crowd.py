"""Many environments at once, and the places that a crowd goes to."""

import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import h3

from bench.environment import Visit
from chalicelib.features.cells import FINEST_RESOLUTION
from tools import ROOT

Place = tuple[float, float]
"""Latitude and longitude, in degrees."""

LAND_CELLS: Final = "SELECT DISTINCT cell FROM geo_cell WHERE land ORDER BY cell"


def land_cells(store: Path, number: int, chance: random.Random) -> list[str]:
    """So many cells that have land, drawn from the embedded store."""
    connection = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
    cells = [format(cell, "x") for (cell,) in connection.execute(LAND_CELLS)]
    connection.close()
    return chance.sample(
        [cell for cell in cells if h3.get_resolution(cell) == FINEST_RESOLUTION], number
    )


def zipf(cells: Sequence[str], visits: int, chance: random.Random) -> list[Place]:
    """Visits to the middle of the cells: the n-th is visited 1/n as often as the first.

    Zipf's law with exponent 1, as requests to web caches follow it within a little (Breslau
    et al. 1999, https://doi.org/10.1109/INFCOM.1999.749260: 0.64 to 0.83, which spreads
    visits more; the exponent of photographed places is not known).
    """
    weights = [1 / rank for rank in range(1, len(cells) + 1)]
    return [h3.cell_to_latlng(cell) for cell in chance.choices(cells, weights, k=visits)]


class Crowd:
    """Processes of :mod:`bench.environment`, ready to go."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]], said: Sequence[IO[str]]) -> None:
        self._processes = processes
        self._said = said

    def go(self) -> None:
        """All begin."""
        for process in self._processes:
            _tell(process, "go")

    def is_busy(self) -> bool:
        """Whether some are still at it."""
        return any(process.poll() is None for process in self._processes)

    def visits(self) -> list[Visit]:
        """What became of every visit, in the order of time; waits until all are done."""
        for process in self._processes:
            if process.wait() != 0:
                raise RuntimeError("an environment ended with a fault")
        found: list[Visit] = []
        for file in self._said:
            file.seek(0)
            found += [Visit(*json.loads(line)) for line in file if line.startswith("[")]
        return sorted(found, key=lambda visit: visit.began)


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


@contextmanager
def crowd(
    environments: int, places: Sequence[Place], settings: Mapping[str, str], pace: float = 0.0
) -> Iterator[Crowd]:
    """Environments that share the places out among them; all are up and wait to go."""
    with tempfile.TemporaryDirectory() as directory:
        said = [
            (Path(directory) / str(number)).open("w+", encoding="ascii")
            for number in range(environments)
        ]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.environment"],
                cwd=ROOT, env={**os.environ, **settings},
                stdin=subprocess.PIPE, stdout=file, text=True,
            )
            for file in said
        ]  # fmt: skip
        try:
            for number, process in enumerate(processes):
                errand = {"places": places[number::environments], "pace": pace}
                _tell(process, json.dumps(errand))
            for process, file in zip(processes, said, strict=True):
                _wait_until_ready(process, Path(file.name))
            yield Crowd(processes, said)
        finally:
            for process in processes:
                process.kill()
                process.wait()
                assert process.stdin
                process.stdin.close()
            for file in said:
                file.close()


def _wait_until_ready(process: subprocess.Popen[str], said: Path) -> None:
    while not said.read_text():
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError("an environment did not start")
