"""Classify with TensorFlow Lite, as the files beside the model describe it.

The model card, ``model.json``, names the model file and its labels, and says how to scale pixels
and calibrate outputs. You can therefore use another model without a change of code.
``tflite_runtime`` (Python 3.11) and its successor ``ai_edge_litert`` (3.12 and later) have the
same ``Interpreter``. Only this module imports either.
"""

import importlib
from functools import cached_property
from math import isfinite
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.classifier.card import Card, Input, read_card
from chalicelib.classifier.labels import read_labels
from chalicelib.classifier.lookalike_table import LookalikeTable
from chalicelib.domain import Model, Pixels, Scores, no_lookalikes
from chalicelib.errors import ModelUnavailable

RUNTIMES: Final = ("tflite_runtime.interpreter", "ai_edge_litert.interpreter")

GREY: Final = 128

SOFTMAX_SCALE: Final = 1 / 256

TOLERANCE: Final = 1e-4
"""Real numbers of 32 bits that should sum to 1 do so more exactly."""


class LoadedModel(Struct, frozen=True, eq=False):
    """An interpreter, and its description of input and output, which is slow to ask for."""

    interpreter: Any
    inputs: dict[str, Any]
    outputs: dict[str, Any]


class TfliteClassifier:
    """The :class:`~chalicelib.ports.Classifier` on TensorFlow Lite.

    The interpreter is created once, by :meth:`load` or the first prediction. It owns its tensors,
    so one thread at a time uses it.
    """

    def __init__(self, directory: Path, threads: int) -> None:
        self._directory = directory
        self._threads = threads
        self._lock = Lock()

    @cached_property
    def _card(self) -> tuple[Card, dict[str, Any]]:
        return read_card(self._directory)

    def file_of(self, member: Literal["features", "vernacular"]) -> Path | None:
        """Return an optional file that the card names; ``None`` if it names none.

        Raises ``ModelUnavailable``.
        """
        name = getattr(self._card[0], member)
        return self._directory / name if name else None

    @cached_property
    def model(self) -> Model:
        """The model as its card and labels describe it. Raises ``ModelUnavailable``."""
        card, described = self._card
        return Model(
            name=card.name,
            version=card.version,
            sha256=card.sha256,
            input_size=card.model_input(),
            taxa=read_labels(self._directory / card.labels),
            thresholds=card.thresholds(),
            card=described,
            lookalikes_of=LookalikeTable(self._directory / card.lookalikes).of
            if card.lookalikes
            else no_lookalikes,
            look_rule=card.look_rule(),
            of_spread=card.calibration.of_spread,
            speciality=card.knows_better(),
        )

    @cached_property
    def _loaded(self) -> LoadedModel:
        # The first call reads the table of lookalikes: a broken one must not fail a decision.
        self.model.lookalikes_of("")
        size, classes = self.model.input_size, len(self.model.taxa)
        path = self._directory / self._card[0].file
        try:
            interpreter = _interpreter_class()(model_path=str(path), num_threads=self._threads)
            interpreter.allocate_tensors()
        except (OSError, TypeError, RuntimeError, ValueError) as error:
            told = str(error).replace(str(path), path.name)
            raise ModelUnavailable(f"The model cannot be loaded: {told}") from error
        expected = [1, size.height, size.width, 3], [1, classes]
        inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        actual = inputs["shape"].tolist(), outputs["shape"].tolist()
        if actual != expected:
            raise ModelUnavailable(f"The model has shapes {actual}; the files say {expected}")
        if self._card[0].output.kind == "logits" and is_softmax(outputs):
            raise ModelUnavailable(
                "output.kind says logits, but the model's output is quantised as a softmax: "
                "probabilities?"
            )
        return LoadedModel(interpreter, inputs, outputs)

    def load(self) -> None:
        """Create the interpreter now rather than during the first prediction.

        Raises ``ModelUnavailable``.
        """
        with self._lock:
            _ = self._loaded

    def try_out(self) -> None:
        """Run the model once, on a grey picture. Raises ``ModelUnavailable``."""
        _ = self._is_tried

    @cached_property
    def _is_tried(self) -> bool:
        size = self.model.input_size
        self.classify(np.full((size.height, size.width, 3), GREY, np.uint8))
        return True

    def classify(self, pixels: Pixels) -> Scores:
        """Return the calibrated probability of each class, shape (classes,); they sum to 1.

        Raises ``ModelUnavailable``.
        """
        card, _ = self._card
        with self._lock:
            loaded = self._loaded
            interpreter, inputs, outputs = loaded.interpreter, loaded.inputs, loaded.outputs
            # The tensor is a view into the model's memory. No reference to it may exist when the
            # model runs, so it has no name here.
            fill_input_tensor(interpreter.tensor(inputs["index"])()[0], pixels, card.input, inputs)
            interpreter.invoke()
            raw = interpreter.get_tensor(outputs["index"])[0]
        values = dequantize(raw, outputs)
        check_output(values, card.output.kind)
        return calibrate(values, card.output.kind, card.calibration.temperature)


