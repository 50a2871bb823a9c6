from collections.abc import Callable

from chalicelib.errors import FeaturesUnavailable
from chalicelib.runtime.refreshed_value import RefreshedValue
from tests.fakes import FakeClock


def test_a_fetch_that_was_frozen_does_not_bring_an_old_value_back():
    """Of two fetches, the one that started last counts, also if the other one ends later."""
    current = "old"
    meanwhile: list[Callable[[], object]] = []

    def fetch() -> str:
        read = current
        if meanwhile:
            meanwhile.pop()()
        return read

    clock = FakeClock()
    work: list[Callable[[], None]] = []
    value = RefreshedValue(fetch, 30.0, clock, work.append, FeaturesUnavailable)
    assert value() == "old"
    clock.now += 30
    value()

    def activate() -> None:
        nonlocal current
        current = "new"
        assert value.refresh() == "new"

    meanwhile.append(activate)
    work.pop()()
    assert value() == "new"
