from collections.abc import Callable
from threading import Barrier, Event, Thread

import pytest

from chalicelib.errors import CacheUnavailable
from chalicelib.runtime.circuit_breaker import Breaker, BreakerPolicy, Explained
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


def make_breaker(clock: FakeClock) -> Breaker:
    return Breaker("The cache", clock, (OSError,), CacheUnavailable, BreakerPolicy(3, 5.0))


def fail(breaker: Breaker, function: Callable[[], object], times: int) -> None:
    for _ in range(times):
        with pytest.raises(CacheUnavailable):
            breaker.call(function)


def run_in_threads(count: int, work: Callable[[], None]) -> None:
    """Start ``work`` in all threads at once, and wait for all."""
    barrier = Barrier(count)

    def start() -> None:
        barrier.wait()
        work()

    threads = [Thread(target=start) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_three_failures_open_the_breaker_and_a_successful_probe_closes_it():
    """The server is not called in between."""
    clock, server = FakeClock(), Server()
    breaker = make_breaker(clock)
    fail(breaker, server, 10)
    assert server.calls == 3
    assert breaker.is_open
    clock.now += 5.1
    server.is_down = False
    assert breaker.call(server) == "here"
    assert not breaker.is_open


def test_a_probe_that_fails_opens_the_breaker_again_for_the_whole_time():
    """One failure is enough, not three."""
    clock, server = FakeClock(), Server()
    breaker = make_breaker(clock)
    fail(breaker, server, 10)
    clock.now += 5.1
    fail(breaker, server, 10)
    assert server.calls == 4
    clock.now += 4.9
    fail(breaker, server, 10)
    assert server.calls == 4
    clock.now += 0.2
    fail(breaker, server, 10)
    assert server.calls == 5


def test_after_a_successful_probe_it_takes_three_failures_again():
    """The failures before do not count any more."""
    clock, server = FakeClock(), Server()
    breaker = make_breaker(clock)
    fail(breaker, server, 3)
    clock.now += 5.1
    server.is_down = False
    breaker.call(server)
    server.is_down = True
    fail(breaker, server, 2)
    assert not breaker.is_open
    fail(breaker, server, 1)
    assert breaker.is_open


def test_only_failures_in_a_row_open_the_breaker():
    """A success between them starts the count again."""
    server = Server()
    breaker = make_breaker(FakeClock())
    for _ in range(5):
        server.is_down = True
        fail(breaker, server, 2)
        server.is_down = False
        breaker.call(server)
    assert server.calls == 15
    assert not breaker.is_open


def test_twenty_threads_make_no_more_calls_than_one():
    """Neither before the breaker opens nor when it probes."""
    clock, server = FakeClock(), Server()
    breaker = make_breaker(clock)
    run_in_threads(20, lambda: fail(breaker, server, 1))
    assert server.calls == 3
    clock.now += 5.1
    run_in_threads(20, lambda: fail(breaker, server, 1))
    assert server.calls == 4


@pytest.mark.parametrize("is_down", [True, False])
def test_while_one_thread_probes_another_waits_for_the_result(is_down):
    """One probe: the second call is refused if it fails, and goes through if it succeeds."""
    clock, server = FakeClock(), Server()
    breaker = make_breaker(clock)
    fail(breaker, server, 3)
    clock.now += 5.1
    server.is_down = is_down
    is_probing, may_answer = Event(), Event()
    results: list[str] = []

    def slow_probe() -> str:
        is_probing.set()
        assert may_answer.wait(10)
        return server()

    def call(function: Callable[[], str]) -> None:
        try:
            results.append(breaker.call(function))
        except CacheUnavailable as error:
            results.append(str(error))

    probing = Thread(target=call, args=(slow_probe,))
    probing.start()
    assert is_probing.wait(10)
    second = Thread(target=call, args=(server,))
    second.start()
    second.join(0.05)
    assert server.calls == 3
    may_answer.set()
    probing.join()
    second.join()
    if is_down:
        assert server.calls == 4
        assert results == [
            "The cache failed: ConnectionError.",
            "The cache's circuit breaker is open; not calling it.",
        ]
    else:
        assert server.calls == 5
        assert results == ["here", "here"]


def test_a_call_may_make_another_call():
    """Also as the probe: reading the features may have to read the dataset."""
    clock, server = FakeClock(), Server()
    breaker = make_breaker(clock)
    fail(breaker, server, 3)
    clock.now += 5.1
    server.is_down = False
    assert breaker.call(lambda: breaker.call(server)) == "here"
    assert not breaker.is_open


def test_other_exceptions_do_not_count_as_failures():
    """An error of our own must not open the breaker, and is not hidden."""
    breaker = make_breaker(FakeClock())
    for _ in range(10):
        with pytest.raises(KeyError):
            breaker.call({}.__getitem__, "missing")
    assert not breaker.is_open


def test_a_probe_that_raises_another_exception_closes_the_breaker():
    """The server has answered, whatever we then made of the answer."""
    clock, server = FakeClock(), Server()
    breaker = make_breaker(clock)
    fail(breaker, server, 3)
    clock.now += 5.1
    with pytest.raises(KeyError):
        breaker.call({}.__getitem__, "missing")
    assert not breaker.is_open


def test_an_error_of_a_breaker_inside_changes_nothing():
    """It is about another server: it neither closes this breaker nor counts as a failure."""
    clock, server = FakeClock(), Server()
    outer, inner = make_breaker(clock), make_breaker(clock)
    fail(outer, lambda: inner.call(server), 5)
    assert not outer.is_open
    fail(outer, server, 3)
    clock.now += 5.1
    fail(outer, lambda: inner.call(server), 1)
    assert outer.is_open


def test_error_texts_hold_no_address():
    """They end up in logs."""
    breaker = make_breaker(FakeClock())
    server = Server()
    for _ in range(3):
        with pytest.raises(CacheUnavailable) as caught:
            breaker.call(server)
        assert str(caught.value) == "The cache failed: ConnectionError."
    with pytest.raises(CacheUnavailable) as caught:
        breaker.call(server)
    assert str(caught.value) == "The cache's circuit breaker is open; not calling it."


def test_what_opens_a_breaker_is_logged_once(caplog):
    """An operator reads the reason: the type of the error and the server's number, no more."""
    clock = FakeClock()
    breaker = make_breaker(clock)

    def refuse() -> None:
        raise OSError(1045, "Access denied for user 'rangefinder'@'10.0.0.1'")

    fail(breaker, refuse, 5)
    clock.now += 5.1
    fail(breaker, refuse, 2)
    assert caplog.messages == ["The cache failed: OSError 1045. Its circuit breaker opens."]


def test_an_error_that_explains_itself_is_quoted():
    """It counts as a failure, whichever server it is about."""
    breaker = make_breaker(FakeClock())

    def explain() -> None:
        raise Explained("do this")

    with pytest.raises(CacheUnavailable, match=r"^The cache failed: do this\.$"):
        breaker.call(explain)
    fail(breaker, explain, 2)
    assert breaker.is_open
