"""Fixtures for environments that end as Lambda's do, without closing their connections."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def forgotten_connections() -> Iterator[None]:
    """Collect the sockets and files that environments left open, without their warnings."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
