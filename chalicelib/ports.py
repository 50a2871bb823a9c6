"""The needs of the pipeline, as protocols that a small fake can satisfy."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from chalicelib.domain import (
    Dataset,
    ExifReading,
    Model,
    ModelInput,
    Part,
    Pixels,
    PlaceFeatures,
    PresignedUpload,
    Scores,
    TaxonPresences,
    VernacularNames,
    View,
)

Clock = Callable[[], float]
"""Seconds on a clock that never goes back, as :func:`time.monotonic`."""

Chain = Sequence[str]
"""The H3 cells of one place, finest first."""

Background = Callable[[Callable[[], None]], object]
"""Runs work in a thread of its own, which no request waits for.

Lambda freezes an environment between requests, and its threads with it. So the work may end
during a later request, or never.
"""


class Runtime(NamedTuple):
    """Time, sleep and chance, passed in so that no test waits.

    ``new_lease_token`` returns a unique token for one lease; ``clock`` is the time of day
    (:func:`time.time`), since cache entries outlive processes; ``sleep`` waits for some seconds;
    ``random`` returns numbers from 0 to 1, 1 excluded.
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
        """The EXIF block as a TIFF stream; empty if there is none."""

    @property
    def xmp(self) -> bytes:
        """The XMP packet; empty if there is none."""

    @property
    def later_exif(self) -> tuple[bytes, ...]:
        """More EXIF blocks; some editors write a second one into a JPEG."""

    @property
    def is_truncated(self) -> bool:
        """Whether the file broke off. Known once the pixels are decoded."""

    def pixels(self, size: ModelInput, orientation: int) -> Pixels:
        """Decode the part that the model sees first, upright, shape (height, width, 3).

        Raises ``UnreadablePhoto``, or ``PhotoTooLarge`` before it decodes what would take too
        much memory.
        """

    def pixels_again(self, size: ModelInput, orientation: int) -> Pixels:
        """Return the part that another model sees first, from what is decoded.

        Call it after :meth:`pixels`: it decodes nothing. Raises ``UnreadablePhoto``.
        """

    def view(self, size: ModelInput, orientation: int, view: View) -> tuple[Pixels, Part] | None:
        """Return another part of the decoded photo, upright, and where it is.

        Call it after :meth:`pixels`: it decodes nothing. It returns ``None`` if there are no other
        pixels.
        """


class PhotoReader(Protocol):
    """Opens photos."""

    def open(self, content: bytes) -> Photo:
        """Open a photo. Raises ``UnsupportedMediaType``, ``PhotoTooLarge``, ``UnreadablePhoto``."""


class ExifReader(Protocol):
    """Extracts place, date and orientation from EXIF and XMP."""

    def read(
        self, exif: bytes, xmp: bytes = b"", later_exif: tuple[bytes, ...] = ()
    ) -> ExifReading:
        """Read TIFF streams and an XMP packet.

        Never raises: it leaves out what is implausible, with the reason.
        """


class FeatureRepository(Protocol):
    """The animals of places.

    The embedded file, the database and both caches implement it. A cache is a decorator, and the
    settings alone decide what stands behind the pipeline.
    """

    def dataset(self) -> Dataset:
        """Return the dataset in force. Raises ``FeaturesUnavailable``."""

    def features(self, chains: Sequence[Chain], month: int) -> Sequence[PlaceFeatures]:
        """Return the features of several places, in one read.

        A place is a chain of H3 cells, finest first. The first cell names the entry, also in a
        cache. ``month`` is 1 to 12, or ``WHOLE_YEAR``. An unknown place gives an entry without
        taxa. Raises ``FeaturesUnavailable``.
        """

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        """Return the presence of one taxon in each of many cells, where it has one.

        It is the presence that :meth:`features` gives for a chain of only that cell. Raises
        ``FeaturesUnavailable``.
        """

    def open_breakers(self) -> tuple[str, ...]:
        """Return the servers whose circuit breaker is open.

        ``cache`` and ``database``; ``cacheWrites`` if the cache can be read but not written.
        """


class Leased(NamedTuple):
    """The result of asking for a lease: whether it is held now, and what is under the key."""

    is_held: bool
    value: bytes | None


class SharedCache(Protocol):
    """Bytes under keys that all environments share.

    Each call takes one round trip, whatever the number of keys. Every call may raise
    ``CacheUnavailable``. What writes raises ``CacheReadOnly``, which is one of those, if
    the server answers but refuses to write.
    """

    @property
    def is_breaker_open(self) -> bool:
        """Whether the circuit breaker is open: calls fail at once."""

    @property
    def is_read_only(self) -> bool:
        """Whether the circuit breaker of writes is open: they fail at once, reads go on."""

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the value of each key, or ``None`` if it has none."""

    def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[Leased]:
        """Ask for a lease on each key, and return what the key holds after that.

        A lease is held by one ``token`` at a time. It expires after ``seconds``.
        """

    def put(self, values: Mapping[str, bytes], seconds: float, token: str | None = None) -> None:
        """Store values for some seconds, and end the leases on their keys that ``token`` holds."""

    def replace(
        self, key: str, known: bytes | None, value: bytes, seconds: float, token: str | None = None
    ) -> None:
        """Store a value as ``put`` does, but only if the key still holds ``known``."""

    def release(self, keys: Sequence[str], token: str) -> None:
        """End the leases that ``token`` still holds."""


class NameSource(Protocol):
    """The names of animals in other languages."""

    def in_language(self, tag: str) -> VernacularNames:
        """Return the names in the language of a BCP 47 tag, or English if there are none."""


class UploadStore(Protocol):
    """Keeps photos that are too large to post, until they are identified."""

    def origin(self) -> str:
        """Return the origin that photos are posted to: scheme, host, port; "" if there is none.

        Raises ``UploadsUnavailable``.
        """

    def presign(self, media_type: str) -> PresignedUpload:
        """Create a presigned upload for one photo.

        Raises ``UploadsUnavailable`` or ``NotConfigured``.
        """

    def read(self, key: str) -> bytes:
        """Return the photo.

        Raises ``UploadsUnavailable``, ``NotConfigured``, ``UnknownUpload`` or
        ``PhotoTooLarge``.
        """

    def delete(self, key: str) -> None:
        """Delete the photo. Never raises: the bucket expires whatever remains."""


class Classifier(Protocol):
    """The model that classifies pictures."""

    @property
    def model(self) -> Model:
        """The description of the model. Cheap: it loads no weights."""

    def load(self) -> None:
        """Load the weights now rather than at the first photo. Raises ``ModelUnavailable``."""

    def try_out(self) -> None:
        """Run the model once, on a grey picture. Raises ``ModelUnavailable``.

        A description may fit the file and still be wrong: logits taken for probabilities.
        """

    def classify(self, pixels: Pixels) -> Scores:
        """Return calibrated probabilities, shape (classes,), summing to 1.

        Raises ``ModelUnavailable``.
        """
