"""A specialist helps where the general model sees its taxon, and nowhere else."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import pytest

from chalicelib.classifier.looks import Look, look
from chalicelib.classifier.specialists import SpecialisedClassifier, join
from chalicelib.domain import (
    Geography,
    Lookalike,
    LookRule,
    Model,
    ModelInput,
    Part,
    Pixels,
    Scores,
    Speciality,
    Taxon,
    View,
)
from chalicelib.errors import ModelUnavailable
from tests.fakes import MODEL, FakeClassifier, FakePhoto

BIRD = {"class": "Aves"}
OWLS = {"family": "Strigidae", "order": "Strigiformes", **BIRD}
STRIX = {"genus": "Strix", **OWLS}


def taxon(name: str, rank: str = "species", **higher: str) -> Taxon:
    """Return an animal with a range, whose identifier is its name."""
    return Taxon(name, name, name.lower(), rank, Geography.RANGE, higher)


GREY_OWL = taxon("Strix nebulosa", **STRIX)
SWANS = taxon("Cygnus", "genus", family="Anatidae", order="Anseriformes", **BIRD)
PENGUIN = taxon("Aptenodytes patagonicus", genus="Aptenodytes", order="Sphenisciformes", **BIRD)
PANDA = taxon("Ailuropoda melanoleuca", genus="Ailuropoda", **{"class": "Mammalia"})
GENERAL = msgspec.structs.replace(MODEL, taxa=(GREY_OWL, SWANS, PENGUIN, PANDA, None))

MUTE_SWAN = taxon("Cygnus olor", genus="Cygnus", family="Anatidae", order="Anseriformes", **BIRD)
WHOOPER = taxon("Cygnus cygnus", genus="Cygnus", family="Anatidae", order="Anseriformes", **BIRD)
TAWNY = taxon("Strix aluco", **STRIX)
FOX = taxon("Vulpes vulpes", genus="Vulpes", **{"class": "Mammalia"})
BIRDS = Model(
    name="birds",
    version="2",
    sha256="1" * 64,
    input_size=ModelInput(8, 8, 0.9),
    taxa=(
        msgspec.structs.replace(GREY_OWL, taxon_id="inat:1"), MUTE_SWAN, WHOOPER, TAWNY, FOX, None,
    ),
    thresholds=MODEL.thresholds,
    card={"name": "birds"},
    speciality=Speciality("class", "Aves", 0.05),
)  # fmt: skip
NEW = (MUTE_SWAN, WHOOPER, TAWNY)
"""What only the specialist knows: a fox is outside its taxon."""


@dataclass
class Stages:
    """Records the stages that are timed."""

    names: list[str] = field(default_factory=list)

    @contextmanager
    def __call__(self, stage):
        self.names.append(stage)
        yield


@dataclass
class Team:
    """A general model and a specialist, with the scores that each gives."""

    general: list[float]
    own: list[float]
    is_broken: bool = False
    at_start: bool = False
    photo: FakePhoto = field(default_factory=FakePhoto)
    stages: Stages = field(default_factory=Stages)

    def __post_init__(self) -> None:
        self.classifier = FakeClassifier(self.general, GENERAL)
        self.specialist = FakeClassifier(self.own, BIRDS, is_broken=self.is_broken)
        self.both = SpecialisedClassifier(
            self.classifier, [self.specialist], at_start=self.at_start
        )

    def consult(self, seen: Look | None = None) -> Look:
        seen = seen or look(self.both, self.photo, 1, 1)
        return self.both.consult(seen, self.photo, 1, self.stages)

    def scores(self) -> dict[str, float]:
        """Return the scores of the animals that have some."""
        scores = self.consult().scores
        return {
            animal.scientific_name: float(score)
            for animal, score in zip(self.both.model.taxa, scores, strict=True)
            if animal and score
        }


SURE_OF_SWANS = [0.0, 0.8, 0.0, 0.1, 0.1]
SURE_OF_MUTE = [0.0, 0.9, 0.05, 0.0, 0.0, 0.05]


def test_the_model_has_the_animals_of_both():
    """An animal that both know keeps its identifier; one outside the taxon is left out."""
    model = Team(SURE_OF_SWANS, SURE_OF_MUTE).both.model
    assert model.taxa == (*GENERAL.taxa, *NEW)
    assert (model.name, model.thresholds) == (GENERAL.name, GENERAL.thresholds)
    assert model.specialists == (BIRDS,)


def test_a_bird_gets_a_finer_name():
    """The specialist divides the share of the birds; the others keep theirs."""
    scores = Team(SURE_OF_SWANS, SURE_OF_MUTE).scores()
    assert scores.pop("Ailuropoda melanoleuca") == pytest.approx(0.1)
    assert scores["Cygnus olor"] > 0.7
    assert sum(scores.values()) == pytest.approx(0.8)


def test_scores_still_sum_to_one():
    """Also with what is no animal."""
    team = Team(SURE_OF_SWANS, SURE_OF_MUTE)
    assert team.consult().scores.sum() == pytest.approx(1)


def test_a_panda_stays_a_panda():
    """The specialist, which would call it a swan, is not asked."""
    team = Team([0.02, 0.02, 0.0, 0.95, 0.01], SURE_OF_MUTE)
    seen = team.consult()
    assert seen.consulted == ()
    assert team.specialist.pixels == []
    assert team.stages.names == []
    assert seen.scores[:5] == pytest.approx(team.general)
    assert not seen.scores[5:].any()


def test_the_least_share_is_enough():
    """It is inclusive, as every threshold is."""
    exactly = Team([0.0, 0.05, 0.0, 0.95, 0.0], SURE_OF_MUTE)
    assert exactly.consult().consulted == (BIRDS,)


def test_an_unsure_specialist_changes_nothing():
    """The name of the general model is better than none."""
    team = Team([0.4, 0.4, 0.0, 0.1, 0.1], [0.3, 0.3, 0.1, 0.3, 0.0, 0.0])
    assert team.consult().scores[:5] == pytest.approx(team.general)


def test_a_group_whose_members_look_alike_keeps_its_name():
    """Two swans at one half each are swans for sure."""
    scores = Team(SURE_OF_SWANS, [0.0, 0.5, 0.5, 0.0, 0.0, 0.0]).scores()
    assert scores["Cygnus"] == pytest.approx(0.8)
    assert "Cygnus olor" not in scores


def test_members_that_look_alike_make_their_group_sure():
    """The general model is torn between owls and swans; the specialist sees one of two swans."""
    scores = Team([0.3, 0.4, 0.0, 0.2, 0.1], [0.0, 0.49, 0.49, 0.0, 0.0, 0.02]).scores()
    assert scores["Cygnus"] > 0.69
    assert "Cygnus olor" not in scores
    assert scores.get("Strix nebulosa", 0) < 0.01


def test_what_the_general_model_cannot_know_is_found():
    """It sees a great grey owl, since it knows no tawny owl; the specialist is sure."""
    scores = Team([0.6, 0.0, 0.1, 0.2, 0.1], [0.01, 0.0, 0.0, 0.98, 0.0, 0.01]).scores()
    assert scores["Strix aluco"] > 0.6


def test_an_animal_that_the_specialist_does_not_know_keeps_its_name():
    """The specialist knows no penguin, and is unsure."""
    team = Team([0.0, 0.02, 0.9, 0.05, 0.03], [0.2, 0.2, 0.2, 0.2, 0.1, 0.1])
    assert team.scores()["Aptenodytes patagonicus"] > 0.85


def test_the_specialist_sees_the_photo_at_its_own_size():
    """From the decoded photo; both stages are timed."""
    team = Team(SURE_OF_SWANS, SURE_OF_MUTE)
    seen = team.consult()
    (pixels,) = team.specialist.pixels
    assert pixels.shape == (8, 8, 3)
    assert team.stages.names == ["decode", "classify"]
    assert (seen.crop, seen.looks) == (None, 1)


@dataclass
class MarkedPhoto(FakePhoto):
    """A photo whose other parts have other pixels."""

    def view(self, size: ModelInput, orientation: int, view: View) -> tuple[Pixels, Part] | None:
        return np.full((size.height, size.width, 3), 200, np.uint8), Part(0.1, 0.2, 0.3, 0.4)


def test_the_specialist_sees_the_part_of_a_second_look():
    """The answer says which part that is."""
    team = Team(SURE_OF_SWANS, SURE_OF_MUTE, photo=MarkedPhoto())
    rule = LookRule(0.9, 0.1, 0.0, 1.0, (View(0.6, 0, 0),))
    team.classifier.model = msgspec.structs.replace(GENERAL, look_rule=rule)
    seen = team.consult(look(team.both, team.photo, 1, 2))
    assert seen.crop == Part(0.1, 0.2, 0.3, 0.4)
    assert seen.looks == 2
    assert (team.specialist.pixels[0] == 200).all()


def test_a_specialist_that_cannot_be_loaded_costs_what_it_knows():
    """Not the prediction."""
    team = Team(SURE_OF_SWANS, SURE_OF_MUTE, is_broken=True)
    seen = team.consult()
    assert seen.consulted == ()
    assert seen.scores[:5] == pytest.approx(team.general)


class Undescribed:
    """A classifier whose description cannot be read."""

    @property
    def model(self) -> Model:
        raise ModelUnavailable("model.json cannot be read")

    def load(self) -> None:
        _ = self.model

    def try_out(self) -> None:
        _ = self.model

    def classify(self, pixels: Pixels) -> Scores:
        raise ModelUnavailable("model.json cannot be read")


def birds(**members: object) -> FakeClassifier:
    """A specialist of birds that differs in some members."""
    return FakeClassifier(SURE_OF_MUTE, msgspec.structs.replace(BIRDS, **members))


MISSPELT = Speciality("class", "Avez", 0.05)
SAME_ID = msgspec.structs.replace(TAWNY, taxon_id=MUTE_SWAN.taxon_id)


@pytest.mark.parametrize(
    ("specialist", "reason"),
    [
        (Undescribed(), "cannot be read"),
        (FakeClassifier(model=MODEL), "fake: model.json has no speciality"),
        (birds(speciality=MISSPELT), "birds: no label belongs to its speciality Avez"),
        (birds(taxa=(FOX, None)), "no label belongs to its speciality Aves"),
        (birds(taxa=(MUTE_SWAN, SAME_ID)), "taxonID Cygnus olor stands for another animal"),
    ],
)
def test_a_specialist_that_could_never_help_is_left_out_with_the_reason(specialist, reason):
    """It must neither fail a prediction nor be silent."""
    general = FakeClassifier(SURE_OF_SWANS, GENERAL)
    both = SpecialisedClassifier(general, [specialist])
    assert both.model.taxa == GENERAL.taxa
    assert both.model.specialists == ()
    (fault,) = both.faults()
    assert reason in fault
    assert both.consult(look(both, FakePhoto(), 1, 1), FakePhoto(), 1, Stages()).consulted == ()


def test_a_specialist_of_what_the_general_model_lacks_is_left_out():
    """No share would ever ask for it."""
    general = FakeClassifier(model=msgspec.structs.replace(GENERAL, taxa=(PANDA, None)))
    (fault,) = SpecialisedClassifier(general, [birds()]).faults()
    assert "the general model knows no animal of its speciality Aves" in fault


def test_a_specialist_that_does_not_run_is_a_fault():
    """Also if no photo has needed it yet."""
    team = Team(SURE_OF_SWANS, SURE_OF_MUTE, is_broken=True)
    assert team.both.faults() == ["birds: broken"]
    assert Team(SURE_OF_SWANS, SURE_OF_MUTE).both.faults() == []


def test_an_animal_with_a_class_of_its_own_is_not_lost_in_a_wider_one():
    """A hen is a fowl: unsure which fowl, the two models leave the hen what it has."""
    fowl = {"order": "Galliformes", **BIRD}
    hen = taxon("Gallus gallus", genus="Gallus", **fowl)
    quail = taxon("Galliformes", "order", **BIRD)
    turkey = taxon("Meleagris gallopavo", genus="Meleagris", **fowl)
    general = FakeClassifier(
        [0.8, 0.1, 0.1], msgspec.structs.replace(GENERAL, taxa=(hen, quail, None))
    )
    specialist = FakeClassifier(
        [0.8, 0.2, 0.0], msgspec.structs.replace(BIRDS, taxa=(hen, turkey, None))
    )
    both = SpecialisedClassifier(general, [specialist])
    scores = both.consult(look(both, FakePhoto(), 1, 1), FakePhoto(), 1, Stages()).scores
    assert scores[0] > 0.8
    assert scores[1] < 0.1


def test_a_class_of_a_rank_that_the_animals_lack_may_hold_them():
    """A lory is a parrot; whether it is one of the tribe of lories is not in the labels."""
    parrots = {"order": "Psittaciformes", "family": "Psittaculidae", **BIRD}
    lories = taxon("Loriini", "tribe", **parrots)
    lory = taxon("Lorius lory", genus="Lorius", **parrots)
    general = msgspec.structs.replace(GENERAL, taxa=(lories, GREY_OWL, None))
    model = msgspec.structs.replace(BIRDS, taxa=(lory, TAWNY, None))
    (specialist,) = join(general, [FakeClassifier(model=model)]).specialists
    assert specialist.likeness.tolist() == [[0.2, 0.001], [0.001, 0.2]]
    assert not specialist.is_member.any()


def test_a_class_of_which_only_the_widest_rank_is_known_holds_nothing_more():
    """Else it could hold any bird."""
    songbirds = taxon("Passeri", "suborder", **BIRD)
    general = msgspec.structs.replace(GENERAL, taxa=(songbirds, GREY_OWL, None))
    (specialist,) = join(general, [FakeClassifier(model=BIRDS)]).specialists
    assert set(specialist.likeness[:, 0].tolist()) == {0.001}


def test_the_identifiers_of_shared_animals_are_told():
    """The specialist's own store knows them by its own."""
    team = Team(SURE_OF_SWANS, SURE_OF_MUTE)
    assert team.both.identifiers(team.specialist) == {"inat:1": "Strix nebulosa"}
    assert team.both.identifiers(FakeClassifier()) == {}


