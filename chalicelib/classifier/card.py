"""The description of a model, ``model.json``: its members, and which values they may have.

A wrong value would not fail: it would give wrong animals. So each is checked before the first
photo. ``docs/model.md`` explains the members; a card may have more of them.
"""

import math
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from chalicelib.domain import (
    Geography,
    LookalikeStrengths,
    LookRule,
    ModelInput,
    Speciality,
    Thresholds,
    Unfamiliarity,
    UnitInterval,
    View,
)
from chalicelib.errors import ModelUnavailable

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Windows' editors write it at the start of a UTF-8 text."""

Positive = Annotated[float, Meta(gt=0, le=1_000_000)]
Factor = Annotated[float, Meta(ge=0, le=1_000_000)]
Text = Annotated[str, Meta(min_length=1)]
Side = Annotated[int, Meta(ge=1, le=4_096)]
Channels = Annotated[list[float], Meta(min_length=3, max_length=3)]
Rank = Literal["genus", "family", "order", "class"]


class Member(Struct, rename="camel", kw_only=True):
    """Base class of the card's members."""


class Input(Member):
    """How a photo becomes the model's input: ``(pixel - mean) / standardDeviation``."""

    width: Side
    height: Side
    crop_fraction: Annotated[float, Meta(gt=0, le=1)]
    resample: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
    mean: Channels
    standard_deviation: Annotated[list[Positive], Meta(min_length=3, max_length=3)]
    frame: Literal["square", "whole"] = "square"
    layout: Literal["NHWC"] = "NHWC"
    color_space: Literal["RGB"] = "RGB"


class Output(Member):
    """What the model's last layer gives."""

    kind: Literal["logits", "probabilities"]


class Calibration(Member):
    """The temperature that divides the logits; ``method`` ``none`` if nothing was fitted.

    ``of_spread`` is that of the scores that an answer shows, as a share of their spread.
    """

    temperature: Annotated[float, Meta(ge=0.01, le=100)]
    of_spread: Annotated[float, Meta(ge=0.01, le=100)] | None = None
    method: Literal["temperature", "none"] = "temperature"


class Strengths(Member):
    """What lookalikes weigh."""

    close: Factor
    loose: Factor
    by_geography: dict[Geography, Factor] = {}
    elsewhere: Factor = 1.0
    no_place: Factor = 1.0

    def strengths(self) -> LookalikeStrengths:
        """Return them as the domain has them."""
        return LookalikeStrengths(
            close=self.close,
            loose=self.loose,
            by_geography=self.by_geography,
            elsewhere=self.elsewhere,
            no_place=self.no_place,
        )


class Unfamiliar(Member):
    """What a strange photo weighs against a name."""

    usual_spread: Positive
    strength: Factor


class Decision(Member):
    """The thresholds."""

    animal: UnitInterval
    not_an_animal: UnitInterval
    named: UnitInterval
    rolled_up: UnitInterval
    not_living_here: UnitInterval | None = None
    named_by_geography: dict[Geography, UnitInterval] = {}
    rolled_up_by_rank: dict[Rank, UnitInterval] = {}
    lookalikes: Strengths | None = None
    unfamiliar: Unfamiliar | None = None


class Square(Member):
    """Where to look again."""

    side: Annotated[float, Meta(gt=0, le=1)]
    across: UnitInterval
    down: UnitInterval


class SecondLooks(Member):
    """When to look again."""

    unsure: UnitInterval
    sure: UnitInterval
    surer: UnitInterval
    views: list[Square]
    temperature: Annotated[float, Meta(ge=0.01, le=100)] = 1.0


class KnownTaxon(Member):
    """The taxon that a specialist knows better than a general model."""

    taxon_rank: Rank
    scientific_name: Text
    least: UnitInterval = 0.05


class Card(Member):
    """All members that the service uses; files are named relative to the card."""

    name: Text
    version: Text
    sha256: str
    file: Text
    labels: Text
    input: Input
    output: Output
    calibration: Calibration
    decision: Decision
    lookalikes: Text | None = None
    vernacular: Text | None = None
    features: Text | None = None
    second_looks: SecondLooks | None = None
    speciality: KnownTaxon | None = None

    def model_input(self) -> ModelInput:
        """Return the part of a photo that the model sees."""
        described = self.input
        return ModelInput(
            described.width,
            described.height,
            described.crop_fraction,
            described.resample,
            described.frame,
        )

    def thresholds(self) -> Thresholds:
        """Return the thresholds of the decision."""
        decision = self.decision
        return Thresholds(
            animal=decision.animal,
            not_an_animal=decision.not_an_animal,
            named=decision.named,
            rolled_up=decision.rolled_up,
            not_living_here=decision.not_living_here,
            named_by_geography=decision.named_by_geography,
            rolled_up_by_rank={
                str(rank): score for rank, score in decision.rolled_up_by_rank.items()
            },
            lookalikes=None if decision.lookalikes is None else decision.lookalikes.strengths(),
            unfamiliarity=None
            if decision.unfamiliar is None
            else Unfamiliarity(decision.unfamiliar.usual_spread, decision.unfamiliar.strength),
        )

    def look_rule(self) -> LookRule | None:
        """Return when to look again; ``None`` if the model looks once."""
        rule = self.second_looks
        if rule is None:
            return None
        return LookRule(
            unsure=rule.unsure,
            sure=rule.sure,
            surer=rule.surer,
            temperature=rule.temperature,
            views=tuple(View(view.side, view.across, view.down) for view in rule.views),
        )

    def knows_better(self) -> Speciality | None:
        """Return the taxon that the model knows better than a general one, if it says so."""
        known = self.speciality
        if known is None:
            return None
        return Speciality(known.taxon_rank, known.scientific_name, known.least)


def read_card(directory: Path) -> tuple[Card, dict[str, Any]]:
    """Return the checked description of a model, and all that the file says.

    Raises ``ModelUnavailable``, which names the member that is wrong.
    """
    try:
        content = (directory / "model.json").read_bytes().removeprefix(BYTE_ORDER_MARK)
        described = msgspec.json.decode(content, type=dict[str, Any])
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"model.json cannot be read: {reason(error)}") from error
    try:
        card = msgspec.convert(described, Card)
    except msgspec.ValidationError as error:
        raise ModelUnavailable(f"model.json is invalid: {error}") from error
    if card.decision.not_an_animal > card.decision.animal:
        raise ModelUnavailable("model.json is invalid: decision.notAnAnimal is above animal")
    if not all(map(math.isfinite, card.input.mean)):
        raise ModelUnavailable("model.json is invalid: input.mean is not a number")
    return card, described


def reason(error: Exception) -> str:
    """Return what is wrong, without the path of the file: answers may show it."""
    if isinstance(error, OSError) and error.strerror:
        return (
            f"{Path(error.filename).name}: {error.strerror}" if error.filename else error.strerror
        )
    return str(error)