def fill_input_tensor(
    tensor: NDArray[Any], pixels: Pixels, scaling: Input, details: dict[str, Any]
) -> None:
    """Copy pixels into the model's input tensor, scaled and in the tensor's type.

    Args:
        tensor: shape (height, width, 3), of real numbers or integers.
        pixels: RGB, 0 to 255, same shape.
        scaling: mean and standard deviation of each channel. Real values are
            ``(pixel - mean) / standard_deviation``.
        details: the interpreter's description of the input. An integer tensor stores
            ``value / scale + zero_point``
            (https://ai.google.dev/edge/litert/models/quantization_spec).
    """
    mean = np.array(scaling.mean, np.float32)
    deviation = np.array(scaling.standard_deviation, np.float32)
    values: NDArray[Any] = pixels
    if mean.any() or (deviation != 1).any():
        values = (pixels - mean) / deviation
    scale, zero_point = details.get("quantization", (0.0, 0))
    if np.issubdtype(tensor.dtype, np.integer) and scale:
        limits = np.iinfo(tensor.dtype)
        values = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    tensor[...] = values


def dequantize(raw: NDArray[Any], details: dict[str, Any]) -> NDArray[np.float64]:
    """Return an output tensor as real values: ``(stored - zero_point) * scale`` for integers."""
    scale, zero_point = details.get("quantization", (0.0, 0))
    values = raw.astype(np.float64)
    if np.issubdtype(raw.dtype, np.integer) and scale:
        values = (values - zero_point) * scale
    return values


def is_softmax(details: dict[str, Any]) -> bool:
    """Return whether an integer output has the scale that TFLite gives a softmax, and only that.

    See SOFTMAX at https://ai.google.dev/edge/litert/models/quantization_spec.
    """
    if not np.issubdtype(details["dtype"], np.integer):
        return False
    scale, zero_point = details["quantization"]
    is_scale = abs(float(scale) - SOFTMAX_SCALE) < TOLERANCE * SOFTMAX_SCALE
    return is_scale and int(zero_point) == np.iinfo(details["dtype"]).min


def check_output(values: NDArray[np.float64], kind: str) -> None:
    """Raise ``ModelUnavailable`` if the output cannot be of the ``kind`` that the card says.

    Logits taken for probabilities, or the other way round, would give wrong scores without an
    error. Logits that are all from 0 to 1 and sum to 1 do not happen by chance.
    """
    lowest, highest = float(values.min()), float(values.max())
    if not (isfinite(lowest) and isfinite(highest)):
        raise ModelUnavailable("The model's output is not a number: check input.mean, "
                               "input.standardDeviation and the file")  # fmt: skip
    are_shares = lowest >= -TOLERANCE and highest <= 1 + TOLERANCE
    if kind == "probabilities" and not are_shares:
        raise ModelUnavailable(
            f"output.kind says probabilities, but the model gives {lowest:.3g} to {highest:.3g}: "
            "logits?"
        )
    if kind == "logits" and are_shares and abs(float(values.sum()) - 1) < TOLERANCE:
        raise ModelUnavailable(
            "output.kind says logits, but the model's output sums to 1: probabilities?"
        )


def calibrate(values: NDArray[np.float64], kind: str, temperature: float) -> Scores:
    """Return calibrated probabilities, by temperature scaling.

    This is the softmax of the logits divided by a temperature: Guo et al. 2017,
    https://arxiv.org/abs/1706.04599. If ``kind`` is ``probabilities`` and not ``logits``, their
    logarithms serve as logits.
    """
    logits = np.log(np.maximum(values, 1e-12)) if kind == "probabilities" else values
    scaled = (logits - logits.max()) / temperature
    exponentials = np.exp(scaled)
    return np.asarray(exponentials / exponentials.sum(), dtype=np.float32)


def _interpreter_class() -> Any:
    for name in RUNTIMES:
        try:
            return importlib.import_module(name).Interpreter
        except ModuleNotFoundError:
            continue
    raise ModelUnavailable(f"None of {', '.join(RUNTIMES)} is installed")
