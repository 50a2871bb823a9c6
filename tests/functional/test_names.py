"""Test the animals' names in other languages, in the tables and in answers."""

import csv

import pytest

from chalicelib.answer.names import CsvNames
from chalicelib.bootstrap import SHIPPED_NAMES
from chalicelib.domain import ENGLISH
from tests.gateway import call
from tests.samples import SAMPLES
from tools import ROOT
from tools.build.facts import read_table

CONGO = "/v1/species?decimalLatitude=-2.5&decimalLongitude=23.6"
JPEG = {"Content-Type": "image/jpeg"}


def names(body) -> dict[str, tuple[str, str]]:
    """Return vernacular name and language by scientific name."""
    taxa = [entry["taxon"] for entry in body.get("species", body.get("predictions"))]
    return {taxon["scientificName"]: (taxon["vernacularName"], taxon["language"]) for taxon in taxa}


def test_a_list_has_the_names_of_the_language_and_says_so():
    """A name that the German table lacks is in English and marked as English."""
    german = names(call("GET", f"{CONGO}&lang=de").body)
    assert german["Panthera pardus"] == ("Leopard", "de")
    assert german["Colobini"] == ("colobus monkey", "en")


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
def test_a_prediction_is_in_the_nearest_known_language(lang, expected):
    """The last fallback is English."""
    photo = SAMPLES["jaguar.jpg"].content
    body = call("POST", f"/v1/predictions?lang={lang}", photo, JPEG).body
    assert names(body)["Panthera onca"] == expected


def test_a_range_has_the_name_too():
    """The leopard has its French name."""
    taxon = call("GET", "/v1/species/n02128385/range?lang=fr").body["taxon"]
    assert (taxon["vernacularName"], taxon["language"]) == ("léopard", "fr")


@pytest.mark.parametrize("lang", ["d", "_", "de_DE", "de-", "a" * 300])
def test_an_invalid_language_is_named_in_the_error(lang):
    """The status is 422, as for any field."""
    answer = call("GET", f"{CONGO}&lang={lang}")
    assert (answer.status, answer.fields) == (422, ["lang"])


def test_english_needs_no_table(tmp_path):
    """The service does not open the file for English, the usual language."""
    assert CsvNames(tmp_path / "none").in_language("en") is ENGLISH
    assert CsvNames(tmp_path / "none").in_language("en-US") is ENGLISH


def test_the_table_names_each_animal_once_in_a_language():
    """The table has animals of the model only, without spaces around names, in a fixed order."""
    with SHIPPED_NAMES.open(encoding="utf-8", newline="") as file:
        rows = [(row["language"], row["taxonID"], row["vernacularName"])
                for row in csv.DictReader(file)]  # fmt: skip
    assert rows == sorted(rows)
    assert len({row[:2] for row in rows}) == len(rows)
    assert {taxon_id for _, taxon_id, _ in rows} <= {
        row["taxonID"] for row in read_table("classes.csv")
    }
    assert all(name and name == name.strip() for *_, name in rows)


def test_the_sources_of_names_are_documented():
    """NOTICE names the sources with their licences."""
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for part in ("chalicelib/data/model/vernacular.csv", "clip-benchmark", "CLDR", "Unicode-3.0"):
        assert part in notice


def test_each_emoji_is_a_class_by_its_scientific_name():
    """``data/emoji.csv`` and ``data/classes.csv`` agree."""
    classes = {row["taxonID"]: row["scientificName"] for row in read_table("classes.csv")}
    for row in read_table("emoji.csv"):
        assert classes[row["taxonID"]] == row["scientificName"]
