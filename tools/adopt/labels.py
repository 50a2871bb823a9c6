"""Read labels in the forms in which they come: one for each output of the model, in its order."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tools.adopt.findings import AdoptionError
from tools.adopt.metadata import refuse_other_tasks

NOT_ANIMALS: Final = frozenset(
    {"background", "none", "nothing", "empty", "blank", "no animal", "not an animal", "unknown",
     "other", "negative", "__background__"}
)  # fmt: skip
"""Labels that stand for no animal; compared without regard to case."""

NUMBERED: Final = re.compile(r"(\d+)\s*[\s:;,.)]\s*(\S.*)")
BRACKETED: Final = re.compile(r"(?P<outer>[^()]+?) ?\((?P<inner>.*)\)")
BINOMIAL: Final = re.compile(r"[A-Z][a-z]+ [a-z]+( [a-z]+)?")
ESCAPE: Final = re.compile(r"\\x([0-9a-fA-F]{2})")
TAXON_PATH: Final = re.compile(r"(?:\d+_)?[A-Z][a-z]+_[A-Z][a-z]+_(?:\w+_)*([A-Z][a-z]+_[a-z-]+)")
"""The directories of iNaturalist's competitions: 00042_Animalia_..._Turdus_merula."""

INDEX_COLUMNS: Final = ("classindex", "index", "id", "class_id", "number")
SCIENTIFIC_COLUMNS: Final = ("scientificname", "scientific_name", "species", "taxon")
COMMON_COLUMNS: Final = ("vernacularname", "common_name", "commonname", "english")
NAME_COLUMNS: Final = ("name", "label", "class", "class_name", "display_name")


class Label(NamedTuple):
    """A label as it stands, and the two names that may be in it."""

    text: str
    name: str
    other: str

    @property
    def is_animal(self) -> bool:
        """Whether the label stands for an animal, as far as its text says."""
        return self.name.casefold() not in NOT_ANIMALS

    def turned(self) -> "Label":
        """Return the label with its two names exchanged: Polar bear (Ursus maritimus)."""
        return self._replace(name=self.other, other=self.name) if self.other else self


class Labels(NamedTuple):
    """All labels in the order of the outputs, and the form in which they were found."""

    labels: tuple[Label, ...]
    form: str


def read_file(path: Path) -> Labels:
    """Read a file of labels. Raises ``AdoptionError``."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AdoptionError(f"{path} cannot be read: {error.strerror}") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise AdoptionError(f"{path} is not in UTF-8: save it as UTF-8") from error
    return read_text(text, path.name)


def read_text(text: str, name: str) -> Labels:
    """Read labels from a text. ``name`` is that of its file. Raises ``AdoptionError``."""
    suffix = Path(name).suffix.lower()
    if suffix in (".json", ".yaml", ".yml"):
        return _structured(text, name)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise AdoptionError(f"{name} has no labels: it needs one for each output of the model")
    if header := _header(lines[0]):
        return _table(lines, header, name)
    matches = [NUMBERED.fullmatch(line) for line in lines]
    numbered = [(int(match[1]), match[2]) for match in matches if match]
    if len(numbered) == len(lines):
        return Labels(_labels(_ordered(numbered, name)), "one a line, numbered")
    bare = [line for line in lines if line.isdecimal()]
    if numbered and len(numbered) + len(bare) == len(lines):
        raise AdoptionError(
            f"{name}: the label {bare[0]} has no name: write one, or 'background' if it stands "
            "for no animal"
        )
    return Labels(_labels(lines), "one a line")


def from_names(names: Any, name: str) -> Labels:
    """Read Ultralytics' ``names``: a list, or numbers and names. Raises ``AdoptionError``."""
    if isinstance(names, Mapping):
        try:
            names = _ordered([(int(number), str(text)) for number, text in names.items()], name)
        except ValueError as error:
            raise AdoptionError(f"{name}: the labels must be numbered: {error}") from error
    if not isinstance(names, list) or not names:
        raise AdoptionError(f"{name} has no labels: it needs a list, or numbers with names")
    return Labels(_labels([str(text) for text in names]), "Ultralytics' names")


def label_of(text: str) -> Label:
    """Take a label apart: Scientific (Common), with underscores, or as a path of taxa."""
    plain = ESCAPE.sub(lambda code: chr(int(code[1], 16)), text).strip().strip("\"'")
    if path := TAXON_PATH.fullmatch(plain):
        plain = path[1]
    if " " not in plain:
        plain = plain.replace("_", " ")
    plain = re.sub(r"\s+", " ", plain).strip()
    if parts := BRACKETED.fullmatch(plain):
        return Label(text, parts["outer"].strip(), parts["inner"].strip())
    if ", " in plain:
        return _listed(text, plain.split(", "))
    return Label(text, plain, "")


def _listed(text: str, names: Sequence[str]) -> Label:
    """Return a label of several names, as ImageNet has them: the scientific one comes last."""
    scientific = [name for name in names if BINOMIAL.fullmatch(name)]
    return Label(text, scientific[-1], names[0]) if scientific else Label(text, names[0], "")


def _labels(texts: Sequence[str]) -> tuple[Label, ...]:
    return tuple(label_of(text) for text in texts)


def _ordered(numbered: Sequence[tuple[int, str]], name: str) -> list[str]:
    """Return texts in the order of their numbers, which count from 0 or 1 without gaps."""
    texts = dict(numbered)
    first = min(texts)
    if len(texts) != len(numbered) or first > 1 or max(texts) != first + len(texts) - 1:
        raise AdoptionError(f"{name}: the numbers of the labels must count from 0 without gaps")
    return [texts[number] for number in sorted(texts)]


def _structured(text: str, name: str) -> Labels:
    try:
        content = json.loads(text) if name.lower().endswith(".json") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise AdoptionError(f"{name} cannot be read: {str(error).splitlines()[0]}") from error
    if isinstance(content, Mapping) and "names" in content:
        refuse_other_tasks(content, name)
        content = content["names"]
    return from_names(content, name)


def _header(line: str) -> dict[str, str] | None:
    """Return the columns of a table, by their role, if the line is its header."""
    columns = [column.strip() for column in next(csv.reader([line], delimiter=_delimiter(line)))]
    known = {column.lower(): column for column in columns}
    roles = {
        role: next((known[name] for name in names if name in known), "")
        for role, names in (
            ("index", INDEX_COLUMNS),
            ("scientific", SCIENTIFIC_COLUMNS),
            ("common", COMMON_COLUMNS),
            ("name", NAME_COLUMNS),
        )
    }
    is_header = len(columns) > 1 and (roles["scientific"] or roles["name"])
    return roles if is_header else None


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _table(lines: Sequence[str], roles: Mapping[str, str], name: str) -> Labels:
    rows = list(csv.DictReader(lines, delimiter=_delimiter(lines[0]), restval=""))
    labels = []
    for number, row in enumerate(rows):
        cells = {(column or "").strip(): cell for column, cell in row.items()}
        scientific = str(cells.get(roles["scientific"]) or "").strip()
        common = str(cells.get(roles["common"]) or "").strip()
        text = scientific or str(cells.get(roles["name"]) or "").strip() or common
        label = label_of(text)
        index = str(cells.get(roles["index"]) or number)
        if not index.isdecimal():
            raise AdoptionError(f"{name}: {index!r} in column {roles['index']} is not a number")
        labels.append((int(index), label._replace(other=common or label.other)))
    labels.sort(key=lambda one: one[0])
    _ordered([(index, label.text) for index, label in labels], name)
    texts = [label for _, label in labels]
    return Labels(tuple(texts), "a table")
