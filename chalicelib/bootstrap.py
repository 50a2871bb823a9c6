"""Put the service together: the only module that names concrete classes.

It is built once for each environment (a Lambda execution environment, or the process of
``chalice local``), when ``app.py`` is imported, so that wrong settings stop the start and not a
request. Only the model is loaded ahead. Each other part opens its file or connection at first use
and keeps it.
"""

import random
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

from msgspec import Struct

from chalicelib.answer.names import CsvNames
from chalicelib.answer.ranking import WeightBounds
from chalicelib.answer.taxon_index import taxon_index
from chalicelib.classifier.looks import Consult, no_specialists
from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.errors import ModelUnavailable
from chalicelib.features.memory_cache import MemoryCachedFeatures
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.features.place_service import Places
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.identify import Identify
from chalicelib.photo.metadata.exif import ExifreadExifReader
from chalicelib.photo.reader import DecodeLimits, PillowPhotoReader
from chalicelib.photo.uploads import NoUploadStore, S3UploadStore
from chalicelib.ports import (
    Background,
    Classifier,
    Clock,
    FeatureRepository,
    NameSource,
    Runtime,
    UploadStore,
)
from chalicelib.runtime.aws import aws_client
from chalicelib.settings import SHIPPED_MODEL, Settings, available_cpus, aws_keys

if TYPE_CHECKING:
    from chalicelib.classifier.specialists import SpecialisedClassifier
    from chalicelib.features.shared_cache import SharedCachedFeatures

LOOKUP_THREADS: Final = 8
"""Threads that look places up: Lambda uses one, ``chalice local`` more."""

SHIPPED_NAMES: Final = SHIPPED_MODEL / "vernacular.csv"


class Services(Struct, frozen=True, eq=False, kw_only=True):
    """The parts that the routes call."""

    settings: Settings
    identify: Identify
    places: Places
    classifier: Classifier
    uploads: UploadStore
    names: NameSource
    specialists: Sequence[Classifier] = ()
    faults: Callable[[], Sequence[str]] = tuple

    @classmethod
    def build(
        cls, settings: Settings, clock: Clock = time.monotonic, runtime: Runtime | None = None
    ) -> Self:
        """Choose and connect the parts by the settings; tests pass a clock and a runtime."""
        general, specialists = tflite_classifiers(settings)
        settings = replace(settings, features_file=features_file(settings, general))
        classifier: Classifier = general
        consult: Consult = no_specialists
        faults: list[Callable[[], Sequence[str]]] = []
        executor = ThreadPoolExecutor(LOOKUP_THREADS, "features")
        runtime = runtime or system_runtime()
        repository = feature_repository(settings, clock, runtime, executor.submit)
        fallback = fallback_repository(settings)
        if specialists:
            # A cold start without specialists does without these modules.
            from chalicelib.classifier.specialists import SpecialisedClassifier  # noqa: PLC0415
            from chalicelib.features.joined import JoinedFeatures  # noqa: PLC0415

            classifier = specialised = SpecialisedClassifier(
                general, specialists, at_start=settings.specialists_at_start
            )
            consult = specialised.consult
            others = specialist_features(specialised, specialists, settings, clock, executor.submit)
            repository = joined = JoinedFeatures(repository, others)
            fallback = fallback and JoinedFeatures(fallback, others)
            faults = [specialised.faults, joined.faults]
        places = Places(repository, settings.geo, fallback)
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
                    hevc_pixels=settings.maximum_hevc_pixels,
                    kept_bytes=settings.maximum_decoding_bytes
                    if settings.looks > 1 or specialists
                    else 0,
                )
            ),
            uploads=uploads,
            exif=ExifreadExifReader(settings.maximum_exif_reads),
            places=places,
            classifier=classifier,
            weight_bounds=WeightBounds(settings.geo_weight_floor, settings.geo_weight_ceiling),
            clock=clock,
            new_id=lambda: str(uuid.uuid4()),
            executor=executor,
            features_timeout=settings.features_timeout_seconds,
            looks=settings.looks,
            consult=consult,
        )
        return cls(
            settings=settings,
            identify=identify,
            places=places,
            classifier=classifier,
            uploads=uploads,
            specialists=specialists,
            faults=lambda: [fault for find in faults for fault in find()],
            names=CsvNames(SHIPPED_NAMES, *optional_files("vernacular", [general, *specialists])),
        )

    def prepare(self) -> None:
        """Load the model before the first photo, while Lambda starts with more CPU than its share.

        A thread would not help: loading holds the interpreter's lock. A model that cannot be
        loaded does not stop the start; ``GET /readyz`` and each prediction report it.
        """
        with suppress(ModelUnavailable):
            self.classifier.load()
            taxon_index(self.classifier.model)


def tflite_classifiers(settings: Settings) -> tuple[TfliteClassifier, list[TfliteClassifier]]:
    """Return the general model, and its specialists."""
    threads = settings.classifier_threads or available_cpus()
    general, *specialists = (
        TfliteClassifier(directory, threads)
        for directory in (settings.model_directory, *settings.specialists)
    )
    return general, specialists


