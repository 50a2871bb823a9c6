"""The SQL statement that filters all records and groups the accepted ones.

The same text runs on DuckDB, Athena (Trino) and Spark, so that a snapshot of billions of records
can be counted where it is stored. The statement reads the source once. It rejects a record for the
first reason that applies. It groups the others into observations: the records of one observer, of
the same classes, in one bin of 0.02 degrees, in one month. The result has the numbers of rejected
records and the observations. A record of an animal outside the models is an observation, too: it
counts as sampling effort. The result also counts the accepted records by their finest name, so
that a name that matches no class is seen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import floor
from typing import Final

from chalicelib.features.cells import COARSEST_RESOLUTION, UNCERTAINTY_LIMITS
from tools.build.facts import read_table
from tools.occurrences.names import NO_CLASS, RANKS, Names

BINS_PER_DEGREE: Final = 50
"""A bin has 0.02 degrees, about 2 km. Then 2 % of points lie in another cell than the middle of
their bin (simulated over random points on land)."""

ATHENA_LIMIT: Final = 262_144
"""Bytes of a query (https://docs.aws.amazon.com/athena/latest/ug/service-limits.html)."""

EFFORT: Final = str(NO_CLASS)
"""Begins the text of an observation's classes (``0 17 203``), as each observer counts as effort.

The classes of a record are a text of numbers, because a text holds any number of classes, of any
size, in every engine. Most have at most 12 characters, which DuckDB stores as fast as a number.
"""

TEXT_TYPE: Final = "VARCHAR(1000)"
"""Spark requires a length; Trino and DuckDB accept it."""

LICENCES: Final = ("CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0")
"""The licences that GBIF accepts, the most restrictive last."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The conditions that a record must meet; docs/occurrences.md has the reasons.

    Distances are in metres. ``rejected_bases`` are values of Darwin Core's ``basisOfRecord``.
    """

    maximum_uncertainty: float = UNCERTAINTY_LIMITS[-1][1]
    licences: tuple[str, ...] = LICENCES[:2]
    rejected_bases: tuple[str, ...] = ("MachineObservation", "LivingSpecimen", "FossilSpecimen")
    centroid_distance: float = 2_000.0


TEXT: Final = """
WITH occurrence AS ({relation}
),
class_name AS (
    SELECT taxon_rank, name, {numbers}
      FROM (VALUES {class_names}) AS listed (taxon_rank, name, {number_columns})
),
centroid AS (
    SELECT * FROM (VALUES {centroids}) AS listed (latitude_bin, longitude_bin)
),
measured AS (
    SELECT occurrence.*,
           TRY_CAST(floor(latitude * {bins}) AS INTEGER) AS latitude_bin,
           TRY_CAST(floor(longitude * {bins}) AS INTEGER) AS longitude_bin,
           upper(replace(basis_of_record, '_', '')) AS basis,
           CASE WHEN upper(licence) LIKE '%CC0%'
                  OR upper(licence) LIKE '%/PUBLICDOMAIN/ZERO/%' THEN 0
                WHEN upper(licence) LIKE 'CC_BY_4_0'
                  OR upper(licence) LIKE '%/LICENSES/BY/%' THEN 1
                WHEN upper(licence) LIKE 'CC_BY_NC_4_0'
                  OR upper(licence) LIKE '%/LICENSES/BY-NC/%' THEN 2
           END AS licence_number
      FROM occurrence
),
judged AS (
    SELECT measured.*,
           CASE WHEN is_malformed THEN 'malformed'
                WHEN lower(occurrence_status) = 'absent' THEN 'absent'
                WHEN is_unconfirmed THEN 'unconfirmed'
                WHEN coalesce(kingdom, '') <> 'Animalia' THEN 'notAnAnimal'
                WHEN latitude IS NULL OR longitude IS NULL THEN 'noCoordinates'
                WHEN NOT (latitude BETWEEN -90 AND 90 AND longitude BETWEEN -180 AND 180)
                THEN 'coordinatesOutOfRange'
                WHEN latitude = 0 AND longitude = 0 THEN 'zeroCoordinates'
                WHEN issues LIKE '%ZERO_COORDINATE%' OR issues LIKE '%COORDINATE_INVALID%'
                  OR issues LIKE '%COORDINATE_OUT_OF_RANGE%'
                  OR issues LIKE '%COUNTRY_COORDINATE_MISMATCH%' THEN 'geospatialIssue'
                WHEN centroid.latitude_bin IS NOT NULL
                  OR distance_from_centroid <= {centroid_distance} THEN 'countryCentroid'
                WHEN uncertainty > {maximum_uncertainty} THEN 'tooUncertain'
                WHEN basis IN ({rejected_bases}) THEN 'basisOfRecord'
                WHEN establishment LIKE '%managed%' OR establishment LIKE '%captiv%'
                  OR establishment LIKE '%cultivated%' THEN 'captive'
                WHEN licence_number IS NULL OR licence_number NOT IN ({licences}) THEN 'licence'
           END AS reason
      FROM measured
      LEFT JOIN centroid ON centroid.latitude_bin = measured.latitude_bin
                        AND centroid.longitude_bin = measured.longitude_bin
),
observation AS (
    SELECT reason,
           CASE WHEN reason IS NULL THEN latitude_bin END AS latitude_bin,
           CASE WHEN reason IS NULL THEN longitude_bin END AS longitude_bin,
           CASE WHEN reason IS NULL THEN {resolution} END AS resolution,
           CASE WHEN reason IS NULL THEN coalesce(month, 0) END AS month,
           CASE WHEN reason IS NULL THEN observer END AS observer,
           CASE WHEN reason IS NULL THEN {classes} END AS classes,
           CASE WHEN reason IS NULL THEN {finest_name} END AS taxon_name,
           CASE WHEN reason IS NULL THEN family_taxon END AS taxon_family,
           CASE WHEN reason IS NULL THEN order_taxon END AS taxon_order,
           CASE WHEN reason IS NULL THEN class_taxon END AS taxon_class,
           licence_number
      FROM judged{joins}
)
SELECT reason, latitude_bin, longitude_bin, resolution, month, observer, classes,
       taxon_name, taxon_family, taxon_order, taxon_class,
       max(licence_number) AS licence_number, count(*) AS records
  FROM observation
 GROUP BY GROUPING SETS (
       (reason, latitude_bin, longitude_bin, resolution, month, observer, classes),
       (classes, taxon_name, taxon_family, taxon_order, taxon_class))
"""
"""Rows of the second set have neither a reason nor a month."""


def statement(relation: str, names: Names, filters: Filters) -> str:
    """Return the statement for a relation of :mod:`tools.occurrences.relations`."""
    columns = [f"number_{model}" for model in range(len(names.models))]
    return TEXT.format(
        relation=relation,
        numbers=", ".join(f"CAST({column} AS INTEGER) AS {column}" for column in columns),
        class_names=", ".join(class_name_rows(names)),
        number_columns=", ".join(columns),
        centroids=", ".join(f"({latitude}, {longitude})" for latitude, longitude in centroids()),
        bins=BINS_PER_DEGREE,
        centroid_distance=filters.centroid_distance,
        maximum_uncertainty=filters.maximum_uncertainty,
        rejected_bases=literals(
            word.replace("_", "").upper() for word in filters.rejected_bases or ("",)
        ),
        licences=", ".join(str(LICENCES.index(licence)) for licence in filters.licences),
        resolution=resolution(),
        classes=classes(columns),
        finest_name=f"coalesce({', '.join(f'{rank}_taxon' for rank in RANKS[1:])})",
        joins="".join(join(rank) for rank in RANKS),
    )


def class_name_rows(names: Names) -> Iterator[str]:
    """Yield a row for each name: rank, name, and its number in each model, or NULL."""
    for rank, name in sorted({key for model in names.models for key in model}):
        numbers = [model.get((rank, name)) for model in names.models]
        listed = ", ".join("NULL" if number is None else str(number) for number in numbers)
        yield f"({literal(rank)}, {literal(name)}, {listed})"


def resolution() -> str:
    """Return SQL for the finest H3 resolution that the uncertainty allows: ``features.cells``."""
    cases = " ".join(
        f"WHEN uncertainty <= {limit} THEN {number}" for number, limit in UNCERTAINTY_LIMITS
    )
    finest = UNCERTAINTY_LIMITS[0][0]
    return f"CASE WHEN uncertainty IS NULL THEN {finest} {cases} ELSE {COARSEST_RESOLUTION} END"


def classes(columns: Iterable[str]) -> str:
    """Return SQL for all classes of a record, as one text of numbers that begins with ``EFFORT``.

    For each model these are the classes of its names, and the animal that the model does not know
    if the finest name that it knows is one. A subspecies that a model knows excludes its species.
    """
    parts = [literal(EFFORT)]
    for column in columns:
        numbers = {rank: f"{rank}_name.{column}" for rank in RANKS}
        for rank, number in numbers.items():
            excluded = f"{numbers[RANKS[0]]} IS NULL AND " if rank == RANKS[1] else ""
            parts.append(text_if(f"{excluded}{number} > {NO_CLASS}", number))
        finest = f"coalesce({', '.join(numbers.values())})"
        parts.append(text_if(f"{finest} < {NO_CLASS}", f"-{finest}"))
    return f"concat_ws(' ', {', '.join(parts)})"


def text_if(condition: str, number: str) -> str:
    """Return SQL for a number as text if a condition is met, or else NULL, which is left out."""
    return f"CASE WHEN {condition} THEN CAST({number} AS {TEXT_TYPE}) END"


def join(rank: str) -> str:
    """Return a join to the numbers of a name of this rank."""
    alias = f"{rank}_name"
    return f"""
      LEFT JOIN class_name AS {alias}
        ON {alias}.taxon_rank = {literal(rank)} AND {alias}.name = judged.{rank}_taxon
       AND judged.reason IS NULL"""


def centroids() -> list[tuple[int, int]]:
    """Return the bins that hold a point of ``data/centroids.csv``."""
    return sorted(
        {
            (
                floor(float(row["decimalLatitude"]) * BINS_PER_DEGREE),
                floor(float(row["decimalLongitude"]) * BINS_PER_DEGREE),
            )
            for row in read_table("centroids.csv")
        }
    )


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Return literals for ``IN (...)``."""
    return ", ".join(literal(text) for text in texts)
