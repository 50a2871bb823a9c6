"""A TFLite model of 1 KB: three classes, decided by the brightness of the photo alone.

It stands for a model of your own. It is written with the schema in ``ai_edge_litert`` (Python
3.12 and later), since no converter is part of this project.
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

WEIGHTS = np.array([[20, 20, 20], [-20, -20, -20], [0, 0, 0]], np.float32)
"""Bright photos get the first class, dark ones the second. Shape (classes, channels)."""

BIAS = np.array([0, 0, -2], np.float32)


def build(side: int) -> bytes:
    """Build the file: float32 pixels of shape (1, side, side, 3) to logits (1, classes)."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]

    def tensor(name: str, kind: int, shape: list[int], data: np.ndarray | None = None) -> Any:
        made = schema.TensorT()
        made.name, made.type, made.shape = name, kind, shape
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            made.buffer = len(model.buffers)
            model.buffers.append(buffer)
        return made

    def operator(code: int, inputs: list[int], output: int, kind: int, options: Any) -> Any:
        made = schema.OperatorT()
        made.opcodeIndex, made.inputs, made.outputs = code, inputs, [output]
        made.builtinOptionsType, made.builtinOptions = kind, options
        return made

    def code(number: int) -> Any:
        made = schema.OperatorCodeT()
        made.builtinCode = made.deprecatedBuiltinCode = number
        made.version = 1
        return made

    real, whole = schema.TensorType.FLOAT32, schema.TensorType.INT32
    classes, channels = WEIGHTS.shape
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("pixels", real, [1, side, side, channels]),
        tensor("axes", whole, [2], np.array([1, 2], np.int32)),
        tensor("brightness", real, [1, channels]),
        tensor("weights", real, [classes, channels], WEIGHTS),
        tensor("bias", real, [classes], BIAS),
        tensor("logits", real, [1, classes]),
    ]
    options = schema.BuiltinOptions
    graph.operators = [
        operator(0, [0, 1], 2, options.ReducerOptions, schema.ReducerOptionsT()),
        operator(1, [2, 3, 4], 5, options.FullyConnectedOptions, schema.FullyConnectedOptionsT()),
    ]
    graph.inputs, graph.outputs = [0], [5]
    model.subgraphs = [graph]
    names = schema.BuiltinOperator
    model.operatorCodes = [code(names.MEAN), code(names.FULLY_CONNECTED)]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
