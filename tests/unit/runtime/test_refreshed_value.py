from collections.abc import Callable

import pytest

from chalicelib.errors import FeaturesUnavailable
from chalicelib.runtime.refreshed_value import RefreshedValue
from tests.fakes import FakeClock, Source


def test_an_old_value_stays_in_use_while_the_fetch_fails():
    """The fetch is not repeated on each call. Without an old value the error propagates."""
    clock, source = FakeClock(), Source(FeaturesUnavailable("down"))
    work: list[Callable[[], None]] = []
    source.is_down = True
    value = RefreshedValue(source, 30.0, clock, work.append, FeaturesUnavailable)
    with pytest.raises(FeaturesUnavailable, match="down"):
        value()
    source.is_down = False
    assert value() == 1
    source.is_down = True
    clock.now += 30
    assert [value(), value()] == [1, 1]
    assert len(work) == 1
    work.pop()()
    assert (value(), value.is_confirmed, work) == (1, False, [])
    source.is_down = False
    clock.now += 30
    assert value() == 1
    work.pop()()
    assert (value(), value.is_confirmed) == (2, True)


def test_a_value_is_fetched_at_once_on_demand():
    """A caller that knows of a newer value does not wait for the time to pass."""
    value = RefreshedValue(
        Source(FeaturesUnavailable("down")), 30.0, FakeClock(), lambda _: None, FeaturesUnavailable
    )
    assert [value(), value(), value.refresh(), value()] == [1, 1, 2, 2]


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
