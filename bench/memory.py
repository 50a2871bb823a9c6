"""How much memory one photo takes: ``python -m bench.memory PHOTO``, run by :mod:`bench.latency`.

Prints MB (1,000,000 bytes): the process's resident memory while it waits, after a first
small photo, and the most that it had while it answered. The event is part of that, as it is on
Lambda. Linux keeps the peak (``VmHWM``) and lets it be set back: proc_pid_clear_refs(5).
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
    """A line of the process's status, as ``VmRSS`` (now) or ``VmHWM`` (the most)."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024 / 1e6


def answer(photo: bytes) -> None:
    """Have the photo identified."""
    asked = event("POST", "/v1/predictions", form(("photo", photo)), {"Content-Type": FORM_TYPE})
    found = app(asked, None)
    assert found["statusCode"] == 200, found["body"]


def main() -> None:
    """Answer one photo and print."""
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
