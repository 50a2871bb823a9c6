"""Turn each source into a relation with the same columns: the first part of the statement.

GBIF's three formats have the same terms. They differ in the types of columns and in the rare
columns. Names are in quotes because ``class`` and ``order`` are keywords of SQL.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from tools.occurrences.names import RANKS
from tools.occurrences.statement import TEXT_TYPE, literal

GBIF_COLUMNS: Final = (
    "kingdom", "class", "order", "family", "genus", "species", "infraspecificEpithet",
    "occurrenceStatus", "decimalLatitude", "decimalLongitude", "coordinateUncertaintyInMeters",
    "eventDate", "month", "basisOfRecord", "recordedBy", "establishmentMeans", "issue",
)  # fmt: skip
"""Columns that the import needs and every download and snapshot of GBIF has."""

INATURALIST_COLUMNS: Final = (
    "observer_id", "latitude", "longitude", "positional_accuracy", "taxon_id", "quality_grade",
    "observed_on",
)  # fmt: skip
INATURALIST_TAXA: Final = ("taxon_id", "ancestry", "rank", "name")

EXPORT_COLUMNS: Final = (
    "latitude", "longitude", "quality_grade", "observed_on", "scientific_name",
)  # fmt: skip
"""Columns that the import needs of the export of iNaturalist's site."""

EXPORT_RANKS: Final = ("family", "order", "class")
"""Ranks whose names the export may lack; species and genus are in the scientific name."""

OBSCURED_METRES: Final = 30_000
"""How far iNaturalist moves the point of a threatened species, if the export does not say."""

NOT_ANIMALS: Final = ("Plantae", "Fungi", "Protozoa", "Chromista", "Bacteria", "Viruses", "Unknown")
"""Iconic taxa that are no animals; the others are animals, such as Aves and Insecta."""

SNAPSHOT: Final = {
    **dict.fromkeys((*(name.lower() for name in GBIF_COLUMNS), "license"), "VARCHAR"),
    "recordedby": "VARCHAR[]",
    "issue": "VARCHAR[]",
}
"""Columns of the snapshots on AWS that the import reads
(https://github.com/gbif/occurrence/blob/master/aws-public-data.md)."""


def missing(required: Iterable[str], present: Iterable[str]) -> list[str]:
    """Return the columns that are not there, without regard to capitals."""
    lowered = {name.lower() for name in present}
    return [name for name in required if name.lower() not in lowered]


def gbif_relation(table: str, columns: Mapping[str, str], licence: str | None = None) -> str:
    """Return the records of a table of GBIF.

    Args:
        table: The table, as SQL.
        columns: DuckDB's type of each column of the table.
        licence: The licence of all records, if the source has no column for it.
    """
    types = {name.lower(): column_type for name, column_type in columns.items()}

    def text(name: str) -> str:
        column_type = types.get(name.lower())
        if column_type is None:
            return f"CAST(NULL AS {TEXT_TYPE})"
        if column_type.endswith("[]"):
            return f"""array_join("{name}", '|')"""
        return f'CAST("{name}" AS {TEXT_TYPE})'

    def number(name: str) -> str:
        number_type = "INTEGER" if name == "month" else "DOUBLE"
        if name.lower() not in types:
            return f"CAST(NULL AS {number_type})"
        return f'TRY_CAST("{name}" AS {number_type})'

    measures = ("decimalLatitude", "decimalLongitude", "coordinateUncertaintyInMeters", "month")
    malformed = " OR ".join(
        f'("{name}" IS NOT NULL AND {number(name)} IS NULL)' for name in measures
    )
    return f"""
    SELECT {text("species")} || ' ' || {text("infraspecificEpithet")} AS infraspecific_taxon,
           {", ".join(f"{text(rank)} AS {rank}_taxon" for rank in RANKS[1:])},
           {text("kingdom")} AS kingdom,
           {number("decimalLatitude")} AS latitude, {number("decimalLongitude")} AS longitude,
           {number("coordinateUncertaintyInMeters")} AS uncertainty,
           CASE WHEN {number("month")} BETWEEN 1 AND 12 THEN {number("month")} END AS month,
           coalesce(nullif(trim({text("recordedBy")}), ''),
                    'on ' || substr({text("eventDate")}, 1, 10), 'somebody') AS observer,
           {text("basisOfRecord")} AS basis_of_record,
           {text("occurrenceStatus")} AS occurrence_status,
           FALSE AS is_unconfirmed,
           lower(coalesce({text("establishmentMeans")}, '') || ' '
                 || coalesce({text("degreeOfEstablishment")}, '')) AS establishment,
           {text("license") if licence is None else literal(licence)} AS licence,
           {text("issue")} AS issues,
           {number("distanceFromCentroidInMeters")} AS distance_from_centroid,
           ({malformed}) AS is_malformed
      FROM {table}"""


