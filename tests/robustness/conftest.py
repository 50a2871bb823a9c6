"""Environments end here as Lambda's do: nobody closes their connections."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def forgotten_connections() -> Iterator[None]:
    """Of the sockets that the environments leave open the operating system disposes."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
