"""Measure what specialists cost: ``RANGEFINDER_SPECIALISTS=DIRECTORY,... make bench-specialists``.

One process identifies the samples with and without the specialists, in turns. A photo without a
bird or an insect needs no specialist; the macaw needs one that knows birds.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from chalicelib.bootstrap import Services
from chalicelib.identify import IdentifyRequest
from chalicelib.settings import Settings
from tests.samples import SAMPLES

ROUNDS: Final = 200
PHOTOS: Final = ("giant-panda.jpg", "jaguar.jpg", "scarlet-macaw.jpg")


def measure(services: Sequence[Services], photo: bytes, rounds: int) -> list[float]:
    """Return the median milliseconds of one identification by each of the services."""
    times: list[list[float]] = [[] for _ in services]
    for _ in range(rounds):
        for one, spent in zip(services, times, strict=True):
            start = time.perf_counter()
            one.identify(IdentifyRequest(photo))
            spent.append((time.perf_counter() - start) * 1000)
    return [statistics.median(spent) for spent in times]


def main() -> None:
    """Print a row for each photo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    settings = replace(Settings.from_environment(), classifier_threads=1)
    if not settings.specialists:
        sys.exit("RANGEFINDER_SPECIALISTS must name at least one directory")
    alone = Services.build(replace(settings, specialists=()))
    together = Services.build(replace(settings, specialists_at_start=True))
    for services in (alone, together):
        services.prepare()
    print("| photo | specialists that looked | alone, ms | with specialists, ms | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name in PHOTOS:
        photo = SAMPLES[name].content
        looked = together.identify(IdentifyRequest(photo)).consulted
        one, other = measure((alone, together), photo, rounds)
        names = ", ".join(model.name for model in looked) or "none"
        print(f"| {name} | {names} | {one:.1f} | {other:.1f} | {other / one:.2f} |")


if __name__ == "__main__":
    main()
