from concurrent.futures import Future

import pytest
from msgspec.structs import replace

from chalicelib.answer.ranking import WeightBounds
from chalicelib.domain import (
    Coordinates,
    EventDate,
    ExifReading,
    GeoStatus,
    LocationSource,
    LookRule,
    Part,
    View,
)
from chalicelib.errors import LocationRequired, ModelUnavailable
from chalicelib.features.place_service import Places
from chalicelib.identify import Identify, IdentifyRequest
from tests.fakes import (
    DOG,
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
WITH_POSITION = ExifReading(
    Coordinates(-17.0, -56.0, 8.0), event_date=EventDate("2024-08-19", 8), orientation=6
)


class Scenario:
    """The pipeline with a fake behind each port."""

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


def test_the_position_in_the_exif_is_used():
    """A photo whose EXIF holds a position is identified with that place."""
    scenario = Scenario(WITH_POSITION)
    answer = scenario.identify(IdentifyRequest(b"photo"))
    assert answer.location.source is LocationSource.EXIF
    assert answer.location.coordinates == WITH_POSITION.coordinates
    assert answer.geo.status is GeoStatus.APPLIED
    assert answer.candidates[0].taxon == JAGUAR


def test_coordinates_in_the_request_win_over_the_exif():
    """Coordinates in the request take precedence over the position in the EXIF."""
    answer = Scenario(WITH_POSITION).identify(IdentifyRequest(b"photo", coordinates=PANTANAL))
    assert answer.location.source is LocationSource.REQUEST
    assert answer.location.coordinates == PANTANAL


def test_an_uncertainty_in_the_request_applies_to_the_exif_position():
    """An uncertainty without coordinates replaces the uncertainty of the EXIF position."""
    answer = Scenario(WITH_POSITION).identify(IdentifyRequest(b"photo", uncertainty=20_000.0))
    assert answer.location.source is LocationSource.EXIF
    assert answer.location.coordinates == Coordinates(-17.0, -56.0, 20_000.0)


def test_a_missing_position_raises_location_required():
    """The error names both coordinates and says why the EXIF gives no position."""
    with pytest.raises(LocationRequired, match="it has no EXIF") as caught:
        Scenario().identify(IdentifyRequest(b"photo"))
    assert [error.field for error in caught.value.errors] == ["decimalLatitude", "decimalLongitude"]


def test_geo_off_makes_no_lookup():
    """A request with geo off needs no position and makes no lookup."""
    scenario = Scenario()
    answer = scenario.identify(IdentifyRequest(b"photo", use_geo=False))
    assert answer.geo.status is GeoStatus.DISABLED
    assert answer.location.source is LocationSource.NONE
    assert scenario.features.lookups == []


def test_the_operator_can_switch_places_off():
    """If the operator disables places, a request does not enable them."""
    answer = Scenario(WITH_POSITION, enabled=False).identify(IdentifyRequest(b"photo"))
    assert answer.geo.status is GeoStatus.DISABLED


def test_without_the_database_the_answer_is_degraded():
    """If the database is down, the client gets vision scores and the status degraded."""
    scenario = Scenario(WITH_POSITION)
    scenario.features.is_down = True
    answer = scenario.identify(IdentifyRequest(b"photo"))
    assert answer.geo.status is GeoStatus.DEGRADED
    assert answer.candidates[0].score == pytest.approx(answer.candidates[0].vision_score)


def test_a_lookup_that_is_given_up_is_not_started_later():
    """It would keep a thread from the lookups of other requests."""

    class BusyExecutor(InlineExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return waiting

    waiting: Future[object] = Future()
    scenario = Scenario(WITH_POSITION)
    identify = replace(scenario.identify, executor=BusyExecutor(), features_timeout=0.0)
    assert identify(IdentifyRequest(b"photo")).geo.status is GeoStatus.DEGRADED
    assert waiting.cancelled()


def test_a_place_without_data_has_the_status_no_data():
    """At a place without data, such as the open ocean, no animal is called unexpected."""
    scenario = Scenario(WITH_POSITION)
    scenario.features.entry = place()
    answer = scenario.identify(IdentifyRequest(b"photo"))
    assert answer.geo.status is GeoStatus.NO_DATA
    assert answer.expected_taxa == 0
    assert {candidate.expected_here for candidate in answer.candidates} == {None}


def test_a_broken_model_raises_model_unavailable():
    """If the model cannot be loaded, the client gets an error and no answer."""
    scenario = Scenario(WITH_POSITION)
    scenario.classifier.is_broken = True
    with pytest.raises(ModelUnavailable):
        scenario.identify(IdentifyRequest(b"photo"))


def test_features_are_looked_up_for_the_month_of_the_photo():
    """The date in the request wins over the camera's; without a month it means the whole year."""
    for request, month in (
        (IdentifyRequest(b"photo"), 8),
        (IdentifyRequest(b"photo", event_date=EventDate("2024-01", 1)), 1),
        (IdentifyRequest(b"photo", event_date=EventDate("2024")), 0),
    ):
        scenario = Scenario(WITH_POSITION)
        scenario.identify(request)
        assert [requested_month for _, requested_month in scenario.features.lookups] == [month]


def test_an_uploaded_photo_is_read_by_its_key_and_then_deleted():
    """The store deletes an uploaded photo once it has been identified."""
    scenario = Scenario(WITH_POSITION)
    scenario.identify(IdentifyRequest(upload="key"))
    assert scenario.photos.opened == [b"large photo"]
    assert scenario.uploads.photos == {}


def test_an_uploaded_photo_is_kept_if_the_location_is_missing():
    """If the location is missing, a second request can identify the same upload."""
    scenario = Scenario()
    with pytest.raises(LocationRequired):
        scenario.identify(IdentifyRequest(upload="key"))
    scenario.identify(IdentifyRequest(upload="key", coordinates=PANTANAL))
    assert scenario.uploads.photos == {}


def test_the_orientation_of_the_exif_reaches_the_model():
    """The pixels that the model gets are decoded with the orientation of the EXIF."""
    scenario = Scenario(WITH_POSITION)
    scenario.identify(IdentifyRequest(b"photo"))
    assert scenario.classifier.pixels[0][0, 0, 0] == 6


def test_every_stage_is_timed_in_milliseconds():
    """Every stage has a timing; each reading of the fake clock adds 250 ms."""
    timings = Scenario(WITH_POSITION).identify(IdentifyRequest(b"photo")).timings
    assert list(timings) == [
        "read", "locate", "features", "decode", "classify", "wait", "combine", "total",
    ]  # fmt: skip
    assert timings["decode"] == pytest.approx(250)
    assert timings["total"] > timings["decode"]


def test_a_lookup_that_exceeds_its_timeout_is_left_out():
    """If the lookup exceeds its timeout, the client gets vision scores and the status degraded."""

    class Never(InlineExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return Future()

    scenario = Scenario(WITH_POSITION)
    answer = replace(scenario.identify, executor=Never(), features_timeout=0.0)(
        IdentifyRequest(b"photo")
    )
    assert answer.geo.status is GeoStatus.DEGRADED
    assert answer.candidates[0].score == pytest.approx(answer.candidates[0].vision_score)


def test_a_second_look_is_part_of_the_answer_and_of_the_stages():
    """The answer has the part, the number of looks, and the time of all looks."""
    scenario = Scenario(WITH_POSITION)
    rule = LookRule(unsure=2, sure=0, surer=0, temperature=1, views=(View(0.6, 0, 0),))
    scenario.classifier.model = replace(scenario.classifier.model, look_rule=rule)
    once = scenario.identify(IdentifyRequest(b"photo"))
    twice = replace(scenario.identify, looks=2)(IdentifyRequest(b"photo"))
    assert (once.crop, once.looks) == (None, 1)
    assert (twice.crop, twice.looks) == (Part(0.1, 0.2, 0.3, 0.4), 2)
    for stage in ("decode", "classify"):
        assert twice.timings[stage] == 2 * once.timings[stage]


def without_coverage() -> Scenario:
    """The pipeline with a model of which the dataset knows no animal."""
    scenario = Scenario()
    taxa = (replace(JAGUAR, taxon_id="elsewhere"), DOG, None)
    scenario.classifier.model = replace(scenario.classifier.model, taxa=taxa)
    scenario.classifier.scores = (0.5, 0.4, 0.1)
    return scenario


def test_a_dataset_without_an_animal_of_the_model_is_no_data():
    """The answer must not say that the place was taken into account."""
    answer = without_coverage().identify(IdentifyRequest(b"photo", coordinates=PANTANAL))
    assert answer.geo.status is GeoStatus.NO_DATA
    assert answer.expected_taxa == 0
    assert {candidate.geo_weight for candidate in answer.candidates} == {1.0}
    assert {candidate.expected_here for candidate in answer.candidates} == {None}


def test_no_place_is_asked_for_that_cannot_help():
    """A visitor would look it up for nothing."""
    answer = without_coverage().identify(IdentifyRequest(b"photo"))
    assert answer.location.source is LocationSource.NONE
    assert answer.geo.status is GeoStatus.DISABLED


def test_a_place_is_asked_for_while_it_is_unknown_whether_it_helps():
    """The database may be back when the visitor has found it."""
    scenario = without_coverage()
    scenario.features.is_down = True
    with pytest.raises(LocationRequired):
        scenario.identify(IdentifyRequest(b"photo"))


def test_no_place_is_asked_for_if_the_operator_disables_places():
    """It would be ignored."""
    answer = Scenario(enabled=False).identify(IdentifyRequest(b"photo"))
    assert answer.geo.status is GeoStatus.DISABLED


def test_specialists_are_part_of_the_answer():
    """What they return counts, and the answer says who looked."""
    scenario = Scenario(WITH_POSITION)
    birds = replace(scenario.classifier.model, name="birds")
    asked = []

    def consult(seen, photo, orientation, stage):
        asked.append((photo, orientation))
        with stage("classify"):
            return replace(seen, scores=seen.scores[::-1].copy(), consulted=(birds,))

    identify = replace(scenario.identify, consult=consult)
    answer = identify(IdentifyRequest(b"photo"))
    assert asked == [(scenario.photos.photo, 6)]
    assert answer.consulted == (birds,)
    assert answer.animal_score == pytest.approx(0.7)


def test_the_answer_shows_scores_that_are_calibrated_for_the_photo():
    """The scores that decide have one temperature for all photos; those it shows do not."""
    scenario = Scenario(enabled=False)
    plain = scenario.identify(IdentifyRequest(b"photo", coordinates=PANTANAL, use_geo=False))
    scenario.classifier.model = replace(scenario.classifier.model, of_spread=0.5)
    shown = scenario.identify(IdentifyRequest(b"photo", coordinates=PANTANAL, use_geo=False))
    assert shown.candidates[0].taxon == plain.candidates[0].taxon
    assert shown.candidates[0].score > plain.candidates[0].score
