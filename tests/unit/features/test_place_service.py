import pytest
from msgspec.structs import replace

from chalicelib.domain import Coordinates, Dataset, FeatureSource, Status, TaxonFeature
from chalicelib.features.place_service import Places, average
from tests.fakes import FakeFeatures, feature, place


class Activating(FakeFeatures):
    """A repository whose dataset is replaced between the first two reads."""

    def dataset(self) -> Dataset:
        self.version = "facts-2"
        self.entry = replace(self.entry, dataset="facts-2")
        return super().dataset()


def test_a_lookup_is_of_one_dataset():
    """If a dataset is activated between two reads, features and dataset are both the new one's."""
    lookup = Places(Activating(place(jaguar=feature()))).look_up(Coordinates(-17.36, -56.78), 0)
    assert lookup.features is not None
    assert lookup.dataset is not None
    assert lookup.features.dataset == lookup.dataset.version == "facts-2"


def test_presences_are_averaged_by_the_weights_of_the_places():
    """An animal that lives in one of two equal places has half its presence there."""
    features = average([(place(jaguar=feature(1.0)), 0.5), (place(leopard=feature(0.5)), 0.5)])
    assert features.taxa["jaguar"].presence == pytest.approx(0.5)
    assert features.taxa["leopard"].presence == pytest.approx(0.25)


def test_places_without_data_do_not_lower_the_average():
    """A place without data has no weight: a beach is not half as rich as its hinterland."""
    features = average([(place(), 0.7), (place(jaguar=feature(0.8)), 0.3)])
    assert features.taxa["jaguar"].presence == pytest.approx(0.8)


def test_the_strongest_status_of_a_taxon_is_kept():
    """A taxon that is native in one place and marginal in another is native in the average."""
    scarce = TaxonFeature(Status.MARGINAL, 0.1, 0.1)
    features = average([(place(jaguar=scarce), 0.5), (place(jaguar=feature(0.9)), 0.5)])
    assert features.taxa["jaguar"].status is Status.NATIVE
    assert features.taxa["jaguar"].presence == pytest.approx(0.5)


def test_the_average_names_its_slowest_source():
    """The average of a cached place and an uncached place is not called cached."""
    warm = place(jaguar=feature())
    warm = type(warm)(
        warm.dataset, FeatureSource.MEMORY, warm.cell, warm.month, warm.effort, warm.taxa
    )
    assert average([(warm, 0.5), (place(), 0.5)]).source is FeatureSource.EMBEDDED


def test_places_without_data_have_an_average_without_taxa():
    """If no place has data, the average has no taxa."""
    assert average([(place(), 0.5), (place(), 0.5)]).taxa == {}
