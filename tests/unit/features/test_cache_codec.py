import math
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain import FeatureSource, TaxonFeature
from chalicelib.features.cache_codec import HEADER, DatasetCodec, PlaceCodec
from tests.fakes import DATASET, feature, place

PLACE = PlaceCodec(DATASET.version, 0, "84a8f4bffffffff")
ENTRY = PLACE.encode(place(jaguar=feature(0.7, 0.2)), 1000.0, 0.01)


def test_decoded_entries_equal_the_encoded_values():
    """Features and the dataset come out of an entry to the last digit."""
    entry = PLACE.decode(ENTRY)
    assert entry is not None
    features = PLACE.to_domain(entry, FeatureSource.CACHE)
    assert features.taxa == {"jaguar": feature(0.7, 0.2)}
    identity = (features.cell, features.month, features.dataset)
    assert identity == ("84a8f4bffffffff", 0, DATASET.version)
    dataset_entry = DatasetCodec().decode(DatasetCodec().encode(DATASET, 1.0, 0.0))
    assert dataset_entry is not None
    assert DatasetCodec().to_domain(dataset_entry, FeatureSource.CACHE) == DATASET


def test_an_entry_is_small():
    """An entry takes less than 40 bytes per animal, so half a million places fit in a gigabyte."""
    animals = {f"n{number:08}": feature(number / 60, 0.1) for number in range(60)}
    assert len(PLACE.encode(place(**animals), 1000.0, 0.01)) < 60 * 40


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        ENTRY[:5],
        ENTRY[:-1],
        ENTRY + b"x",
        b"XX" + ENTRY[2:],
        ENTRY[:2] + b"\x63" + ENTRY[3:],
        pickle.dumps({"jaguar": 1}),
        b"\x00" * 100,
        DatasetCodec().encode(DATASET, 1.0, 0.0),
    ],
)
def test_invalid_bytes_decode_to_none(raw):
    """Missing, truncated, extended and foreign bytes decode to None.

    So do another schema version, a pickle, and the entry of a dataset.
    """
    assert PLACE.decode(raw) is None


@pytest.mark.parametrize(("dataset", "month"), [("facts-2", 0), (DATASET.version, 4)])
def test_an_entry_of_another_dataset_or_month_decodes_to_none(dataset, month):
    """An entry that belongs to another dataset or month is a miss, even under the right key."""
    assert PlaceCodec(dataset, month, "84a8f4bffffffff").decode(ENTRY) is None


@pytest.mark.parametrize("presence", [math.nan, math.inf, -0.1, 1.1])
def test_entries_with_impossible_numbers_decode_to_none(presence):
    """A presence outside 0 to 1, or an expiry time that is NaN, makes the entry a miss."""
    poisoned = TaxonFeature(feature().status, presence, 0.1)
    raw = PLACE.encode(place(jaguar=poisoned), 1000.0, 0.01)
    assert PLACE.decode(raw) is None
    raw = PLACE.encode(place(jaguar=feature()), math.nan, 0.01)
    assert PLACE.decode(raw) is None


@given(st.binary(max_size=200))
@example(b"\x97\x00\x00\xa6\x00\x00\x00\x00\x00\x80")
def test_decoders_never_raise(garbage):
    """The decoders accept any bytes without an exception, even behind a valid header."""
    import zlib  # noqa: PLC0415

    with_header = HEADER.pack(b"RF", 1, zlib.crc32(garbage)) + garbage
    for raw in (garbage, with_header):
        PLACE.decode(raw)
        DatasetCodec().decode(raw)
