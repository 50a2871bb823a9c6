"""What the pipeline needs of the world, as protocols that a small fake can satisfy."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from chalicelib.domain import (
    Dataset,
    ExifReading,
    Model,
    ModelInput,
    Pixels,
    PlaceFeatures,
    PresignedUpload,
    Scores,
    VernacularNames,
)

Clock = Callable[[], float]
"""Seconds on a clock that never goes back, as :func:`time.monotonic`."""


class Runtime(NamedTuple):
    """What an environment has of its own.

    ``new_lease_token`` returns a unique token for one lease; ``clock`` is the time of day
    (:func:`time.time`), since cache entries outlive processes; ``sleep`` waits; ``random``
    returns numbers from 0 to 1, 1 excluded.
    """

    new_lease_token: Callable[[], str]
    clock: Clock
    sleep: Callable[[float], None]
    random: Callable[[], float]


class Photo(Protocol):
    """An opened photo: its header is read, its pixels are not yet."""

    @property
    def format(self) -> str:
        """``JPEG``, ``PNG``, ``WEBP`` or ``HEIF``."""

    @property
    def width(self) -> int:
        """Pixels as stored, before the orientation is applied."""

    @property
    def height(self) -> int:
        """Pixels as stored, before the orientation is applied."""

    @property
    def exif(self) -> bytes:
        """The EXIF block as a TIFF stream; empty where there is none."""

    @property
    def is_truncated(self) -> bool:
        """Whether the file broke off. Known once the pixels are decoded."""

    def pixels(self, size: ModelInput, orientation: int) -> Pixels:
        """Decode the part that the model looks at, upright, shape (height, width, 3).

        Raises :class:`~chalicelib.errors.UnreadablePhoto`, or ``PhotoTooLarge`` before it
        decodes what would take too much memory.
        """


class PhotoReader(Protocol):
    """Opens what a visitor sent."""

    def open(self, content: bytes) -> Photo:
        """Raises ``UnsupportedMediaType``, ``PhotoTooLarge`` or ``UnreadablePhoto``."""


class ExifReader(Protocol):
    """Extracts place, date and orientation from an EXIF block."""

    def read(self, exif: bytes) -> ExifReading:
        """Never raises: what cannot be believed is left out, with the reason."""


class FeatureRepository(Protocol):
    """The animals of a place, wherever they are kept.

    Embedded file, database and cache all speak this, so that a cache is but a
    decorator and settings alone decide what stands behind the pipeline.
    """

    def dataset(self) -> Dataset:
        """The dataset in force. Raises ``FeaturesUnavailable``."""

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """The features of a chain of H3 cells, finest first, in ``month``.

        The first cell of the chain names the entry (and its key in a cache).
        ``month`` is 1 to 12, or ``WHOLE_YEAR``. A place that nobody knows gives
        an entry without taxa. Raises ``FeaturesUnavailable``.
        """

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> Mapping[str, float]:
        """How firmly one taxon is expected in each of many cells, where it is at all.

        As :meth:`features` has it for a chain of only that cell. Raises
        ``FeaturesUnavailable``.
        """

    def open_breakers(self) -> tuple[str, ...]:
        """Which servers (``cache``, ``database``) have failed and are not asked just now."""


class SharedCache(Protocol):
    """Bytes under keys that all environments share. Every call may raise ``CacheUnavailable``."""

    @property
    def is_breaker_open(self) -> bool:
        """Whether it has failed and is not asked just now."""

    def get(self, key: str) -> bytes | None:
        """What is there, if anything."""

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for so long."""

    def lease(self, key: str, owner: str, seconds: float) -> bool:
        """Whether ``owner`` now is the only one to hold the key, for so long at most."""

    def release(self, key: str, owner: str) -> None:
        """Give a lease back before its time, if ``owner`` still holds it."""


class NameSource(Protocol):
    """Tells what animals are called in other languages."""

    def in_language(self, tag: str) -> VernacularNames:
        """The names in the language of a BCP 47 tag, or English where there are none."""


class UploadStore(Protocol):
    """Keeps photos that are too large to post, until they have been looked at."""

    def origin(self) -> str:
        """Where photos are posted to: scheme, host and port; "" where there is no such place.

        Raises ``UploadsUnavailable``.
        """

    def presign(self, media_type: str) -> PresignedUpload:
        """Leave to upload one photo. Raises ``UploadsUnavailable`` or ``NotConfigured``."""

    def read(self, key: str) -> bytes:
        """The photo. Raises as ``ticket`` does, ``UnknownUpload`` or ``PhotoTooLarge``."""

    def delete(self, key: str) -> None:
        """It is not needed any more. Never raises: what is left behind ends by itself."""


class Classifier(Protocol):
    """Tells what a photo looks like."""

    @property
    def model(self) -> Model:
        """What this classifier is. Cheap: loads no weights."""

    def load(self) -> None:
        """Load the weights now rather than at the first photo. Raises ``ModelUnavailable``."""

    def classify(self, pixels: Pixels) -> Scores:
        """Calibrated probabilities, shape (classes,), summing to 1.

        Raises ``ModelUnavailable``.
        """
