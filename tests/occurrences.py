"""Small sources in each of the four formats, made from the same records."""

import csv
import gzip
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

Record = Mapping[str, object]

PANTANAL = {"decimalLatitude": -17.36, "decimalLongitude": -56.78}
KRUGER = {"decimalLatitude": -24.01, "decimalLongitude": 31.49}
OUTBACK = {"decimalLatitude": -24.31, "decimalLongitude": 131.01}

CATS = {"kingdom": "Animalia", "phylum": "Chordata", "class": "Mammalia", "order": "Carnivora",
        "family": "Felidae", "genus": "Panthera"}  # fmt: skip
JAGUAR = {**CATS, "species": "Panthera onca", "scientificName": "Panthera onca (Linnaeus, 1758)"}
LEOPARD = {**CATS, "species": "Panthera pardus"}
CAPYBARA = {"kingdom": "Animalia", "class": "Mammalia", "order": "Rodentia", "family": "Caviidae",
            "genus": "Hydrochoerus", "species": "Hydrochoerus hydrochaeris"}  # fmt: skip
WOLVES = {**CATS, "family": "Canidae", "genus": "Canis", "species": "Canis lupus"}
DINGO = {**WOLVES, "infraspecificEpithet": "dingo"}
DOG = {**WOLVES, "infraspecificEpithet": "familiaris"}
MAGPIE = {"kingdom": "Animalia", "class": "Aves", "order": "Passeriformes", "family": "Corvidae",
          "genus": "Pica", "species": "Pica pica"}  # fmt: skip
LILY = {"kingdom": "Plantae", "class": "Liliopsida", "species": "Victoria amazonica"}

COLUMNS = (
    "gbifID", "datasetKey", "occurrenceID", "kingdom", "phylum", "class", "order", "family",
    "genus", "species", "infraspecificEpithet", "taxonRank", "scientificName",
    "verbatimScientificName", "countryCode", "locality", "occurrenceStatus",
    "decimalLatitude", "decimalLongitude", "coordinateUncertaintyInMeters", "eventDate", "day",
    "month", "year", "taxonKey", "speciesKey", "basisOfRecord", "license", "rightsHolder",
    "recordedBy", "typeStatus", "establishmentMeans", "lastInterpreted", "mediaType", "issue",
)  # fmt: skip


def seen(taxon: Record, place: Record, observer: str | None, date: str, **more: object) -> Record:
    """Return a record that the import keeps, unless ``more`` changes that."""
    return {
        **taxon, **place, "recordedBy": observer, "eventDate": date, "month": int(date[5:7]),
        "coordinateUncertaintyInMeters": 10.0, "occurrenceStatus": "PRESENT",
        "basisOfRecord": "HUMAN_OBSERVATION", "license": "CC_BY_4_0", "locality": 'by the "river',
        **more,
    }  # fmt: skip


KEPT = [
    seen(JAGUAR, PANTANAL, "ana", "2024-07-01"),
    seen(JAGUAR, PANTANAL, "ana", "2024-07-02"),
    seen(JAGUAR, PANTANAL, "bob", "2024-08-03", license="CC0_1_0"),
    seen(CAPYBARA, PANTANAL, "cid", "2024-07-04"),
    # Too uncertain for the finest cell, but not for its parents.
    seen(JAGUAR, PANTANAL, "dan", "2024-07-05", coordinateUncertaintyInMeters=20_000.0),
    # The observer is unknown, so each day counts as an observer.
    seen(LEOPARD, KRUGER, None, "2024-01-05"),
    seen(LEOPARD, KRUGER, None, "2024-01-05", coordinateUncertaintyInMeters=None),
    seen(LEOPARD, KRUGER, None, "2024-01-06"),
    seen(DINGO, OUTBACK, "eve", "2023-03-01"),
    seen(DOG, OUTBACK, "fay", "2023-03-02"),
    # The family is not a class of the model, but the genus is.
    seen(MAGPIE, OUTBACK, "fay", "2023-03-03"),
]

