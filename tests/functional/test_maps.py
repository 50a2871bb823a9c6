"""GeoJSON resources, through real API Gateway events."""

import json
from types import SimpleNamespace
from typing import Any

import h3
import pytest
import shapely
from msgspec.structs import replace

from app import services
from chalicelib.features.cells import COARSEST_RESOLUTION, coarsest_cells
from chalicelib.features.memory_cache import MemoryCachedFeatures
from chalicelib.features.place_service import Places
from chalicelib.http import endpoints
from tests.fakes import JAGUAR, FakeClock, FakeFeatures, feature, place
from tests.functional.test_resources import services as services_of
from tests.gateway import call

JAGUAR_RANGE = "/v1/species/n02128925/range"
BEAR = "n02132136"
POLAR_BEAR = "n02134084"


def test_a_range_is_geojson_of_cells():
    """The jaguar's range has its name and its dataset."""
    answer = call("GET", JAGUAR_RANGE)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/geo+json"
    assert answer.body["type"] == "FeatureCollection"
    assert answer.body["taxon"]["scientificName"] == "Panthera onca"
    assert answer.body["geo"]["status"] == "applied"
    assert answer.body["geo"]["dataset"].startswith("ranges-")
    assert answer.body["features"]
    for one in answer.body["features"]:
        assert one["type"] == "Feature"
        assert h3.get_resolution(one["id"]) == COARSEST_RESOLUTION
        assert 0.05 <= one["properties"]["presence"] <= 1
        assert shapely.from_geojson(json.dumps(one["geometry"])).is_valid


def test_a_range_covers_where_the_animal_lives():
    """It has the Pantanal, but not the Kruger park, Antarctica or the open sea."""
    features = call("GET", JAGUAR_RANGE).body["features"]
    shape = shapely.union_all(
        [shapely.from_geojson(json.dumps(one["geometry"])) for one in features]
    )
    assert shape.contains(shapely.Point(-56.78, -17.36))
    for longitude, latitude in ((31.49, -24.01), (0, -85), (-40, 30)):
        assert not shape.contains(shapely.Point(longitude, latitude))


@pytest.mark.parametrize("taxon_id", ["n02128925", BEAR, "n02071294"])
@pytest.mark.parametrize("month", [0, 1, 7])
def test_each_presence_is_what_a_lookup_of_the_cell_gives(taxon_id, month):
    """A range and the features of a place are two views of the same rows."""
    repository = services.places.repository
    presences = repository.presences(taxon_id, coarsest_cells(), month).cells
    assert presences
    cells = coarsest_cells()[::7]
    places = repository.features([(cell,) for cell in cells], month)
    for cell, features in zip(cells, places, strict=True):
        known = features.taxa.get(taxon_id)
        assert presences.get(cell) == (known and known.presence)


def test_a_month_excludes_cells_without_the_animal_in_that_month():
    """White storks spend January in Africa."""
    stork = "/v1/species/n02002556/range"
    whole_year, january = (
        {one["id"] for one in call("GET", url).body["features"]}
        for url in (stork, f"{stork}?month=1")
    )
    hamburg = h3.latlng_to_cell(53.5, 10.0, COARSEST_RESOLUTION)
    assert hamburg in whole_year - january


def test_an_animal_that_lives_everywhere_has_no_range():
    """The response has no data, which differs from an empty range."""
    body = call("GET", "/v1/species/n02123045/range").body
    assert body["features"] == []
    assert body["geo"]["status"] == "noData"


@pytest.mark.parametrize("taxon_id", ["n00000000", "jaguar", "%20"])
def test_an_unknown_animal_is_a_problem_that_names_it(taxon_id):
    """The field is the variable part of the path."""
    answer = call("GET", f"/v1/species/{taxon_id}/range")
    assert (answer.status, answer.fields) == (404, ["taxonID"])


def test_an_invalid_month_is_named():
    """The problem names the field."""
    answer = call("GET", f"{JAGUAR_RANGE}?month=13")
    assert (answer.status, answer.fields) == (422, ["month"])


def ask_range(
    features: FakeFeatures, is_enabled: bool = True, fallback: FakeFeatures | None = None
) -> tuple[str, dict[str, Any], Any]:
    """Return status, headers and features of an animal's range in a fake store."""
    places = Places(features, is_enabled, fallback)
    request: Any = SimpleNamespace(query_params=None, headers={})
    response = endpoints.species_range(
        request, replace(services_of(), places=places), JAGUAR.taxon_id
    )
    body = json.loads(str(response.body))
    return body["geo"]["status"], dict(response.headers), body["features"]


