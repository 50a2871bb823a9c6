"""Inspect a TFLite file: input, output, first and last operators. Nothing is run."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from tools.adopt.findings import AdoptionError

IDENTIFIER: Final = b"TFL3"

OPERATORS: Final = {
    number: name for name, number in vars(schema.BuiltinOperator).items() if name.isupper()
}
TYPES: Final = {number: name for name, number in vars(schema.TensorType).items() if name.isupper()}
PICTURE_TYPES: Final = ("FLOAT32", "UINT8", "INT8")
"""Types of pixels and scores that the service passes."""

TRANSPARENT: Final = frozenset(
    {"RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE", "CAST", "EXPAND_DIMS", "PAD"}
)
"""Operators that change the form of values, not what they mean."""

ARITHMETIC: Final = frozenset({"MUL", "DIV", "ADD", "SUB"})

DETECTION: Final = b"TFLite_Detection_PostProcess"
EDGE_TPU: Final = b"edgetpu-custom-op"
FLEX: Final = b"Flex"


class Quantization(NamedTuple):
    """An integer stands for ``(stored - zero_point) * scale``; the scale is 0 without one."""

    scale: float
    zero_point: int


class Network(NamedTuple):
    """What the file says of itself.

    ``last`` is the last operator that means something. ``gain`` and ``offset`` are what the first
    operators do to a pixel, if they only scale it: ``pixel * gain + offset``.
    """

    width: int
    height: int
    input_type: str
    input_quantization: Quantization
    classes: int
    output_type: str
    output_quantization: Quantization
    last: str
    gain: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    metadata: bytes | None = None


def inspect(content: bytes, name: str) -> Network:
    """Return what the file says. Raises ``AdoptionError`` if no classifier of photos is in it."""
    if content[:2] == b"PK":
        raise AdoptionError(f"{name} is an archive: unpack it, and name the .tflite file inside")
    if content[4:8] != IDENTIFIER:
        raise AdoptionError(
            f"{name} is not a TFLite file: convert the model to .tflite first (docs/model.md)"
        )
    try:
        model = schema.Model.GetRootAs(content, 0)
        graph = model.Subgraphs(0)
        operators = [_Operator(model, graph, number) for number in range(graph.OperatorsLength())]
        refuse_custom_operators(model, name)
        picture, scores = _only_tensors(graph, name)
        shape = [int(side) for side in scores.ShapeAsNumpy()]
        height, width = _picture_size(picture, name)
        gain, offset = _scaling(operators, int(graph.Inputs(0)))
        return Network(
            width=width,
            height=height,
            input_type=_type_of(picture, name),
            input_quantization=_quantization(picture),
            classes=_classes(shape, name),
            output_type=_type_of(scores, name),
            output_quantization=_quantization(scores),
            last=_last(operators, int(graph.Outputs(0))),
            gain=gain,
            offset=offset,
            metadata=_metadata(model),
        )
    except AdoptionError:
        raise
    except Exception as error:
        raise AdoptionError(f"{name} is a damaged TFLite file: {error!r}; get it again") from error


def refuse_custom_operators(model: Any, name: str) -> None:
    """Raise ``AdoptionError`` if the file needs operators that TFLite itself lacks."""
    codes = [model.OperatorCodes(number) for number in range(model.OperatorCodesLength())]
    custom = {bytes(code.CustomCode()) for code in codes if code.CustomCode()}
    if DETECTION in custom:
        raise AdoptionError(f"{name} is a detector: it draws boxes. Rangefinder needs a classifier")
    if EDGE_TPU in custom:
        raise AdoptionError(
            f"{name} is compiled for an Edge TPU: take the file without _edgetpu in its name"
        )
    if custom:
        names = ", ".join(sorted(code.decode(errors="replace") for code in custom))
        cause = "TensorFlow's operators" if any(map(_is_flex, custom)) else "operators of its own"
        raise AdoptionError(
            f"{name} needs {cause} ({names}): convert the model again with TFLITE_BUILTINS only"
        )


def _is_flex(code: bytes) -> bool:
    return code.startswith(FLEX)


class _Operator:
    """An operator with its name, its tensors and its constant operands."""

    def __init__(self, model: Any, graph: Any, number: int) -> None:
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        # Old files have the number in a field of one byte.
        self.name = OPERATORS.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "?")
        self.inputs = [int(index) for index in _numbers(operator.InputsAsNumpy())]
        self.outputs = [int(index) for index in _numbers(operator.OutputsAsNumpy())]
        self._model, self._graph = model, graph

    def constant(self, index: int) -> NDArray[np.float32] | None:
        """Return a tensor's stored values, if it has any and they are float32."""
        tensor = self._graph.Tensors(index)
        buffer = self._model.Buffers(tensor.Buffer())
        if not buffer.DataLength() or TYPES[tensor.Type()] != "FLOAT32":
            return None
        values: NDArray[np.float32] = buffer.DataAsNumpy().view(np.float32)
        return values