BAD = {
    "absent": [seen(JAGUAR, KRUGER, "x", "2024-01-01", occurrenceStatus="ABSENT")],
    "notAnAnimal": [seen(LILY, PANTANAL, "x", "2024-01-01"), seen({}, PANTANAL, "x", "2024-01-01")],
    "noCoordinates": [seen(JAGUAR, {}, "x", "2024-01-01")],
    "coordinatesOutOfRange": [
        seen(JAGUAR, {"decimalLatitude": 91, "decimalLongitude": 0}, "x", "2024-01-01"),
        seen(JAGUAR, {"decimalLatitude": 1e300, "decimalLongitude": 0}, "x", "2024-01-01"),
    ],
    "zeroCoordinates": [
        seen(JAGUAR, {"decimalLatitude": 0, "decimalLongitude": 0}, "x", "2024-01-01")
    ],
    "geospatialIssue": [
        seen(JAGUAR, KRUGER, "x", "2024-01-01", issue="COUNTRY_COORDINATE_MISMATCH")
    ],
    # The position of Brazil in gazetteers.
    "countryCentroid": [
        seen(JAGUAR, {"decimalLatitude": -10, "decimalLongitude": -55}, "x", "2024-01-01")
    ],
    "tooUncertain": [
        seen(JAGUAR, KRUGER, "x", "2024-01-01", coordinateUncertaintyInMeters=50_000.0)
    ],
    "basisOfRecord": [
        seen(JAGUAR, KRUGER, "x", "2024-01-01", basisOfRecord="MACHINE_OBSERVATION"),
        seen(JAGUAR, KRUGER, "x", "2024-01-01", basisOfRecord="LIVING_SPECIMEN"),
        seen(JAGUAR, KRUGER, "x", "2024-01-01", basisOfRecord="FOSSIL_SPECIMEN"),
    ],
    "captive": [seen(JAGUAR, KRUGER, "x", "2024-01-01", establishmentMeans="MANAGED")],
    "licence": [
        seen(JAGUAR, KRUGER, "x", "2024-01-01", license="CC_BY_NC_4_0"),
        seen(JAGUAR, KRUGER, "x", "2024-01-01", license="http://example.org/by-sa"),
    ],
}
ALL = [*KEPT, *(record for records in BAD.values() for record in records)]


def lines(records: Sequence[Record], columns: Sequence[str] = COLUMNS) -> list[str]:
    """Format records as tab-separated lines, with an empty field for each unknown value."""
    return [
        "\t".join("" if record.get(name) is None else str(record[name]) for name in columns)
        for record in records
    ]


