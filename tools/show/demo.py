"""Show the service at work: ``make demo`` and ``make serve``.

Runs the Chalice app that is deployed, under ``chalice local``. ``make demo`` uploads real
photos to it with curl and prints the answers; ``make serve`` waits for yours.
"""

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
from contextlib import suppress
from typing import Any, Final

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools import ROOT
from tools.show.serving import HOST, ServerError, serving

SAMPLES: Final = ROOT / "samples"
BUILD: Final = ROOT / "build"
PANTANAL: Final = ("-17.36", "-56.78")
KRUGER: Final = ("-24.01", "31.49")
WARM_RUNS: Final = 20
BAR_WIDTH: Final = 24

NO_CURL: Final = (
    "make demo needs curl, which is not installed. Install it, or run `make serve` and open the "
    "address in a browser."
)

PLACED_BY_US: Final = (
    "We placed the samples ourselves: we wrote a position where such an animal lives into the "
    "EXIF of each.\n"
)


def curl(*arguments: str) -> Any:
    """Run curl and return the JSON of the answer."""
    command = ["curl", "--silent", "--show-error", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def upload(base: str, photo: str, **fields: str) -> Any:
    """Upload a sample with ``curl -F photo=@...``."""
    forms = [f"photo=@{SAMPLES / photo}", *(f"{name}={value}" for name, value in fields.items())]
    return curl(*(word for form in forms for word in ("-F", form)), f"{base}/v1/predictions")


def summarise(decision: dict[str, Any]) -> str:
    """Return the decision as one line."""
    name, rejected = decision["name"], decision["rejectedByPlace"]
    line: str = decision["kind"]
    if name:
        line += f": {name['scientificName']} ({name['taxonRank']}), {name['score']:.1%}"
    if rejected:
        instead = rejected["instead"]["vernacularName"] if rejected["instead"] else "nothing"
        line += f" (looks like {rejected['firstByLook']['vernacularName']}; here rather {instead})"
    return line


def print_table(answer: Any) -> None:
    """Print an answer as a readable table."""
    location, geo = answer["location"], answer["geo"]
    place = "no place"
    if location["cell"]:
        place = (
            f"{location['decimalLatitude']:.3f}, {location['decimalLongitude']:.3f} "
            f"(from {location['source']}, H3 cell {location['cell']})"
        )
    print(f"  place   {place}")
    print(
        f"  geo     {geo['status']} from {geo['source']}: {geo['candidates']} animals expected here"
    )
    print(f"  animal  {answer['animalScore']:.1%} sure that there is one")
    print(f"  answer  {summarise(answer['decision'])}\n")
    print(
        f"  {'':2} {'animal':28}{'score':>7} {'':{BAR_WIDTH}} {'picture':>8} {'place':>6}"
        "  expected here"
    )
    expected = {True: "yes", False: "no", None: "(no opinion)"}
    for prediction in answer["predictions"]:
        bar = "#" * round(prediction["score"] * BAR_WIDTH)
        print(
            f"  {prediction['rank']:2} {prediction['taxon']['vernacularName'][:27]:28}"
            f"{prediction['score']:7.1%} {bar:{BAR_WIDTH}} {prediction['visionScore']:8.1%} "
            f"{prediction['geoWeight']:6.2f}  {expected[prediction['expectedHere']]}"
        )
    print()


def demonstrate(base: str) -> None:
    """Identify two photos at their own places, then one photo at two places."""
    print(PLACED_BY_US)
    for photo in ("giant-panda.jpg", "polar-bear.jpg"):
        print(f"$ curl -F photo=@samples/{photo} {base}/v1/predictions\n")
        answer = upload(base, photo)
        print_table(answer)
        print(json.dumps(answer, indent=2), "\n")
    for name, (latitude, longitude) in {"Pantanal": PANTANAL, "Kruger park": KRUGER}.items():
        print(f"The jaguar photo, placed in the {name}:\n")
        print(
            f"$ curl -F photo=@samples/jaguar.jpg -F decimalLatitude={latitude} "
            f"-F decimalLongitude={longitude} {base}/v1/predictions\n"
        )
        print_table(
            upload(base, "jaguar.jpg", decimalLatitude=latitude, decimalLongitude=longitude)
        )
    timings = [upload(base, "polar-bear.jpg")["timings"] for _ in range(WARM_RUNS)]
    print(f"A warm prediction of a photo of 1024 x 768 pixels, median of {WARM_RUNS}, in ms:")
    for stage in timings[0]:
        print(f"  {stage:9}{statistics.median(run[stage] for run in timings):7.1f}")


def serve(base: str) -> None:
    """Print the address and what to try, and wait for Ctrl-C."""
    print(f"BASE={base}\n")
    print("The service runs until you press Ctrl-C. Open the address in a browser, or paste the")
    print("line above into another terminal, and then:\n")
    print('  curl -F photo=@samples/giant-panda.jpg "$BASE/v1/predictions" | python3 -m json.tool')
    print(
        '  curl "$BASE/v1/species?decimalLatitude=-17.36&decimalLongitude=-56.78" '
        "| python3 -m json.tool\n",
        flush=True,
    )
    with suppress(KeyboardInterrupt):
        signal.pause()


def main() -> int:
    """Run the demonstration, or serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", action="store_true", help="leave the server running")
    parser.add_argument("--port", help="of the server; by default a free one")
    parser.add_argument(
        "--host", default=HOST, help="address to listen on; 0.0.0.0, all of them, for containers"
    )
    arguments = parser.parse_args()
    if not arguments.serve and not shutil.which("curl"):
        print(NO_CURL, file=sys.stderr)
        return 1
    # Killed or interrupted, this program must also end the server that it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    log = None
    if not arguments.serve:  # which writes nothing, so that a container may be read-only
        BUILD.mkdir(exist_ok=True)
        log = BUILD / "demo.log"
    try:
        # A wrong setting would end chalice local with a traceback.
        Settings.from_environment()
        with serving(log=log, port=arguments.port, host=arguments.host) as base:
            (serve if arguments.serve else demonstrate)(base)
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 1
    except ServerError as error:
        print(error if log is None else f"{error} Its log is {log}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