def _numbers(array: Any) -> Sequence[int]:
    """Return a vector of a flatbuffer, which is 0 where it is empty."""
    return () if isinstance(array, int) else array


def _only_tensors(graph: Any, name: str) -> tuple[Any, Any]:
    inputs, outputs = graph.InputsLength(), graph.OutputsLength()
    if inputs != 1:
        raise AdoptionError(f"{name} has {inputs} inputs: Rangefinder passes one, the photo")
    if outputs != 1:
        shapes = [graph.Tensors(graph.Outputs(number)).ShapeAsNumpy() for number in range(outputs)]
        if any(len(_numbers(shape)) > 2 for shape in shapes):
            raise AdoptionError(
                f"{name} has {outputs} outputs, as detectors and segmenters have: "
                "Rangefinder needs a classifier with one"
            )
        raise AdoptionError(f"{name} has {outputs} outputs: Rangefinder reads one, the scores")
    return graph.Tensors(graph.Inputs(0)), graph.Tensors(graph.Outputs(0))


def _picture_size(picture: Any, name: str) -> tuple[int, int]:
    shape = [int(side) for side in _numbers(picture.ShapeAsNumpy())]
    signature = [int(side) for side in _numbers(picture.ShapeSignatureAsNumpy())]
    if len(shape) == 4 and shape[1] == 3 and shape[3] != 3:
        raise AdoptionError(
            f"{name} takes {shape}, channels first: convert it with channels last (1, height, "
            "width, 3)"
        )
    if len(shape) == 4 and shape[3] == 1:
        raise AdoptionError(f"{name} takes grey pictures: Rangefinder passes colours")
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
        raise AdoptionError(f"{name} takes {shape}: Rangefinder passes (1, height, width, 3)")
    if -1 in signature[1:] or min(shape[1:3]) < 8:
        raise AdoptionError(
            f"{name} takes pictures of any size: convert it with a fixed one, as (1, 224, 224, 3)"
        )
    return shape[1], shape[2]


def _type_of(tensor: Any, name: str) -> str:
    kind = str(TYPES.get(tensor.Type(), "?"))
    if kind not in PICTURE_TYPES:
        raise AdoptionError(f"{name} has values of type {kind}: {', '.join(PICTURE_TYPES)} work")
    return kind


def _quantization(tensor: Any) -> Quantization:
    values = tensor.Quantization()
    if values is None or not values.ScaleLength():
        return Quantization(0.0, 0)
    return Quantization(float(values.Scale(0)), int(values.ZeroPoint(0)))


def _classes(shape: list[int], name: str) -> int:
    if len(shape) > 2 and sum(side > 1 for side in shape) > 1:
        raise AdoptionError(
            f"{name} gives values of shape {shape}, as detectors, segmenters and models of poses "
            "do: Rangefinder needs a classifier, with one score for each class"
        )
    if len(shape) != 2 or shape[0] != 1:
        raise AdoptionError(f"{name} gives {shape}: Rangefinder reads (1, classes)")
    if shape[1] == 1:
        raise AdoptionError(
            f"{name} has one output, a yes or no: Rangefinder needs at least two classes, "
            "one of them may be 'background'"
        )
    return shape[1]


def _last(operators: Sequence[_Operator], tensor: int) -> str:
    """Return the name of the operator that makes the scores."""
    producers = {output: operator for operator in operators for output in operator.outputs}
    while operator := producers.get(tensor):
        if operator.name not in TRANSPARENT:
            return str(operator.name)
        tensor = operator.inputs[0]
    return "?"


def _scaling(
    operators: Sequence[_Operator], tensor: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return gain and offset of the operators that only scale the picture; empty without them."""
    gain, offset, found = np.ones(1), np.zeros(1), False
    for operator in _consumers(operators, tensor):
        if operator.name in TRANSPARENT:
            continue
        if operator.name not in ARITHMETIC:
            break
        values = [operator.constant(index) for index in operator.inputs]
        constant = next((value for value in values if value is not None), None)
        if constant is None or constant.size not in (1, 3):
            break
        number = constant.astype(np.float64)
        if operator.name in ("MUL", "DIV"):
            number = number if operator.name == "MUL" else 1 / number
            gain, offset = gain * number, offset * number
        else:
            gain, offset = (
                gain + 0 * number,
                offset + (number if operator.name == "ADD" else -number),
            )
        found = True
    return (tuple(gain.tolist()), tuple(offset.tolist())) if found else ((), ())


def _consumers(operators: Sequence[_Operator], tensor: int) -> Iterator[_Operator]:
    """Yield the operators that follow each other from a tensor on, as long as nothing branches."""
    while True:
        following = [operator for operator in operators if tensor in operator.inputs]
        if len(following) != 1:
            return
        yield following[0]
        tensor = following[0].outputs[0]


def _metadata(model: Any) -> bytes | None:
    for number in range(model.MetadataLength()):
        entry = model.Metadata(number)
        if entry.Name() == b"TFLITE_METADATA":
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy())
    return None
