"""Measure the memory that one photo takes: ``python -m bench.memory PHOTO``.

:mod:`bench.latency` runs it. It prints MB (1,000,000 bytes): the resident memory of the idle
process after a small photo, and the peak during the answer. The peak includes the event, as on
Lambda. Linux records the peak (``VmHWM``) and can reset it: proc_pid_clear_refs(5).
"""

import json
import re
import sys
from pathlib import Path

from app import app
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tests.samples import SAMPLES
from tools.mute_telemetry import quiet


def megabytes(name: str) -> float:
    """Return ``VmRSS`` (now) or ``VmHWM`` (peak) of this process."""
    line = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert line
    return int(line[1]) * 1024 / 1e6


def answer(photo: bytes) -> None:
    """Identify the photo."""
    request = event("POST", "/v1/predictions", form(("photo", photo)), {"Content-Type": FORM_TYPE})
    response = app(request, None)
    assert response["statusCode"] == 200, response["body"]


def main() -> None:
    """Identify one photo and print the figures."""
    path = Path(sys.argv[1])
    with quiet():
        answer(SAMPLES["jaguar.jpg"].content)
        if path.suffix == ".heic":
            answer(SAMPLES["koala.heic"].content)
        idle = megabytes("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")
        answer(path.read_bytes())
        peak = megabytes("VmHWM")
    print(json.dumps({"idle": idle, "peak": peak}))


if __name__ == "__main__":
    main()
