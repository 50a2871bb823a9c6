"""Rows of a database become the features of a place."""

import pytest

from chalicelib.domain import WHOLE_YEAR, FeatureSource, Status
from chalicelib.features import observations
from chalicelib.features.observations import ALL_MONTHS, OUT_OF_SEASON_FACTOR, DatasetTaxon, Row

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
FINE, MIDDLE, WIDE = (int(cell, 16) for cell in CHAIN)
TAXA = {7: DatasetTaxon("jaguar", 0.1), 8: DatasetTaxon("leopard", 0.2)}
CONTEXT = observations.DatasetContext("facts-1", FeatureSource.DATABASE, prior_strength=10.0)
EFFORT = 0
JULY = 7


def seen(cell: int, month: int, taxon: int, count: float, status: str = "native") -> Row:
    """Return a row of an animal that stays all year."""
    return cell, month, taxon, count, status, ALL_MONTHS


def in_months(row: Row, *months: int) -> Row:
    """Return the row of an animal that stays in these months."""
    return (*row[:-1], sum(1 << month for month in months))


def features(*rows: Row, month: int = WHOLE_YEAR):
    """Return the features of the chain's finest cell."""
    return observations.place_features(rows, TAXA, CHAIN, month, CONTEXT)


def test_the_rows_of_the_month_count_more_than_those_of_the_year():
    """The year is the prior of the month, as a wider cell is of a finer one."""
    rows = (
        seen(FINE, WHOLE_YEAR, EFFORT, 100, ""), seen(FINE, WHOLE_YEAR, 7, 20),
        seen(FINE, JULY, EFFORT, 30, ""), seen(FINE, JULY, 7, 24),
    )  # fmt: skip
    in_july = features(*rows, month=JULY)
    assert in_july.taxa["jaguar"].presence == pytest.approx((24 + 10 * 0.2) / (30 + 10))
    assert in_july.month == JULY
    assert features(*rows).taxa["jaguar"].presence == pytest.approx(0.2)


def test_effort_and_cell_are_those_of_the_finest_cell_with_observers():
    """In the month if it has any, else over the year; 0 and no cell without observers."""
    wide = seen(WIDE, WHOLE_YEAR, EFFORT, 500, "")
    middle = seen(MIDDLE, WHOLE_YEAR, EFFORT, 40, "")
    july = seen(MIDDLE, JULY, EFFORT, 3, "")
    for rows, month, effort, cell in (
        ((wide, middle, july), WHOLE_YEAR, 40, CHAIN[1]),
        ((wide, middle, july), JULY, 3, CHAIN[1]),
        ((wide, middle), JULY, 40, CHAIN[1]),
        ((wide,), WHOLE_YEAR, 500, CHAIN[2]),
        ((), WHOLE_YEAR, 0, None),
    ):
        place = features(*rows, month=month)
        assert (place.effort, place.cell) == (effort, cell)


def test_the_features_say_where_they_come_from():
    """Their dataset, tier and month are those that were asked for."""
    place = features(seen(FINE, WHOLE_YEAR, EFFORT, 1, ""))
    assert (place.dataset, place.source, place.month) == (
        "facts-1", FeatureSource.DATABASE, WHOLE_YEAR,
    )  # fmt: skip


@pytest.mark.parametrize(("month", "factor"), [(6, 1), (7, 1), (8, OUT_OF_SEASON_FACTOR)])
def test_an_animal_that_is_away_has_a_part_of_its_presence(month, factor):
    """Its months are bits: this one stays in June and July."""
    jaguar = in_months(seen(FINE, WHOLE_YEAR, 7, 5), 6, 7)
    place = features(seen(FINE, WHOLE_YEAR, EFFORT, 10, ""), jaguar, month=month)
    assert place.taxa["jaguar"].presence == pytest.approx(0.5 * factor)


def test_an_animal_that_is_away_in_some_months_counts_over_the_year():
    """Without a month, each season counts."""
    jaguar = in_months(seen(FINE, WHOLE_YEAR, 7, 5), 1)
    place = features(seen(FINE, WHOLE_YEAR, EFFORT, 10, ""), jaguar)
    assert place.taxa["jaguar"].presence == pytest.approx(0.5)


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_finest_cell_s_status_holds(is_reversed):
    """In whatever order a database returns the rows."""
    rows = [
        seen(WIDE, WHOLE_YEAR, EFFORT, 90, ""), seen(WIDE, WHOLE_YEAR, 7, 9, "marginal"),
        seen(FINE, WHOLE_YEAR, EFFORT, 10, ""), seen(FINE, WHOLE_YEAR, 7, 5, "native"),
    ]  # fmt: skip
    place = features(*(rows[::-1] if is_reversed else rows))
    assert place.taxa["jaguar"].status is Status.NATIVE
    assert place.taxa["jaguar"].prevalence == 0.1


def test_taxa_outside_the_dataset_are_ignored():
    """A row of another number is no feature."""
    place = features(seen(FINE, WHOLE_YEAR, EFFORT, 10, ""), seen(FINE, WHOLE_YEAR, 9, 5))
    assert place.taxa == {}


def test_a_presence_is_at_most_one():
    """Sums of shares may be a rounding error above it, and the cache would refuse that."""
    place = features(seen(FINE, WHOLE_YEAR, EFFORT, 10, ""), seen(FINE, WHOLE_YEAR, 7, 10.000001))
    assert place.taxa["jaguar"].presence == 1.0


def test_each_place_gets_the_rows_of_its_own_chain():
    """One statement reads the rows of all."""
    other = ("84a8f49ffffffff", *CHAIN[1:])
    rows = [
        seen(FINE, WHOLE_YEAR, EFFORT, 10, ""), seen(FINE, WHOLE_YEAR, 7, 5),
        seen(int(other[0], 16), WHOLE_YEAR, EFFORT, 4, ""),
        seen(int(other[0], 16), WHOLE_YEAR, 8, 1),
    ]  # fmt: skip
    first, second = observations.features_of_places(rows, TAXA, [CHAIN, other], 0, CONTEXT)
    assert (first.effort, set(first.taxa)) == (10, {"jaguar"})
    assert (second.effort, set(second.taxa)) == (4, {"leopard"})


def test_the_range_of_a_taxon_has_the_cells_where_it_was_seen():
    """Each by its own rows: the share of its observers."""
    rows = [
        seen(WIDE, WHOLE_YEAR, EFFORT, 10, ""), seen(WIDE, WHOLE_YEAR, 7, 5),
        seen(MIDDLE, WHOLE_YEAR, EFFORT, 4, ""), seen(MIDDLE, WHOLE_YEAR, 8, 1),
        seen(FINE, WHOLE_YEAR, EFFORT, 4, ""), seen(FINE, WHOLE_YEAR, 7, 1),
    ]  # fmt: skip
    presences = observations.presences(rows, 7, TAXA[7], WHOLE_YEAR, CONTEXT)
    assert presences == {CHAIN[2]: 0.5, CHAIN[0]: 0.25}


@pytest.mark.parametrize(("month", "keys"), [(WHOLE_YEAR, (0,)), (1, (1, 0)), (12, (12, 0))])
def test_the_rows_of_a_month_and_of_the_year_are_read(month, keys):
    """Without a month, those of the year."""
    assert observations.month_keys(month) == keys


def test_each_cell_of_several_chains_is_read_once():
    """In the order in which they come."""
    other = ("84a8f49ffffffff", *CHAIN[1:])
    assert observations.all_cells([CHAIN, other]) == (*CHAIN, other[0])