def simple_csv(path: Path, records: Sequence[Record] = ALL, extra: Sequence[str] = ()) -> Path:
    """Write a simple download of GBIF, zipped if ``path`` says so; append the ``extra`` lines."""
    text = "\n".join(["\t".join(COLUMNS), *lines(records), *extra]) + "\n"
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("0001234-240101000000000.csv", text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


ARCHIVE_COLUMNS = (
    "decimalLongitude", "decimalLatitude",
    *(name for name in COLUMNS if not name.startswith(("gbifID", "decimal"))),
    "degreeOfEstablishment", "distanceFromCentroidInMeters",
)  # fmt: skip
"""In an order of their own, which meta.xml states."""

METADATA = """<?xml version="1.0" encoding="utf-8"?>
<eml:eml xmlns:eml="https://eml.ecoinformatics.org/eml-2.2.0">
  <dataset>
    <alternateIdentifier>10.15468/dl.abcdef</alternateIdentifier>
    <title>GBIF Occurrence Download 10.15468/dl.abcdef</title>
  </dataset>
</eml:eml>
"""


def darwin_core_archive(path: Path, records: Sequence[Record] = ALL) -> Path:
    """Write an archive; its meta.xml names the core file and the columns."""
    fields = "".join(
        f'<field index="{index}" term="http://rs.tdwg.org/dwc/terms/{name}"/>'
        for index, name in enumerate(ARCHIVE_COLUMNS, start=1)
    )
    meta = f"""<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="metadata.xml">
      <core encoding="utf-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy=""
            ignoreHeaderLines="1" rowType="http://rs.tdwg.org/dwc/terms/Occurrence">
        <files><location>occurrence.txt</location></files>
        <id index="0"/>{fields}
      </core>
      <extension rowType="http://rs.gbif.org/terms/1.0/Multimedia">
        <files><location>multimedia.txt</location></files><coreid index="0"/>
      </extension>
    </archive>"""
    columns = ("gbifID", *ARCHIVE_COLUMNS)
    text = "\n".join(["\t".join(columns), *lines(records, columns)]) + "\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("occurrence.txt", text)
        archive.writestr("meta.xml", meta)
        archive.writestr("metadata.xml", METADATA)
    return path


def snapshot(directory: Path, records: Sequence[Record] = ALL) -> Path:
    """Write Parquet files without a suffix, with lowercase columns, lists and a citation."""
    table = directory / "occurrence.parquet"
    table.mkdir(parents=True)
    (directory / "citation.txt").write_text("GBIF.org, a snapshot\n")
    numbers = {"decimalLatitude": "DOUBLE", "decimalLongitude": "DOUBLE", "month": "INTEGER",
               "coordinateUncertaintyInMeters": "DOUBLE"}  # fmt: skip
    lists = {"recordedBy", "issue", "mediaType"}
    selected = ", ".join(
        f'CASE WHEN "{name}" IS NULL THEN [] ELSE ["{name}"] END AS {name.lower()}'
        if name in lists
        else f'"{name}"::{numbers.get(name, "VARCHAR")} AS "{name.lower()}"'
        for name in COLUMNS
    )
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{name}" VARCHAR' for name in COLUMNS)
        connection.execute(f"CREATE TABLE record ({columns})")
        connection.executemany(
            f"INSERT INTO record VALUES ({', '.join('?' * len(COLUMNS))})",
            [[None if (value := record.get(name)) is None else str(value) for name in COLUMNS]
             for record in records],
        )  # fmt: skip
        for part, kept in (("000000", "rowid % 2 = 0"), ("000001", "rowid % 2 = 1")):
            connection.execute(
                f"COPY (SELECT {selected} FROM record WHERE {kept}) TO '{table / part}' "
                "(FORMAT parquet)"
            )
    return table


INATURALIST_RANKS = ("kingdom", "class", "order", "family", "genus", "species", "subspecies")


def inaturalist(directory: Path, records: Sequence[Record] = ALL) -> Path:
    """Write ``observations.csv.gz`` and ``taxa.csv.gz``, with an observation that needs an ID."""
    directory.mkdir(parents=True, exist_ok=True)
    numbers: dict[tuple[str, ...], int] = {("Life",): 48460}
    taxa = ["48460\t\t100\tstateofmatter\tLife\ttrue"]

    def taxon(record: Record) -> int:
        names = [str(record[rank]) for rank in INATURALIST_RANKS[:-1] if rank in record]
        ranks = [rank for rank in INATURALIST_RANKS[:-1] if rank in record]
        if "infraspecificEpithet" in record:
            names.append(f"{record['species']} {record['infraspecificEpithet']}")
            ranks.append("subspecies")
        path: tuple[str, ...] = ("Life",)
        for rank, name in zip(ranks, names, strict=True):
            ancestry = "/".join(str(numbers[path[: end + 1]]) for end in range(len(path)))
            path = (*path, name)
            if path not in numbers:
                numbers[path] = len(numbers) + 1
                taxa.append(f"{numbers[path]}\t{ancestry}\t10\t{rank}\t{name}\ttrue")
        return numbers[path]

    columns = ("observation_uuid", "observer_id", "latitude", "longitude", "positional_accuracy",
               "taxon_id", "quality_grade", "observed_on")  # fmt: skip
    observations = [
        {
            "observation_uuid": number, "observer_id": record["recordedBy"],
            "latitude": record.get("decimalLatitude"), "longitude": record.get("decimalLongitude"),
            "positional_accuracy": record["coordinateUncertaintyInMeters"],
            "taxon_id": taxon(record), "quality_grade": grade, "observed_on": record["eventDate"],
        }
        for number, (record, grade) in enumerate(
            [*((record, "research") for record in records), (records[0], "needs_id")]
        )
    ]  # fmt: skip
    path = directory / "observations.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(["\t".join(columns), *lines(observations, columns)]) + "\n")
    with gzip.open(directory / "taxa.csv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(["taxon_id\tancestry\trank_level\trank\tname\tactive", *taxa]) + "\n")
    return path


LABELS = (
    "classIndex", "taxonID", "vernacularName", "scientificName", "taxonRank", "geography",
    "class", "order", "family", "genus",
)  # fmt: skip


def label(taxon_id: str, name: str, rank: str = "species", **more: str) -> Record:
    """Return a label of a model, an animal with a range."""
    return {"taxonID": taxon_id, "vernacularName": name, "scientificName": name,
            "taxonRank": rank, "geography": "range", **more}  # fmt: skip


def table(path: Path, columns: Sequence[str], rows: Sequence[Record]) -> Path:
    """Write a CSV table, with an empty field for each unknown value."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, columns, restval="", lineterminator="\n", extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(dict(row) for row in rows)
    return path


def model_directory(
    directory: Path,
    labels: Sequence[Record],
    synonyms: Mapping[str, str] | None = None,
    members: Sequence[Record] = (),
) -> Path:
    """Write the tables of a model that the import reads."""
    directory.mkdir(parents=True)
    table(directory / "labels.csv", LABELS,
          [{"classIndex": index, **row} for index, row in enumerate(labels)])  # fmt: skip
    card = {"name": directory.name, "labels": "labels.csv"}
    if synonyms:
        card["synonyms"] = "synonyms.csv"
        rows = [{"synonym": key, "scientificName": value} for key, value in synonyms.items()]
        table(directory / "synonyms.csv", ("synonym", "scientificName"), rows)
    if members:
        card["members"] = "members.csv"
        columns = ("taxonID", "scientificName", "taxonRank", "member")
        table(directory / "members.csv", columns, members)
    (directory / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return directory
