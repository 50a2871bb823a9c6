"""Test that another variant of the model is a directory that the service can use."""

import json

from chalicelib.classifier.tflite import TfliteClassifier
from tools.build.model_directory import MODEL_DIRECTORY, write_directory


def test_a_variant_has_every_file_that_its_card_names(tmp_path):
    """Without the table of lookalikes each prediction would be refused."""
    card = json.loads((MODEL_DIRECTORY / "model.json").read_bytes())
    size = {"width": 224, "height": 224, "cropFraction": 0.875}
    directory = write_directory(b"weights", "efficientnet-lite0", size, card, tmp_path)
    model = TfliteClassifier(directory, threads=1).model
    assert (model.name, model.input_size.width) == ("efficientnet-lite0", 224)
    assert len(model.taxa) == 1000
    assert model.lookalikes_of("Vulpes vulpes")
    assert (directory / "efficientnet-lite0-float16.tflite").read_bytes() == b"weights"
