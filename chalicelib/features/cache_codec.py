"""Encode entries of the shared cache, and validate what comes back.

Others write to a cache, too: older and newer versions of this service, other services, or an
attacker who got that far. An entry is therefore a plain value in MessagePack (never a pickle,
which could run code) behind magic bytes, a schema version and a checksum. The decoder checks
every number in it. What fails a check counts as a miss.
"""

import math
import struct
import zlib
from collections.abc import Mapping
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from msgspec import DecodeError, Struct, msgpack

from chalicelib.domain import (
    Dataset,
    FeatureSource,
    PlaceFeatures,
    TaxonFeature,
    TaxonPresences,
    UnitInterval,
)
from chalicelib.features.cells import is_cell

MAGIC: Final = b"RF"
SCHEMA: Final = 2
HEADER: Final = struct.Struct("<2sBI")
"""Magic bytes, schema version, CRC-32 of the rest."""

DATASET_KEY: Final = "geo:dataset"


class Envelope(Struct, array_like=True, frozen=True):
    """The part that all entries share.

    ``key`` repeats the key, so that an entry under another one's key is noticed. ``due_at`` is
    the time from which a reader renews the entry, in seconds of the Unix epoch, since processes
    share it.
    """

    key: str
    due_at: float


class PlaceEntry(Envelope, array_like=True, frozen=True):
    """The features of one place, by taxonID."""

    dataset: str
    cell: str | None
    month: int
    effort: int
    taxa: Mapping[str, TaxonFeature]


class RangeEntry(Envelope, array_like=True, frozen=True):
    """The presence of one taxon, by cell."""

    dataset: str
    cells: Mapping[str, UnitInterval]


class DatasetEntry(Envelope, array_like=True, frozen=True):
    """The dataset in force."""

    version: str
    title: str
    licence: str
    citation: str
    taxa: list[str]
    expected_presence: UnitInterval


Entry = TypeVar("Entry", bound=Envelope)
Value = TypeVar("Value")


class Cached(NamedTuple, Generic[Value]):
    """A value from the cache, and the time from which it is to be renewed."""

    value: Value
    due_at: float


class EntryCodec(Protocol[Value]):
    """Convert between a domain value and its entry in the cache."""

    def key(self, value: Value | None = None) -> str:
        """Return the key of the entry; ``value`` may belong to a newer dataset."""

    def encode(self, value: Value, due_at: float) -> bytes:
        """Return the value as an entry."""

    def decode(self, raw: bytes | None) -> Cached[Value] | None:
        """Return the value in ``raw``, or ``None`` if it is not a valid entry of this key."""


class PlaceCodec(Struct, frozen=True):
    """The :class:`EntryCodec` of one place, in one month, by one version of the dataset."""

    dataset: str
    month: int
    cell: str

    def key(self, value: PlaceFeatures | None = None) -> str:
        """Return the key of the place."""
        return f"geo:{value.dataset if value else self.dataset}:{self.month}:{self.cell}"

    def encode(self, value: PlaceFeatures, due_at: float) -> bytes:
        """Return the features as an entry."""
        rest = value.dataset, value.cell, value.month, value.effort, value.taxa
        return _seal(PlaceEntry(self.key(value), due_at, *rest))

    def decode(self, raw: bytes | None) -> Cached[PlaceFeatures] | None:
        """Return the features in ``raw``."""
        entry = _decode(PLACE_DECODER, raw, self.key())
        if entry is None or (entry.dataset, entry.month) != (self.dataset, self.month):
            return None
        features = PlaceFeatures(
            dataset=entry.dataset,
            source=FeatureSource.CACHE,
            cell=entry.cell,
            month=entry.month,
            effort=entry.effort,
            taxa=entry.taxa,
        )
        return Cached(features, entry.due_at)


class RangeCodec(Struct, frozen=True):
    """The :class:`EntryCodec` of one taxon's range, in one month, by one version of the dataset."""

    dataset: str
    month: int
    taxon_id: str

    def key(self, value: TaxonPresences | None = None) -> str:
        """Return the key of the range."""
        dataset = value.dataset if value else self.dataset
        return f"geo:{dataset}:{self.month}:range:{self.taxon_id}"

    def encode(self, value: TaxonPresences, due_at: float) -> bytes:
        """Return the presences as an entry."""
        return _seal(RangeEntry(self.key(value), due_at, value.dataset, value.cells))

    def decode(self, raw: bytes | None) -> Cached[TaxonPresences] | None:
        """Return the presences in ``raw``."""
        entry = _decode(RANGE_DECODER, raw, self.key())
        if entry is None or entry.dataset != self.dataset or not all(map(is_cell, entry.cells)):
            return None
        return Cached(TaxonPresences(entry.dataset, entry.cells), entry.due_at)


class DatasetCodec(Struct, frozen=True):
    """The :class:`EntryCodec` of the dataset in force."""

    def key(self, value: Dataset | None = None) -> str:
        """Return the one key that all versions of the dataset share."""
        del value
        return DATASET_KEY

    def encode(self, value: Dataset, due_at: float) -> bytes:
        """Return the dataset as an entry."""
        return _seal(
            DatasetEntry(
                DATASET_KEY,
                due_at,
                value.version,
                value.title,
                value.licence,
                value.citation,
                sorted(value.taxa),
                value.expected_presence,
            )
        )

    def decode(self, raw: bytes | None) -> Cached[Dataset] | None:
        """Return the dataset in ``raw``."""
        entry = _decode(DATASET_DECODER, raw, DATASET_KEY)
        if entry is None or not entry.version:
            return None
        dataset = Dataset(
            entry.version,
            entry.title,
            entry.licence,
            entry.citation,
            frozenset(entry.taxa),
            entry.expected_presence,
        )
        return Cached(dataset, entry.due_at)


ENCODER: Final = msgpack.Encoder()
PLACE_DECODER: Final = msgpack.Decoder(PlaceEntry)
RANGE_DECODER: Final = msgpack.Decoder(RangeEntry)
DATASET_DECODER: Final = msgpack.Decoder(DatasetEntry)

DECODE_ERRORS: Final = (DecodeError, UnicodeDecodeError)
"""msgspec lets text that is not UTF-8 through as Python's own error."""


def _seal(entry: Envelope) -> bytes:
    payload = ENCODER.encode(entry)
    return HEADER.pack(MAGIC, SCHEMA, zlib.crc32(payload)) + payload


def _decode(decoder: msgpack.Decoder[Entry], raw: bytes | None, key: str) -> Entry | None:
    if raw is None or len(raw) <= HEADER.size:
        return None
    magic, schema, checksum = HEADER.unpack_from(raw)
    payload = raw[HEADER.size :]
    if (magic, schema, checksum) != (MAGIC, SCHEMA, zlib.crc32(payload)):
        return None
    try:
        entry = decoder.decode(payload)
    except DECODE_ERRORS:
        return None
    return entry if entry.key == key and math.isfinite(entry.due_at) else None
