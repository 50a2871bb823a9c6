"""Every setting, read from the environment once and checked at the start.

The only module that reads the environment. Each field becomes
``RANGEFINDER_<NAME>``; ``docs/settings.md`` lists them, and a test holds that
list against this class.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from chalicelib.errors import InvalidSettings

PREFIX: Final = "RANGEFINDER_"
HERE: Final = Path(__file__).parent


def _setting(parse: Callable[[str], Any], why: str, *, default: Any) -> Any:
    return field(default=default, metadata={"parse": parse, "why": why})


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise ValueError(f"must be from {least:,} to {most:,}")
        return value

    return parse


def _switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("must be 'on' or 'off'")
    return text == "on"


def _existing(path: str) -> Path:
    if not Path(path).exists():
        raise ValueError("does not exist")
    return Path(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator can set; the defaults serve ``make demo`` and the ``dev`` stage."""

    geo: bool = _setting(
        _switch,
        "Whether places are used at all; off answers every photo by its look.",
        default=True,
    )
    geo_weight_floor: float = _setting(
        _number(float, 0.0, 1.0),
        "The least that a place leaves of a score: 0 forbids animals out of range, 1 ignores it.",
        default=0.1,
    )
    geo_weight_ceiling: float = _setting(
        _number(float, 1.1, 1_000.0),
        "The most that a place makes of a score, for an animal that lives nearly nowhere else.",
        default=10.0,
    )
    features_file: Path = _setting(
        _existing,
        "The embedded feature store, as `make features` builds it.",
        default=HERE / "features.sqlite",
    )
    memory_cache_seconds: float = _setting(
        _number(float, 0.0, 86_400.0),
        "How long the features of a place stay in the process's memory.",
        default=300.0,
    )
    memory_cache_entries: int = _setting(
        _number(int, 1, 1_000_000),
        "How many places' features stay in memory.",
        default=1_000,
    )
    model_directory: Path = _setting(
        _existing,
        "Holds model.json and the files that it names.",
        default=HERE / "model",
    )
    classifier_threads: int = _setting(
        _number(int, 0, 64),
        "Threads of one prediction; 0 takes as many as there are cores.",
        default=0,
    )
    maximum_photo_bytes: int = _setting(
        _number(int, 1_000, 100_000_000),
        "Largest photo. API Gateway and Lambda pass about this much (6 MB as base64).",
        default=4_700_000,
    )
    maximum_photo_pixels: int = _setting(
        _number(int, 1_000, 1_000_000_000),
        "Most pixels of a photo, checked before decoding; phones take up to 50 million.",
        default=64_000_000,
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read and check all settings. Raises ``InvalidSettings`` with every fault.

        A ``RANGEFINDER_`` variable that nothing here knows is a fault too: a
        typing error must not become a silent default.
        """
        values: dict[str, Any] = {}
        faults: list[str] = []
        known = {PREFIX + one.name.upper(): one for one in fields(cls)}
        for name, text in sorted(environment.items()):
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                faults.append(f"{name}: there is no such setting")
                continue
            try:
                values[known[name].name] = known[name].metadata["parse"](text)
            except ValueError as error:
                faults.append(f"{name}={text!r}: {error}")
        if faults:
            raise InvalidSettings(faults)
        return cls(**values)


def under_chalice_command(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the ``chalice`` command has imported the app, rather than Lambda."""
    return "AWS_CHALICE_CLI_MODE" in environment
