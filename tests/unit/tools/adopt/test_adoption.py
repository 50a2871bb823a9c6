"""Test the whole adoption: from a file that others made to a directory that serves."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.errors import ModelUnavailable
from tests.taxonomy import write_taxonomy
from tests.tiny_model import Form, build, metadata_table
from tools.adopt import measure
from tools.adopt.__main__ import adopt, main, parse
from tools.adopt.findings import AdoptionError, Findings
from tools.adopt.labels import read_text
from tools.adopt.sources import refuse_other_count
from tools.build.model_directory import write_card
from tools.evaluate.basis import LEAST_PHOTOS
from tools.fetch_model.__main__ import fetch

LABELS = "0 Ursus maritimus (Polar Bear)\n1 Ursus americanus (Black Bear)\n2 background\n"
QUANTISED = Form(last="SOFTMAX", stored="UINT8")
GOOGLE = metadata_table([127.5], [127.5], "Apache-2.0", [("labels.txt", ""), ("de.txt", "de")])


class Case:
    """A folder with a model, its labels and the taxonomy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taxonomy = write_taxonomy(folder / "taxonomy")
        self.target = folder / "models" / "bears"
        self.told: list[str] = []

    def write(self, form: Form, labels: str | None = LABELS, name: str = "labels.txt") -> None:
        (self.folder / "Bears v2.tflite").write_bytes(build(32, form))
        if labels is not None:
            (self.folder / name).write_text(labels, encoding="utf-8")

    def adopt(self, *options: str) -> Path:
        arguments = [
            str(self.folder / "Bears v2.tflite"), "--taxonomy", str(self.taxonomy),
            "--into", str(self.target), *options,
        ]  # fmt: skip
        self.told.clear()
        return adopt(parse(arguments), Findings(self.told.append))

    @property
    def card(self) -> dict:
        card: dict = json.loads((self.target / "model.json").read_bytes())
        return card

    def rows(self, table: str) -> list[dict[str, str]]:
        with (self.target / table).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def names(self) -> list[str]:
        """What the service's own classifier sees in a bright picture and in a dark one."""
        classifier = TfliteClassifier(self.target, 1)
        classifier.load()
        names = []
        for brightness in (230, 20):
            pixels = np.full((32, 32, 3), brightness, np.uint8)
            scores = classifier.classify(pixels)
            assert scores.sum() == pytest.approx(1, abs=1e-4)
            taxon = classifier.model.taxa[int(scores.argmax())]
            assert taxon
            names.append(taxon.vernacular_name)
        return names


@pytest.fixture(name="case")
def make_case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.mark.parametrize(
    "form",
    [
        Form(last="SOFTMAX"),
        Form(),
        Form(last="SOFTMAX", stored="UINT8"),
        Form(last="SOFTMAX", stored="INT8"),
        Form(last="LOGISTIC", stored="UINT8"),
    ],
)
def test_an_adopted_model_serves(case, form):
    """Nothing is asked, and the service names the right animal."""
    case.write(form)
    case.adopt("--labels", str(case.folder / "labels.txt"), *(
        [] if form.stored else ["--scaling", "symmetric"]
    ))  # fmt: skip
    assert case.names() == ["Polar Bear", "Black Bear"]
    assert case.card["calibration"]["method"] == "none"
    assert case.card["speciality"]["scientificName"] == "Carnivora"
    assert {path.name for path in case.target.iterdir()} == {
        "Bears v2.tflite", "model.json", "labels.csv", "synonyms.csv", "members.csv",
        "vernacular.csv", "review.csv", "MODEL_CARD.md",
    }  # fmt: skip


