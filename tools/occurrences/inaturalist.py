"""Open the tables of iNaturalist: its open data, and what the export page of its site gives.

The open data are four tables separated by tabs, each compressed, or all in one tar archive
(https://github.com/inaturalist/inaturalist-open-data). The export is a table separated by commas,
whose columns the person chooses (https://www.inaturalist.org/observations/export).
"""

import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from tools.occurrences.relations import (
    EXPORT_COLUMNS,
    EXPORT_RANKS,
    INATURALIST_COLUMNS,
    INATURALIST_TAXA,
    export_relation,
    inaturalist_names,
    inaturalist_relation,
    missing,
)
from tools.occurrences.statement import literal
from tools.occurrences.tables import (
    Request,
    Source,
    SourceError,
    check,
    table_of,
)
from tools.occurrences.texts import is_gzip, layout_of, readable

OBSERVATIONS: Final = ("observations.csv", "observations.csv.gz")
TAXA: Final = ("taxa.csv", "taxa.csv.gz")


def open_data_tables(directory: Path) -> Path | None:
    """Return the table of observations in a directory, if there is one."""
    return next((directory / name for name in OBSERVATIONS if (directory / name).is_file()), None)


def open_data(request: Request) -> Source:
    """Open the observations, with the taxa beside them or in the same tar archive."""
    path = request.path
    if path.is_dir():
        path = open_data_tables(path) or path / OBSERVATIONS[0]
    faults = []
    if request.licence is None:
        faults.append("iNaturalist's table has no licences: name that of your copy with --licence")
    elif is_tar(path):
        path = extract(path, request.work)
    taxa = request.taxa or path.with_name(path.name.replace("observations", "taxa"))
    if not is_tar(path) and (not taxa.exists() or taxa == path):
        faults.append(f"{taxa} does not exist: name iNaturalist's taxa.csv.gz with --taxa")
    if request.licence is None or faults:
        raise SourceError("\n".join(faults))
    layout, taxa_layout = layout_of(path), layout_of(taxa)
    check(path, INATURALIST_COLUMNS, layout.columns)
    check(taxa, INATURALIST_TAXA, taxa_layout.columns)
    observations = readable(path, request.work, layout)
    names = readable(taxa, request.work, taxa_layout)
    table = table_of(observations, layout.columns, delimiter=layout.delimiter, quote=layout.quote)

    def prepare(connection: Any) -> None:
        types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in taxa_layout.columns)
        connection.execute(
            f"CREATE TABLE taxon AS SELECT * FROM read_csv({literal(str(names))}, "
            f"columns = {{{types}}}, delim = {literal(taxa_layout.delimiter)}, "
            f"quote = {literal(taxa_layout.quote)}, escape = {literal(taxa_layout.quote)}, "
            "header = true, auto_detect = false, ignore_errors = true)"
        )
        connection.execute(f"CREATE TABLE taxon_names AS {inaturalist_names('taxon')}")

    return Source(
        inaturalist_relation(table, "taxon_names", request.licence),
        "Observations of research grade from iNaturalist",
        prepare=prepare,
    )


def is_tar(path: Path) -> bool:
    """Return whether a file is a tar archive, compressed by gzip or not."""
    return (is_gzip(path) or path.suffix == ".tar") and tarfile.is_tarfile(path)


def extract(path: Path, work: Path) -> Path:
    """Extract observations and taxa, in one pass over the archive; return the observations."""
    found: dict[str, Path] = {}
    with tarfile.open(path, "r|*") as archive:
        for entry in archive:
            name = PurePosixPath(entry.name).name
            content = archive.extractfile(entry) if name in (*OBSERVATIONS, *TAXA) else None
            if content is None:
                continue
            kind = name.partition(".")[0]
            found[kind] = work / name
            with content, found[kind].open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
            if len(found) == len(("observations", "taxa")):
                break
    if lacking := [kind for kind in ("observations", "taxa") if kind not in found]:
        raise SourceError(f"{path} is no archive of iNaturalist's open data: it has no "
                          f"{' and no '.join(f'{kind}.csv' for kind in lacking)}")  # fmt: skip
    # Both have the same ending where the import looks for them.
    return found["observations"]


def is_export(columns: Iterable[str]) -> bool:
    """Return whether these are columns of the site's export."""
    return not missing(("quality_grade", "observed_on"), columns)


def export_of_the_site(request: Request, table: str, columns: Iterable[str]) -> Source:
    """Return the source of a table of the site's export. Raises ``SourceError``."""
    present = [name.lower() for name in columns]
    required = [*EXPORT_COLUMNS]
    if "taxon_kingdom_name" not in present:
        required.append("iconic_taxon_name")
    if not {"user_login", "user_id"}.intersection(present):
        required.append("user_login")
    if request.licence is None:
        required.append("license")
    check(request.path, required, present)
    lacking = [rank for rank in EXPORT_RANKS if f"taxon_{rank}_name" not in present]
    note = (
        f"The export has no names of the {', '.join(lacking)}: a class of that rank matches no "
        "record. The export page offers them under the taxon's extras"
        if lacking
        else None
    )
    return Source(
        export_relation(table, present, request.licence),
        "Observations of research grade from iNaturalist",
        note=note,
    )
