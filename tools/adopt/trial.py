"""Run a model on pictures that nobody needs to provide, and see whether its description can be.

The pictures are grey, black, white, coloured, striped, and noise. What a model says of them means
nothing; that it says different things, in numbers of the right kind, does.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from chalicelib.classifier.card import Input
from chalicelib.classifier.tflite import dequantize, fill_input_tensor
from tools.adopt.findings import AdoptionError
from tools.adopt.network import Network
from tools.adopt.scaling import Scaling

SEED: Final = 20261128

SATURATED: Final = 0.02
"""More of the input may not lie beyond what its integers can hold."""

STUCK: Final = 0.99
MOST_ALIKE: Final = 0.7
"""No larger share of the pictures deserves one class with so high a score."""

BLIND: Final = 0.03
"""If no score changes by more, the model sees no difference between the pictures."""

Pictures = NDArray[np.uint8]
Outputs = NDArray[np.float64]


class Outcome(NamedTuple):
    """What a model made of the pictures, shape (pictures, classes), and of its input."""

    outputs: Outputs
    saturated: float
    step: float = 0.0

    @property
    def sums_to_one(self) -> bool:
        """Whether each row can be probabilities.

        Integers of the size ``step`` lose up to half a step for each class: of 965 classes in
        steps of 1/256, nearly all are rounded to 0, and the rest sum to much less than 1.
        """
        sums = self.outputs.sum(axis=1)
        lost = self.step * self.outputs.shape[1] / 2
        return self.lies_in_unit and bool((sums <= 1.1 + lost).all() and (sums >= 0.9 - lost).all())

    @property
    def lies_in_unit(self) -> bool:
        """Whether all values lie between 0 and 1, as sigmoids do."""
        return bool((self.outputs >= -1e-6).all() and (self.outputs <= 1 + 1e-6).all())

    def probabilities(self) -> Outputs:
        """Return the outputs as probabilities, whatever they are."""
        if self.lies_in_unit:
            sums = self.outputs.sum(axis=1, keepdims=True)
            return np.asarray(self.outputs / np.maximum(sums, 1e-9))
        shifted = np.exp(self.outputs - self.outputs.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))

    def fault(self) -> str:
        """Return why this scaling cannot be right; empty if it can."""
        if not np.isfinite(self.outputs).all():
            return "the scores are not numbers"
        if self.saturated > SATURATED:
            return f"{self.saturated:.0%} of the input lie beyond what its integers hold"
        return ""

    def doubt(self) -> str:
        """Return why this scaling is unlikely; empty if it is not.

        A model of few classes may be sure of a picture that shows none of them: so this rules
        nothing out that the file tells.
        """
        scores = self.probabilities()
        if np.ptp(scores, axis=0).max() < BLIND:
            return "all pictures get the same scores"
        if self.alike > MOST_ALIKE:
            return "nearly all pictures get one class, with a score near 1"
        return ""

    @property
    def alike(self) -> float:
        """The share of pictures that get the same class, with a score near 1."""
        scores = self.probabilities()
        sure = scores.argmax(axis=1)[scores.max(axis=1) > STUCK]
        return float(np.bincount(sure, minlength=1).max()) / len(scores)


class Trial:
    """A model, ready to run on pictures of its own size."""

    def __init__(self, path: Path, network: Network, name: str = "") -> None:
        """Load the model. Raises ``AdoptionError`` if TensorFlow Lite refuses it."""
        self._network = network
        self.name = name or path.name
        try:
            self._interpreter: Any = Interpreter(model_path=str(path))
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise AdoptionError(
                f"TensorFlow Lite cannot load {self.name}: {str(error).splitlines()[0]}"
            ) from error
        self._inputs = self._interpreter.get_input_details()[0]
        self._outputs = self._interpreter.get_output_details()[0]

    def pictures(self) -> list[Pictures]:
        """Return synthetic pictures of the model's size, always the same."""
        return pictures(self._network.height, self._network.width)

    def run(self, photos: Sequence[Pictures], scaling: Scaling) -> Outcome:
        """Return what the model makes of pictures of its size."""
        described = Input(
            width=self._network.width,
            height=self._network.height,
            crop_fraction=1,
            resample="bilinear",
            mean=list(scaling.mean),
            standard_deviation=list(scaling.deviation),
        )
        outputs, saturated, number = [], [], self._inputs["index"]
        for pixels in photos:
            saturated.append(self._saturated(pixels, scaling))
            # A view into the model's memory must not live on when the model runs.
            fill_input_tensor(
                self._interpreter.tensor(number)()[0], pixels, described, self._inputs
            )
            self._interpreter.invoke()
            raw = self._interpreter.get_tensor(self._outputs["index"])[0]
            outputs.append(dequantize(raw, self._outputs))
        step = self._network.output_quantization.scale
        return Outcome(np.array(outputs), float(np.mean(saturated)), step)

    def _saturated(self, pixels: Pictures, scaling: Scaling) -> float:
        """Return the share of the input beyond what its integers hold, by more than one step."""
        scale, zero_point = self._network.input_quantization
        kind = np.dtype(self._inputs["dtype"])
        if not np.issubdtype(kind, np.integer):
            return 0.0
        values = (pixels - np.array(scaling.mean)) / np.array(scaling.deviation)
        stored = values / scale + zero_point if scale else values
        limits = np.iinfo(kind)
        return float(((stored < limits.min - 1.5) | (stored > limits.max + 1.5)).mean())


def pictures(height: int, width: int) -> list[Pictures]:
    """Return synthetic pictures, shape (height, width, 3), always the same ones."""
    generator = np.random.default_rng(SEED)
    across = np.linspace(0, 255, width)[None, :, None]
    down = np.linspace(0, 255, height)[:, None, None]
    whole = np.ones((height, width, 3))
    stripes = 255 * ((np.arange(width) // max(1, width // 8)) % 2)[None, :, None]
    blocks = generator.integers(0, 256, (4, 4, 3))
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    made = [
        0 * whole, 128 * whole, 255 * whole,
        *(whole * np.array(colour) for colour in ((200, 60, 40), (50, 120, 50), (90, 140, 220))),
        across * whole, down * whole, stripes * whole, blocks[rows][:, columns],
        generator.integers(0, 256, (height, width, 3)),
        np.clip(generator.normal(128, 30, (height, width, 3)), 0, 255),
    ]  # fmt: skip
    return [picture.astype(np.uint8) for picture in made]
