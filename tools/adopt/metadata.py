"""Read the metadata that a TFLite file carries: Google's table, and the zip at its end.

Google's schema is metadata_schema.fbs of tensorflow/tflite-support. No maintained package reads
it, so the few members that adoption needs are read by their numbers. Ultralytics appends
``metadata.json`` instead.
"""

import ast
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from flatbuffers import encode, number_types
from flatbuffers.table import Table

from tools.adopt.findings import AdoptionError

LARGEST_FILE: Final = 10_000_000
"""Bytes of an unpacked file beside the model. Labels of 20,000 classes have one million."""

ULTRALYTICS: Final = ("metadata.json", "TFLITE_ULTRALYTICS_METADATA.json", "temp_meta.txt")

NORMALIZATION: Final = 1
"""The number of ``NormalizationOptions`` in the union ``ProcessUnitOptions``."""

AXIS_LABELS: Final = 2
"""The number of ``TENSOR_AXIS_LABELS`` in ``AssociatedFileType``."""


class LabelFile(NamedTuple):
    """A file of labels in the zip; the locale is empty if the table names none."""

    name: str
    locale: str


class Metadata(NamedTuple):
    """What the file says beyond the network; members are empty where it says nothing."""

    name: str = ""
    version: str = ""
    author: str = ""
    licence: str = ""
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    label_files: tuple[LabelFile, ...] = ()
    files: Mapping[str, str] = {}
    ultralytics: Mapping[str, Any] = {}


def read_metadata(table: bytes | None, content: bytes) -> Metadata:
    """Return the metadata of a file.

    Args:
        table: The buffer ``TFLITE_METADATA``, if there is one.
        content: The whole file, with the zip at its end.

    Raises ``AdoptionError`` if Ultralytics made the model for another task.
    """
    files = dict(_texts(content))
    described = _ultralytics(files)
    if described:
        return Metadata(
            name=str(described.get("description", "")),
            version=str(described.get("version", "")),
            author=str(described.get("author", "")),
            licence=str(described.get("license", "")),
            files=files,
            ultralytics=described,
        )
    return _google(table, files) if table else Metadata(files=files)


def refuse_other_tasks(described: Mapping[str, Any], name: str) -> None:
    """Raise ``AdoptionError`` if Ultralytics' metadata name another task than to classify."""
    task = described.get("task", "classify")
    if task != "classify":
        raise AdoptionError(
            f"{name} was trained by Ultralytics for the task {task!r}: Rangefinder needs 'classify'"
        )


def _texts(content: bytes) -> Iterator[tuple[str, str]]:
    """Yield the texts in the zip at the end of the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                if info.file_size <= LARGEST_FILE and not info.is_dir():
                    yield info.filename, archive.read(info).decode("utf-8-sig", errors="replace")
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError):
        return


def _ultralytics(files: Mapping[str, str]) -> Mapping[str, Any]:
    for name in ULTRALYTICS:
        if name in files:
            described = _parse(files[name])
            if isinstance(described, dict) and "names" in described:
                return described
    return {}


def _parse(text: str) -> Any:
    """Return JSON, or the Python literal that older versions wrote."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


class _Reader:
    """A table of a flatbuffer, whose members are read by their numbers."""

    def __init__(self, content: bytes, position: int) -> None:
        self._table = Table(content, position)

    @classmethod
    def root(cls, content: bytes) -> "_Reader":
        return cls(content, encode.Get(number_types.UOffsetTFlags.packer_type, content, 0))

    def _at(self, member: int) -> int:
        return int(self._table.Offset(4 + 2 * member))

    def text(self, member: int) -> str:
        offset = self._at(member)
        value = self._table.String(offset + self._table.Pos) if offset else b""
        return bytes(value).decode("utf-8", errors="replace")

    def number(self, member: int) -> int:
        offset = self._at(member)
        return (
            int(self._table.Get(number_types.Int8Flags, offset + self._table.Pos)) if offset else 0
        )

    def numbers(self, member: int) -> tuple[float, ...]:
        offset = self._at(member)
        if not offset:
            return ()
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        flags = number_types.Float32Flags
        return tuple(float(self._table.Get(flags, start + 4 * i)) for i in range(count))

    def tables(self, member: int) -> list["_Reader"]:
        offset = self._at(member)
        if not offset:
            return []
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        positions = (self._table.Indirect(start + 4 * number) for number in range(count))
        return [_Reader(self._table.Bytes, position) for position in positions]

    def table(self, member: int) -> "_Reader":
        position = self._table.Indirect(self._at(member) + self._table.Pos)
        return _Reader(self._table.Bytes, position)


def _google(table: bytes, files: Mapping[str, str]) -> Metadata:
    """Read ModelMetadata. A damaged table counts as none: the file itself may be sound."""
    try:
        model = _Reader.root(table)
        mean: tuple[float, ...] = ()
        deviation: tuple[float, ...] = ()
        labels: list[LabelFile] = []
        for graph in model.tables(3)[:1]:
            for tensor in graph.tables(2)[:1]:
                for unit in tensor.tables(4):
                    if unit.number(0) == NORMALIZATION:
                        options = unit.table(1)
                        mean, deviation = options.numbers(0), options.numbers(1)
            for tensor in graph.tables(3)[:1]:
                labels += [
                    LabelFile(file.text(0), file.text(3))
                    for file in tensor.tables(6)
                    if file.number(2) == AXIS_LABELS
                ]
        return Metadata(
            name=model.text(0),
            version=model.text(2),
            author=model.text(4),
            licence=model.text(5),
            mean=mean,
            deviation=deviation,
            label_files=tuple(labels),
            files=files,
        )
    except Exception:
        return Metadata(files=files)
