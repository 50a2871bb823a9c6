from concurrent.futures import Future

import pytest
from msgspec.structs import replace

from chalicelib.answer.ranking import WeightBounds
from chalicelib.domain import Coordinates, EventDate, ExifReading, GeoStatus, LocationSource
from chalicelib.errors import LocationRequired, ModelUnavailable
from chalicelib.features.place_service import Places
from chalicelib.identify import Identify, IdentifyRequest
from tests.fakes import (
    JAGUAR,
    FakeClassifier,
    FakeClock,
    FakeExif,
    FakeFeatures,
    FakePhotos,
    FakeUploadStore,
    InlineExecutor,
    feature,
    place,
)

PANTANAL = Coordinates(-17.36, -56.78)
WITH_FIX = ExifReading(
    Coordinates(-17.0, -56.0, 8.0), event_date=EventDate("2024-08-19", 8), orientation=6
)


class Scenario:
    """A service made of fakes, each within a test's reach."""

    def __init__(self, exif: ExifReading | None = None, enabled: bool = True) -> None:
        self.features = FakeFeatures(place(jaguar=feature()))
        self.classifier = FakeClassifier()
        self.photos = FakePhotos()
        self.uploads = FakeUploadStore({"key": b"large photo"})
        self.identify = Identify(
            photos=self.photos,
            uploads=self.uploads,
            exif=FakeExif(exif) if exif else FakeExif(),
            places=Places(self.features, enabled),
            weight_bounds=WeightBounds(0.1, 10.0),
            classifier=self.classifier,
            clock=FakeClock(step=0.25),
            new_id=lambda: "id-1",
            executor=InlineExecutor(),
            features_timeout=1.0,
        )


def test_the_place_of_the_exif_is_used():
    """A photo that knows where it was taken needs no help."""
    scenario = Scenario(WITH_FIX)
    found = scenario.identify(IdentifyRequest(b"photo"))
    assert found.location.source is LocationSource.EXIF
    assert found.location.coordinates == WITH_FIX.coordinates
    assert found.geo.status is GeoStatus.APPLIED
    assert found.candidates[0].taxon == JAGUAR


def test_the_callers_coordinates_win_over_the_exif():
    """Who uploads knows better than the camera."""
    found = Scenario(WITH_FIX).identify(IdentifyRequest(b"photo", coordinates=PANTANAL))
    assert found.location.source is LocationSource.REQUEST
    assert found.location.coordinates == PANTANAL


def test_the_callers_uncertainty_holds_for_the_position_of_the_exif():
    """A caller may know that the camera's position is rough."""
    found = Scenario(WITH_FIX).identify(IdentifyRequest(b"photo", uncertainty=20_000.0))
    assert found.location.source is LocationSource.EXIF
    assert found.location.coordinates == Coordinates(-17.0, -56.0, 20_000.0)


def test_without_any_place_the_caller_is_asked_for_one():
    """And told why the photo's own position could not serve."""
    with pytest.raises(LocationRequired, match="it has no EXIF") as caught:
        Scenario().identify(IdentifyRequest(b"photo"))
    assert [error.field for error in caught.value.errors] == ["decimalLatitude", "decimalLongitude"]


def test_geo_off_asks_nothing_of_the_database():
    """For zoos and gardens: the look alone decides, and no place is needed."""
    scenario = Scenario()
    found = scenario.identify(IdentifyRequest(b"photo", use_geo=False))
    assert found.geo.status is GeoStatus.DISABLED
    assert found.location.source is LocationSource.NONE
    assert scenario.features.asked == []


def test_the_operator_can_switch_places_off():
    """Then no request brings them back."""
    found = Scenario(WITH_FIX, enabled=False).identify(IdentifyRequest(b"photo"))
    assert found.geo.status is GeoStatus.DISABLED


def test_a_database_that_is_down_costs_the_place_and_not_the_answer():
    """The visitor still gets an answer, and it says what it lacks."""
    scenario = Scenario(WITH_FIX)
    scenario.features.is_down = True
    found = scenario.identify(IdentifyRequest(b"photo"))
    assert found.geo.status is GeoStatus.DEGRADED
    assert found.candidates[0].score == pytest.approx(found.candidates[0].vision_score)


def test_a_place_that_nobody_knows_is_said_to_be_one():
    """The open ocean is no reason to call every animal unexpected."""
    scenario = Scenario(WITH_FIX)
    scenario.features.entry = place()
    found = scenario.identify(IdentifyRequest(b"photo"))
    assert found.geo.status is GeoStatus.NO_DATA
    assert found.geo.expected_taxa == 0
    assert {one.expected_here for one in found.candidates} == {None}


def test_without_the_model_there_is_no_answer():
    """Nothing is made up."""
    scenario = Scenario(WITH_FIX)
    scenario.classifier.is_broken = True
    with pytest.raises(ModelUnavailable):
        scenario.identify(IdentifyRequest(b"photo"))


def test_features_are_asked_for_in_the_month_of_the_photo():
    """The caller's date wins over the camera's; without any it is the whole year."""
    for query, month in (
        (IdentifyRequest(b"photo"), 8),
        (IdentifyRequest(b"photo", event_date=EventDate("2024-01", 1)), 1),
        (IdentifyRequest(b"photo", event_date=EventDate("2024")), 0),
    ):
        scenario = Scenario(WITH_FIX)
        scenario.identify(query)
        assert [asked for _, asked in scenario.features.asked] == [month]


def test_an_uploaded_photo_is_read_by_its_key_and_then_discarded():
    """It is nobody's business any more."""
    scenario = Scenario(WITH_FIX)
    scenario.identify(IdentifyRequest(upload="key"))
    assert scenario.photos.opened == [b"large photo"]
    assert scenario.uploads.photos == {}


def test_an_uploaded_photo_waits_for_another_try_where_something_is_missing():
    """Whoever forgot the place need not send 20 MB again."""
    scenario = Scenario()
    with pytest.raises(LocationRequired):
        scenario.identify(IdentifyRequest(upload="key"))
    scenario.identify(IdentifyRequest(upload="key", coordinates=PANTANAL))
    assert scenario.uploads.photos == {}


def test_the_orientation_of_the_exif_reaches_the_model():
    """Or the model would look at animals lying on their sides."""
    scenario = Scenario(WITH_FIX)
    scenario.identify(IdentifyRequest(b"photo"))
    assert scenario.classifier.shown[0][0, 0, 0] == 6


def test_every_stage_is_timed_in_milliseconds():
    """Each look at the fake clock takes a quarter of a second."""
    timings = Scenario(WITH_FIX).identify(IdentifyRequest(b"photo")).timings
    assert list(timings) == [
        "read", "locate", "features", "decode", "classify", "wait", "combine", "total",
    ]  # fmt: skip
    assert timings["decode"] == pytest.approx(250)
    assert timings["total"] > timings["decode"]


def test_features_that_take_too_long_are_done_without():
    """A database that wakes slowly costs the place, and not the visitor's patience."""

    class Never(InlineExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return Future()

    scenario = Scenario(WITH_FIX)
    found = replace(scenario.identify, executor=Never(), features_timeout=0.0)(
        IdentifyRequest(b"photo")
    )
    assert found.geo.status is GeoStatus.DEGRADED
    assert found.candidates[0].score == pytest.approx(found.candidates[0].vision_score)