def test_without_the_database_the_range_is_degraded_and_not_cacheable():
    """A map would otherwise stay empty for an hour."""
    status, headers, features = ask_range(FakeFeatures(is_down=True))
    assert (status, headers["Cache-Control"], features) == ("degraded", "no-store", [])


def test_without_places_there_are_no_ranges():
    """Predictions do not use them either."""
    assert ask_range(FakeFeatures(), is_enabled=False)[0] == "disabled"


@pytest.mark.parametrize(("presence", "count"), [(0.05, 1), (0.049, 0)])
def test_the_threshold_is_that_of_predictions(presence, count):
    """``expectedHere`` and the range agree."""
    status, _, features = ask_range(FakeFeatures(place(jaguar=feature(presence))))
    assert status == "applied"
    assert len(features) == count


def test_a_cell_is_an_immutable_geojson_feature():
    """Its outline never changes."""
    answer = call("GET", "/v1/cells/84a85d3ffffffff")
    assert answer.headers["Content-Type"] == "application/geo+json"
    assert "immutable" in answer.headers["Cache-Control"]
    assert (answer.body["type"], answer.body["id"]) == ("Feature", "84a85d3ffffffff")
    assert answer.body["properties"] == {"resolution": 4}
    shape = shapely.from_geojson(json.dumps(answer.body["geometry"]))
    assert shape.contains(shapely.Point(-56.78, -17.36))


def test_a_cell_over_the_antimeridian_has_two_polygons():
    """RFC 7946, section 3.1.9: each part is on one side of the map."""
    cell = h3.latlng_to_cell(0.0, 180.0, 2)
    geometry = call("GET", f"/v1/cells/{cell}").body["geometry"]
    assert geometry["type"] == "MultiPolygon"
    shape = shapely.from_geojson(json.dumps(geometry))
    assert shape.is_valid
    west, east = sorted(shape.geoms, key=lambda part: part.bounds[0])
    assert (west.bounds[0], east.bounds[2]) == (-180.0, 180.0)
    assert west.bounds[2] < -170
    assert east.bounds[0] > 170


def test_a_range_over_the_antimeridian_is_on_the_map():
    """The polar bear lives on both sides of it, in Chukotka."""
    features = call("GET", f"/v1/species/{POLAR_BEAR}/range").body["features"]
    kinds = {one["geometry"]["type"] for one in features}
    assert kinds == {"Polygon", "MultiPolygon"}
    for one in features:
        assert shapely.from_geojson(json.dumps(one["geometry"])).is_valid


@pytest.mark.parametrize(
    "cell", ["84a85d3fffffff", "84A85D3FFFFFFFF", "0x84a85d3ffffffff", "840000000000000", "x"]
)
def test_an_invalid_cell_is_a_problem_that_names_it(cell):
    """Each cell has exactly one address."""
    answer = call("GET", f"/v1/cells/{cell}")
    assert (answer.status, answer.fields) == (404, ["cell"])


@pytest.mark.parametrize(
    "url",
    [JAGUAR_RANGE, "/v1/cells/84a85d3ffffffff", "/v1/problems/not-found", "/v1/model"],
)
def test_unchanged_content_is_not_sent_twice(url):
    """A client that has it gets 304."""
    tag = call("GET", url).headers["ETag"]
    again = call("GET", url, headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, None)
    assert again.headers["ETag"] == tag


@pytest.mark.parametrize("url", ["/livez", "/v1/cells/x", "/v1/species"])
def test_other_responses_are_not_cacheable(url):
    """This includes problems."""
    assert call("GET", url).headers["Cache-Control"] == "no-store"


def test_a_range_of_the_fallback_is_not_cacheable():
    """The map would otherwise keep the embedded dataset for an hour after the outage."""
    fallback = FakeFeatures(place(jaguar=feature()), version="embedded-1")
    status, headers, features = ask_range(FakeFeatures(is_down=True), fallback=fallback)
    assert (status, headers["Cache-Control"], len(features)) == ("applied", "no-store", 1)


def test_a_range_names_the_dataset_that_it_is_of():
    """If the range is the first of a new dataset, the answer is the new dataset's throughout."""
    inner = FakeFeatures(place(jaguar=feature()))
    memory = MemoryCachedFeatures(inner, FakeClock(), lambda work: None, 10)
    places = Places(memory)
    versions = []
    for inner.version in ("facts-1", "facts-2"):
        dataset = places.species_range(JAGUAR, 0).dataset
        versions.append(dataset and dataset.version)
    assert versions == ["facts-1", "facts-2"]
