"""Classify with TensorFlow Lite, as the files beside the model describe it.

The model card, ``model.json``, names the model file and its labels, and says how to scale pixels
and calibrate outputs. You can therefore use another model without a change of code.
``tflite_runtime`` (Python 3.11) and its successor ``ai_edge_litert`` (3.12 and later) have the
same ``Interpreter``. Only this module imports either.
"""

import csv
import importlib
import json
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.classifier.lookalike_table import LookalikeTable, taxon_of
from chalicelib.domain import (
    Geography,
    LookalikeStrengths,
    LookRule,
    Model,
    ModelInput,
    Pixels,
    Scores,
    Taxon,
    Thresholds,
    View,
    no_lookalikes,
)
from chalicelib.errors import ModelUnavailable

RUNTIMES: Final = ("tflite_runtime.interpreter", "ai_edge_litert.interpreter")


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
    def _card(self) -> dict[str, Any]:
        try:
            card: dict[str, Any] = json.loads((self._directory / "model.json").read_bytes())
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"model.json cannot be read: {error}") from error
        return card

    @cached_property
    def model(self) -> Model:
        """The model as its card and labels describe it. Raises ``ModelUnavailable``."""
        try:
            model_input, decision = self._card["input"], self._card["decision"]
            return Model(
                name=self._card["name"],
                version=self._card["version"],
                sha256=self._card["sha256"],
                input_size=ModelInput(
                    model_input["width"],
                    model_input["height"],
                    model_input["cropFraction"],
                    model_input["resample"],
                    model_input.get("frame", "square"),
                ),
                taxa=_taxa(self._directory / self._card["labels"]),
                thresholds=Thresholds(
                    animal=decision["animal"],
                    not_an_animal=decision["notAnAnimal"],
                    named=decision["named"],
                    rolled_up=decision["rolledUp"],
                    not_living_here=decision.get("notLivingHere"),
                    named_by_geography={
                        Geography(geography): score
                        for geography, score in decision.get("namedByGeography", {}).items()
                    },
                    rolled_up_by_rank=decision.get("rolledUpByRank", {}),
                    lookalikes=_strengths(decision.get("lookalikes")),
                ),
                card=self._card,
                lookalikes_of=LookalikeTable(self._directory / self._card["lookalikes"]).of
                if "lookalikes" in self._card
                else no_lookalikes,
                look_rule=_look_rule(self._card.get("secondLooks")),
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"model.json or the labels are invalid: {error!r}") from error

    @cached_property
    def _loaded(self) -> LoadedModel:
        # The first call reads the table of lookalikes: a broken one must not fail a decision.
        self.model.lookalikes_of("")
        size, classes = self.model.input_size, len(self.model.taxa)
        try:
            path = self._directory / self._card["file"]
            interpreter = _interpreter_class()(model_path=str(path), num_threads=self._threads)
            interpreter.allocate_tensors()
        except (OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
            raise ModelUnavailable(f"The model cannot be loaded: {error!r}") from error
        expected = [1, size.height, size.width, 3], [1, classes]
        inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        actual = inputs["shape"].tolist(), outputs["shape"].tolist()
        if actual != expected:
            raise ModelUnavailable(f"The model has shapes {actual}; the files say {expected}")
        return LoadedModel(interpreter, inputs, outputs)

    def load(self) -> None:
        """Create the interpreter now rather than during the first prediction.

        Raises ``ModelUnavailable``.
        """
        with self._lock:
            _ = self._loaded

    def classify(self, pixels: Pixels) -> Scores:
        """Return the calibrated probability of each class, shape (classes,); they sum to 1.

        Raises ``ModelUnavailable``.
        """
        with self._lock:
            loaded = self._loaded
            interpreter, inputs, outputs = loaded.interpreter, loaded.inputs, loaded.outputs
            # The tensor is a view into the model's memory. No reference to it may exist when the
            # model runs, so it has no name here.
            fill_input_tensor(
                interpreter.tensor(inputs["index"])()[0], pixels, self._card["input"], inputs
            )
            interpreter.invoke()
            raw = interpreter.get_tensor(outputs["index"])[0]
        values = dequantize(raw, outputs)
        return calibrate(values, self._card["output"]["kind"], self._card["calibration"])


def fill_input_tensor(
    tensor: NDArray[Any], pixels: Pixels, scaling: dict[str, Any], details: dict[str, Any]
) -> None:
    """Copy pixels into the model's input tensor, scaled and in the tensor's type.

    Args:
        tensor: shape (height, width, 3), of real numbers or integers.
        pixels: RGB, 0 to 255, same shape.
        scaling: ``mean`` and ``standardDeviation`` of each channel. Real values are
            ``(pixel - mean) / standardDeviation``.
        details: the interpreter's description of the input. An integer tensor stores
            ``value / scale + zero_point``
            (https://ai.google.dev/edge/litert/models/quantization_spec).
    """
    mean, deviation = np.float32(scaling["mean"]), np.float32(scaling["standardDeviation"])
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


def calibrate(values: NDArray[np.float64], kind: str, calibration: dict[str, Any]) -> Scores:
    """Return calibrated probabilities, by temperature scaling.

    This is the softmax of the logits divided by a temperature: Guo et al. 2017,
    https://arxiv.org/abs/1706.04599. If ``kind`` is ``probabilities`` and not ``logits``, their
    logarithms serve as logits.
    """
    logits = np.log(np.maximum(values, 1e-12)) if kind == "probabilities" else values
    scaled = (logits - logits.max()) / float(calibration["temperature"])
    exponentials = np.exp(scaled)
    return np.asarray(exponentials / exponentials.sum(), dtype=np.float32)


def _look_rule(described: dict[str, Any] | None) -> LookRule | None:
    """Return when to look again; ``None`` if the card has no such member."""
    if described is None:
        return None
    return LookRule(
        unsure=described["unsure"],
        sure=described["sure"],
        surer=described["surer"],
        temperature=described.get("temperature", 1.0),
        views=tuple(
            View(side=view["side"], across=view["across"], down=view["down"])
            for view in described["views"]
        ),
    )


def _interpreter_class() -> Any:
    for name in RUNTIMES:
        try:
            return importlib.import_module(name).Interpreter
        except ModuleNotFoundError:
            continue
    raise ModelUnavailable(f"None of {', '.join(RUNTIMES)} is installed")


def _strengths(members: dict[str, Any] | None) -> LookalikeStrengths | None:
    """Return what ``lookalikes`` of the decision says, if it is there."""
    if members is None:
        return None
    return LookalikeStrengths(
        close=members["close"],
        loose=members["loose"],
        by_geography={
            Geography(geography): factor
            for geography, factor in members.get("byGeography", {}).items()
        },
        elsewhere=members.get("elsewhere", 1.0),
        no_place=members.get("noPlace", 1.0),
    )


def _taxa(labels: Path) -> tuple[Taxon | None, ...]:
    """Read the labels: one row for each output, in order; no taxonID means not an animal."""
    with labels.open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    if [int(row["classIndex"]) for row in rows] != list(range(len(rows))):
        raise ValueError(f"{labels.name}: classIndex must count from 0 without gaps")
    return tuple(taxon_of(row) if row["taxonID"] else None for row in rows)
