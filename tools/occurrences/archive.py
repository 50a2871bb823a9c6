"""Read the metadata of a Darwin Core Archive: its columns, title and citation.

``meta.xml`` describes the files (https://dwc.tdwg.org/text/), ``metadata.xml`` the dataset
(EML, https://eml.ecoinformatics.org).
"""

import zipfile
from typing import Final
from xml.etree.ElementTree import Element  # the class; defusedxml parses  # nosec B405

from defusedxml import ElementTree

ARCHIVE: Final = "{http://rs.tdwg.org/dwc/text/}"
"""The namespace of meta.xml (https://dwc.tdwg.org/text/)."""


def archive_columns(core: Element) -> list[str]:
    """Return the columns in their order, each by the last part of its term's address."""
    terms = {
        int(field.get("index", -1)): field.get("term", "") for field in core.iter(f"{ARCHIVE}field")
    }
    if (identifier := core.find(f"{ARCHIVE}id")) is not None:
        terms.setdefault(int(identifier.get("index", 0)), "id")
    columns: list[str] = []
    for index in range(max(terms, default=-1) + 1):
        name = terms.get(index, "").rpartition("/")[2]
        # Two vocabularies may share a word. The first column keeps it.
        is_new = name and name.lower() not in map(str.lower, columns)
        columns.append(name if is_new else f"column {index}")
    return columns


def read_metadata(archive: zipfile.ZipFile, name: str) -> tuple[str | None, str | None]:
    """Return title and citation from metadata.xml (EML); without a citation, title and DOI."""
    if name not in archive.namelist():
        return None, None
    root = ElementTree.fromstring(archive.read(name))
    texts: dict[str, str] = {}
    for element in root.iter():
        if element.text and element.text.strip():
            texts.setdefault(element.tag.rpartition("}")[2], " ".join(element.text.split()))
    title, identifier = texts.get("title"), texts.get("alternateIdentifier", "")
    cited = f"{title}, https://doi.org/{identifier}" if title and "10." in identifier else None
    return title, texts.get("citation", cited)
