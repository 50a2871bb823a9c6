from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chalicelib.domain import (
    Coordinates,
    Dataset,
    FeatureSource,
    GeoStatus,
    PlaceFeatures,
    PlaceLookup,
    SpeciesRange,
    Status,
    TaxonFeature,
    TaxonPresences,
)
from chalicelib.features.place_service import ATTEMPTS, Places, average
from tests.fakes import JAGUAR, FakeFeatures, feature, place


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


def test_the_average_is_that_of_the_middle_place():
    """Its cell, effort, month and dataset are those of the first place that has data."""
    middle = PlaceFeatures(
        "facts-2", FeatureSource.MEMORY, "84a8f4bffffffff", 7, 30, {"jaguar": feature()}
    )
    beside = PlaceFeatures(
        "facts-1", FeatureSource.CACHE, "84a8f49ffffffff", 8, 99, {"jaguar": feature()}
    )
    empty = PlaceFeatures("facts-1", FeatureSource.MEMORY, None, 0, 0, {})
    for entries in ((middle, beside), (empty, middle, beside)):
        features = average([(entry, 1 / len(entries)) for entry in entries])
        assert (features.dataset, features.cell, features.month, features.effort) == (
            "facts-2", "84a8f4bffffffff", 7, 30,
        )  # fmt: skip


def test_one_place_is_its_own_average():
    """Also if it has no data."""
    for only in (place(), place(jaguar=feature(0.3))):
        assert average([(only, 1.0)]) is only


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_average_has_the_status_where_presence_is_highest(is_reversed):
    """In whatever order the places come; of equal presences the first counts."""
    strong, weak = TaxonFeature(Status.NATIVE, 0.9, 0.2), TaxonFeature(Status.MARGINAL, 0.1, 0.2)
    features = [strong, weak][:: -1 if is_reversed else 1]
    averaged = average([(place(jaguar=each), 0.5) for each in features]).taxa["jaguar"]
    assert (averaged.status, averaged.prevalence) == (Status.NATIVE, 0.2)
    equal = TaxonFeature(Status.INTRODUCED, 0.9, 0.2)
    averaged = average([(place(jaguar=strong), 0.5), (place(jaguar=equal), 0.5)]).taxa["jaguar"]
    assert averaged.status is Status.NATIVE


POINT = Coordinates(-17.36, -56.78)


def test_a_lookup_without_a_place_or_a_switch_asks_nobody():
    """The operator can turn the place off."""
    repository = FakeFeatures(place(jaguar=feature()))
    for places, point in (
        (Places(repository), None),
        (Places(repository, is_enabled=False, fallback=repository), POINT),
    ):
        assert places.look_up(point, 0) == PlaceLookup(GeoStatus.DISABLED)
        assert places.look_up_fallback(point, 0) == PlaceLookup(GeoStatus.DISABLED)
    assert repository.reads == 0


def test_a_place_without_taxa_has_no_data():
    """One animal is enough, however rare."""
    features = place(leopard=feature(0.049))
    assert Places(FakeFeatures(features)).look_up(POINT, 0).status is GeoStatus.APPLIED
    assert Places(FakeFeatures(place())).look_up(POINT, 0).status is GeoStatus.NO_DATA


def test_without_the_repository_the_fallback_answers_and_without_both_nobody():
    """A lookup says which of them it was, and never raises."""
    down, fallback = FakeFeatures(is_down=True), FakeFeatures(place(jaguar=feature()))
    assert Places(down, fallback=fallback).look_up(POINT, 0).status is GeoStatus.APPLIED
    assert Places(down).look_up(POINT, 0) == PlaceLookup(GeoStatus.DEGRADED)
    assert Places(down, fallback=down).look_up(POINT, 0) == PlaceLookup(GeoStatus.DEGRADED)
    assert Places(down, fallback=down).species_range(JAGUAR, 0) == SpeciesRange(GeoStatus.DEGRADED)
    assert Places(down).open_breakers() == ("database",)


class AlwaysActivating(FakeFeatures):
    """A repository whose dataset is another one at each read."""

    def dataset(self) -> Dataset:
        self.version += "+"
        return super().dataset()

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        self.reads += 1
        return TaxonPresences("another", {})


def test_datasets_that_keep_changing_are_an_outage():
    """Two attempts are enough for one activation."""
    repository = AlwaysActivating(place(jaguar=feature()))
    assert Places(repository).look_up(POINT, 0) == PlaceLookup(GeoStatus.DEGRADED)
    assert repository.reads == ATTEMPTS
    assert Places(repository).species_range(JAGUAR, 0) == SpeciesRange(GeoStatus.DEGRADED)
    assert repository.reads == 2 * ATTEMPTS
