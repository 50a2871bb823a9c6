"""Vernacular names in other languages, from the table that ``make names`` builds."""

import csv
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from chalicelib.domain import ENGLISH, VernacularNames


class CsvNames:
    """The :class:`~chalicelib.ports.NameSource` on files, which are read at first use.

    Of two names for one animal, the later file's holds. A file that cannot be read costs its names:
    the English ones serve.
    """

    def __init__(self, *paths: Path) -> None:
        self._paths = dict.fromkeys(paths)

    @cached_property
    def _languages(self) -> Mapping[str, VernacularNames]:
        names: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for path in self._paths:
            with suppress(OSError, ValueError, KeyError, csv.Error):
                with path.open(encoding="utf-8-sig", newline="") as file:
                    rows = list(csv.DictReader(file))
                for row in rows:
                    names[row["language"]][row["taxonID"]] = row["vernacularName"]
        return {
            language: VernacularNames(language, by_taxon_id)
            for language, by_taxon_id in names.items()
        }

    def in_language(self, tag: str) -> VernacularNames:
        """Return the names of the nearest language that has some, else English.

        Lookup as in RFC 4647, section 3.4: ``pt-BR`` falls back to ``pt``.
        """
        parts = tag.lower().split("-")
        while parts and parts[0] != ENGLISH.language:
            if names := self._languages.get("-".join(parts)):
                return names
            parts.pop()
        return ENGLISH
