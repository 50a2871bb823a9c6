"""Identify labelled photos with the real pipeline, and compare the answers with the truth."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tqdm import tqdm

from chalicelib.bootstrap import Services
from chalicelib.domain import (
    HIGHER_RANKS,
    Candidate,
    Coordinates,
    Decision,
    DecisionKind,
    EventDate,
    GeoStatus,
    Identification,
    Taxon,
)
from chalicelib.errors import LocationRequired, RangefinderError
from chalicelib.identify import IdentifyRequest
from tools.evaluate.decisions import UNLISTED, Decided
from tools.evaluate.labels import ClassFinder, Condition, Row, Truth, read_labelled_rows
from tools.evaluate.metrics import brier_score
from tools.evaluate.outcome import Answered, Judgement, Outcome

MONTH: Final = slice(5, 7)
"""Where an ISO 8601 date has its month: 2026-11."""


def judge(
    candidates: Sequence[Candidate],
    truth: Sequence[Taxon],
    score_of: Callable[[Candidate], float],
) -> Judgement:
    """Compare scores with the truth; the classes that the label covers count as one."""
    accepted = {taxon.taxon_id for taxon in truth}
    right: list[float] = []
    wrong: list[float] = []
    for candidate in candidates:
        is_right = candidate.taxon.taxon_id in accepted
        (right if is_right else wrong).append(score_of(candidate))
    return Judgement(
        rank=sum(score > max(right) for score in wrong),
        score=min(max(*right, *wrong), 1.0),
        brier=brier_score(sum(right), wrong),
    )


def judge_decision(decision: Decision, truth: Taxon) -> tuple[str, int | None, bool]:
    """Return the decision's level, its ranks above the truth's own, and whether it is right.

    The level of the animal's own name is ``species``, although it may be that of a family.
    """
    if decision.name is None:
        return decision.kind, None, False
    if decision.name.scientific_name == truth.scientific_name:
        return DecisionKind.SPECIES, 0, True
    if decision.kind is DecisionKind.SPECIES:
        return DecisionKind.SPECIES, 0, False
    rank = decision.name.taxon_rank
    ranks = [higher for higher in HIGHER_RANKS if higher in truth.higher]
    if truth.taxon_rank in ranks:
        ranks = ranks[ranks.index(truth.taxon_rank) + 1 :]
    steps = ranks.index(rank) + 1 if rank in ranks else None
    return rank, steps, truth.higher.get(rank) == decision.name.scientific_name


def identify(row: Row, directory: Path, services: Services, finder: ClassFinder) -> Answered:
    """Run the pipeline on a row.

    Raises what a request would raise, ``OSError`` if the photo cannot be read, or ``ValueError``.
    """
    known = finder.truth(row)
    truth = known.classes
    answer = answer_row(row, directory, services)
    decided = judge_name(answer.decision, known, row.get("damage", ""))
    if not truth:
        return Answered(decided, None)
    level, steps, is_right = judge_decision(answer.decision, truth[0])
    outcome = Outcome(
        row=row,
        truth=truth[0],
        # The vision score is the score that the answer would have without the place.
        alone=judge(answer.candidates, truth, lambda candidate: candidate.vision_score),
        together=judge(answer.candidates, truth, lambda candidate: candidate.score)
        if answer.geo.status is not GeoStatus.DISABLED
        else None,
        level=level,
        steps=steps,
        is_decision_right=is_right,
        coordinates=answer.location.coordinates,
    )
    return Answered(decided, outcome)


def judge_name(decision: Decision, truth: Truth, damage: str) -> Decided:
    """Compare the name that a decision gives, of whatever rank, with all right ones."""
    name = decision.name.scientific_name if decision.name else None
    own = {taxon.scientific_name for taxon in truth.classes}
    return Decided(
        kind=truth.kind,
        group=truth.classes[0].geography if truth.classes else UNLISTED,
        damage=damage,
        name=name,
        is_right=name in truth.names,
        is_own=name in own,
    )


def answer_row(row: Row, directory: Path, services: Services) -> Identification:
    """Ask the service about the photo of a row; raises what :func:`identify` raises."""
    if not row["file"]:
        raise ValueError("the row names no file")
    photo = (directory / row["file"]).read_bytes()
    point = None
    if row.get("decimalLatitude"):
        point = Coordinates(_number(row, "decimalLatitude"), _number(row, "decimalLongitude"))
    request = IdentifyRequest(
        photo,
        coordinates=point,
        uncertainty=_number(row, "coordinateUncertaintyInMeters")
        if row.get("coordinateUncertaintyInMeters")
        else None,
        event_date=_event_date(row["eventDate"]) if row.get("eventDate") else None,
    )
    try:
        return services.identify(request)
    except LocationRequired:
        return services.identify(IdentifyRequest(photo, use_geo=False))


def _number(row: Row, column: str) -> float:
    try:
        return float(row.get(column, ""))
    except ValueError:
        raise ValueError(f"{column} is not a number: {row.get(column)!r}") from None


def _event_date(date: str) -> EventDate:
    month = date[MONTH]
    if month and not month.isdecimal():
        raise ValueError(f"eventDate is not an ISO 8601 date: {date!r}")
    return EventDate(date, int(month) if month else None)


def evaluate(
    labels: Path, services: Services, only: Sequence[Condition] = (), columns: Sequence[str] = ()
) -> Iterator[Answered | str]:
    """Yield an answer for each row that meets the conditions, or the fault of the row.

    Args:
        labels: The table; paths of photos are relative to its directory.
        services: The service that identifies the photos.
        only: Conditions that a row must meet.
        columns: Further columns that the table must have.

    Raises:
        LabelsError: The table cannot be used as a whole.
    """
    finder = ClassFinder(services.classifier.model.taxa)
    needed = (*(condition.column for condition in only), *columns)
    rows = [
        (number, row)
        for number, row in read_labelled_rows(labels, needed)
        if all(condition.is_met(row) for condition in only)
    ]
    for number, row in tqdm(rows, unit="photo", disable=None):
        try:
            yield identify(row, labels.parent, services, finder)
        except (OSError, ValueError, RangefinderError) as error:
            yield f"row {number} ({row['file']}): {error}"
