"""Identify the animal in a photo: read, locate, look up the place, classify, combine."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from msgspec import Struct, field

from chalicelib.answer.decision import decide
from chalicelib.answer.ranking import WeightBounds, covers_any, fuse, relevant
from chalicelib.classifier.looks import Consult, look, no_specialists
from chalicelib.domain import (
    WHOLE_YEAR,
    Coordinates,
    EventDate,
    ExifReading,
    Identification,
    Location,
    LocationSource,
)
from chalicelib.errors import (
    FeaturesUnavailable,
    LocationRequired,
    PhotoTooLarge,
    UnreadablePhoto,
    UnsupportedMediaType,
)
from chalicelib.features.cells import cell_chain
from chalicelib.features.place_service import Places
from chalicelib.ports import Classifier, Clock, ExifReader, PhotoReader, UploadStore

Result = TypeVar("Result")


class IdentifyRequest(Struct, frozen=True):
    """A photo, and what the caller knows about it.

    ``upload`` is the key of a photo that was uploaded before, in place of ``photo``. The
    caller's values win over the photo's EXIF. ``use_geo=False`` is for zoos, gardens and pets,
    where the place says nothing about the animal. ``uncertainty`` is in metres.
    """

    photo: bytes = b""
    coordinates: Coordinates | None = None
    uncertainty: float | None = None
    event_date: EventDate | None = None
    use_geo: bool = True
    upload: str | None = None


class Identify(Struct, frozen=True, eq=False, kw_only=True):
    """The five steps, put together from their parts by :mod:`chalicelib.bootstrap`.

    ``features_timeout`` is in seconds: how long to wait for the features of the place once the
    classifier has finished. ``looks`` is the most looks at one photo. ``consult`` asks specialists.
    """

    photos: PhotoReader
    uploads: UploadStore
    exif: ExifReader
    places: Places
    classifier: Classifier
    weight_bounds: WeightBounds
    clock: Clock
    new_id: Callable[[], str]
    executor: Executor
    features_timeout: float
    looks: int = 1
    consult: Consult = no_specialists

    def __call__(self, request: IdentifyRequest) -> Identification:
        """Identify the animal in one photo.

        If the features of the place are out of reach, that is not an error: the answer says so
        in ``geo``. An uploaded photo is deleted once it is refused, or before it is decoded. It
        stays after ``LocationRequired`` and ``Unavailable``, so that the client can ask again.

        Raises:
            UnsupportedMediaType, PhotoTooLarge, UnreadablePhoto: the photo cannot be used.
            UnknownUpload, UploadsUnavailable: there is no such upload, or no access to it.
            LocationRequired: neither the photo nor the request says where it was taken.
            ModelUnavailable: the model cannot be loaded.
        """
        model = self.classifier.model
        stage = Stopwatch(self.clock, self.executor)
        with stage("total"):
            # 1. Read the image.
            with stage("read"), self._deleting_refused(request.upload):
                content = self.uploads.read(request.upload) if request.upload else request.photo
                photo = self.photos.open(content)
            # 2. Extract the coordinates.
            with stage("locate"):
                exif = self.exif.read(photo.exif, photo.xmp, photo.later_exif)
                location = locate(request, exif, self._place_can_help)
                event_date = request.event_date or exif.event_date
            # 3. Obtain the features of that place, in a thread beside step 4.
            point = location.coordinates if request.use_geo else None
            month = (event_date and event_date.month) or WHOLE_YEAR
            pending_place = stage.submit("features", self.places.look_up, point, month)
            # 4. Obtain the prediction. Nothing but the photo itself can fail from here on. If it
            # ends this environment, it must not be there to be asked for again.
            if request.upload:
                self.classifier.load()
                self.uploads.delete(request.upload)
            seen = look(self.classifier, photo, exif.orientation, self.looks, stage)
            seen = self.consult(seen, photo, exif.orientation, stage)
            with stage("wait"):
                place = stage.result("features", pending_place, self.features_timeout)
                place = relevant(place or self.places.look_up_fallback(point, month), model)
            # 5. Combine both, and return the answer.
            with stage("combine"):
                candidates, animal_score = fuse(
                    seen.scores, model, place, self.weight_bounds, seen.spread
                )
                decision = decide(candidates, animal_score, model.thresholds)
        return Identification(
            prediction_id=self.new_id(),
            model=model,
            format=photo.format,
            width=photo.width,
            height=photo.height,
            is_truncated=photo.is_truncated,
            event_date=event_date,
            location=location,
            geo=place,
            candidates=candidates.shown,
            expected_taxa=candidates.count_expected(),
            animal_score=animal_score,
            decision=decision,
            crop=seen.crop,
            looks=seen.looks,
            consulted=seen.consulted,
            timings=stage.timings,
            open_breakers=self.places.open_breakers(),
        )

    def _place_can_help(self) -> bool:
        """Return whether a place would change anything; while that is unknown, it may."""
        if not self.places.is_enabled:
            return False
        try:
            return covers_any(self.classifier.model, self.places.dataset())
        except FeaturesUnavailable:
            return True

    @contextmanager
    def _deleting_refused(self, upload: str | None) -> Iterator[None]:
        """Delete an uploaded photo that the body of the ``with`` statement refuses."""
        try:
            yield
        except (UnsupportedMediaType, PhotoTooLarge, UnreadablePhoto):
            if upload:
                self.uploads.delete(upload)
            raise


def locate(
    request: IdentifyRequest, exif: ExifReading, can_help: Callable[[], bool] = lambda: True
) -> Location:
    """Return where the photo was taken: the request's coordinates, else those of the EXIF.

    Raises ``LocationRequired`` if there are none, the place is to be used, and it can help.
    """
    point = request.coordinates or exif.coordinates
    missing = exif.missing_position
    if point is None:
        if request.use_geo and can_help():
            raise LocationRequired(missing.reason if missing else "it has no position")
        return Location(LocationSource.NONE, exif=missing.fault if missing else None)
    if request.uncertainty is not None:
        point = Coordinates(point.latitude, point.longitude, request.uncertainty)
    return Location(
        source=LocationSource.REQUEST if request.coordinates else LocationSource.EXIF,
        coordinates=point,
        cell=cell_chain(point)[0],
        exif=missing.fault if missing else None,
    )


class Stopwatch(Struct):
    """Measure the stages of one identification, in milliseconds."""

    clock: Clock
    executor: Executor
    timings: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time the body of the ``with`` statement. A stage that comes again takes longer."""
        start = self.clock()
        yield
        self.timings[stage] = self.timings.get(stage, 0.0) + (self.clock() - start) * 1000

    def submit(
        self, stage: str, work: Callable[..., Result], *arguments: Any
    ) -> Future[tuple[Result, float]]:
        """Start ``work`` in the executor; :meth:`result` waits for it."""
        self.timings[stage] = 0.0

        def timed() -> tuple[Result, float]:
            start = self.clock()
            return work(*arguments), (self.clock() - start) * 1000

        return self.executor.submit(timed)

    def result(
        self, stage: str, future: Future[tuple[Result, float]], seconds: float
    ) -> Result | None:
        """Return the result of ``future``; after ``seconds`` give up and return ``None``.

        A stage that was given up counts no time. If it still waits for a thread, it never starts:
        other requests need the threads.
        """
        try:
            result, self.timings[stage] = future.result(seconds)
        except TimeoutError:
            future.cancel()
            return None
        return result
