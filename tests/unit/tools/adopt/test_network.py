"""Test what a TFLite file tells of itself, and which files are refused."""

import numpy as np
import pytest

from tests.tiny_model import Form, build, metadata_table
from tools.adopt.findings import AdoptionError
from tools.adopt.metadata import Metadata, read_metadata, refuse_other_tasks
from tools.adopt.network import inspect


def form_of(**members) -> Form:
    return Form(**members)


@pytest.mark.parametrize(
    ("form", "kind", "last"),
    [
        (form_of(), "FLOAT32", "FULLY_CONNECTED"),
        (form_of(last="SOFTMAX"), "FLOAT32", "SOFTMAX"),
        (form_of(last="SOFTMAX", old_codes=True), "FLOAT32", "SOFTMAX"),
        (form_of(last="LOGISTIC"), "FLOAT32", "LOGISTIC"),
        (form_of(last="SOFTMAX", stored="UINT8"), "UINT8", "SOFTMAX"),
        (form_of(last="SOFTMAX", stored="INT8"), "INT8", "SOFTMAX"),
    ],
)
def test_a_classifier_tells_its_input_and_its_last_operator(form, kind, last):
    """Also behind a change of type, and in files that number operators in the old way."""
    network = inspect(build(32, form), "bears.tflite")
    assert (network.width, network.height, network.classes) == (32, 32, 3)
    assert network.input_type == network.output_type == kind
    assert network.last == last
    assert (network.input_quantization.scale > 0) is (kind != "FLOAT32")


def test_operators_that_scale_pixels_are_told():
    """A model that divides by 255 expects pixels as they are."""
    network = inspect(build(32, form_of(factor=1 / 255)), "bears.tflite")
    assert network.gain == pytest.approx((1 / 255,))
    assert network.offset == (0,)
    assert inspect(build(32), "bears.tflite").gain == ()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\3\4 a bundle", "is an archive: unpack it"),
        (b"\x89HDF of Keras", "is not a TFLite file: convert the model"),
        (build(32)[:300], "is a damaged TFLite file"),
        (build(32, form_of(weights=np.ones((1, 3)), bias=np.ones(1))), "one output, a yes or no"),
        (build(32, form_of(custom="TFLite_Detection_PostProcess")), "is a detector"),
        (build(32, form_of(custom="edgetpu-custom-op")), "compiled for an Edge TPU"),
        (build(32, form_of(custom="FlexErf")), "TensorFlow's operators (FlexErf)"),
        (build(32, form_of(custom="Mine")), "operators of its own (Mine)"),
        (build(32, form_of(extra_output=True)), "has 2 outputs"),
        (build(4), "takes pictures of any size"),
    ],
)
def test_what_is_no_classifier_is_refused_in_one_line(content, told):
    """The line names the file and what to do."""
    with pytest.raises(AdoptionError) as refused:
        inspect(content, "bears.tflite")
    line = str(refused.value)
    assert line.startswith("bears.tflite")
    assert told in line
    assert "\n" not in line


def test_metadata_tell_normalisation_licence_and_labels():
    """The labels themselves are in the zip at the end of the file."""
    table = metadata_table([127.5], [127.5], "MIT", [("labels.txt", ""), ("labels_de.txt", "de")])
    content = build(
        32, form_of(metadata=table, files={"labels.txt": "a\nb\nc\n", "labels_de.txt": "x\ny\nz\n"})
    )
    found = read_metadata(inspect(content, "bears.tflite").metadata, content)
    assert (found.name, found.licence) == ("Bears", "MIT")
    assert (found.mean, found.deviation) == ((127.5,), (127.5,))
    assert [(one.name, one.locale) for one in found.label_files] == [
        ("labels.txt", ""),
        ("labels_de.txt", "de"),
    ]
    assert found.files["labels.txt"].split() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.json", '{"task": "classify", "license": "AGPL-3.0", "names": {"0": "a"}}'),
        ("temp_meta.txt", "{'task': 'classify', 'license': 'AGPL-3.0', 'names': {0: 'a'}}"),
    ],
)
def test_metadata_of_ultralytics_are_read(name, text):
    """As JSON, and as the Python literal that older versions wrote."""
    content = build(32, form_of(files={name: text}))
    found = read_metadata(None, content)
    assert found.licence == "AGPL-3.0"
    assert [str(key) for key in found.ultralytics["names"]] == ["0"]
    refuse_other_tasks(found.ultralytics, "bears.tflite")


def test_a_model_of_ultralytics_for_another_task_is_refused():
    """Its outputs would be boxes, or points."""
    with pytest.raises(AdoptionError, match=r"for the task 'detect'.*needs 'classify'"):
        refuse_other_tasks({"task": "detect"}, "bears.tflite")


@pytest.mark.parametrize("table", [b"", b"\xff" * 64, metadata_table([1.0], [2.0])[:40]])
def test_damaged_metadata_count_as_none(table):
    """The model itself may be sound."""
    assert read_metadata(table or None, build(32)) == Metadata()
