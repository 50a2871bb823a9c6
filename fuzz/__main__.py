"""``make fuzz``: attacks and mutants, or the files of a directory, through the service.

Ends with a fault where any is answered with 5xx, takes longer than 250 ms (or three times what
its own sample takes), or more than 250 MB above what the idle process holds.
"""

import argparse
import faulthandler
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fuzz.attacks import LARGE, attacks, large_photo, largest
from fuzz.files import sample
from fuzz.mutations import honest, mutants
from fuzz.running import MAXIMUM_MILLISECONDS, Run, idle_bytes
from fuzz.uploads import Upload, raw

HUNG_SECONDS = 30
"""Then the process says where it stands, and ends."""


def from_directory(directory: Path) -> Iterator[Upload]:
    """Files that others have collected, photos or not."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield raw(str(path.relative_to(directory)), path.read_bytes())


def send_all(run: Run, uploads: Iterable[Upload]) -> None:
    """One after the other, each within a time."""
    for upload in uploads:
        faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        run.add(upload)
    faulthandler.cancel_dump_traceback_later()


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--photos", type=Path, help="send the files below this directory")
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    faulthandler.enable()
    if arguments.photos:
        runs = {str(arguments.photos): from_directory(arguments.photos)}
        samples = {"jaguar.jpg": sample()}
    else:
        large = largest()
        runs = {
            "largest": (raw(name, photo, name) for name, photo in large.items()),
            "attacks": attacks(),
            "mutants": mutants(arguments.seed, arguments.mutants),
        }
        samples = {**honest(), **large, LARGE: large_photo()}
    # Photos of others may be of any size, so their time is told and not judged.
    milliseconds = math.inf if arguments.photos else MAXIMUM_MILLISECONDS
    begun = Run.begin([raw(name, photo) for name, photo in samples.items()], milliseconds)
    idle, faults = idle_bytes(), 0
    for title, uploads in runs.items():
        run = begun.again()
        send_all(run, uploads)
        run.report(title)
        faults += len(run.faults)
    print(f"the idle process has grown by {(idle_bytes() - idle) / 1e6:.0f} MB")
    sys.exit(f"{faults} out of bounds" if faults else 0)


if __name__ == "__main__":
    main()
