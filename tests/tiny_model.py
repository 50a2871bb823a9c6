"""A TFLite model of 1 KB: three classes, decided by the brightness of the photo alone.

It stands for a model of your own. It is written with the schema in ``ai_edge_litert`` (Python
3.12 and later), since no converter is part of this project.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

WEIGHTS = np.array([[20, 20, 20], [-20, -20, -20], [0, 0, 0]], np.float32)
"""Bright photos get the first class, dark ones the second. Shape (classes, channels)."""

BIAS = np.array([0, 0, -2], np.float32)

NAMES = schema.BuiltinOperator
OPTIONS = schema.BuiltinOptions
REAL, WHOLE = schema.TensorType.FLOAT32, schema.TensorType.INT32


@dataclass(frozen=True)
class Form:
    """How the file differs from real numbers in, logits out.

    ``last`` is ``SOFTMAX`` or ``LOGISTIC``. ``stored`` is ``UINT8`` or ``INT8``, for pixels from -1
    to 1 and scores from 0 to 1. ``factor`` multiplies pixels before all else, as models do that
    scale by themselves. ``metadata`` is Google's table, ``files`` the zip at the end.
    """

    last: str = ""
    stored: str = ""
    factor: float = 0.0
    weights: np.ndarray = field(default_factory=lambda: WEIGHTS)
    bias: np.ndarray = field(default_factory=lambda: BIAS)
    custom: str = ""
    extra_output: bool = False
    old_codes: bool = False
    metadata: bytes = b""
    files: Mapping[str, str] = field(default_factory=dict)


class _Graph:
    """The tensors, operators and buffers of a model in the making."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []

    def buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def tensor(
        self, kind: int, shape: Sequence[int], data: np.ndarray | None = None, scale: float = 0.0,
        zero_point: int = 0,
    ) -> int:  # fmt: skip
        made = schema.TensorT()
        made.name, made.type, made.shape = f"t{len(self.graph.tensors)}", kind, list(shape)
        if data is not None:
            made.buffer = self.buffer(data.tobytes())
        if scale:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = [scale], [zero_point]
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def operator(
        self, name: str, inputs: list[int], output: int, options: str = "", *, old: bool = False
    ) -> int:
        code = schema.OperatorCodeT()
        number = getattr(NAMES, name)
        # Files before 2020 have the number in this field only.
        code.builtinCode = 0 if old else number
        code.deprecatedBuiltinCode, code.version = number, 1
        self.model.operatorCodes.append(code)
        made = schema.OperatorT()
        made.opcodeIndex = len(self.model.operatorCodes) - 1
        made.inputs, made.outputs = inputs, [output]
        if options:
            made.builtinOptionsType = getattr(OPTIONS, options)
            made.builtinOptions = getattr(schema, f"{options}T")()
        self.graph.operators.append(made)
        return output


def build(side: int, form: Form | None = None) -> bytes:
    """Build the file: pixels of shape (1, side, side, 3) to scores (1, classes)."""
    form = form or Form()
    made = _Graph()
    classes, channels = form.weights.shape
    shape = [1, side, side, channels]
    stored = getattr(schema.TensorType, form.stored) if form.stored else REAL
    zero_point = {"UINT8": 128, "INT8": 0}.get(form.stored, 0)
    scale = 1 / 128 if form.stored else 0.0
    first = value = made.tensor(stored, shape, scale=scale, zero_point=zero_point)
    if form.stored:
        value = made.operator("DEQUANTIZE", [value], made.tensor(REAL, shape))
    if form.factor:
        factor = made.tensor(REAL, [1], np.array([form.factor], np.float32))
        value = made.operator("MUL", [value, factor], made.tensor(REAL, shape), "MulOptions")
    axes = made.tensor(WHOLE, [2], np.array([1, 2], np.int32))
    mean = made.tensor(REAL, [1, channels])
    value = made.operator("MEAN", [value, axes], mean, "ReducerOptions")
    weights = made.tensor(REAL, form.weights.shape, form.weights.astype(np.float32))
    bias = made.tensor(REAL, [classes], form.bias.astype(np.float32))
    value = made.operator(
        "FULLY_CONNECTED", [value, weights, bias], made.tensor(REAL, [1, classes]),
        "FullyConnectedOptions",
    )  # fmt: skip
    if form.last:
        options = "SoftmaxOptions" if form.last == "SOFTMAX" else ""
        value = made.operator(
            form.last, [value], made.tensor(REAL, [1, classes]), options, old=form.old_codes
        )
        if form.last == "SOFTMAX":
            made.graph.operators[-1].builtinOptions.beta = 1.0
    if form.stored:
        lowest = -128 if form.stored == "INT8" else 0
        scores = made.tensor(stored, [1, classes], scale=1 / 256, zero_point=lowest)
        value = made.operator("QUANTIZE", [value], scores)
    if form.custom:
        made.operator("CUSTOM", [value], made.tensor(REAL, [1, classes]))
        made.model.operatorCodes[-1].customCode = form.custom
    made.graph.inputs = [first]
    made.graph.outputs = [value, mean] if form.extra_output else [value]
    made.model.subgraphs = [made.graph]
    return _packed(made.model, form)


def _packed(model: Any, form: Form) -> bytes:
    if form.metadata:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(form.metadata, np.uint8)
        model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
        model.metadata = [entry]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    file = io.BytesIO(bytes(builder.Output()))
    if form.files:
        file.seek(0, io.SEEK_END)
        with zipfile.ZipFile(file, "a") as archive:
            for name, text in form.files.items():
                archive.writestr(name, text)
    return file.getvalue()


def metadata_table(
    mean: Sequence[float] = (), deviation: Sequence[float] = (), licence: str = "",
    label_files: Sequence[tuple[str, str]] = (),
) -> bytes:  # fmt: skip
    """Build ModelMetadata as tensorflow/tflite-support's metadata_schema.fbs has it.

    ``label_files`` holds names and locales.
    """
    builder = flatbuffers.Builder()

    def text(value: str) -> int:
        return int(builder.CreateString(value))

    def table(members: Mapping[int, tuple[str, int]]) -> int:
        builder.StartObject(8)
        for slot, (kind, value) in members.items():
            if kind == "offset":
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                builder.PrependInt8Slot(slot, value, 0)
        return int(builder.EndObject())

    def tables(offsets: Sequence[int]) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    def numbers(values: Sequence[float]) -> int:
        return int(builder.CreateNumpyVector(np.array(values, np.float32)))

    units = []
    if mean:
        options = table({0: ("offset", numbers(mean)), 1: ("offset", numbers(deviation))})
        units = [table({0: ("number", 1), 1: ("offset", options)})]
    pixels = table({0: ("offset", text("image")), 4: ("offset", tables(units))})
    files = [
        table({0: ("offset", text(name)), 2: ("number", 2), 3: ("offset", text(locale))})
        for name, locale in label_files
    ]
    scores = table({0: ("offset", text("probability")), 6: ("offset", tables(files))})
    graph = table({2: ("offset", tables([pixels])), 3: ("offset", tables([scores]))})
    model = table(
        {
            0: ("offset", text("Bears")),
            3: ("offset", tables([graph])),
            5: ("offset", text(licence)),
        }
    )
    builder.Finish(model, b"M001")
    return bytes(builder.Output())
