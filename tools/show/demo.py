"""Show the service at work: ``make demo`` and ``make serve``.

The same Chalice app that is deployed runs under ``chalice local``; curl uploads
real photos to it, and the answers are printed.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
from contextlib import suppress
from typing import Any, Final

from tools import ROOT
from tools.show.serving import serving

SAMPLES: Final = ROOT / "samples"
BUILD: Final = ROOT / "build"
PANTANAL: Final = ("-17.36", "-56.78")
KRUGER: Final = ("-24.01", "31.49")
WARM_RUNS: Final = 20
BAR: Final = 24


def curl(*arguments: str) -> Any:
    """Run curl, show the command, and return the JSON that it got."""
    command = ["curl", "--silent", "--show-error", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def upload(base: str, photo: str, **fields: str) -> Any:
    """Upload a sample with ``curl -F photo=@...``."""
    forms = [f"photo=@{SAMPLES / photo}", *(f"{name}={value}" for name, value in fields.items())]
    return curl(*(word for form in forms for word in ("-F", form)), f"{base}/v1/predictions")


def decision(found: dict[str, Any]) -> str:
    """The decision in a line."""
    name, rejected = found["name"], found["rejectedByPlace"]
    said: str = found["kind"]
    if name:
        said += f": {name['scientificName']} ({name['taxonRank']}), {name['score']:.1%}"
    if rejected:
        instead = rejected["instead"]["vernacularName"] if rejected["instead"] else "nothing"
        said += f" (looks like {rejected['firstByLook']['vernacularName']}; here rather {instead})"
    return said


def table(answer: Any) -> None:
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
    print(f"  animal  {answer['animalScore']:.1%} sure that it is one")
    print(f"  answer  {decision(answer['decision'])}\n")
    print(
        f"  {'':2} {'animal':28}{'score':>7} {'':{BAR}} {'picture':>8} {'place':>6}  expected here"
    )
    says = {True: "yes", False: "no", None: "(no opinion)"}
    for one in answer["predictions"]:
        bar = "#" * round(one["score"] * BAR)
        print(
            f"  {one['rank']:2} {one['taxon']['vernacularName'][:27]:28}{one['score']:7.1%} "
            f"{bar:{BAR}} {one['visionScore']:8.1%} {one['geoWeight']:6.2f}  "
            f"{says[one['expectedHere']]}"
        )
    print()


def demonstrate(base: str) -> None:
    """Two photos with their own places, then one photo at two places."""
    for photo in ("giant-panda.jpg", "polar-bear.jpg"):
        print(f"$ curl -F photo=@samples/{photo} {base}/v1/predictions\n")
        answer = upload(base, photo)
        table(answer)
        print(json.dumps(answer, indent=2), "\n")
    for name, (latitude, longitude) in {"Pantanal": PANTANAL, "Kruger park": KRUGER}.items():
        print(f"The jaguar photo placed in the {name}:\n")
        print(
            f"$ curl -F photo=@samples/jaguar.jpg -F decimalLatitude={latitude} "
            f"-F decimalLongitude={longitude} {base}/v1/predictions\n"
        )
        table(upload(base, "jaguar.jpg", decimalLatitude=latitude, decimalLongitude=longitude))
    totals = [upload(base, "polar-bear.jpg")["timings"] for _ in range(WARM_RUNS)]
    print(f"A warm prediction of a photo of 1024 x 768 pixels, median of {WARM_RUNS}, in ms:")
    for stage in totals[0]:
        print(f"  {stage:9}{statistics.median(run[stage] for run in totals):7.1f}")


def serve(base: str) -> None:
    """Say what to try, and wait for Ctrl-C."""
    print(f"Serving on {base} until Ctrl-C. Open it in a browser, or try:\n")
    print(f"  curl -F photo=@samples/giant-panda.jpg {base}/v1/predictions")
    print(
        f"  curl '{base}/v1/species?decimalLatitude=-17.36&decimalLongitude=-56.78'\n", flush=True
    )
    with suppress(KeyboardInterrupt):
        signal.pause()


def main() -> None:
    """Run the demonstration, or serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", action="store_true", help="leave the server running")
    arguments = parser.parse_args()
    # Killed or interrupted, the server that was started here must end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    BUILD.mkdir(exist_ok=True)
    with serving(log=None if arguments.serve else BUILD / "demo.log") as base:
        if arguments.serve:
            serve(base)
        else:
            demonstrate(base)


if __name__ == "__main__":
    main()
