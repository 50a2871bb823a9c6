"""Hand-written fakes of the ports, so that no test patches anything."""

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import numpy as np

from chalicelib.domain import (
    WHOLE_YEAR,
    Dataset,
    ExifFault,
    ExifReading,
    FeatureSource,
    Geography,
    MissingPosition,
    Model,
    ModelInput,
    Part,
    Pixels,
    PlaceFeatures,
    PresignedUpload,
    Scores,
    Status,
    Taxon,
    TaxonFeature,
    TaxonPresences,
    Thresholds,
    VernacularNames,
    View,
)
from chalicelib.errors import FeaturesUnavailable, ModelUnavailable, UnknownUpload
from chalicelib.ports import Chain

PANTHERA = {"genus": "Panthera", "family": "Felidae", "order": "Carnivora", "class": "Mammalia"}
JAGUAR = Taxon("jaguar", "Panthera onca", "jaguar", "species", Geography.RANGE, PANTHERA)
LEOPARD = Taxon("leopard", "Panthera pardus", "leopard", "species", Geography.RANGE, PANTHERA)
CANIS = {"genus": "Canis", "family": "Canidae", "order": "Carnivora", "class": "Mammalia"}
DOG = Taxon("dog", "Canis familiaris", "Rottweiler", "species", Geography.DOMESTIC, CANIS)
ANT = Taxon("ant", "Formicidae", "ant", "family", Geography.COSMOPOLITAN, {"class": "Insecta"})
UNMAPPED = Taxon("okapi", "Okapia johnstoni", "okapi", "species", Geography.RANGE)

MODEL = Model(
    name="fake",
    version="1",
    sha256="0" * 64,
    input_size=ModelInput(4, 4, 1.0),
    taxa=(JAGUAR, LEOPARD, DOG, ANT, UNMAPPED, None),
    thresholds=Thresholds(animal=0.5, not_an_animal=0.1, named=0.8, rolled_up=0.8),
    card={"name": "fake"},
)
DATASET = Dataset("facts-1", "Facts", "CC0-1.0", "nobody", frozenset({"jaguar", "leopard"}))


def feature(presence: float = 1.0, prevalence: float = 0.1) -> TaxonFeature:
    """Return the feature of a native taxon."""
    return TaxonFeature(Status.NATIVE, presence, prevalence)


def place(**taxa: TaxonFeature) -> PlaceFeatures:
    """Return the features of a place that has these taxa, for the whole year."""
    embedded = FeatureSource.EMBEDDED
    return PlaceFeatures(DATASET.version, embedded, "84a8f4bffffffff", WHOLE_YEAR, 0, taxa)


class Source:
    """Returns 1, 2, 3, ..., and can be down: then it raises ``error``."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.last = 0
        self.is_down = False

    def __call__(self) -> int:
        if self.is_down:
            raise self.error
        self.last += 1
        return self.last


@dataclass
class FakeClock:
    """A clock that a test moves, or that each reading advances by ``step``."""

    now: float = 100.0
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class InlineExecutor(Executor):
    """An executor that runs each call at once, so that nothing runs beside a test."""

    def submit(self, fn, /, *args, **kwargs):
        done: Future[object] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


@dataclass
class FakePhoto:
    """An opened photo, whose pixels hold the orientation that it was decoded with."""

    format: str = "JPEG"
    width: int = 40
    height: int = 30
    exif: bytes = b""
    xmp: bytes = b""
    later_exif: tuple[bytes, ...] = ()
    is_truncated: bool = False

    def pixels(self, size: ModelInput, orientation: int) -> Pixels:
        return np.full((size.height, size.width, 3), orientation, dtype=np.uint8)

    def pixels_again(self, size: ModelInput, orientation: int) -> Pixels:
        return self.pixels(size, orientation)

    def view(self, size: ModelInput, orientation: int, view: View) -> tuple[Pixels, Part] | None:
        return self.pixels(size, orientation), Part(0.1, 0.2, 0.3, 0.4)


@dataclass
class FakePhotos:
    """A reader that returns its photo for any bytes, and records the bytes."""

    photo: FakePhoto = field(default_factory=FakePhoto)
    opened: list[bytes] = field(default_factory=list)

    def open(self, content: bytes) -> FakePhoto:
        self.opened.append(content)
        return self.photo


@dataclass
class FakeUploadStore:
    """A store of photos by key, in a dictionary."""

    photos: dict[str, bytes] = field(default_factory=dict)

    def origin(self) -> str:
        return "https://bucket.example"

    def presign(self, media_type: str) -> PresignedUpload:
        return PresignedUpload(
            "key", "https://bucket.example", {"Content-Type": media_type}, 600, 99
        )

    def read(self, key: str) -> bytes:
        if key not in self.photos:
            raise UnknownUpload
        return self.photos[key]

    def delete(self, key: str) -> None:
        del self.photos[key]


NO_EXIF = MissingPosition(ExifFault.ABSENT, "it has no EXIF")


@dataclass
class FakeNames:
    """A source of names that has the jaguar's in German."""

    def in_language(self, tag: str) -> VernacularNames:
        return VernacularNames(tag, {JAGUAR.taxon_id: "Jaguar"} if tag == "de" else {})


@dataclass
class FakeExif:
    """An EXIF reader that returns its reading for any block."""

    reading: ExifReading = field(default_factory=lambda: ExifReading(missing_position=NO_EXIF))

    def read(
        self, exif: bytes, xmp: bytes = b"", later_exif: tuple[bytes, ...] = ()
    ) -> ExifReading:
        return self.reading


@dataclass
class FakeFeatures:
    """A repository that returns one entry for every place, records lookups, and can be down."""

    entry: PlaceFeatures = field(default_factory=place)
    version: str = DATASET.version
    is_down: bool = False
    is_dataset_down: bool = True
    reads: int = 0
    dataset_reads: int = 0
    lookups: list[tuple[tuple[str, ...], int]] = field(default_factory=list)

    def dataset(self) -> Dataset:
        self.dataset_reads += 1
        if self.is_down and self.is_dataset_down:
            raise FeaturesUnavailable("down")
        return Dataset(self.version, "Facts", "CC0-1.0", "nobody", DATASET.taxa)

    def open_breakers(self) -> tuple[str, ...]:
        return ("database",) if self.is_down else ()

    def features(self, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        self.reads += 1
        self.lookups += [(tuple(chain), month) for chain in chains]
        if self.is_down:
            raise FeaturesUnavailable("down")
        return [self.entry for _ in chains]

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        self.reads += 1
        self.dataset()
        presence = self.entry.taxa[taxon_id].presence
        return TaxonPresences(self.version, {self.entry.cell or "": presence})


@dataclass
class FakeClassifier:
    """A classifier that returns its scores for any pixels, and records the pixels."""

    scores: Sequence[float] = (0.3, 0.4, 0.1, 0.1, 0.05, 0.05)
    model: Model = MODEL
    is_broken: bool = False
    pixels: list[Pixels] = field(default_factory=list)

    def load(self) -> None:
        if self.is_broken:
            raise ModelUnavailable("broken")

    def try_out(self) -> None:
        self.load()

    def classify(self, pixels: Pixels) -> Scores:
        self.load()
        self.pixels.append(pixels)
        return np.asarray(self.scores, dtype=np.float32)
