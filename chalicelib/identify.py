"""The whole job on one page: photo in, animal out, by its look and its place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chalicelib import cells, fusion
from chalicelib.decision import decide
from chalicelib.domain import (
    WHOLE_YEAR,
    Coordinates,
    EventDate,
    ExifReading,
    Geo,
    GeoStatus,
    Identification,
    Location,
    LocationSource,
)
from chalicelib.errors import LocationRequired
from chalicelib.places import Places
from chalicelib.ports import Classifier, Clock, ExifReader, PhotoReader


@dataclass(frozen=True, slots=True)
class Query:
    """What a caller asks: a photo, and what the caller knows about it.

    The caller's word wins over the photo's EXIF. ``use_geo=False`` is for zoos,
    gardens and pets, where the place says nothing about the animal.
    """

    photo: bytes
    coordinates: Coordinates | None = None
    uncertainty: float | None = None
    event_date: EventDate | None = None
    use_geo: bool = True


@dataclass
class Stopwatch:
    """Milliseconds by stage."""

    clock: Clock
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what runs inside the ``with``."""
        start = self.clock()
        yield
        self.timings[stage] = (self.clock() - start) * 1000


@dataclass(frozen=True, slots=True)
class Identify:
    """The service, put together from its parts by :mod:`chalicelib.bootstrap`."""

    photos: PhotoReader
    exif: ExifReader
    places: Places
    classifier: Classifier
    clock: Clock
    new_id: Callable[[], str]

    def __call__(self, query: Query) -> Identification:
        """Identify the animal of one photo.

        Raises ``UnsupportedMediaType``, ``PhotoTooLarge``, ``UnreadablePhoto``,
        ``LocationRequired`` or ``ModelUnavailable``. That the place's features
        cannot be had is no error: the answer says so in ``geo``.
        """
        model = self.classifier.model
        stage = Stopwatch(self.clock)
        with stage("total"):
            # 1. Read the image.
            with stage("read"):
                photo = self.photos.open(query.photo)
            # 2. Extract the coordinates.
            with stage("locate"):
                exif = self.exif.read(photo.exif)
                location = locate(query, exif)
                event_date = query.event_date or exif.event_date
            # 3. Obtain the features of that place.
            with stage("features"):
                month = (event_date and event_date.month) or WHOLE_YEAR
                geo = (
                    self.places.geo(location.coordinates, month)
                    if query.use_geo
                    else Geo(GeoStatus.DISABLED)
                )
            # 4. Obtain the prediction.
            with stage("decode"):
                pixels = photo.pixels(model.input_size, exif.orientation)
            with stage("classify"):
                scores = self.classifier.classify(pixels)
            with stage("combine"):
                candidates, animal_score = fusion.fuse(
                    scores, model, geo, self.places.weight_bounds
                )
                decision = decide(candidates, animal_score, model.thresholds)
        # 5. Return it.
        return Identification(
            prediction_id=self.new_id(),
            model=model,
            format=photo.format,
            width=photo.width,
            height=photo.height,
            event_date=event_date,
            location=location,
            geo=geo,
            expected_taxa=self.places.expected_taxa(geo),
            candidates=candidates,
            animal_score=animal_score,
            decision=decision,
            timings=stage.timings,
        )


def locate(query: Query, exif: ExifReading) -> Location:
    """Where the photo was taken: the caller's word first, then the photo's own.

    Raises ``LocationRequired`` where neither says and the place is to be used.
    """
    point = query.coordinates or exif.coordinates
    if point is None:
        if query.use_geo:
            raise LocationRequired(exif.no_fix or "it carries no position")
        return Location(LocationSource.NONE, exif=exif.no_fix)
    if query.uncertainty is not None:
        point = Coordinates(point.latitude, point.longitude, query.uncertainty)
    return Location(
        source=LocationSource.REQUEST if query.coordinates else LocationSource.EXIF,
        coordinates=point,
        cell=cells.chain(point)[0],
        exif=exif.no_fix,
    )
