import threading

import pytest

from chalicelib.errors import CacheUnavailable
from chalicelib.runtime.circuit_breaker import Breaker, BreakerPolicy
from tests.fakes import FakeClock


class Server:
    """Counts its calls, and can be down."""

    def __init__(self) -> None:
        self.is_down = True
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.is_down:
            raise ConnectionError("secret.example:6379 refused")
        return "here"


def breaker(clock: FakeClock) -> Breaker:
    return Breaker("The cache", clock, (OSError,), CacheUnavailable, BreakerPolicy(3, 5.0))


def test_after_some_failures_the_server_is_left_alone():
    """And comes back with the first call that succeeds after a while."""
    clock, server = FakeClock(), Server()
    one = breaker(clock)
    for _ in range(10):
        with pytest.raises(CacheUnavailable):
            one.call(server)
    assert server.calls == 3
    assert one.is_open
    clock.now += 5.1
    server.is_down = False
    assert one.call(server) == "here"
    assert not one.is_open


def test_a_probe_that_fails_begins_another_while():
    """One call, not three."""
    clock, server = FakeClock(), Server()
    one = breaker(clock)
    for _ in range(10):
        with pytest.raises(CacheUnavailable):
            one.call(server)
    clock.now += 5.1
    for _ in range(10):
        with pytest.raises(CacheUnavailable):
            one.call(server)
    assert server.calls == 4


def test_twenty_threads_make_no_more_calls_than_one():
    """Neither before it opens nor when it probes."""
    clock, server = FakeClock(), Server()
    one = breaker(clock)

    def crowd() -> None:
        together = threading.Barrier(20)

        def visit() -> None:
            together.wait()
            with pytest.raises(CacheUnavailable):
                one.call(server)

        threads = [threading.Thread(target=visit) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    crowd()
    assert server.calls == 3
    clock.now += 5.1
    crowd()
    assert server.calls == 4


def test_failures_that_are_not_the_servers_do_not_count():
    """A fault of ours must not open it, and is not hidden."""
    one = breaker(FakeClock())
    for _ in range(10):
        with pytest.raises(KeyError):
            one.call({}.__getitem__, "missing")
    assert not one.is_open


def test_what_a_breaker_says_holds_no_address():
    """It ends up in logs."""
    with pytest.raises(CacheUnavailable) as caught:
        breaker(FakeClock()).call(Server())
    assert str(caught.value) == "The cache failed: ConnectionError."
