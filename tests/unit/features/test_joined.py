"""Several feature stores answer as one."""

from dataclasses import dataclass, field

import pytest

from chalicelib.domain import (
    WHOLE_YEAR,
    Coordinates,
    Dataset,
    FeatureSource,
    Geography,
    GeoStatus,
    PlaceFeatures,
    Taxon,
    TaxonPresences,
)
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.joined import JoinedFeatures
from chalicelib.features.place_service import Places
from tests.fakes import feature

CELL = "84a8f4bffffffff"
HERE = Coordinates(-17.36, -56.78)


@dataclass
class Store:
    """A store with the features of one place, which can be down."""

    name: str
    taxa: dict[str, float]
    covered: frozenset[str] = frozenset()
    expected: float = 0.05
    version: str = "1"
    is_down: bool = False
    made: dict[str, Dataset] = field(default_factory=dict)

    def dataset(self) -> Dataset:
        if self.is_down:
            raise FeaturesUnavailable("down")
        version = f"{self.name}-{self.version}"
        if version not in self.made:
            taxa = self.covered | self.taxa.keys()
            self.made[version] = Dataset(
                version, self.name, "CC0-1.0", f"{self.name}.", frozenset(taxa), self.expected
            )
        return self.made[version]

    def features(self, chains, month):
        version = self.dataset().version
        taxa = {taxon_id: feature(presence) for taxon_id, presence in self.taxa.items()}
        cell = CELL if taxa else None
        entry = PlaceFeatures(version, FeatureSource.EMBEDDED, cell, month, 7, taxa)
        return [entry for _ in chains]

    def presences(self, taxon_id, cells, month):
        return TaxonPresences(self.dataset().version, {CELL: self.taxa[taxon_id]})

    def open_breakers(self):
        return (self.name,) if self.is_down else ()


@pytest.fixture(name="main")
def make_main() -> Store:
    return Store("main", {"jaguar": 1.0, "toucan": 0.5}, frozenset({"leopard"}))


@pytest.fixture(name="birds")
def make_birds() -> Store:
    return Store("birds", {"macaw": 0.002}, frozenset({"toucan"}), expected=0.001)


def test_a_place_has_the_animals_of_both(main, birds):
    """What the specialist's store covers, it knows better: no toucan lives there."""
    (entry,) = JoinedFeatures(main, [birds]).features([[CELL]], WHOLE_YEAR)
    assert {taxon_id: one.presence for taxon_id, one in entry.taxa.items()} == {
        "jaguar": 1.0, "macaw": 0.002,
    }  # fmt: skip
    assert (entry.cell, entry.effort, entry.source) == (CELL, 7, FeatureSource.EMBEDDED)


def test_the_dataset_covers_the_animals_of_both(main, birds):
    """And says by which threshold each is expected."""
    dataset = JoinedFeatures(main, [birds]).dataset()
    assert dataset.version == "main-1+birds-1"
    assert dataset.taxa == {"jaguar", "toucan", "leopard", "macaw"}
    assert (dataset.threshold("jaguar"), dataset.threshold("macaw")) == (0.05, 0.001)
    assert dataset.expects("macaw", feature(0.002))
    main.expected, main.version = 0.2, "2"
    assert JoinedFeatures(main, [birds]).dataset().threshold("jaguar") == 0.2
    assert not dataset.expects("jaguar", feature(0.002))
    assert (dataset.title, dataset.licence) == ("main; birds", "CC0-1.0")
    assert dataset.citation == "main. birds."


def test_the_dataset_is_the_same_object_until_one_of_them_changes(main, birds):
    """Caches have it as their key."""
    joined = JoinedFeatures(main, [birds])
    before = joined.dataset()
    assert joined.dataset() is before
    main.version = "2"
    assert joined.dataset().version == "main-2+birds-1"


def test_a_place_that_only_a_specialist_knows_has_its_cell(main, birds):
    """The main store has no data there."""
    main.taxa.clear()
    (entry,) = JoinedFeatures(main, [birds]).features([[CELL]], WHOLE_YEAR)
    assert (entry.cell, set(entry.taxa)) == (CELL, {"macaw"})


def test_a_specialist_whose_store_is_down_costs_what_it_knows(main, birds):
    """Not the answer."""
    birds.is_down = True
    joined = JoinedFeatures(main, [birds])
    (entry,) = joined.features([[CELL]], WHOLE_YEAR)
    assert set(entry.taxa) == {"jaguar", "toucan"}
    assert entry.dataset == joined.dataset().version == "main-1"
    assert joined.presences("toucan", [CELL], WHOLE_YEAR).cells == {CELL: 0.5}


def test_without_the_main_store_there_is_no_answer(main, birds):
    """The fallback behind it has more animals than a specialist."""
    main.is_down = True
    joined = JoinedFeatures(main, [birds])
    for ask in (
        joined.dataset,
        lambda: joined.features([[CELL]], WHOLE_YEAR),
        lambda: joined.presences("jaguar", [CELL], WHOLE_YEAR),
    ):
        with pytest.raises(FeaturesUnavailable):
            ask()
    assert joined.open_breakers() == ("main",)


@pytest.mark.parametrize(("taxon_id", "presence"), [("jaguar", 1.0), ("macaw", 0.002)])
def test_a_range_is_of_the_store_that_knows_the_animal(main, birds, taxon_id, presence):
    """Under the version of both, which is the one in force."""
    joined = JoinedFeatures(main, [birds])
    assert joined.presences(taxon_id, [CELL], WHOLE_YEAR) == TaxonPresences(
        "main-1+birds-1", {CELL: presence}
    )


def test_a_place_service_looks_up_both(main, birds):
    """It compares versions, so a place is never of one dataset and judged by another."""
    places = Places(JoinedFeatures(main, [birds]))
    lookup = places.look_up(HERE, WHOLE_YEAR)
    assert lookup.status is GeoStatus.APPLIED
    macaw = Taxon("macaw", "Ara macao", "macaw", "species", Geography.RANGE)
    assert places.species_range(macaw, WHOLE_YEAR).presences == {CELL: 0.002}


def test_a_specialist_without_data_about_a_place_says_nothing_there(main, birds):
    """Its records are of another country: its birds are neither expected nor rejected here."""
    birds.covered |= birds.taxa.keys()
    birds.taxa.clear()
    joined = JoinedFeatures(main, [birds])
    lookup = Places(joined).look_up(HERE, WHOLE_YEAR)
    assert lookup.status is GeoStatus.APPLIED
    assert lookup.dataset
    assert lookup.dataset.taxa == {"jaguar", "toucan", "leopard"}
    assert lookup.dataset.threshold("toucan") == 0.05
    assert lookup.features
    assert set(lookup.features.taxa) == {"jaguar", "toucan"}
    assert joined.dataset().taxa == {"jaguar", "toucan", "leopard", "macaw"}


def test_a_main_store_without_data_about_a_place_says_nothing_there(main, birds):
    """The specialist's birds count, and no place speaks against a jaguar."""
    main.covered |= main.taxa.keys()
    main.taxa.clear()
    lookup = Places(JoinedFeatures(main, [birds])).look_up(HERE, WHOLE_YEAR)
    assert lookup.status is GeoStatus.APPLIED
    assert lookup.dataset
    assert lookup.dataset.taxa == {"macaw", "toucan"}


def test_where_none_has_data_there_are_none(main, birds):
    """Rather than a place that rejects all animals."""
    main.taxa.clear()
    birds.taxa.clear()
    lookup = Places(JoinedFeatures(main, [birds])).look_up(HERE, WHOLE_YEAR)
    assert lookup.status is GeoStatus.NO_DATA