def test_everything_that_is_found_is_told_with_its_source(case):
    """The file's own metadata answer all questions."""
    case.write(Form(metadata=GOOGLE, files={
        "labels.txt": LABELS, "de.txt": "Eisbär\nSchwarzbär\nnichts\n",
    }), labels=None)  # fmt: skip
    case.adopt()
    told = {line.split()[0]: line for line in case.told}
    assert told["labels"].endswith("3, one a line, numbered  [labels.txt inside the file]")
    assert told["scaling"].endswith("pixels become -1 to 1  [the file's metadata]")
    assert told["license"].endswith("Apache-2.0  [the file's metadata]")
    assert told["source"].endswith("unknown  [nobody: find it out before you publish]")
    assert (case.target / "LICENSE").is_file()
    page = (case.target / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "the file's metadata" in page
    german = {row["taxonID"]: row["vernacularName"] for row in case.rows("vernacular.csv")
              if row["language"] == "de"}  # fmt: skip
    assert german == {"inat:2": "Eisbär", "inat:3": "Schwarzbär"}


def test_names_in_other_languages_are_ours_where_we_have_the_animal(case):
    """The model that ships knows both bears."""
    case.write(QUANTISED)
    case.adopt()
    languages = {row["language"] for row in case.rows("vernacular.csv")}
    assert {"de", "fr"} <= languages


def test_labels_beside_the_model_are_a_guess_that_is_told(case):
    """If their number is right; else the user must name them."""
    case.write(QUANTISED)
    case.adopt()
    assert "[guess: labels.txt lies beside the model and has 3 labels]" in case.told[2]
    case.write(QUANTISED, labels="a\nb\n")
    with pytest.raises(AdoptionError, match=r"3 outputs and no labels inside.*LABELS=labels\.txt"):
        case.adopt()


def test_a_fetched_model_brings_its_labels_and_its_origin(case):
    """What the catalogue knows is not asked for; another model beside it has none of it."""
    case.write(QUANTISED)
    mirror = case.folder / "mirror"
    mirror.mkdir()
    (mirror / "bears.tflite").write_bytes((case.folder / "Bears v2.tflite").read_bytes())
    (mirror / "named.txt").write_text(LABELS, encoding="utf-8")
    files = {
        member: {
            "name": name, "url": "https://example.org", "bytes": 1,
            "sha256": hashlib.sha256((mirror / name).read_bytes()).hexdigest(),
        }
        for member, name in (("model", "bears.tflite"), ("labels", "named.txt"))
    }  # fmt: skip
    origin = {"license": "CC0-1.0", "source": "a bear", "trainingData": "none", "knows": "bears"}
    fetched = fetch("bears", {"bears": {**files, **origin}}, case.folder, mirror)
    case.adopt("--labels", str(case.folder / "labels.txt"))
    assert case.card["license"] == "unknown"
    arguments = [str(fetched / "bears.tflite"), "--taxonomy", str(case.taxonomy)]
    adopt(parse([*arguments, "--into", str(case.target)]), Findings(case.told.append))
    assert (case.card["license"], case.card["source"]) == ("CC0-1.0", "a bear")
    assert "license        CC0-1.0  [the catalogue]" in case.told
    assert any(line.endswith("[named.txt]") for line in case.told)


def test_a_second_run_applies_a_persons_decisions(case):
    """Those of the table that is named, and later those of the directory itself."""
    labels = LABELS.replace("Ursus americanus", "Euarctos americanus")
    case.write(QUANTISED, labels)
    case.adopt()
    (row,) = case.rows("review.csv")
    assert case.rows("labels.csv")[1]["geography"] == "cosmopolitan"
    reviewed = case.folder / "mine.csv"
    reviewed.write_text(f'label,decision\n"{row["label"]}",Ursus americanus\n', encoding="utf-8")
    for options in (["--reviewed", str(reviewed)], []):
        case.adopt(*options)
        assert any(line.startswith("decisions      1 in review") for line in case.told)
        assert case.rows("labels.csv")[1]["taxonID"] == "inat:3"
        assert case.rows("labels.csv")[1]["geography"] == "range"
        assert case.rows("synonyms.csv") == [
            {"synonym": "Euarctos americanus", "scientificName": "Ursus americanus"}
        ]


def test_a_decision_without_effect_is_told(case):
    """Its label is not the model's."""
    case.write(QUANTISED)
    reviewed = case.folder / "mine.csv"
    reviewed.write_text("label,decision\nUrsus maritimos,no\n", encoding="utf-8")
    case.adopt("--reviewed", str(reviewed))
    assert (
        "not applied    the decision about 'Ursus maritimos'  [it is no label of the model]"
    ) in case.told


def test_an_adoption_keeps_the_features_and_replaces_nothing_else(case):
    """A directory that it did not write stays as it is."""
    case.write(QUANTISED)
    case.adopt()
    (case.target / "features.sqlite").write_bytes(b"counted before")
    write_card(case.target, {**case.card, "features": "features.sqlite"})
    case.adopt()
    assert (case.target / "features.sqlite").read_bytes() == b"counted before"
    assert case.card["features"] == "features.sqlite"
    assert "kept           features.sqlite  [the earlier import of occurrences]" in case.told
    (case.target / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AdoptionError, match="not from an adoption: choose another NAME"):
        case.adopt()
    assert (case.target / "features.sqlite").is_file()


def test_what_was_fitted_or_written_by_hand_since_is_kept(case):
    """As long as it is the same file, with the same input."""
    case.write(QUANTISED)
    case.adopt()
    fitted = {"method": "temperature", "temperature": 1.2, "provenance": "200 photos"}
    write_card(case.target, {**case.card, "calibration": fitted, "license": "CC0-1.0"})
    case.adopt()
    assert (case.card["calibration"], case.card["license"]) == (fitted, "CC0-1.0")
    assert "kept           calibration  [the earlier model.json]" in case.told
    assert "license        CC0-1.0  [the earlier model.json]" in case.told
    case.adopt("--crop", "1")
    assert case.card["calibration"]["method"] == "none"


def test_what_a_person_put_into_the_directory_stays(case):
    """Files, folders, and the lines of synonyms that the import asks for; else it is told."""
    case.write(QUANTISED)
    case.adopt()
    (case.target / "records.csv").write_text("the only copy", encoding="utf-8")
    (case.target / "photos").mkdir()
    (case.target / "photos" / "notes.txt").write_text("mine", encoding="utf-8")
    with (case.target / "synonyms.csv").open("a", encoding="utf-8") as file:
        file.write("Thalarctos maritimus,Ursus maritimus\nFelis leo,Panthera leo\n")
    labels = (case.target / "labels.csv").read_text(encoding="utf-8")
    mine = labels.replace("Polar Bear", "Ice Bear")
    (case.target / "labels.csv").write_text(mine, encoding="utf-8")
    for is_first in (True, False):
        case.adopt()
        assert (case.target / "records.csv").read_text(encoding="utf-8") == "the only copy"
        assert (case.target / "photos" / "notes.txt").read_text(encoding="utf-8") == "mine"
        assert case.rows("synonyms.csv") == [
            {"synonym": "Thalarctos maritimus", "scientificName": "Ursus maritimus"}
        ]
        assert (case.target / "labels.csv").read_text(encoding="utf-8") == labels
        assert (case.target / "labels.csv.before").read_text(encoding="utf-8") == mine
        told = "\n".join(case.told)
        if is_first:
            assert "Felis leo,Panthera leo in synonyms.csv  [the model has no Panthera leo]" in told
            assert "labels.csv  [it was changed by hand: see labels.csv.before]" in told
    assert "photos, records.csv  [the earlier directory]" in told
    assert {path.name for path in case.target.glob("*.before*")} == {
        "labels.csv.before", "synonyms.csv.before",
    }  # fmt: skip


def test_members_that_a_person_set_are_kept_where_they_make_sense(case):
    """The others are told with their values."""
    case.write(QUANTISED)
    case.adopt()
    earlier = case.card
    decision = {**earlier["decision"], "named": 0.9, "provenance": "Mine."}
    write_card(case.target, {
        **earlier, "version": "3.1", "lookalikes": "lookalikes.csv", "decision": decision,
        "input": {**earlier["input"], "resample": "lanczos"},
        "speciality": {"taxonRank": "class", "scientificName": "Mammalia", "least": 0.2},
    })  # fmt: skip
    case.adopt("--crop", "1")
    card = case.card
    assert (card["version"], card["lookalikes"]) == ("3.1", "lookalikes.csv")
    assert (card["decision"], card["input"]["resample"]) == (decision, "lanczos")
    assert card["speciality"] == {
        "taxonRank": "class", "scientificName": "Mammalia", "least": 0.2
    }  # fmt: skip
    kept = "kept           input.resample, decision, speciality, lookalikes  ["
    assert any(line.startswith(kept) for line in case.told)
    assert "not kept       input.cropFraction: it was 0.875  [the earlier model.json]" in case.told


def test_thresholds_that_were_fitted_to_another_input_are_told(case):
    """They do not hold for it."""
    case.write(QUANTISED)
    case.adopt()
    fitted = {**case.card["decision"], "named": 0.7, "provenance": "tools.evaluate.calibrate"}
    write_card(case.target, {**case.card, "decision": fitted})
    case.adopt("--crop", "1")
    assert case.card["decision"]["named"] == 0.8
    assert any(line.startswith("not kept       decision: it was {") for line in case.told)


def test_features_that_are_kept_lack_the_animals_that_came_later(case):
    """Their occurrences must be imported again."""
    case.write(QUANTISED, LABELS.replace("Ursus americanus", "Euarctos americanus"))
    target = case.adopt()
    (target / "features.sqlite").write_bytes(b"counted before")
    case.adopt()
    assert not any("new animals" in line for line in case.told)
    (row,) = case.rows("review.csv")
    reviewed = case.folder / "mine.csv"
    reviewed.write_text(f'label,decision\n"{row["label"]}",Ursus americanus\n', encoding="utf-8")
    case.adopt("--reviewed", str(reviewed))
    assert (
        "features       without 1 new animals (Ursus americanus)  "
        "[it was counted before: import the occurrences again]"
    ) in case.told


def test_ids_of_two_models_without_taxa_differ(case):
    """Two specialists may both have a label 1 that nobody knows."""
    case.write(QUANTISED, LABELS.replace("Ursus americanus", "Euarctos americanus"))
    ids = []
    for name in ("bears", "more bears"):
        case.adopt("--name", name)
        ids.append(case.rows("labels.csv")[1]["taxonID"])
        case.names()
    assert ids == ["bears:label-1", "more-bears:label-1"]


def test_a_refusal_leaves_no_directory_behind(case):
    """Nothing is written before all is known."""
    case.write(Form(last="SOFTMAX"), labels="0 a\n1 b\n")
    with pytest.raises(
        AdoptionError, match=r"3 outputs, and labels\.txt has 2 labels: one is miss"
    ):
        case.adopt("--labels", str(case.folder / "labels.txt"))
    case.write(Form(), labels="background\nnone\nother\n")
    with pytest.raises(AdoptionError, match=r"No label of labels\.txt stands for an animal"):
        case.adopt("--labels", str(case.folder / "labels.txt"))
    assert not case.target.parent.exists()


def test_labelled_photos_find_the_scaling(case):
    """Photos are cut and scaled as the service does it."""
    case.write(Form(weights=np.array([[1, 1, 1], [-1, -1, -1], [0, 0, 0]])))
    # Tables of the model that ships have taxonIDs of its own.
    lines = ["file,taxonID,scientificName"]
    for number in range(8):
        Image.new("RGB", (60, 40 + number), (120, 120, 120)).save(case.folder / f"{number}.png")
        lines.append(f"{number}.png,n02133161,Ursus americanus")
    (case.folder / "broken.png").write_bytes(b"no photo")
    table = case.folder / "photos.csv"
    table.write_text("\n".join([*lines, "broken.png,,Ursus americanus", "0.png,,Puma concolor"]))
    case.adopt("--photos", str(table))
    assert case.card["input"]["mean"] == [127.5, 127.5, 127.5]
    assert any("trial on 8 labelled photos" in line for line in case.told)
    assert any(line.startswith("photos         8 of animals") for line in case.told)


def test_a_crop_must_be_a_share(case):
    """Else every photo would be refused later."""
    case.write(QUANTISED)
    with pytest.raises(AdoptionError, match=r"--crop 2\.0 is not between 0 and 1"):
        case.adopt("--crop", "2")
    case.adopt("--whole")
    assert (case.card["input"]["frame"], case.card["input"]["cropFraction"]) == ("whole", 1)


def test_without_a_model_the_line_says_how_to_name_one():
    """Also if the name was not fetched."""
    for arguments in ([], ["--name", "no-such-model"]):
        with pytest.raises(AdoptionError, match="make fetch-model NAME=inat-birds"):
            adopt(parse(arguments), Findings())


def test_options_of_the_import_may_be_a_single_one():
    """They begin with a dash as the options of the program itself do."""
    for text in ("--citation=x", "--covers DE", ""):
        assert parse(["bears.tflite", "--import-options", text]).import_options == text
        assert parse([f"--import-options={text}", "--name", "a"]).name == "a"


@pytest.mark.parametrize("options", [["--name", "bears,big"], ["--into", "models/bears,big"]])
def test_a_name_with_a_comma_is_refused(case, options):
    """It could be no specialist."""
    case.write(QUANTISED)
    with pytest.raises(AdoptionError, match=r"bears,big has a comma.*SPECIALISTS: choose another"):
        case.adopt(*options)


def test_the_line_to_try_a_model_can_be_copied(case, capsys):
    """A directory with a space is quoted."""
    case.write(QUANTISED)
    target = case.folder / "my bears"
    arguments = [
        str(case.folder / "Bears v2.tflite"), "--taxonomy", str(case.taxonomy),
        "--into", str(target),
    ]  # fmt: skip
    assert main(arguments) == 0
    assert f"RANGEFINDER_MODEL_DIRECTORY='{target}' make serve" in capsys.readouterr().out


def test_labels_of_another_count_are_refused():
    """A missing background is the usual cause."""
    labels = read_text("a\nb\nc", "labels.txt")
    refuse_other_count(labels, 3, "labels.txt")
    with pytest.raises(AdoptionError, match="perhaps 'background', first or last"):
        refuse_other_count(labels, 4, "labels.txt")


def test_occurrences_and_photos_go_to_the_programs_for_them(case):
    """Each gets the model's directory; a file of features that is there is named in it."""
    case.write(QUANTISED)
    target = case.adopt()
    ran = []

    def run(arguments, directory):
        ran.append(arguments)
        (directory / "features.sqlite").write_bytes(b"features")
        return 0

    assert measure.import_occurrences(target, "records.csv", ["--citation", "mine"], run)
    assert ran[0] == [
        "tools.occurrences.import_occurrences", "records.csv", "--model", str(target),
        "--sqlite", str(target / "features.sqlite"), "--citation", "mine",
    ]  # fmt: skip
    assert case.card["features"] == "features.sqlite"
    photos = case.folder / "photos.csv"
    photos.write_text("file\n" + "a.jpg\n" * LEAST_PHOTOS)
    assert measure.calibrate(target, photos, run)
    assert measure.evaluate(target, Path("photos.csv"), run)
    assert [arguments[0] for arguments in ran[1:]] == ["tools.evaluate.calibrate", "tools.evaluate"]
    assert not measure.import_occurrences(target, "records.csv", [], lambda *_: 2)


def test_the_speed_is_told_beside_the_default(case):
    """By the service's own classifier; what that cannot load is a fault of the adoption."""
    case.write(QUANTISED)
    target = case.adopt()
    assert "the model that ships takes" in measure.speed(target)
    write_card(target, {**case.card, "file": "none.tflite"})
    with pytest.raises(ModelUnavailable):
        measure.milliseconds(target)
