import pytest

from chalicelib.domain import FeatureSource, Status, TaxonFeature
from chalicelib.features.place_service import average
from tests.fakes import feature, place


def test_places_are_averaged_by_their_shares():
    """An animal of one half of the circle is half as firmly expected."""
    found = average([(place(jaguar=feature(1.0)), 0.5), (place(leopard=feature(0.5)), 0.5)])
    assert found.taxa["jaguar"].presence == pytest.approx(0.5)
    assert found.taxa["leopard"].presence == pytest.approx(0.25)


def test_a_place_without_data_does_not_thin_the_others_out():
    """A beach is not half as rich as its hinterland."""
    found = average([(place(), 0.7), (place(jaguar=feature(0.8)), 0.3)])
    assert found.taxa["jaguar"].presence == pytest.approx(0.8)


def test_a_taxon_keeps_its_firmest_status():
    """Native on one side of the border, scarce on the other: native."""
    scarce = TaxonFeature(Status.MARGINAL, 0.1, 0.1)
    found = average([(place(jaguar=scarce), 0.5), (place(jaguar=feature(0.9)), 0.5)])
    assert found.taxa["jaguar"].status is Status.NATIVE
    assert found.taxa["jaguar"].presence == pytest.approx(0.5)


def test_the_slowest_tier_is_named():
    """So that nobody takes a half-cold answer for a warm one."""
    warm = place(jaguar=feature())
    warm = type(warm)(
        warm.dataset, FeatureSource.MEMORY, warm.cell, warm.month, warm.effort, warm.taxa
    )
    assert average([(warm, 0.5), (place(), 0.5)]).source is FeatureSource.EMBEDDED


def test_where_no_place_has_data_there_is_none():
    """And the first still says which cell was asked for."""
    assert average([(place(), 0.5), (place(), 0.5)]).taxa == {}
