import math
import pickle
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.domain import FeatureSource, Status, TaxonFeature, TaxonPresences
from chalicelib.features.cache_codec import HEADER, SCHEMA, DatasetCodec, PlaceCodec, RangeCodec
from chalicelib.features.cells import coarsest_cells
from tests.fakes import DATASET, feature, place

PLACE = PlaceCodec(DATASET.version, 0, "84a8f4bffffffff")
RANGE = RangeCodec(DATASET.version, 0, "jaguar")
CELLS = coarsest_cells()
ENTRY = PLACE.encode(place(jaguar=feature(0.7, 0.2)), 1000.0)


def test_decoded_entries_equal_the_encoded_values():
    """Features and the dataset come out of an entry to the last digit."""
    cached = PLACE.decode(ENTRY)
    assert cached is not None
    features = cached.value
    assert (features.source, cached.due_at) == (FeatureSource.CACHE, 1000.0)
    assert features.taxa == {"jaguar": feature(0.7, 0.2)}
    identity = (features.cell, features.month, features.dataset)
    assert identity == ("84a8f4bffffffff", 0, DATASET.version)
    assert DatasetCodec().decode(DatasetCodec().encode(DATASET, 1.0)) == (DATASET, 1.0)
    presences = TaxonPresences(DATASET.version, {"82a8f7fffffffff": 0.4})
    assert RANGE.decode(RANGE.encode(presences, 1.0)) == (presences, 1.0)


def test_an_entry_is_small():
    """An entry takes less than 40 bytes per animal, so half a million places fit in a gigabyte."""
    animals = {f"n{number:08}": feature(number / 60, 0.1) for number in range(60)}
    assert len(PLACE.encode(place(**animals), 1000.0)) < 60 * 40


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
        DatasetCodec().encode(DATASET, 1.0),
        PlaceCodec(DATASET.version, 0, "84a8f4dffffffff").encode(place(jaguar=feature()), 1000.0),
    ],
)
def test_invalid_bytes_decode_to_none(raw):
    """Missing, truncated, extended and foreign bytes decode to None.

    So do another schema version, a pickle, and the entries of a dataset and of another place.
    """
    assert PLACE.decode(raw) is None


@pytest.mark.parametrize(("dataset", "month"), [("facts-2", 0), (DATASET.version, 4)])
def test_an_entry_of_another_dataset_or_month_decodes_to_none(dataset, month):
    """An entry that belongs to another dataset or month is a miss, even under the right key."""
    assert PlaceCodec(dataset, month, "84a8f4bffffffff").decode(ENTRY) is None


@pytest.mark.parametrize("presence", [math.nan, math.inf, -0.1, 1.1])
def test_entries_with_impossible_numbers_decode_to_none(presence):
    """A presence outside 0 to 1, or a time that is NaN, makes the entry a miss."""
    poisoned = TaxonFeature(feature().status, presence, 0.1)
    raw = PLACE.encode(place(jaguar=poisoned), 1000.0)
    assert PLACE.decode(raw) is None
    raw = RANGE.encode(TaxonPresences(DATASET.version, {"82a8f7fffffffff": presence}), 1000.0)
    assert RANGE.decode(raw) is None


@pytest.mark.parametrize("presence", [math.nan, math.inf, -0.1, 1.1])
def test_a_dataset_with_an_impossible_threshold_decodes_to_none(presence):
    """Otherwise no animal, or every one, would be expected everywhere."""
    poisoned = replace(DATASET, expected_presence=presence)
    assert DatasetCodec().decode(DatasetCodec().encode(poisoned, 1.0)) is None


@pytest.mark.parametrize("cell", ["", "x", "82a8f7fffffffff0", "ffffffffffffffff"])
def test_a_range_with_an_impossible_cell_decodes_to_none(cell):
    """Its outline could not be drawn: the map would be a 500 until the entry expires."""
    raw = RANGE.encode(TaxonPresences(DATASET.version, {cell: 0.5}), 1000.0)
    assert RANGE.decode(raw) is None


@pytest.mark.parametrize("due_at", [math.nan, math.inf, -math.inf])
def test_entries_with_impossible_times_decode_to_none(due_at):
    """A time that is not finite makes any entry a miss."""
    assert PLACE.decode(PLACE.encode(place(jaguar=feature()), due_at)) is None
    presences = TaxonPresences(DATASET.version, {"82a8f7fffffffff": 0.4})
    assert RANGE.decode(RANGE.encode(presences, due_at)) is None
    assert DatasetCodec().decode(DatasetCodec().encode(DATASET, due_at)) is None


@pytest.mark.parametrize("due_at", [0.0, -1.0])
def test_a_time_in_the_past_is_a_time(due_at):
    """The entry is valid, and due."""
    cached = PLACE.decode(PLACE.encode(place(jaguar=feature()), due_at))
    assert cached is not None
    assert cached.due_at == due_at


@given(st.binary(max_size=200))
@example(b"\x97\x00\x00\xa6\x00\x00\x00\x00\x00\x80")
def test_decoders_never_raise(garbage):
    """The decoders accept any bytes without an exception, even behind a valid header."""
    with_header = HEADER.pack(b"RF", SCHEMA, zlib.crc32(garbage)) + garbage
    for raw in (garbage, with_header):
        assert PLACE.decode(raw) is None
        assert RANGE.decode(raw) is None
        assert DatasetCodec().decode(raw) is None


@given(
    taxa=st.dictionaries(
        st.text(max_size=9),
        st.builds(TaxonFeature, st.sampled_from(Status), st.floats(0, 1), st.floats(0, 1)),
    ),
    effort=st.integers(0, 2**31),
    due_at=st.floats(allow_nan=False, allow_infinity=False),
)
def test_what_one_environment_writes_the_others_read(taxa, effort, due_at):
    """Any possible value comes back, so the decoders refuse nothing that is ours."""
    features = replace(place(**taxa), effort=effort, source=FeatureSource.CACHE)
    assert PLACE.decode(PLACE.encode(features, due_at)) == (features, due_at)
    shares = [feature.presence for feature in taxa.values()]
    presences = TaxonPresences(DATASET.version, dict(zip(CELLS, shares, strict=False)))
    assert RANGE.decode(RANGE.encode(presences, due_at)) == (presences, due_at)
    dataset = replace(DATASET, taxa=frozenset(taxa))
    assert DatasetCodec().decode(DatasetCodec().encode(dataset, due_at)) == (dataset, due_at)
