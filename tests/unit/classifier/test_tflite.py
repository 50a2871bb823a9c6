"""Input and output of a model, for every type of tensor."""

import numpy as np
import pytest

from chalicelib.classifier.card import Input
from chalicelib.classifier.tflite import (
    calibrate,
    check_output,
    dequantize,
    fill_input_tensor,
    is_softmax,
)
from chalicelib.errors import ModelUnavailable

PIXELS = np.array([[[0, 128, 255]]], dtype=np.uint8)


def scaling(mean: float, deviation: float) -> Input:
    """Return an input that scales all channels alike."""
    return Input(
        width=3,
        height=1,
        crop_fraction=1,
        resample="box",
        mean=[mean] * 3,
        standard_deviation=[deviation] * 3,
    )


IDENTITY = scaling(0, 1)
CENTRED = scaling(127.5, 127.5)


def to_tensor(pixels, scaled, details):
    """Return an input tensor of that type, filled."""
    tensor = np.empty(pixels.shape, details["dtype"])
    fill_input_tensor(tensor, pixels, scaled, details)
    return tensor


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_real_inputs_are_scaled_as_the_description_says(dtype):
    """In the type of the model's input."""
    tensor = to_tensor(PIXELS, CENTRED, {"dtype": dtype})
    assert tensor.dtype == dtype
    assert tensor.tolist()[0][0] == pytest.approx([-1, 0.0039, 1], abs=1e-3)


def test_an_integer_input_is_quantized_by_its_own_scale():
    """Value = (stored - zero_point) * scale, so stored = value / scale + zero_point."""
    details = {"dtype": np.int8, "quantization": (1 / 100, -10)}
    assert to_tensor(PIXELS, CENTRED, details).tolist() == [[[-110, -10, 90]]]
    assert dequantize(np.array([-110, -10, 90], np.int8), details) == pytest.approx([-1, 0, 1])


def test_an_unscaled_integer_input_gets_the_raw_pixels():
    """Many published models have uint8 inputs of raw pixels."""
    details = {"dtype": np.uint8, "quantization": (1.0, 0)}
    assert to_tensor(PIXELS, IDENTITY, details).tolist() == PIXELS.tolist()


def test_values_beyond_the_type_are_clipped_not_wrapped():
    """255 must not become -1."""
    details = {"dtype": np.int8, "quantization": (1.0, 0)}
    assert to_tensor(PIXELS, IDENTITY, details).max() == 127


def test_logits_become_probabilities():
    """They sum to 1, keep their order, and do not overflow."""
    probabilities = calibrate(np.array([1000.0, 999.0, 0.0]), "logits", 1.0)
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[0] / probabilities[1] == pytest.approx(np.e, rel=1e-5)


def test_a_higher_temperature_is_less_sure():
    """Guo et al. 2017: the order stays, the confidence falls."""
    logits = np.array([3.0, 1.0, 0.0])
    cold, hot = (calibrate(logits, "logits", t) for t in (1.0, 2.0))
    assert hot[0] < cold[0]
    assert hot.argmax() == cold.argmax()


def test_probabilities_pass_through_at_temperature_one():
    """Zeros, which integer outputs contain, raise no error."""
    given = np.array([0.7, 0.3, 0.0])
    assert calibrate(given, "probabilities", 1.0) == pytest.approx(given, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("logits", [0.7, 0.2, 0.1]),
        ("probabilities", [3.1, -2.0, 0.5]),
        ("probabilities", [0.2, 1.3, 0.1]),
        ("logits", [float("nan"), 1.0, 2.0]),
        ("probabilities", [float("inf"), 0.0, 0.0]),
    ],
)
def test_an_output_of_another_kind_than_described_makes_the_model_unavailable(kind, values):
    """Each would give wrong scores without an error."""
    with pytest.raises(ModelUnavailable, match="output"):
        check_output(np.array(values), kind)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("logits", [0.7, 0.2, 0.3]),
        ("logits", [3.1, -2.0, -0.1]),
        ("probabilities", [0.7, 0.2, 0.1]),
        ("probabilities", [0.7, 0.2, 0.6]),
        ("probabilities", [0.25, 0.0, 0.0]),
    ],
)
def test_an_output_of_its_kind_is_accepted(kind, values):
    """Integer probabilities, and those of each class for itself, do not sum to 1."""
    check_output(np.array(values), kind)


@pytest.mark.parametrize(
    ("dtype", "quantization", "expected"),
    [
        (np.uint8, (1 / 256, 0), True),
        (np.int8, (1 / 256, -128), True),
        (np.uint8, (1 / 256, 3), False),
        (np.int8, (1 / 256, 0), False),
        (np.uint8, (1 / 16, 0), False),
        (np.float32, (1 / 256, 1), False),
        (np.float32, (0.0, 0), False),
    ],
)
def test_the_scale_of_a_softmax_is_known(dtype, quantization, expected):
    """TFLite gives it to nothing else: such an output is no logits."""
    assert is_softmax({"dtype": dtype, "quantization": quantization}) is expected
