import pytest

from chalicelib.runtime.ttl_value import TtlValue
from tests.fakes import FakeClock, Source


def test_a_value_is_fetched_again_only_after_its_time_to_live():
    """Not on each call."""
    clock, source = FakeClock(), Source(OSError("down"))
    value = TtlValue(source, 30, clock)
    assert [value(), value()] == [1, 1]
    clock.now += 29
    assert value() == 1
    clock.now += 1
    assert value() == 2


def test_errors_propagate():
    """An expired password is of no use."""
    clock, source = FakeClock(), Source(OSError("down"))
    value = TtlValue(source, 30, clock)
    value()
    source.is_down = True
    clock.now += 30
    with pytest.raises(OSError, match="down"):
        value()
