"""Test how the scaling of pixels and the kind of scores are found: told, tried, or asked for."""

from pathlib import Path

import numpy as np
import pytest

from tests.tiny_model import Form, build, metadata_table
from tools.adopt import scaling
from tools.adopt.choice import Labelled, choose
from tools.adopt.findings import AdoptionError
from tools.adopt.metadata import read_metadata
from tools.adopt.network import Quantization, inspect
from tools.adopt.output import kind_of
from tools.adopt.trial import Outcome, Trial


@pytest.fixture(name="model")
def make_model(tmp_path: Path):
    """Write a model in some form; returns what the file tells, and the model ready to run."""

    def make(form: Form):
        path = tmp_path / "bears.tflite"
        path.write_bytes(build(32, form))
        content = path.read_bytes()
        network = inspect(content, path.name)
        metadata = read_metadata(network.metadata, content)
        return network, scaling.told(network, metadata), Trial(path, network)

    return make


@pytest.mark.parametrize(
    ("form", "span", "source"),
    [
        (Form(metadata=metadata_table([0.0], [255.0])), (0, 1), "the file's metadata"),
        (Form(factor=1 / 255), (0, 255), "first operators"),
        (Form(files={"metadata.json": '{"names": ["a", "b", "c"]}'}), (0, 1), "Ultralytics"),
        (Form(stored="UINT8"), (-1, 127 / 128), "quantisation: -1 to 0.992"),
        (Form(stored="INT8"), (-1, 127 / 128), "quantisation: -1 to 0.992"),
        (Form(stored="UINT8", metadata=metadata_table([127.5], [127.5])), (-1, 127 / 128), "agree"),
    ],
)
def test_the_file_tells_the_scaling(model, form, span, source):
    """In its metadata, its first operators, or the quantisation of its input."""
    _, told, _ = model(form)
    (only,) = told.scalings
    assert only.span == pytest.approx(span, abs=0.01)
    assert source in told.source


def test_pixels_fill_a_quantised_input_as_they_are(model):
    """Pixel 0 is the lowest integer and pixel 255 the highest, signed or not."""
    for stored, lowest in (("UINT8", 0), ("INT8", -128)):
        network, told, _ = model(Form(stored=stored))
        (only,) = told.scalings
        scale, zero_point = network.input_quantization
        ends = [round((pixel - only.mean[0]) / only.deviation[0] / scale) + zero_point
                for pixel in (0, 255)]  # fmt: skip
        assert ends == [lowest, lowest + 255]


def test_metadata_that_would_saturate_the_input_are_doubted(model):
    """Files say mean 0 and deviation 1 because their authors pass pixels as they are."""
    _, told, _ = model(Form(stored="UINT8", metadata=metadata_table([0.0], [1.0])))
    assert [one.name for one in told.scalings] == ["quantised"]
    assert "the file's metadata say otherwise" in told.doubt


def test_a_range_that_is_none_of_the_known_leaves_those_that_fit(model):
    """Quantisation after training takes the range that it saw, not that of the pixels."""
    network, _, _ = model(Form(stored="UINT8"))
    wide = network._replace(input_quantization=Quantization(0.01157, 123))
    told = scaling.told(wide, read_metadata(None, b""))
    assert [one.name for one in told.scalings] == ["unit", "symmetric"]
    plain = network._replace(input_quantization=Quantization(0.0, 0))
    assert scaling.told(plain, read_metadata(None, b"")).scalings[0].span == (0, 255)


def test_synthetic_pictures_rule_out_what_saturates(model):
    """The trial says why each other scaling is not right."""
    _, told, trial = model(Form())
    assert len(told.scalings) == 4
    chosen = choose(trial, told, [])
    assert chosen.scaling == scaling.SYMMETRIC
    assert "not raw: nearly all pictures get one class" in chosen.source


WEAK = Form(weights=np.array([[1, 1, 1], [-1, -1, -1], [0, 0, 0]]))


def test_what_stays_open_is_asked_for(model):
    """The line names what works, and how to say which is right."""
    _, told, trial = model(WEAK)
    with pytest.raises(AdoptionError) as refused:
        choose(trial, told, [])
    line = str(refused.value)
    assert "several ways work: unit, symmetric, imagenet" in line
    assert 'OPTIONS="--scaling symmetric"' in line
    assert "\n" not in line


