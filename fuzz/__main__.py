"""Send attacks and mutants, or the files of a directory, through the service: ``make fuzz``.

The program fails if an upload gets a 5xx status, takes longer than 250 ms (or three times the time
of its own sample), or needs more than 250 MB above the memory of the idle process.
"""

import argparse
import faulthandler
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fuzz.attacks import attacks
from fuzz.files import sample
from fuzz.large_photos import LARGE, large_photo, largest
from fuzz.mutations import honest, mutants
from fuzz.running import MAXIMUM_MILLISECONDS, Run, idle_bytes
from fuzz.uploads import Upload, raw

HUNG_SECONDS = 30
"""After this time the process prints its stack and ends."""


def from_directory(directory: Path) -> Iterator[Upload]:
    """Yield an upload for each file below the directory, photo or not."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield raw(str(path.relative_to(directory)), path.read_bytes())


def send_all(run: Run, uploads: Iterable[Upload]) -> None:
    """Send the uploads one after the other, each within ``HUNG_SECONDS``."""
    for upload in uploads:
        faulthandler.dump_traceback_later(HUNG_SECONDS, exit=True)
        run.add(upload)
    faulthandler.cancel_dump_traceback_later()


def main() -> None:
    """Send the uploads; exit with a fault if one passes a bound."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--photos", type=Path, help="send the files below this directory instead")
    parser.add_argument("--mutants", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the mutants; default: 0")
    arguments = parser.parse_args()
    faulthandler.enable()
    if arguments.photos:
        if not arguments.photos.is_dir():
            sys.exit(f"{arguments.photos} is not a directory")
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
    # Foreign photos may have any size, so their time is printed and not judged.
    milliseconds = math.inf if arguments.photos else MAXIMUM_MILLISECONDS
    baseline = Run.begin([raw(name, photo) for name, photo in samples.items()], milliseconds)
    idle, faults = idle_bytes(), 0
    for title, uploads in runs.items():
        run = baseline.again()
        send_all(run, uploads)
        run.report(title)
        faults += len(run.faults)
    print(f"the idle process has grown by {(idle_bytes() - idle) / 1e6:.0f} MB")
    sys.exit(f"{faults} out of bounds" if faults else 0)


if __name__ == "__main__":
    main()
