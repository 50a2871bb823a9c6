"""What a database server goes through, second by second."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import pymysql

from tests.servers import Mariadb


class Reading(NamedTuple):
    """Since the watch began: seconds, queries so far, connections open just then."""

    at: float
    queries: int
    connections: int


@dataclass
class Watch:
    """Reads a server's own counters, whether it is up or down."""

    server: Mariadb
    readings: list[Reading] = field(default_factory=list)
    _last: int = 0
    _began: float = 0.0

    def begin(self) -> None:
        """From here on queries count."""
        self._began = time.monotonic()
        self._last = self.server.counters()["Com_select"]
        self.readings = [Reading(0.0, 0, 0)]

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._began

    @property
    def queries(self) -> int:
        """SELECTs since the beginning, over restarts of the server."""
        return self.readings[-1].queries

    @property
    def connections(self) -> int:
        """The most that were open at once."""
        return max(reading.connections for reading in self.readings)

    def look(self) -> None:
        """Note the counters; while the server is down they stay as they were."""
        try:
            counters = self.server.counters()
        except pymysql.MySQLError:
            self.readings.append(Reading(self.seconds, self.queries, 0))
            return
        selects = counters["Com_select"]
        # A server that has been restarted counts from nought.
        news = selects - self._last if selects >= self._last else selects
        self._last = selects
        # The watch itself comes through another connection.
        connections = counters["Threads_connected"] - 1
        self.readings.append(Reading(self.seconds, self.queries + news, connections))

    def until(self, is_over: Callable[[], bool], every: float = 0.2) -> None:
        """Look every so many seconds until it is over."""
        while not is_over():
            time.sleep(every)
            self.look()
