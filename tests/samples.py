"""The sample photos, as ``samples/samples.csv`` lists them."""

import csv
from pathlib import Path
from typing import NamedTuple

DIRECTORY = Path(__file__).parent.parent / "samples"
MEDIA_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".heic": "image/heic"}


class Sample(NamedTuple):
    """A sample photo: the row of ``samples.csv``, and its content."""

    file: str
    taxon_id: str
    latitude: float | None
    longitude: float | None
    event_date: str
    variation: str

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        return (DIRECTORY / self.file).read_bytes()

    @property
    def media_type(self) -> str:
        return MEDIA_TYPES[Path(self.file).suffix]


def _read() -> dict[str, Sample]:
    """Read the list of samples."""
    with (DIRECTORY / "samples.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["file"]: Sample(
                row["file"],
                row["taxonID"],
                float(row["decimalLatitude"]) if row["decimalLatitude"] else None,
                float(row["decimalLongitude"]) if row["decimalLongitude"] else None,
                row["eventDate"],
                row["variation"],
            )
            for row in csv.DictReader(file)
        }


SAMPLES = _read()
ANIMALS = [sample for sample in SAMPLES.values() if sample.taxon_id]