@pytest.mark.parametrize(("at_start", "is_loaded"), [(True, True), (False, False)])
def test_specialists_load_at_the_start_or_when_they_are_needed(at_start, is_loaded):
    """As the setting says; a broken one does not stop the start."""
    loaded = []

    class Recording(FakeClassifier):
        def load(self) -> None:
            loaded.append(True)
            raise ModelUnavailable("broken")

    general = FakeClassifier(SURE_OF_SWANS, GENERAL)
    SpecialisedClassifier(general, [Recording(model=BIRDS)], at_start=at_start).load()
    assert bool(loaded) is is_loaded


def test_a_general_model_that_cannot_be_loaded_is_an_error():
    """There is no prediction without it."""
    with pytest.raises(ModelUnavailable):
        SpecialisedClassifier(FakeClassifier(model=GENERAL, is_broken=True), []).load()


def test_a_lookalike_that_a_specialist_knows_counts_no_more():
    """It is a candidate itself now."""
    unknown = taxon("Strix uralensis", **STRIX)
    lookalikes = [Lookalike(TAWNY, is_close=True), Lookalike(unknown, is_close=True)]
    model = msgspec.structs.replace(GENERAL, lookalikes_of=lambda name: lookalikes)
    both = SpecialisedClassifier(FakeClassifier(model=model), [FakeClassifier(model=BIRDS)])
    assert [one.taxon for one in both.model.lookalikes_of("Strix nebulosa")] == [unknown]