def inaturalist_relation(table: str, names: str, licence: str) -> str:
    """Return confirmed observations, with the names of :func:`inaturalist_names`.

    Research grade excludes captive and cultivated organisms, and records without date or place.
    """
    return f"""
    SELECT {", ".join(f"{rank}_taxon" for rank in RANKS)}, kingdom,
           TRY_CAST(latitude AS DOUBLE) AS latitude, TRY_CAST(longitude AS DOUBLE) AS longitude,
           TRY_CAST(positional_accuracy AS DOUBLE) AS uncertainty,
           CASE WHEN TRY_CAST(substr(observed_on, 6, 2) AS INTEGER) BETWEEN 1 AND 12
                THEN TRY_CAST(substr(observed_on, 6, 2) AS INTEGER) END AS month,
           coalesce(observer_id, 'on ' || observed_on, 'somebody') AS observer,
           'HUMAN_OBSERVATION' AS basis_of_record,
           'PRESENT' AS occurrence_status,
           coalesce(quality_grade, '') <> 'research' AS is_unconfirmed,
           '' AS establishment, {literal(licence)} AS licence, '' AS issues,
           CAST(NULL AS DOUBLE) AS distance_from_centroid,
           ((latitude IS NOT NULL AND TRY_CAST(latitude AS DOUBLE) IS NULL)
            OR (longitude IS NOT NULL AND TRY_CAST(longitude AS DOUBLE) IS NULL)
            OR (positional_accuracy IS NOT NULL AND TRY_CAST(positional_accuracy AS DOUBLE) IS NULL)
           ) AS is_malformed
      FROM {table} LEFT JOIN {names} USING (taxon_id)"""


def inaturalist_names(table: str) -> str:
    """Return the names of each taxon by rank, from its ancestry (``48460/1/2/355675/3``)."""
    ranks = {rank: f"= '{rank}'" for rank in RANKS[1:]}
    ranks["infraspecific"] = "IN ('subspecies', 'variety', 'form')"
    named = ", ".join(
        f"max(ancestor.name) FILTER (WHERE ancestor.rank {ranks[rank]}) AS {rank}_taxon"
        for rank in RANKS
    )
    return f"""
    SELECT taxon.taxon_id, {named},
           max(ancestor.name) FILTER (WHERE ancestor.rank = 'kingdom') AS kingdom
      FROM (SELECT taxon_id,
                   unnest(string_split(concat_ws('/', ancestry, taxon_id), '/')) AS ancestor_id
              FROM {table}) AS taxon
      JOIN {table} AS ancestor ON ancestor.taxon_id = taxon.ancestor_id
     GROUP BY taxon.taxon_id"""


def export_relation(table: str, columns: Iterable[str], licence: str | None) -> str:
    """Return the confirmed observations of an export of iNaturalist's site.

    ``columns`` are in lower case. Where the export lacks the names by rank, species and genus are
    the first words of the scientific name, and the class is the iconic taxon.
    """
    present = set(columns)

    def text(name: str) -> str:
        return f"nullif(\"{name}\", '')" if name in present else f"CAST(NULL AS {TEXT_TYPE})"

    def number(name: str) -> str:
        return f"TRY_CAST({text(name)} AS DOUBLE)"

    words = f"string_split({text('scientific_name')}, ' ')"
    two = f"CASE WHEN len({words}) > 1 THEN {words}[1] || ' ' || {words}[2] END"
    subspecies = ", ".join(text(f"taxon_{rank}_name") for rank in ("subspecies", "variety", "form"))
    three = f"CASE WHEN len({words}) = 3 THEN {text('scientific_name')} END"
    iconic = text("iconic_taxon_name")
    not_animals = ", ".join(literal(name) for name in NOT_ANIMALS)
    kingdom = f"CASE WHEN {iconic} IN ({not_animals}) THEN {iconic} ELSE 'Animalia' END"
    obscured = (
        f"CASE WHEN lower({text('coordinates_obscured')}) = 'true' THEN {OBSCURED_METRES} END"
    )
    own = f"""CASE upper({text("license")}) WHEN 'CC-BY' THEN 'CC_BY_4_0'
                WHEN 'CC-BY-NC' THEN 'CC_BY_NC_4_0' ELSE {text("license")} END"""
    measures = ("latitude", "longitude", "positional_accuracy", "public_positional_accuracy")
    malformed = " OR ".join(
        f"({text(name)} IS NOT NULL AND {number(name)} IS NULL)" for name in measures
    )
    return f"""
    SELECT coalesce({subspecies}, {three}) AS infraspecific_taxon,
           coalesce({text("taxon_species_name")}, {two}) AS species_taxon,
           coalesce({text("taxon_genus_name")}, {words}[1]) AS genus_taxon,
           {text("taxon_family_name")} AS family_taxon,
           {text("taxon_order_name")} AS order_taxon,
           coalesce({text("taxon_class_name")}, {iconic}) AS class_taxon,
           coalesce({text("taxon_kingdom_name")},
                    CASE WHEN {iconic} IS NOT NULL THEN {kingdom} END) AS kingdom,
           {number("latitude")} AS latitude, {number("longitude")} AS longitude,
           coalesce({number("public_positional_accuracy")}, {obscured},
                    {number("positional_accuracy")}) AS uncertainty,
           CASE WHEN TRY_CAST(substr({text("observed_on")}, 6, 2) AS INTEGER) BETWEEN 1 AND 12
                THEN TRY_CAST(substr({text("observed_on")}, 6, 2) AS INTEGER) END AS month,
           coalesce({text("user_login")}, {text("user_id")}, 'on ' || {text("observed_on")},
                    'somebody') AS observer,
           'HUMAN_OBSERVATION' AS basis_of_record, 'PRESENT' AS occurrence_status,
           coalesce({text("quality_grade")}, '') <> 'research' AS is_unconfirmed,
           CASE WHEN lower({text("captive_cultivated")}) = 'true' THEN 'captive' ELSE '' END
             AS establishment,
           {own if licence is None else literal(licence)} AS licence, '' AS issues,
           CAST(NULL AS DOUBLE) AS distance_from_centroid,
           ({malformed}) AS is_malformed
      FROM {table}"""
