"""Puts the service together: the one place that names concrete classes.

Built once for each environment (a Lambda execution environment, or the process
of ``chalice local``), when ``app.py`` is imported, so that wrong settings end the
start and not a request. Nothing is opened yet: each adapter opens its file or
connection when it is first used, and keeps it; only the model is loaded ahead.
"""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, NamedTuple, Self

from chalicelib.answer.fusion import WeightBounds
from chalicelib.answer.names import CsvNames
from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.errors import ModelUnavailable
from chalicelib.features.memory_cache import MemoryCachedFeatures
from chalicelib.features.place_service import Places
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.identify import Identify
from chalicelib.photo.exif import ExifreadExifReader
from chalicelib.photo.reader import DecodeLimits, PillowPhotoReader
from chalicelib.photo.uploads import NoUploadStore, S3UploadStore
from chalicelib.ports import Classifier, Clock, FeatureRepository, NameSource, Runtime, UploadStore
from chalicelib.runtime.aws import aws_client
from chalicelib.settings import DATA, Settings, available_cpus

LOOKUP_THREADS: Final = 8
"""Lookups beside predictions: one is used on Lambda, more under ``chalice local``."""

NAMES_FILE: Final = DATA / "vernacular.csv"


class Services(NamedTuple):
    """What the routes call."""

    settings: Settings
    identify: Identify
    places: Places
    classifier: Classifier
    uploads: UploadStore
    names: NameSource

    @classmethod
    def build(
        cls, settings: Settings, clock: Clock = time.monotonic, process: Runtime | None = None
    ) -> Self:
        """Choose and connect the parts as ``settings`` say."""
        classifier = TfliteClassifier(
            settings.model_directory, settings.classifier_threads or available_cpus()
        )
        repository = MemoryCachedFeatures(
            feature_repository(settings, clock, process),
            clock=clock,
            seconds_to_live=settings.memory_cache_seconds,
            seconds_kept=settings.cache_kept_seconds,
            maximum_entries=settings.memory_cache_entries,
        )
        places = Places(
            repository,
            WeightBounds(settings.geo_weight_floor, settings.geo_weight_ceiling),
            settings.geo,
        )
        uploads: UploadStore = NoUploadStore()
        if settings.uploads_bucket:
            uploads = S3UploadStore(
                settings.uploads_bucket, settings.maximum_upload_bytes, aws_client
            )
        identify = Identify(
            photos=PillowPhotoReader(
                DecodeLimits(
                    bytes=max(settings.maximum_photo_bytes, settings.maximum_upload_bytes),
                    pixels=settings.maximum_photo_pixels,
                    decoding_bytes=settings.maximum_decoding_bytes,
                    jpeg_scans=settings.maximum_jpeg_scans,
                    segments=settings.maximum_photo_segments,
                    jpeg_share=settings.minimum_jpeg_share,
                )
            ),
            uploads=uploads,
            exif=ExifreadExifReader(settings.maximum_exif_reads),
            places=places,
            classifier=classifier,
            clock=clock,
            new_id=lambda: str(uuid.uuid4()),
            beside=ThreadPoolExecutor(LOOKUP_THREADS, "features"),
            patience=settings.features_timeout_seconds,
        )
        return cls(settings, identify, places, classifier, uploads, CsvNames(NAMES_FILE))

    def prepare(self) -> None:
        """Load the model before the first photo comes: Lambda starts with more than its share.

        No thread: what takes long in it holds the interpreter's lock. A model that cannot be
        loaded is no reason to end here; ``GET /readyz`` and each prediction will say so.
        """
        with suppress(ModelUnavailable):
            self.classifier.load()


def feature_repository(
    settings: Settings, clock: Clock, process: Runtime | None
) -> FeatureRepository:
    """The database or the embedded store, behind the shared cache if there is one."""
    if settings.mysql_url:
        from chalicelib import production  # noqa: PLC0415 - see there

        repository: FeatureRepository = production.database(settings, clock)
    else:
        repository = EmbeddedFeatures(settings.features_file)
    if settings.redis_url:
        from chalicelib import production  # noqa: PLC0415

        repository = production.shared_cache(repository, settings, clock, process)
    return repository
