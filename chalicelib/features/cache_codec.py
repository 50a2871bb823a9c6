"""How an entry of the shared cache is written, and what of one read is believed.

A cache is memory that others write to, too: older and newer versions of this service,
other services, an attacker who got that far. An entry is therefore a plain value in
MessagePack (never a pickle, which could run code) behind a mark, a schema version and a
checksum, and every number in it is checked. What does not hold is no entry.
"""

import math
import struct
import zlib
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures, TaxonFeature

MARK: Final = b"RF"
SCHEMA: Final = 1
HEADER: Final = struct.Struct("<2sBI")
"""Mark, schema version, CRC-32 of the rest."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
"""Checked while it is decoded. NaN and infinity are outside, too."""


class Envelope(msgspec.Struct, array_like=True, frozen=True):
    """What is common to all entries.

    ``expires_at`` is in seconds of the Unix epoch, since processes share it;
    ``cost`` is how many seconds it took to load.
    """

    expires_at: float
    cost: float


class ValidatedFeature(TaxonFeature):
    """A taxon's features, as they are believed."""

    __slots__ = ()
    presence: Share
    prevalence: Share


class PlaceEntry(Envelope, array_like=True, frozen=True):
    """The features of one place, by taxonID."""

    dataset: str
    cell: str | None
    month: int
    effort: int
    taxa: Mapping[str, ValidatedFeature]


class DatasetEntry(Envelope, array_like=True, frozen=True):
    """The dataset in force."""

    version: str
    title: str
    licence: str
    citation: str
    taxa: list[str]
    expected_presence: float


ENCODER: Final = msgspec.msgpack.Encoder()
PLACE_DECODER: Final = msgspec.msgpack.Decoder(PlaceEntry)
DATASET_DECODER: Final = msgspec.msgpack.Decoder(DatasetEntry)

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)
"""What the decoders raise: msgspec lets text that is no UTF-8 through as Python's own error."""


def encode_entry(entry: Envelope) -> bytes:
    """An entry as bytes."""
    payload = ENCODER.encode(entry)
    return HEADER.pack(MARK, SCHEMA, zlib.crc32(payload)) + payload


def place_entry(features: PlaceFeatures, expires_at: float, cost: float) -> PlaceEntry:
    """The entry of a place."""
    return PlaceEntry(
        expires_at,
        cost,
        features.dataset,
        features.cell,
        features.month,
        features.effort,
        {taxon_id: ValidatedFeature(*one) for taxon_id, one in features.taxa.items()},
    )


def dataset_entry(dataset: Dataset, expires_at: float, cost: float) -> DatasetEntry:
    """The entry of the dataset."""
    return DatasetEntry(
        expires_at,
        cost,
        dataset.version,
        dataset.title,
        dataset.licence,
        dataset.citation,
        sorted(dataset.taxa),
        dataset.expected_presence,
    )


def decode_place(raw: bytes | None, dataset: str, month: int) -> PlaceEntry | None:
    """The entry in ``raw``, if it is one, sound, and of this dataset and month."""
    payload = _payload(raw)
    if payload is None:
        return None
    try:
        entry = PLACE_DECODER.decode(payload)
    except UNREADABLE:
        return None
    is_ours = entry.dataset == dataset and entry.month == month
    return entry if is_ours and _is_valid(entry) else None


def decode_dataset(raw: bytes | None) -> DatasetEntry | None:
    """The entry in ``raw``, if it is one, and sound."""
    payload = _payload(raw)
    if payload is None:
        return None
    try:
        entry = DATASET_DECODER.decode(payload)
    except UNREADABLE:
        return None
    return entry if _is_valid(entry) and entry.version else None


def place_from_entry(entry: PlaceEntry, source: FeatureSource) -> PlaceFeatures:
    """What the entry says."""
    return PlaceFeatures(
        dataset=entry.dataset,
        source=source,
        cell=entry.cell,
        month=entry.month,
        effort=entry.effort,
        taxa=entry.taxa,
    )


def dataset_from_entry(entry: DatasetEntry) -> Dataset:
    """What the entry says."""
    return Dataset(
        entry.version,
        entry.title,
        entry.licence,
        entry.citation,
        frozenset(entry.taxa),
        entry.expected_presence,
    )


def _payload(raw: bytes | None) -> bytes | None:
    if raw is None or len(raw) <= HEADER.size:
        return None
    mark, schema, checksum = HEADER.unpack_from(raw)
    payload = raw[HEADER.size :]
    if (mark, schema, checksum) != (MARK, SCHEMA, zlib.crc32(payload)):
        return None
    return payload


def _is_valid(entry: Envelope) -> bool:
    return math.isfinite(entry.expires_at) and 0 <= entry.cost < math.inf
