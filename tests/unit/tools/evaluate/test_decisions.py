"""The figures of decisions, on photos whose answers are known."""

import pytest

from tools.evaluate.decisions import UNLISTED, Decided, figures, mixed, pooled, report
from tools.evaluate.metrics import Interval

RACCOON_AS_MAMMAL = Decided("raccoon", UNLISTED, "", "Mammalia", is_right=True, is_own=False)
RACCOON_AS_FOX = Decided("raccoon", UNLISTED, "", "Vulpes", is_right=False, is_own=False)
RACCOON = Decided("raccoon", UNLISTED, "", None, is_right=False, is_own=False)
BAT_AS_LEMUR = Decided("bat", UNLISTED, "", "Indri indri", is_right=False, is_own=False)
JAGUAR = Decided("jaguar", "range", "none", "Panthera onca", is_right=True, is_own=True)
JAGUAR_AS_CAT = Decided("jaguar", "range", "dark", "Felidae", is_right=True, is_own=False)
DOG = Decided("dog", "domestic", "none", "Canis familiaris", is_right=True, is_own=True)


def test_a_name_is_right_wrong_or_missing():
    """Shares are of all photos; precision is of those with a name."""
    shares = figures([RACCOON_AS_MAMMAL, RACCOON_AS_FOX, RACCOON, RACCOON])
    assert (shares["wrong"].value, shares["right"].value) == (0.25, 0.25)
    assert shares["precision"].value == 0.5
    assert "own" not in shares


def test_a_wider_name_is_right_but_not_the_animals_own():
    """Two of two names are right, one is the own."""
    shares = figures([JAGUAR, JAGUAR_AS_CAT])
    assert (shares["right"].value, shares["own"].value) == (1.0, 0.5)


def test_no_kind_counts_more_often_than_others_if_kinds_are_pooled():
    """The most photographed animal does not decide."""
    assert pooled([RACCOON_AS_FOX] * 9 + [BAT_AS_LEMUR], most=2) == [
        RACCOON_AS_FOX, RACCOON_AS_FOX, BAT_AS_LEMUR,
    ]  # fmt: skip


def test_photos_are_divided_by_list_by_kind_of_class_and_by_damage():
    """Each group counts its own photos."""
    groups = report([JAGUAR, JAGUAR_AS_CAT, DOG, RACCOON_AS_FOX, RACCOON], share=0.5)
    counts = {name: group["photos"] for name, group in groups.items()}
    assert counts == {
        "listed": 3, "unlisted": 2,
        "listed, at most 4 a kind": 3, "unlisted, at most 4 a kind": 2,
        "listed, domestic": 1, "listed, range": 2,
        "listed, damage dark": 1, "listed, damage none": 2,
        "mixed, 50% unlisted": 5,
    }  # fmt: skip
    assert groups["mixed, 50% unlisted"]["wrong"].value == pytest.approx(0.25)


def test_without_unlisted_photos_there_is_no_mixed_figure():
    """Half of nothing is not known."""
    assert not [name for name in report([JAGUAR], share=0.5) if name.startswith("mixed")]


def test_a_mixed_figure_weighs_both_and_is_less_certain_than_a_large_part():
    """A tenth of the photos are unlisted: their wide interval counts a tenth."""
    result = mixed(Interval(0.02, 0.01, 0.04), Interval(0.2, 0.1, 0.3), 0.1)
    assert result.value == pytest.approx(0.038)
    assert result.low == pytest.approx(0.038 - (0.009**2 + 0.01**2) ** 0.5)
    assert result.high == pytest.approx(0.038 + (0.018**2 + 0.01**2) ** 0.5)
