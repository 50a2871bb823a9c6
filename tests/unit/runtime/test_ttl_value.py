import pytest

from chalicelib.runtime.ttl_value import TtlValue
from tests.fakes import FakeClock


class Source:
    """Gives numbers in turn, and can be down."""

    def __init__(self) -> None:
        self.given = 0
        self.is_down = False

    def __call__(self) -> int:
        if self.is_down:
            raise OSError("down")
        self.given += 1
        return self.given


def test_a_value_is_asked_for_again_only_after_its_time():
    """Not with each request."""
    clock, source = FakeClock(), Source()
    value = TtlValue(source, 30, clock)
    assert [value(), value()] == [1, 1]
    clock.now += 29
    assert value() == 1
    clock.now += 1
    assert value() == 2


def test_what_was_known_outlives_a_fault_that_is_forgiven():
    """And is not asked for with each request meanwhile; the first time there is nothing."""
    clock, source = FakeClock(), Source()
    source.is_down = True
    value = TtlValue(source, 30, clock, forgiven=(OSError,))
    with pytest.raises(OSError, match="down"):
        value()
    source.is_down = False
    assert value() == 1
    source.is_down = True
    clock.now += 30
    assert value() == 1
    source.is_down = False
    assert value() == 1
    clock.now += 30
    assert value() == 2


def test_other_faults_are_the_callers():
    """A password that is known to be old is no password."""
    clock, source = FakeClock(), Source()
    value = TtlValue(source, 30, clock)
    value()
    source.is_down = True
    clock.now += 30
    with pytest.raises(OSError, match="down"):
        value()


def test_what_turns_out_to_be_wrong_is_asked_for_at_once():
    """And what is right stays."""
    value = TtlValue(Source(), 30, FakeClock())
    value()
    value.invalidate_unless(lambda known: known == 1)
    assert value() == 1
    value.invalidate_unless(lambda known: known == 7)
    assert value() == 2
