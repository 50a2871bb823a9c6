"""The whole job on one page: photo in, animal out, by its look and its place."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from chalicelib.answer import fusion
from chalicelib.answer.decision import decide
from chalicelib.domain import (
    WHOLE_YEAR,
    Coordinates,
    EventDate,
    ExifReading,
    GeoStatus,
    Identification,
    Location,
    LocationSource,
    PlaceLookup,
)
from chalicelib.errors import LocationRequired
from chalicelib.features import cells
from chalicelib.features.place_service import Places
from chalicelib.ports import Classifier, Clock, ExifReader, PhotoReader, UploadStore

Result = TypeVar("Result")


class IdentifyRequest(NamedTuple):
    """What a caller asks: a photo, and what the caller knows about it.

    ``upload`` is the key of a photo that was uploaded before, in place of ``photo``.
    The caller's word wins over the photo's EXIF. ``use_geo=False`` is for zoos,
    gardens and pets, where the place says nothing about the animal.
    """

    photo: bytes = b""
    coordinates: Coordinates | None = None
    uncertainty: float | None = None
    event_date: EventDate | None = None
    use_geo: bool = True
    upload: str | None = None


@dataclass
class Stopwatch:
    """Milliseconds by stage."""

    clock: Clock
    executor: Executor
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what runs inside the ``with``."""
        start = self.clock()
        yield
        self.timings[stage] = (self.clock() - start) * 1000

    def beside(
        self, stage: str, work: Callable[..., Result], *arguments: Any
    ) -> Callable[[float], Result | None]:
        """Begin ``work`` beside what follows. What comes back waits for its result.

        For so many seconds; ``None`` where it takes longer. The stage then counts no time.
        """
        self.timings[stage] = 0.0

        def timed() -> tuple[Result, float]:
            start = self.clock()
            return work(*arguments), (self.clock() - start) * 1000

        running = self.executor.submit(timed)

        def wait(seconds: float) -> Result | None:
            try:
                result, self.timings[stage] = running.result(seconds)
            except TimeoutError:
                return None
            return result

        return wait


class Identify(NamedTuple):
    """The service, put together from its parts by :mod:`chalicelib.bootstrap`."""

    photos: PhotoReader
    uploads: UploadStore
    exif: ExifReader
    places: Places
    classifier: Classifier
    clock: Clock
    new_id: Callable[[], str]
    beside: Executor
    patience: float
    """Seconds to wait for the features once the model is done."""

    def __call__(self, query: IdentifyRequest) -> Identification:
        """Identify the animal of one photo.

        Raises ``UnsupportedMediaType``, ``PhotoTooLarge``, ``UnreadablePhoto``,
        ``UnknownUpload``, ``UploadsUnavailable``, ``LocationRequired`` or
        ``ModelUnavailable``; an uploaded photo then waits for another try. That the
        place's features cannot be had is no error: the answer says so in ``geo``.
        """
        model = self.classifier.model
        stage = Stopwatch(self.clock, self.beside)
        with stage("total"):
            # 1. Read the image.
            with stage("read"):
                content = self.uploads.read(query.upload) if query.upload else query.photo
                photo = self.photos.open(content)
            # 2. Extract the coordinates.
            with stage("locate"):
                exif = self.exif.read(photo.exif)
                location = locate(query, exif)
                event_date = query.event_date or exif.event_date
            # 3. Obtain the features of that place, while the photo is looked at.
            month = (event_date and event_date.month) or WHOLE_YEAR
            features = stage.beside("features", self._look_up, query, location, month)
            # 4. Obtain the prediction.
            with stage("decode"):
                pixels = photo.pixels(model.input_size, exif.orientation)
            with stage("classify"):
                scores = self.classifier.classify(pixels)
            with stage("wait"):
                geo = features(self.patience) or PlaceLookup(GeoStatus.DEGRADED)
            with stage("combine"):
                candidates, animal_score = fusion.fuse(
                    scores, model, geo, self.places.weight_bounds
                )
                decision = decide(candidates, animal_score, model.thresholds)
        # 5. Return it.
        if query.upload:
            self.uploads.delete(query.upload)
        return Identification(
            prediction_id=self.new_id(),
            model=model,
            format=photo.format,
            width=photo.width,
            height=photo.height,
            is_truncated=photo.is_truncated,
            event_date=event_date,
            location=location,
            geo=geo,
            expected_taxa=self.places.expected_taxa(geo),
            candidates=candidates,
            animal_score=animal_score,
            decision=decision,
            timings=stage.timings,
        )

    def _look_up(self, query: IdentifyRequest, location: Location, month: int) -> PlaceLookup:
        if not query.use_geo:
            return PlaceLookup(GeoStatus.DISABLED)
        return self.places.look_up(location.coordinates, month)


def locate(query: IdentifyRequest, exif: ExifReading) -> Location:
    """Where the photo was taken: the caller's word first, then the photo's own.

    Raises ``LocationRequired`` where neither says and the place is to be used.
    """
    point = query.coordinates or exif.coordinates
    fault = exif.missing_position.fault if exif.missing_position else None
    if point is None:
        if query.use_geo:
            raise LocationRequired(
                exif.missing_position.reason if exif.missing_position else "it has no position"
            )
        return Location(LocationSource.NONE, exif=fault)
    if query.uncertainty is not None:
        point = Coordinates(point.latitude, point.longitude, query.uncertainty)
    return Location(
        source=LocationSource.REQUEST if query.coordinates else LocationSource.EXIF,
        coordinates=point,
        cell=cells.cell_chain(point)[0],
        exif=fault,
    )
