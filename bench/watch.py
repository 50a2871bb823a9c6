"""Watch the counters of a database server, second by second."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import pymysql

from tests.servers import Mariadb


class Reading(NamedTuple):
    """Counters at a time: seconds and queries since the watch began, open connections."""

    seconds: float
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
        """Start to count."""
        self._began = time.monotonic()
        self._last = self.server.counters()["Com_select"]
        self.readings = [Reading(0.0, 0, 0)]

    @property
    def seconds(self) -> float:
        """Seconds since the watch began."""
        return time.monotonic() - self._began

    @property
    def queries(self) -> int:
        """SELECTs since the watch began, across restarts of the server."""
        return self.readings[-1].queries

    @property
    def connections(self) -> int:
        """The largest number of connections that were open at once."""
        return max(reading.connections for reading in self.readings)

    def read(self) -> None:
        """Take a reading; while the server is down, the counters keep their values."""
        try:
            counters = self.server.counters()
        except pymysql.MySQLError:
            self.readings.append(Reading(self.seconds, self.queries, 0))
            return
        selects = counters["Com_select"]
        # A restarted server counts from zero again.
        increase = selects - self._last if selects >= self._last else selects
        self._last = selects
        # The connection of the watch does not count.
        connections = counters["Threads_connected"] - 1
        self.readings.append(Reading(self.seconds, self.queries + increase, connections))

    def until(self, is_over: Callable[[], bool], every: float = 0.2) -> None:
        """Take a reading every few seconds until ``is_over`` returns true."""
        while not is_over():
            time.sleep(every)
            self.read()