def test_two_specialists_of_one_taxon_share_what_both_know():
    """No animal is a candidate twice."""
    ours = FakeClassifier(SURE_OF_SWANS, GENERAL)
    other = replace(FakeClassifier(SURE_OF_MUTE, BIRDS))
    both = SpecialisedClassifier(ours, [FakeClassifier(SURE_OF_MUTE, BIRDS), other])
    names = [one.scientific_name for one in both.model.taxa if one]
    assert len(names) == len(set(names))
    assert both.consult(look(both, FakePhoto(), 1, 1), FakePhoto(), 1, Stages()).scores.sum() == (
        pytest.approx(1)
    )


def test_how_likely_one_is_taken_for_another_falls_with_their_kinship():
    """A member is taken for its class; a relative now and then; a stranger hardly ever."""
    duck = taxon("Anas crecca", genus="Anas", family="Anatidae", order="Anseriformes", **BIRD)
    screamer = taxon("Chauna torquata", family="Anhimidae", order="Anseriformes", **BIRD)
    animals = (MUTE_SWAN, duck, screamer, TAWNY, GREY_OWL, taxon("Aves", "class"), PANDA)
    model = msgspec.structs.replace(BIRDS, taxa=animals)
    (specialist,) = join(GENERAL, [FakeClassifier(model=model)]).specialists
    assert specialist.outputs.tolist() == [0, 1, 2, 3, 4, 5]
    assert specialist.general.tolist() == [0, 1, 2]
    assert specialist.likeness.tolist() == [
        [0.001, 1, 0.001],
        [0.001, 0.05, 0.001],
        [0.001, 0.01, 0.001],
        [0.2, 0.001, 0.001],
        [1, 0.001, 0.001],
        [0.001, 0.001, 0.001],
    ]
    assert specialist.is_member.tolist() == (specialist.likeness == 1).tolist()


def test_a_class_that_the_specialist_does_not_know_loses_by_its_sureness():
    """By the rule of the docstring, in numbers: an unsure specialist leaves it its share."""
    team = Team([0.0, 0.02, 0.9, 0.05, 0.03], [0.2, 0.2, 0.2, 0.2, 0.1, 0.1])
    animals = 0.2 * np.array(
        [
            0.001 * 0.02 + 0.001 * 0.9,
            1 * 0.02 + 0.001 * 0.9,
            1 * 0.02 + 0.001 * 0.9,
            0.001 * 0.02 + 0.001 * 0.9,
        ]
    )
    penguin = 0.3 * (1 - 0.2) * 0.9
    expected = 0.92 * penguin / (penguin + animals.sum())
    assert team.scores()["Aptenodytes patagonicus"] == pytest.approx(expected, rel=1e-5)


def test_the_spread_stays_that_of_the_general_model():
    """It says how strange the photo is; what a specialist divides says nothing of that."""
    team = Team(SURE_OF_SWANS, SURE_OF_MUTE)
    first = look(team.classifier, team.photo, 1, 1)
    assert first.spread
    assert team.consult().spread == pytest.approx(first.spread)