def test_labelled_photos_decide(model):
    """A middle grey is dark for one scaling only."""
    _, told, trial = model(WEAK)
    dark = np.full((32, 32, 3), 120, np.uint8)
    photos = [Labelled(dark, frozenset({1}))] * 8
    chosen = choose(trial, told, photos)
    assert chosen.scaling == scaling.SYMMETRIC
    assert "8 labelled photos; so many are right: raw 0, unit 0, symmetric 8" in chosen.source
    with pytest.raises(AdoptionError, match="2 photos do not tell them apart"):
        choose(trial, told, photos[:2])


def test_a_scaling_that_saturates_the_input_is_refused(model):
    """Also if the user says so."""
    _, _, trial = model(Form(stored="UINT8"))
    with pytest.raises(AdoptionError, match=r"trial fails \(OPTIONS\): raw: .*% of the input"):
        choose(trial, scaling.Told((scaling.RAW,), "OPTIONS"), [])


def test_scores_that_are_no_numbers_are_refused(model):
    """A broken conversion shows at adoption, not in the first answer."""
    _, told, trial = model(Form(weights=np.full((3, 3), np.nan)))
    with pytest.raises(AdoptionError, match="the scores are not numbers"):
        choose(trial, told, [])


def test_an_unlikely_scaling_that_the_file_tells_is_kept_and_told(model):
    """A model of few classes may be sure of a picture that shows none of them."""
    _, told, trial = model(Form(weights=np.zeros((3, 3)), metadata=metadata_table([0.0], [1.0])))
    chosen = choose(trial, told, [])
    assert chosen.source == "the file's metadata; look at it: all pictures get the same scores"


@pytest.mark.parametrize(
    ("text", "mean", "deviation"),
    [
        ("unit", (0, 0, 0), (255, 255, 255)),
        ("127.5/127.5", (127.5,) * 3, (127.5,) * 3),
        ("124,116,104/58.4,57.1,57.4", (124, 116, 104), (58.4, 57.1, 57.4)),
    ],
)
def test_a_scaling_can_be_given(text, mean, deviation):
    """By a name, or as numbers."""
    assert scaling.parse(text)[1:] == (mean, deviation)


@pytest.mark.parametrize("text", ["", "255", "1/0", "1,2/3", "1,2,3/-1,1,1"])
def test_a_scaling_that_is_none_is_refused(text):
    """The line lists what is accepted."""
    with pytest.raises(AdoptionError, match="is none of raw, unit, symmetric, imagenet"):
        scaling.parse(text)


@pytest.mark.parametrize(
    ("form", "kind", "source"),
    [
        (Form(last="SOFTMAX"), "probabilities", "SOFTMAX"),
        (Form(last="SOFTMAX", stored="UINT8"), "probabilities", "SOFTMAX"),
        (Form(last="LOGISTIC"), "probabilities", "each class by itself"),
        (Form(), "logits", "FULLY_CONNECTED, and trial"),
    ],
)
def test_the_kind_of_scores_is_found(model, form, kind, source):
    """By the last operator; a trial confirms it."""
    network, _, trial = model(form)
    outcome = trial.run(trial.pictures(), scaling.SYMMETRIC)
    found, told = kind_of(network, outcome, None)
    assert found == kind
    assert source in told


def test_softmax_and_logits_are_not_taken_for_each_other(model):
    """Neither if the user says so, nor if the file hides its softmax."""
    network, _, trial = model(Form(last="SOFTMAX"))
    outcome = trial.run(trial.pictures(), scaling.SYMMETRIC)
    with pytest.raises(AdoptionError, match="cannot be logits"):
        kind_of(network, outcome, "logits")
    hidden = network._replace(last="DIV")
    assert kind_of(hidden, outcome, None) == (
        "probabilities", "trial: the scores of each picture sum to 1",
    )  # fmt: skip
    network, _, trial = model(Form())
    outcome = trial.run(trial.pictures(), scaling.SYMMETRIC)
    with pytest.raises(AdoptionError, match="cannot be probabilities"):
        kind_of(network, outcome, "probabilities")
    with pytest.raises(AdoptionError, match="this is no classifier"):
        kind_of(network._replace(last="SOFTMAX"), outcome, None)
    network, _, trial = model(Form(last="LOGISTIC"))
    outcome = trial.run(trial.pictures(), scaling.SYMMETRIC)
    with pytest.raises(AdoptionError, match='OPTIONS="--output probabilities"'):
        kind_of(network._replace(last="MUL"), outcome, None)


def test_many_classes_of_integers_sum_to_less_than_one():
    """Of 965 scores in steps of 1/256, nearly all are rounded to 0."""
    scores = np.zeros((2, 965))
    scores[:, :3] = 0.2
    assert Outcome(scores, 0.0, step=1 / 256).sums_to_one
    assert not Outcome(scores, 0.0).sums_to_one
