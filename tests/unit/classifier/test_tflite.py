"""Input and output of a model, for every type of tensor."""

import numpy as np
import pytest

from chalicelib.classifier.tflite import calibrate, dequantize, fill_input_tensor

PIXELS = np.array([[[0, 128, 255]]], dtype=np.uint8)
IDENTITY = {"mean": [0, 0, 0], "standardDeviation": [1, 1, 1]}
CENTRED = {"mean": [127.5, 127.5, 127.5], "standardDeviation": [127.5, 127.5, 127.5]}


def to_tensor(pixels, scaling, details):
    """Return an input tensor of that type, filled."""
    tensor = np.empty(pixels.shape, details["dtype"])
    fill_input_tensor(tensor, pixels, scaling, details)
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
    probabilities = calibrate(np.array([1000.0, 999.0, 0.0]), "logits", {"temperature": 1.0})
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[0] / probabilities[1] == pytest.approx(np.e, rel=1e-5)


def test_a_higher_temperature_is_less_sure():
    """Guo et al. 2017: the order stays, the confidence falls."""
    logits = np.array([3.0, 1.0, 0.0])
    cold, hot = (calibrate(logits, "logits", {"temperature": t}) for t in (1.0, 2.0))
    assert hot[0] < cold[0]
    assert hot.argmax() == cold.argmax()


def test_probabilities_pass_through_at_temperature_one():
    """Zeros, which integer outputs contain, raise no error."""
    given = np.array([0.7, 0.3, 0.0])
    assert calibrate(given, "probabilities", {"temperature": 1.0}) == pytest.approx(given, abs=1e-6)
