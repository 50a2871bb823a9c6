"""``make fuzz``: attacks and mutants, or the files of a directory, through the service.

Ends with a fault where any is answered with 5xx, takes longer than 250 ms (or three times what
its own sample takes), or more than 250 MB above what the idle process holds.
"""

import argparse
import faulthandler
import sys
from collections.abc import Iterable
from pathlib import Path

from fuzz.attacks import LARGE, attacks, large_photo, largest
from fuzz.mutations import honest, mutants
from fuzz.running import Run, idle_bytes
from fuzz.uploads import Upload, raw

HUNG_SECONDS = 30
"""Then the process says where it stands, and ends."""


def uploads(arguments: argparse.Namespace) -> Iterable[tuple[str, Iterable[Upload]]]:
    """What to send, under titles."""
    if arguments.photos:
        files = sorted(path for path in arguments.photos.rglob("*") if path.is_file())
        yield str(arguments.photos), (raw(str(file), file.read_bytes()) for file in files)
        return
    yield "largest", (raw(name, photo, name) for name, photo in largest().items())
    yield "attacks", attacks()
    yield "mutants", mutants(arguments.seed, arguments.mutants)


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--photos", type=Path, help="send the files below this directory")
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    faulthandler.enable()
    samples = {**honest(), **largest(), LARGE: large_photo()}
    warm = [raw(name, photo) for name, photo in samples.items()]
    idle = idle_bytes()
    run, faults = Run.begin(warm), []
    for title, sent in uploads(arguments):
        run = run.again()
        for upload in sent:
            faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
            run.add(upload)
        faulthandler.cancel_dump_traceback_later()
        if run.outcomes:
            run.report(title, print)
        faults += run.faults
    print(f"the idle process has grown by {(idle_bytes() - idle) / 1e6:.0f} MB")
    sys.exit(f"{len(faults)} out of bounds" if faults else 0)


if __name__ == "__main__":
    main()