def features_file(settings: Settings, model: TfliteClassifier) -> Path:
    """Return the embedded file: that of a setting, else that of the model, else the shipped one."""
    if settings.features_file == Settings().features_file:
        return next(iter(optional_files("features", [model])), settings.features_file)
    return settings.features_file


def optional_files(
    member: Literal["features", "vernacular"], models: Sequence[TfliteClassifier]
) -> list[Path]:
    """Return the files that models bring; a model that cannot be read brings none."""
    files = []
    for model in models:
        with suppress(ModelUnavailable):
            if (file := model.file_of(member)) is not None and file.exists():
                files.append(file)
    return files


def specialist_features(
    joined: "SpecialisedClassifier",
    specialists: Sequence[TfliteClassifier],
    settings: Settings,
    clock: Clock,
    background: Background,
) -> list[FeatureRepository]:
    """Return the places of specialists that bring a file, under the service's identifiers."""
    from chalicelib.features.renamed import RenamedFeatures  # noqa: PLC0415 - as above

    repositories: list[FeatureRepository] = []
    for specialist in specialists:
        with suppress(ModelUnavailable):
            if (file := specialist.file_of("features")) is None:
                continue
            cached = MemoryCachedFeatures(
                EmbeddedFeatures(file), clock, background, settings.memory_cache_entries
            )
            identifiers = partial(joined.identifiers, specialist)
            repositories.append(RenamedFeatures(cached, identifiers))
    return repositories


def feature_repository(
    settings: Settings, clock: Clock, runtime: Runtime, background: Background
) -> FeatureRepository:
    """Return the stack of repositories: memory, then the shared cache, then the store."""
    store = _store(settings, clock)
    if settings.redis_url:
        store = shared_features(settings, store, clock, runtime, background)
    return MemoryCachedFeatures(store, clock, background, settings.memory_cache_entries)


def fallback_repository(settings: Settings) -> FeatureRepository | None:
    """Return the embedded file, to answer while a database cannot, unless a setting forbids it."""
    if settings.mysql_url and settings.embedded_fallback:
        return EmbeddedFeatures(settings.features_file)
    return None


def _store(settings: Settings, clock: Clock) -> FeatureRepository:
    """Return MySQL if a setting names it, else the embedded file."""
    if not settings.mysql_url:
        return EmbeddedFeatures(settings.features_file)
    return mysql_features(settings, settings.mysql_url, clock)


def mysql_features(settings: Settings, server: MysqlConnection, clock: Clock) -> FeatureRepository:
    """Return the database that ``server`` names, with the account of the settings."""
    # A cold start without a database does without these modules.
    from chalicelib.features import mysql, mysql_session  # noqa: PLC0415

    options = mysql_session.MysqlOptions(
        timeout=settings.mysql_timeout_seconds,
        certificate_authorities=_text(settings.mysql_certificate_authorities),
    )
    return mysql.MysqlFeatures(mysql_account(settings, server, clock), options, clock)


def mysql_account(
    settings: Settings, server: MysqlConnection, clock: Clock
) -> Callable[[], MysqlConnection]:
    """Return what provides user and password: Secrets Manager, IAM, or the URL itself."""
    from chalicelib.features import credentials  # noqa: PLC0415 - as above

    if settings.mysql_secret:
        return credentials.from_secret(server, settings.mysql_secret, aws_client, clock)
    if settings.mysql_iam and (keys := aws_keys()):
        return credentials.from_iam(server, keys, clock)
    if settings.mysql_iam:
        return credentials.from_iam_by_boto3(server, aws_client, clock)
    return lambda: server


def shared_features(
    settings: Settings,
    store: FeatureRepository,
    clock: Clock,
    runtime: Runtime,
    background: Background,
) -> "SharedCachedFeatures":
    """Return the store behind the cache that ``settings.redis_url`` names."""
    # A cold start without a shared cache does without these modules.
    from chalicelib.features import cache_aside, redis_cache, shared_cache  # noqa: PLC0415

    options = redis_cache.RedisOptions(
        settings.redis_url or "",
        is_cluster=settings.redis_cluster,
        timeout=settings.redis_timeout_seconds,
        connect_timeout=settings.redis_connect_timeout_seconds,
        certificate_authorities=_text(settings.redis_certificate_authorities),
    )
    policy = cache_aside.CachePolicy(
        kept=settings.cache_kept_seconds, dataset_check=settings.dataset_check_seconds
    )
    cache = redis_cache.RedisCache(options, clock)
    aside = cache_aside.CacheAside(cache, policy, runtime, background)
    return shared_cache.SharedCachedFeatures(store, aside)


def system_runtime() -> Runtime:
    """Return the system's time and randomness.

    Lambda may restore several environments from one snapshot. They would share the state of
    Python's own generator, so the randomness comes from the operating system.
    """
    # The generator is made when it is needed: only then is the module loaded (``lazy_imports``).
    return Runtime(
        lambda: uuid.uuid4().hex, time.time, time.sleep, lambda: random.SystemRandom().random()
    )


def _text(path: object | None) -> str | None:
    return None if path is None else str(path)
