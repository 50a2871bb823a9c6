"""Parse the values of settings. Each function raises ``ValueError`` with what is accepted."""

from collections.abc import Callable
from pathlib import Path


def number(
    number_type: type[int] | type[float], minimum: float, maximum: float
) -> Callable[[str], float]:
    """Return a parser of numbers from ``minimum`` to ``maximum``."""

    def parse(text: str) -> float:
        value = number_type(text)
        if not minimum <= value <= maximum:
            raise ValueError(f"must be from {minimum:,} to {maximum:,}")
        return value

    return parse


def switch(text: str) -> bool:
    """Parse ``on`` and ``off``."""
    if text not in ("on", "off"):
        raise ValueError("must be 'on' or 'off'")
    return text == "on"


def redis_url(url: str) -> str:
    """Check the address of a cache. redis-py would take options from its query, unchecked."""
    if not url.startswith(("redis://", "rediss://")):
        raise ValueError("must begin with redis:// or rediss://")
    if "?" in url:
        raise ValueError("must have no options: they have settings of their own")
    return url


def text(value: str) -> str:
    """Accept any text."""
    return value


def existing(path: str) -> Path:
    """Check that a file or a directory is there."""
    if not Path(path).exists():
        raise ValueError("does not exist")
    return Path(path)


def directories(paths: str) -> tuple[Path, ...]:
    """Check that directories are there; commas separate them."""
    return tuple(existing(path.strip()) for path in paths.split(",") if path.strip())
