"""Send attacks and mutants, or the files of a directory, through the service: ``make fuzz``.

The program fails if an upload

- gets a 5xx status, or needs more than 250 MB above the memory of the idle process;
- takes more than 1.0 s of CPU, or five times that of a JPEG of 12 megapixels, if that is more; a
  HEIC may take 1.3 s, or 6.5 times that (``fuzz.running.DENSEST_HEIC``);
- is in the bucket, and still there afterwards;
- is an attack or a mutant, and takes more than 250 ms, or three times that of such a JPEG or of
  its own sample;
- is an attack that gets a 4xx status, and takes more than 50 ms, or a quarter of such a JPEG,
  beyond reading its body; twice as much if it is in the bucket, which holds up to 25 MB.
"""

import argparse
import faulthandler
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from fuzz import limits_heif
from fuzz.attacks import attacks
from fuzz.large_photos import LARGE, large_photo, largest
from fuzz.limits_stored import stored
from fuzz.mutations import honest, mutants
from fuzz.reporting import report
from fuzz.running import (
    ANY_UPLOAD,
    DENSEST_HEIC,
    REFUSAL,
    SMALL_UPLOAD,
    STORED_REFUSAL,
    UNLIMITED,
    Bounds,
    Run,
    idle_bytes,
)  # fmt: skip
from fuzz.uploads import Upload, in_bucket, raw

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
    parser = argparse.ArgumentParser(
        prog="fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, help="send the files below this directory instead")
    parser.add_argument("--mutants", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the mutants; default: 0")
    arguments = parser.parse_args()
    faulthandler.enable()
    if arguments.photos:
        if not arguments.photos.is_dir():
            sys.exit(f"{arguments.photos} is not a directory")
        # Foreign photos may have any size, so their time is printed and not judged.
        bounds = Bounds(UNLIMITED, UNLIMITED)
        runs = {str(arguments.photos): (bounds, from_directory(arguments.photos))}
        samples = {LARGE: large_photo()}
    else:
        runs = {
            "largest": (
                Bounds(ANY_UPLOAD, ANY_UPLOAD),
                (raw(name, photo) for name, photo in largest().items()),
            ),
            "largest of HEIC": (
                Bounds(DENSEST_HEIC, REFUSAL),
                (raw(name, photo) for name, photo in limits_heif.at_the_limits()),
            ),
            "stored": (
                Bounds(ANY_UPLOAD, STORED_REFUSAL),
                (in_bucket(name, photo) for name, photo in stored()),
            ),
            "attacks": (Bounds(SMALL_UPLOAD, REFUSAL), attacks()),
            "mutants": (
                Bounds(SMALL_UPLOAD, SMALL_UPLOAD),
                mutants(arguments.seed, arguments.mutants),
            ),
        }
        samples = {**honest(), LARGE: large_photo()}
    baseline = Run.begin([raw(name, photo) for name, photo in samples.items()], LARGE)
    print(f"a JPEG of 12 megapixels takes {baseline.reference:.0f} ms of CPU\n")
    idle, faults = idle_bytes(), 0
    for title, (limits, uploads) in runs.items():
        run = baseline.again(limits)
        send_all(run, uploads)
        report(title, run, by_format=bool(arguments.photos))
        faults += len(run.faults)
    print(f"the idle process has grown by {(idle_bytes() - idle) / 1e6:.0f} MB")
    sys.exit(f"{faults} out of bounds" if faults else 0)


if __name__ == "__main__":
    main()
