"""Measure a cold start, from the start of the process to the first answer: ``make bench-cold``.

Lambda's own runtime client runs three packages in turns:

- ours: the package of ``make package``;
- plain: the package that Chalice alone makes of the same project;
- baseline: a handler that only imports numpy, Pillow and the TFLite runtime, loads the same model
  and runs it once on the same photo. It has one thread, as ours at 1,769 MB, and its files are
  compiled copies of ours.

Each package is unpacked once and run once before the measurement, so all are in the page cache.
The figures exclude what Lambda does before the process starts (it fetches and unpacks the zip);
that grows with the size.
"""

import argparse
import base64
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from chalicelib.settings import DATA
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tests.lambda_runtime import lay_out_runtime, running
from tests.samples import SAMPLES
from tools.package import build_package, chalice_project, reproducible_zip

OLDEST: Final = (3, 12)
"""``make package`` needs it: see tools/package/build_package.py."""

ROUNDS: Final = 11
PHOTO: Final = "jaguar.jpg"

READ_ONLY: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Python must write no bytecode, since /var/task is read-only on Lambda."""

BASELINE_PARTS: Final = ("numpy", "numpy.libs", "PIL", "pillow.libs", "ai_edge_litert")
BASELINE: Final = """
import base64
import io

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

interpreter = Interpreter(model_path="model.tflite", num_threads=1)
interpreter.allocate_tensors()
inputs = interpreter.get_input_details()[0]
outputs = interpreter.get_output_details()[0]
_, height, width, _ = inputs["shape"]


def answer(event, context):
    image = Image.open(io.BytesIO(base64.b64decode(event["photo"])), formats=["JPEG"])
    image.draft("RGB", (2 * width, 2 * height))
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    interpreter.set_tensor(inputs["index"], pixels[np.newaxis])
    interpreter.invoke()
    return int(interpreter.get_tensor(outputs["index"])[0].argmax())
"""


class Variant(NamedTuple):
    """An unpacked package, its handler, and the event that it gets."""

    directory: Path
    handler: str
    event: Mapping[str, Any]


def lay_out(directory: Path) -> dict[str, Variant]:
    """Build and unpack the three packages."""
    photo = SAMPLES[PHOTO].content
    prediction = event(
        "POST", "/v1/predictions", form(("photo", photo)), {"Content-Type": FORM_TYPE}
    )
    project = directory / "project"
    chalice_project.copy_project(project, {"automatic_layer": False})
    plain = reproducible_zip.unpack(chalice_project.pack(project), directory / "plain")
    ours = reproducible_zip.unpack(build_package.build(project), directory / "ours")
    baseline = directory / "baseline"
    for name in BASELINE_PARTS:
        shutil.copytree(ours / name, baseline / name)
    shutil.copy(next((DATA / "model").glob("*.tflite")), baseline / "model.tflite")
    (baseline / "baseline.py").write_text(BASELINE, encoding="utf-8")
    reproducible_zip.compile_sources(baseline)
    return {
        "ours": Variant(ours, "app.app", prediction),
        "plain": Variant(plain, "app.app", prediction),
        "baseline": Variant(
            baseline, "baseline.answer", {"photo": base64.b64encode(photo).decode()}
        ),
    }


def start(variant: Variant, runtime: Path) -> tuple[float, float]:
    """Start a package; return milliseconds to the first ``/next``, and to the first answer."""
    with running(variant.directory, runtime, READ_ONLY, variant.handler) as function:
        answer, seconds = function.timed_invoke(variant.event)
        if isinstance(answer, dict) and answer["statusCode"] != 200:
            raise RuntimeError(answer["body"])
        return function.seconds_to_first_next * 1000, seconds * 1000


def import_times(variant: Variant, count: int) -> str:
    """Return the slowest imports: milliseconds of the module itself, and with what it imports."""
    process = subprocess.run(
        [sys.executable, "-S", "-s", "-X", "importtime", "-c", "import app"],
        cwd=variant.directory, env={"PYTHONPATH": str(variant.directory), **READ_ONLY},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    imports = re.findall(r"import time: +(\d+) \| +(\d+) \|( +)(\S+)", process.stderr)
    rows = sorted(imports, key=lambda row: -int(row[1]))[:count]
    lines = [f"{'own':>8}{'total':>8}  module (ms)"]
    lines += [
        f"{int(own) / 1e3:8.1f}{int(total) / 1e3:8.1f}  {name}" for own, total, _, name in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="default: %(default)s")
    parser.add_argument(
        "--imports",
        type=int,
        default=40,
        help="lines of the table of imports; default: %(default)s",
    )
    arguments = parser.parse_args()
    if sys.version_info < OLDEST:
        sys.exit(f"make bench-cold needs Python 3.12 or later; this is {platform.python_version()}")
    with tempfile.TemporaryDirectory() as temporary:
        variants = lay_out(Path(temporary))
        runtime = lay_out_runtime(Path(temporary) / "runtime")
        for variant in variants.values():
            start(variant, runtime)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
        for _ in range(arguments.rounds):
            for name, variant in variants.items():
                times[name].append(start(variant, runtime))
        print("package     first /next   first answer     / baseline   (ms: median, least)")
        baseline = statistics.median(answer for _, answer in times["baseline"])
        for name, starts in times.items():
            ready, answer = (sorted(column) for column in zip(*starts, strict=True))
            middle = statistics.median(answer)
            print(
                f"{name:12}{statistics.median(ready):11.0f}{middle:10.0f} ({answer[0]:.0f})"
                f"{middle / baseline:13.2f}"
            )
        plain, ours = (
            statistics.median(answer for _, answer in times[name]) for name in ("plain", "ours")
        )
        print(f"plain / ours: {plain / ours:.2f}\n")
        print(import_times(variants["ours"], arguments.imports))


if __name__ == "__main__":
    main()
