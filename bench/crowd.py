"""Run many environments at once, and draw the places that a crowd of users asks for."""

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
    """Draw ``number`` cells with land from the embedded store."""
    connection = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
    cells = [format(cell, "x") for (cell,) in connection.execute(LAND_CELLS)]
    connection.close()
    return chance.sample(
        [cell for cell in cells if h3.get_resolution(cell) == FINEST_RESOLUTION], number
    )


def zipf(cells: Sequence[str], visits: int, chance: random.Random) -> list[Place]:
    """Draw visits to the middle of the cells: the n-th is visited 1/n as often as the first.

    This is Zipf's law with exponent 1. Requests to web caches have exponents of 0.64 to 0.83, which
    spread visits more (Breslau et al. 1999, https://doi.org/10.1109/INFCOM.1999.749260); the
    exponent of photographed places is unknown.
    """
    weights = [1 / rank for rank in range(1, len(cells) + 1)]
    return [h3.cell_to_latlng(cell) for cell in chance.choices(cells, weights, k=visits)]


class Crowd:
    """Processes of :mod:`bench.environment` that are ready to start."""

    def __init__(
        self, processes: Sequence[subprocess.Popen[str]], outputs: Sequence[IO[str]]
    ) -> None:
        self._processes = processes
        self._outputs = outputs

    def go(self) -> None:
        """Start all of them."""
        for process in self._processes:
            _send(process, "go")

    def is_busy(self) -> bool:
        """Return whether some are still running."""
        return any(process.poll() is None for process in self._processes)

    def visits(self) -> list[Visit]:
        """Wait until all processes end, and return their visits in the order of time."""
        for process in self._processes:
            if process.wait() != 0:
                raise RuntimeError("an environment ended with a fault")
        visits: list[Visit] = []
        for file in self._outputs:
            file.seek(0)
            visits += [Visit(*json.loads(line)) for line in file if line.startswith("[")]
        return sorted(visits, key=lambda visit: visit.began)


def _send(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


@contextmanager
def crowd(
    environments: int, places: Sequence[Place], settings: Mapping[str, str], pace: float = 0.0
) -> Iterator[Crowd]:
    """Start environments that share the places; all of them wait for ``Crowd.go``."""
    with tempfile.TemporaryDirectory() as directory:
        outputs = [
            (Path(directory) / str(number)).open("w+", encoding="ascii")
            for number in range(environments)
        ]
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "bench.environment"],
                cwd=ROOT, env={**os.environ, **settings},
                stdin=subprocess.PIPE, stdout=file, text=True,
            )
            for file in outputs
        ]  # fmt: skip
        try:
            for number, process in enumerate(processes):
                job = {"places": places[number::environments], "pace": pace}
                _send(process, json.dumps(job))
            for process, file in zip(processes, outputs, strict=True):
                _wait_until_ready(process, Path(file.name))
            yield Crowd(processes, outputs)
        finally:
            for process in processes:
                process.kill()
                process.wait()
                assert process.stdin
                process.stdin.close()
            for file in outputs:
                file.close()


def _wait_until_ready(process: subprocess.Popen[str], output: Path) -> None:
    while not output.read_text():
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError("an environment did not start")
