"""What animals are called in other languages, in the tables and in answers."""

import csv

import pytest

from chalicelib.answer.names import CsvNames
from chalicelib.bootstrap import NAMES_FILE
from chalicelib.domain import ENGLISH
from tests.gateway import call
from tests.samples import SAMPLES
from tools import ROOT
from tools.build.facts import read_table

CONGO = "/v1/species?decimalLatitude=-2.5&decimalLongitude=23.6"
JPEG = {"Content-Type": "image/jpeg"}


def names(body) -> dict[str, tuple[str, str]]:
    """Vernacular name and its language by scientific name."""
    taxa = [one["taxon"] for one in body.get("species", body.get("predictions"))]
    return {one["scientificName"]: (one["vernacularName"], one["language"]) for one in taxa}


def test_a_list_has_the_names_of_the_language_and_says_so():
    """What the German table lacks is in English, and called so."""
    found = names(call("GET", f"{CONGO}&lang=de").body)
    assert found["Panthera pardus"] == ("Leopard", "de")
    assert found["Colobini"] == ("colobus monkey", "en")


@pytest.mark.parametrize(
    ("lang", "expected"),
    [
        ("zh", ("美洲虎", "zh")),
        ("zh-Hans-CN", ("美洲虎", "zh")),
        ("ar", ("يغور", "ar")),
        ("en-GB", ("jaguar", "en")),
        ("de", ("jaguar", "en")),
        ("tlh", ("jaguar", "en")),
    ],
)
def test_a_prediction_is_in_the_nearest_language_that_is_known(lang, expected):
    """Down to English."""
    photo = SAMPLES["jaguar.jpg"].content
    body = call("POST", f"/v1/predictions?lang={lang}", photo, JPEG).body
    assert names(body)["Panthera onca"] == expected


def test_a_range_has_the_name_too():
    """The leopard's, in French."""
    taxon = call("GET", "/v1/species/n02128385/range?lang=fr").body["taxon"]
    assert (taxon["vernacularName"], taxon["language"]) == ("léopard", "fr")


@pytest.mark.parametrize("lang", ["d", "_", "de_DE", "de-", "a" * 300])
def test_what_is_no_language_is_named(lang):
    """422, as for any field."""
    answer = call("GET", f"{CONGO}&lang={lang}")
    assert (answer.status, answer.fields) == (422, ["lang"])


def test_english_needs_no_table(tmp_path):
    """The file is not even opened, since nearly everybody asks for that."""
    assert CsvNames(tmp_path / "none").in_language("en") is ENGLISH
    assert CsvNames(tmp_path / "none").in_language("en-US") is ENGLISH


def test_the_table_names_each_animal_once_in_a_language():
    """Animals of the model only, trimmed, and in the order that makes the file reproducible."""
    with NAMES_FILE.open(encoding="utf-8", newline="") as file:
        rows = [(row["language"], row["taxonID"], row["vernacularName"])
                for row in csv.DictReader(file)]  # fmt: skip
    assert rows == sorted(rows)
    assert len({row[:2] for row in rows}) == len(rows)
    assert {taxon_id for _, taxon_id, _ in rows} <= {
        row["taxonID"] for row in read_table("classes.csv")
    }
    assert all(name and name == name.strip() for *_, name in rows)


def test_the_sources_of_names_are_told():
    """With their licences."""
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for part in ("chalicelib/data/vernacular.csv", "clip-benchmark", "CLDR", "Unicode-3.0"):
        assert part in notice


def test_each_emoji_is_a_class_by_its_scientific_name():
    """``data/emoji.csv`` and ``data/classes.csv`` agree."""
    classes = {row["taxonID"]: row["scientificName"] for row in read_table("classes.csv")}
    for row in read_table("emoji.csv"):
        assert classes[row["taxonID"]] == row["scientificName"]
