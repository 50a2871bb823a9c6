"""``make range`` draws what the service expects, and says what it takes."""

import sqlite3

import pytest

from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.settings import Settings
from tools.show import draw_range

JAGUAR = "n02128925"


@pytest.fixture
def drawn(monkeypatch):
    """The pictures that would be drawn: title, file name and number of points."""
    pictures = []
    monkeypatch.setattr(
        draw_range,
        "draw",
        lambda points, title, target: pictures.append((title, target.name, len(points))),
    )
    return pictures


@pytest.fixture
def settled(monkeypatch):
    """A repository that knows the jaguar in one cell and month only."""
    monkeypatch.setattr(
        draw_range, "presences", lambda repository, taxon, month: iter([(0.0, 0.0, 1.0)] * month)
    )


@pytest.mark.parametrize(
    ("arguments", "title", "name"),
    [
        (["Panthera onca"], "Panthera onca (jaguar), whole year", "Panthera onca.png"),
        (["jaguar"], "Panthera onca (jaguar), whole year", "Panthera onca.png"),
        (["JAGUAR", "--month", ""], "Panthera onca (jaguar), whole year", "Panthera onca.png"),
        (["jaguar", "--month", "3"], "Panthera onca (jaguar), March", "Panthera onca 03 March.png"),
    ],
)
def test_names_and_month_are_in_title_and_file_name(drawn, settled, arguments, title, name):
    """By scientific and by English name."""
    assert draw_range.main(arguments) == 0
    ((drawn_title, drawn_name, _),) = drawn
    assert (drawn_title, drawn_name) == (title, name)


def test_commas_separate_animals(drawn, settled):
    """One picture each."""
    assert draw_range.main(["jaguar, Panthera pardus"]) == 0
    assert [name for _, name, _ in drawn] == ["Panthera onca.png", "Panthera pardus.png"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([""], 'TAXON names no animal. Give TAXON="jaguar"'),
        ([" , "], 'TAXON names no animal. Give TAXON="jaguar"'),
        (["jagar"], "No animal is named 'jagar'. Did you mean jaguar"),
        (["Pantera onca"], "Did you mean panthera onca"),
        (["xyzzy"], "No animal is named 'xyzzy'. Give TAXON="),
        (["pug"], "'pug' has no range in this feature store"),
        (["jaguar", "--month", "0"], "MONTH=0 is not a month: give 1 to 12"),
        (["jaguar", "--month", "13"], "MONTH=13 is not a month: give 1 to 12"),
        (["jaguar", "--month", "May"], "MONTH=May is not a month: give 1 to 12"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(drawn, capsys, arguments, told):
    """And nothing is drawn."""
    assert draw_range.main(arguments) == 2
    output = capsys.readouterr()
    assert told in output.err
    assert output.err.count("\n") == 1
    assert (output.out, drawn) == ("", [])


def test_the_map_shows_the_file_that_the_settings_name(monkeypatch, tmp_path, capsys):
    """One that is no feature store ends in a line, too."""
    wrong = tmp_path / "other.sqlite"
    sqlite3.connect(wrong).close()  # an empty database
    monkeypatch.setenv("RANGEFINDER_FEATURES_FILE", str(wrong))
    assert draw_range.main(["jaguar"]) == 2
    assert "The embedded feature store" in capsys.readouterr().err


def test_the_points_are_the_presences_of_the_service():
    """In South America for the jaguar, and between 0 and 1."""
    repository = EmbeddedFeatures(Settings.from_environment({}).features_file)
    points = list(draw_range.presences(repository, JAGUAR, 0))
    repository.close()
    assert len(points) > 1_000
    longitudes, latitudes, values = zip(*points, strict=True)
    assert -130 < min(longitudes) < max(longitudes) < -30
    assert -45 < min(latitudes) < max(latitudes) < 45
    assert 0 < min(values) < max(values) <= 1


def test_a_picture_is_drawn(tmp_path):
    """A PNG, in a directory that need not exist."""
    target = tmp_path / "some directory" / "a.png"
    draw_range.draw([(-56.78, -17.36, 1.0)], "title", target)
    assert target.read_bytes().startswith(b"\x89PNG")
