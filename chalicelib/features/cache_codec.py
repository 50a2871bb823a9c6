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
from typing import Final, Protocol, TypeVar

from msgspec import DecodeError, Struct, msgpack

from chalicelib.domain import (
    Dataset,
    FeatureSource,
    PlaceFeatures,
    TaxonFeature,
)

MAGIC: Final = b"RF"
SCHEMA: Final = 1
HEADER: Final = struct.Struct("<2sBI")
"""Magic bytes, schema version, CRC-32 of the rest."""

DATASET_KEY: Final = "geo:dataset"


class Envelope(Struct, array_like=True, frozen=True):
    """The part that all entries share.

    ``expires_at`` is in seconds of the Unix epoch, since processes share it. ``load_seconds``
    says how long the value took to load.
    """

    expires_at: float
    load_seconds: float


class PlaceEntry(Envelope, array_like=True, frozen=True):
    """The features of one place, by taxonID."""

    dataset: str
    cell: str | None
    month: int
    effort: int
    taxa: Mapping[str, TaxonFeature]


class DatasetEntry(Envelope, array_like=True, frozen=True):
    """The dataset in force."""

    version: str
    title: str
    licence: str
    citation: str
    taxa: list[str]
    expected_presence: float


Entry = TypeVar("Entry", bound=Envelope)
Value = TypeVar("Value")


class EntryCodec(Protocol[Entry, Value]):
    """Convert between a domain value and its entry in the cache."""

    def key(self, value: Value) -> str:
        """Return the key to store the value under."""

    def encode(self, value: Value, expires_at: float, load_seconds: float) -> bytes:
        """Return the value as an entry."""

    def decode(self, raw: bytes | None) -> Entry | None:
        """Return the entry in ``raw``, or ``None`` if it is not valid."""

    def to_domain(self, entry: Entry, source: FeatureSource) -> Value:
        """Return the value in the entry."""


class PlaceCodec(Struct, frozen=True):
    """The :class:`EntryCodec` of one place, in one month, by one version of the dataset."""

    dataset: str
    month: int
    cell: str

    def key(self, value: PlaceFeatures | None = None) -> str:
        """Return the key of the place; ``value`` may belong to a newer dataset."""
        return f"geo:{value.dataset if value else self.dataset}:{self.month}:{self.cell}"

    def encode(self, value: PlaceFeatures, expires_at: float, load_seconds: float) -> bytes:
        """Return the features as an entry."""
        return _seal(
            PlaceEntry(
                expires_at,
                load_seconds,
                value.dataset,
                value.cell,
                value.month,
                value.effort,
                value.taxa,
            )
        )

    def decode(self, raw: bytes | None) -> PlaceEntry | None:
        """Return the entry in ``raw`` if it is valid, and of this dataset and month."""
        entry = _decode(PLACE_DECODER, raw)
        is_of_this_place = entry and entry.dataset == self.dataset and entry.month == self.month
        return entry if is_of_this_place else None

    def to_domain(self, entry: PlaceEntry, source: FeatureSource) -> PlaceFeatures:
        """Return the features in the entry."""
        return PlaceFeatures(
            dataset=entry.dataset,
            source=source,
            cell=entry.cell,
            month=entry.month,
            effort=entry.effort,
            taxa=entry.taxa,
        )


class DatasetCodec(Struct, frozen=True):
    """The :class:`EntryCodec` of the dataset in force."""

    def key(self, value: Dataset | None = None) -> str:
        """Return the one key that all versions of the dataset share."""
        del value
        return DATASET_KEY

    def encode(self, value: Dataset, expires_at: float, load_seconds: float) -> bytes:
        """Return the dataset as an entry."""
        return _seal(
            DatasetEntry(
                expires_at,
                load_seconds,
                value.version,
                value.title,
                value.licence,
                value.citation,
                sorted(value.taxa),
                value.expected_presence,
            )
        )

    def decode(self, raw: bytes | None) -> DatasetEntry | None:
        """Return the entry in ``raw`` if it is valid."""
        entry = _decode(DATASET_DECODER, raw)
        return entry if entry and entry.version else None

    def to_domain(self, entry: DatasetEntry, source: FeatureSource) -> Dataset:
        """Return the dataset in the entry."""
        del source
        return Dataset(
            entry.version,
            entry.title,
            entry.licence,
            entry.citation,
            frozenset(entry.taxa),
            entry.expected_presence,
        )


ENCODER: Final = msgpack.Encoder()
PLACE_DECODER: Final = msgpack.Decoder(PlaceEntry)
DATASET_DECODER: Final = msgpack.Decoder(DatasetEntry)

DECODE_ERRORS: Final = (DecodeError, UnicodeDecodeError)
"""msgspec lets text that is not UTF-8 through as Python's own error."""


def _seal(entry: Envelope) -> bytes:
    payload = ENCODER.encode(entry)
    return HEADER.pack(MAGIC, SCHEMA, zlib.crc32(payload)) + payload


def _decode(decoder: msgpack.Decoder[Entry], raw: bytes | None) -> Entry | None:
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
    is_valid = math.isfinite(entry.expires_at) and 0 <= entry.load_seconds < math.inf
    return entry if is_valid else None
