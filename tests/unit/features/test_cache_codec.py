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


def test_what_goes_in_comes_out():
    """To the last digit, so that an answer does not depend on who loaded it."""
    entry = PLACE.decode(ENTRY)
    assert entry is not None
    found = PLACE.to_domain(entry, FeatureSource.CACHE)
    assert found.taxa == {"jaguar": feature(0.7, 0.2)}
    assert (found.cell, found.month, found.dataset) == ("84a8f4bffffffff", 0, DATASET.version)
    again = DatasetCodec().decode(DatasetCodec().encode(DATASET, 1.0, 0.0))
    assert again is not None
    assert DatasetCodec().to_domain(again, FeatureSource.CACHE) == DATASET


def test_an_entry_is_small():
    """Less than forty bytes an animal, so that a gigabyte holds half a million places."""
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
def test_what_is_no_entry_is_none(raw):
    """Missing, truncated, longer, foreign, of another schema, a pickle, another kind."""
    assert PLACE.decode(raw) is None


@pytest.mark.parametrize(("dataset", "month"), [("facts-2", 0), (DATASET.version, 4)])
def test_an_entry_under_the_wrong_key_is_none(dataset, month):
    """Whoever put it there."""
    assert PlaceCodec(dataset, month, "84a8f4bffffffff").decode(ENTRY) is None


@pytest.mark.parametrize("presence", [math.nan, math.inf, -0.1, 1.1])
def test_numbers_that_cannot_be_are_refused(presence):
    """A NaN would spoil every score."""
    poisoned = TaxonFeature(feature().status, presence, 0.1)
    raw = PLACE.encode(place(jaguar=poisoned), 1000.0, 0.01)
    assert PLACE.decode(raw) is None
    raw = PLACE.encode(place(jaguar=feature()), math.nan, 0.01)
    assert PLACE.decode(raw) is None


@given(st.binary(max_size=200))
@example(b"\x97\x00\x00\xa6\x00\x00\x00\x00\x00\x80")
def test_no_bytes_whatever_are_a_fault(garbage):
    """Not even with a header that fits."""
    import zlib  # noqa: PLC0415

    sealed = HEADER.pack(b"RF", 1, zlib.crc32(garbage)) + garbage
    for raw in (garbage, sealed):
        PLACE.decode(raw)
        DatasetCodec().decode(raw)
