"""Measure speed and memory of an import of records: ``make bench-import ROWS=50000000``.

The records are synthetic, but shaped like a snapshot of GBIF. A few places, observers and species
have most of them (Zipf's law), some names are those of our classes, and some records are bad. The
same seed makes the same records.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import duckdb

from tools import ROOT
from tools.occurrences.names import read_names

FILES: Final = 16

TAXA: Final = """
    CREATE TABLE taxon AS
    SELECT row_number() OVER (ORDER BY hash(name)) - 1 AS number,
           CASE WHEN taxon_rank IN ('species', 'infraspecific') THEN name ELSE name || ' sp' END
             AS species,
           split_part(name, ' ', 1) AS genus,
           CASE WHEN taxon_rank = 'family' THEN name ELSE 'Otheridae' END AS family,
           CASE WHEN taxon_rank = 'order' THEN name ELSE 'Otherformes' END AS "order"
      FROM (SELECT taxon_rank, name FROM known
             UNION ALL
            SELECT 'species', 'Unknownus number' || i FROM range(3000) AS made (i))
"""
RECORDS: Final = """
    SELECT i AS gbifid, 'Animalia' AS kingdom,
           'Chordata' AS phylum, 'Aves' AS class, taxon."order", taxon.family, taxon.genus,
           taxon.species, NULL::VARCHAR AS infraspecificepithet,
           'PRESENT' AS occurrencestatus,
           greatest(least(place_latitude + (random() - 0.5) * 0.1, 89), -89) AS decimallatitude,
           place_longitude + (random() - 0.5) * 0.1 AS decimallongitude,
           CASE WHEN random() < 0.3 THEN NULL ELSE pow(10, 1 + random() * 3.7) END
             AS coordinateuncertaintyinmeters,
           strftime(day, '%Y-%m-%d') AS eventdate, year(day)::INT AS year, month(day)::INT AS month,
           day(day)::INT AS day,
           CASE WHEN random() < 0.05 THEN 'MACHINE_OBSERVATION' ELSE 'HUMAN_OBSERVATION' END
             AS basisofrecord,
           ['obsr' || observer] AS recordedby, NULL::VARCHAR AS establishmentmeans,
           CASE WHEN random() < 0.05 THEN 'CC_BY_NC_4_0' ELSE 'CC_BY_4_0' END AS license,
           []::VARCHAR[] AS issue
      FROM (SELECT i,
                   -- Zipf with exponent 1: the rank is exponential in a uniform number.
                   floor(exp(random() * ln($places)))::BIGINT AS place,
                   floor(exp(random() * ln($observers)))::BIGINT AS observer,
                   least(floor(exp(random() * ln(3400)))::BIGINT, 3400) - 1 AS taxon_number,
                   DATE '2010-01-01' + floor(random() * 5475)::INT AS day
              FROM range($first, $last) AS numbers (i)) AS drawn
      JOIN taxon ON taxon.number = drawn.taxon_number,
           LATERAL (SELECT (hash(place) % 130000)::DOUBLE / 1000 - 60 AS place_latitude,
                           (hash(place + 7) % 359000)::DOUBLE / 1000 - 179.5 AS place_longitude)
"""


def generate(target: Path, rows: int, form: str) -> None:
    """Write ``rows`` records as parquet files, or as one table separated by tabs."""
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '2GB'; SET threads = 1; SELECT setseed(0.42)")
        connection.execute("CREATE TABLE known (taxon_rank VARCHAR, name VARCHAR)")
        connection.executemany(
            "INSERT INTO known VALUES (?, ?)",
            sorted(key for key, number in read_names().models[0].items() if number >= 0),
        )
        connection.execute(TAXA)
        target.mkdir(parents=True)
        for number in range(FILES):
            connection.execute(
                f"COPY ({RECORDS}) TO '{target}/{number:06}' (FORMAT parquet)",
                {
                    "first": rows * number // FILES,
                    "last": rows * (number + 1) // FILES,
                    "places": 400_000,
                    "observers": 1_000_000,
                },
            )
        if form == "csv":
            connection.execute(
                "COPY (SELECT * REPLACE (recordedby[1] AS recordedby, '' AS issue) "
                f"FROM read_parquet('{target}/*')) TO '{target}.csv' "
                "(FORMAT csv, DELIMITER '\t', QUOTE '', ESCAPE '')"
            )


def measure(source: Path, target: list[str], memory: str) -> dict[str, float | str]:
    """Import in a process of its own; return seconds and peak memory."""
    start = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-m", "tools.occurrences.import_occurrences",
         str(source), "--memory", memory,
         "--citation", "synthetic", "--work", str(source.parent), *target],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.monotonic() - start, 1),
        "peakMemoryInGigabytes": round(usage.ru_maxrss * 1024 / 1e9, 2),
        "processorSeconds": round(usage.ru_utime + usage.ru_stime, 1),
        "report": process.stdout,
    }


def main() -> None:
    """Make records, import them, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument(
        "--form",
        choices=("parquet", "csv"),
        default="parquet",
        help="of the records; default: %(default)s",
    )
    parser.add_argument("--memory", default="2GB", help="of DuckDB; default: %(default)s")
    parser.add_argument("--work", type=Path, help="directory for the files; it needs room")
    parser.add_argument("--mysql", action="store_true", help="import into RANGEFINDER_MYSQL_URL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.work) as directory:
        source = Path(directory) / "occurrence.parquet"
        start = time.monotonic()
        generate(source, options.rows, options.form)
        print(f"{options.rows:,} records made in {time.monotonic() - start:.0f} s")
        if options.form == "csv":
            source = source.with_name(f"{source.name}.csv")
        file = Path(directory) / "occurrences.sqlite"
        target = [] if options.mysql else ["--sqlite", str(file)]
        figures = measure(source, target, options.memory)
        print(figures.pop("report"))
        figures["recordsPerSecond"] = round(options.rows / float(figures["seconds"]))
        if file.exists():
            figures["fileInMegabytes"] = round(file.stat().st_size / 1e6, 1)
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
