"""Puts the service together: the one place that names concrete classes.

Built once for each environment (a Lambda execution environment, or the process
of ``chalice local``), when ``app.py`` is imported, so that wrong settings end the
start and not a request. Nothing is opened yet: each adapter opens its file or
connection when it is first used, and keeps it.
"""

import os
import time
import uuid
from dataclasses import dataclass
from typing import Self

from chalicelib.adapters.cache import MemoryCachedFeatures
from chalicelib.adapters.classifier import TfliteClassifier
from chalicelib.adapters.exif import ExifreadExifReader
from chalicelib.adapters.features import EmbeddedFeatures
from chalicelib.adapters.photo import PillowPhotoReader
from chalicelib.fusion import WeightBounds
from chalicelib.identify import Identify
from chalicelib.places import Places
from chalicelib.ports import Classifier, Clock
from chalicelib.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes call."""

    settings: Settings
    identify: Identify
    places: Places
    classifier: Classifier

    @classmethod
    def build(cls, settings: Settings, clock: Clock = time.monotonic) -> Self:
        """Choose and connect the parts as ``settings`` say."""
        classifier = TfliteClassifier(
            settings.model_directory, settings.classifier_threads or os.cpu_count() or 1
        )
        repository = MemoryCachedFeatures(
            EmbeddedFeatures(settings.features_file),
            clock=clock,
            seconds_to_live=settings.memory_cache_seconds,
            maximum_entries=settings.memory_cache_entries,
        )
        places = Places(
            repository,
            WeightBounds(settings.geo_weight_floor, settings.geo_weight_ceiling),
            settings.geo,
        )
        identify = Identify(
            photos=PillowPhotoReader(settings.maximum_photo_bytes, settings.maximum_photo_pixels),
            exif=ExifreadExifReader(),
            places=places,
            classifier=classifier,
            clock=clock,
            new_id=lambda: str(uuid.uuid4()),
        )
        return cls(settings, identify, places, classifier)
