"""Cache-aside: read the shared cache, load what it lacks, and write that back.

In a spike Lambda starts hundreds of execution environments at once, and each has an empty
memory. One of them loads an entry under a lease (single flight), and the others wait a moment for
it. Without a reachable cache, every lookup goes straight to the repository.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from msgspec import Struct

from chalicelib.errors import CacheUnavailable
from chalicelib.features.cache_codec import Cached, EntryCodec, Value
from chalicelib.ports import Background, Runtime, SharedCache

Load = Callable[[Sequence[int]], Sequence[Value]]
"""Returns the values at some positions of a lookup, from the repository."""


class CachePolicy(Struct, frozen=True):
    """The durations that govern an entry, in seconds.

    ``kept``: how long the cache keeps an entry that nobody asks for. A reader renews an entry
    after half of that time, so an entry that is used stays. ``jitter``: the share by which that
    time varies, so that entries are not renewed together.
    ``lease_ttl``: how long one environment may load an entry while the others wait;
    ``lease_wait``: how long those wait at most; ``lease_poll``: how often they look.
    ``dataset_check``: how long a new dataset may stay unknown that nobody has announced.
    """

    kept: float = 7 * 86_400.0
    jitter: float = 0.1
    lease_ttl: float = 1.0
    lease_wait: float = 1.0
    lease_poll: float = 0.02
    dataset_check: float = 86_400.0


class CacheAside(Struct, frozen=True, eq=False):
    """Looks entries up in a cache, any number of them in the same number of round trips.

    An entry does not go out of date: its key names the version of the dataset, and the data of
    a version do not change. So renewing an entry does not read the repository.
    """

    cache: SharedCache
    policy: CachePolicy
    runtime: Runtime
    background: Background

    def get(self, codecs: Sequence[EntryCodec[Value]], load: Load[Value]) -> list[Value]:
        """Return the value of each codec: one round trip if the cache has all, else three.

        Args:
            codecs: one for each value; their keys differ.
            load: called at most once, unless another environment holds a lease too long.

        Raises what ``load`` raises.
        """
        try:
            raws = self.cache.get([codec.key() for codec in codecs])
        except CacheUnavailable:
            return list(load(range(len(codecs))))
        cached = [codec.decode(raw) for codec, raw in zip(codecs, raws, strict=True)]
        values = {number: each.value for number, each in enumerate(cached) if each}
        self._renew_due(codecs, cached)
        missing = [number for number in range(len(codecs)) if number not in values]
        if missing:
            values |= self._load_under_leases(codecs, load, missing)
        return [values[number] for number in range(len(codecs))]

    def put(self, codec: EntryCodec[Value], value: Value, seconds_until_due: float) -> None:
        """Write one value. Raises ``CacheUnavailable``."""
        raw = codec.encode(value, self._jittered(seconds_until_due))
        self.cache.put({codec.key(value): raw}, self.policy.kept)

    def replace(
        self,
        codec: EntryCodec[Value],
        known: bytes | None,
        value: Value,
        seconds_until_due: float,
        token: str | None,
    ) -> None:
        """Write one value, unless the cache has another than ``known`` by now.

        It ends the lease of ``token``. Raises ``CacheUnavailable``.
        """
        raw = codec.encode(value, self._jittered(seconds_until_due))
        self.cache.replace(codec.key(value), known, raw, self.policy.kept, token)

    def _load_under_leases(
        self, codecs: Sequence[EntryCodec[Value]], load: Load[Value], missing: Sequence[int]
    ) -> dict[int, Value]:
        """Load in one environment; the others poll, and finally load the values themselves."""
        token = self.runtime.new_lease_token()
        deadline = self.runtime.clock() + self.policy.lease_wait
        values: dict[int, Value] = {}
        waiting = missing
        while True:
            keys = [codecs[number].key() for number in waiting]
            try:
                leases = self.cache.lease(keys, token, self.policy.lease_ttl)
            except CacheUnavailable:
                return values | dict(zip(waiting, load(waiting), strict=True))
            held, written_meanwhile = [], []
            for number, lease in zip(waiting, leases, strict=True):
                if cached := codecs[number].decode(lease.value):
                    values[number] = cached.value
                    written_meanwhile += [codecs[number].key()] if lease.is_held else []
                elif lease.is_held:
                    held.append(number)
            self._release(written_meanwhile, token)
            if held:
                values |= self._load(codecs, load, held, token)
            waiting = [number for number in waiting if number not in values]
            if not waiting:
                return values
            if self.runtime.clock() >= deadline:
                return values | dict(zip(waiting, load(waiting), strict=True))
            self.runtime.sleep(self.policy.lease_poll)

    def _load(
        self,
        codecs: Sequence[EntryCodec[Value]],
        load: Load[Value],
        held: Sequence[int],
        token: str,
    ) -> dict[int, Value]:
        """Load the values whose leases are held, write them if possible, and end the leases."""
        keys = [codecs[number].key() for number in held]
        try:
            values = dict(zip(held, load(held), strict=True))
        except BaseException:
            self._release(keys, token)
            raise
        raws = {
            codecs[number].key(value): codecs[number].encode(value, self._due_at())
            for number, value in values.items()
        }
        with suppress(CacheUnavailable):
            self.cache.put(raws, self.policy.kept, token)
        # A newer dataset has other keys.
        self._release([key for key in keys if key not in raws], token)
        return values

    def _renew_due(
        self, codecs: Sequence[EntryCodec[Value]], cached: Sequence[Cached[Value] | None]
    ) -> None:
        now = self.runtime.clock()
        due = [
            (codec, each.value)
            for codec, each in zip(codecs, cached, strict=True)
            if each and each.due_at <= now
        ]
        if due:
            self.background(partial(self._renew, due))

    def _renew(self, due: Sequence[tuple[EntryCodec[Value], Value]]) -> None:
        """Write entries again, so that the cache keeps them. One environment does it for all."""
        token = self.runtime.new_lease_token()
        with suppress(CacheUnavailable):
            keys = [codec.key() for codec, _ in due]
            leases = self.cache.lease(keys, token, self.policy.lease_ttl)
            raws = {
                key: codec.encode(value, self._due_at())
                for key, lease, (codec, value) in zip(keys, leases, due, strict=True)
                if lease.is_held
            }
            if raws:
                self.cache.put(raws, self.policy.kept, token)

    def _due_at(self) -> float:
        return self._jittered(self.policy.kept / 2)

    def _jittered(self, seconds: float) -> float:
        jitter = 1 + self.policy.jitter * (2 * self.runtime.random() - 1)
        return self.runtime.clock() + seconds * jitter

    def _release(self, keys: Sequence[str], token: str) -> None:
        if keys:
            with suppress(CacheUnavailable):
                self.cache.release(keys, token)
