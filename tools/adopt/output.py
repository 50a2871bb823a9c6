"""Whether the model's scores are probabilities or logits: by its last operator, and by trial."""

from typing import Final

from tools.adopt.findings import AdoptionError
from tools.adopt.network import Network
from tools.adopt.trial import Outcome

KINDS: Final = ("probabilities", "logits")


def kind_of(network: Network, outcome: Outcome, wanted: str | None) -> tuple[str, str]:
    """Return ``probabilities`` or ``logits``, and who says so. Raises ``AdoptionError``.

    ``wanted`` is what the user says; a trial that contradicts it stops the adoption.
    """
    kind, source = (wanted, "OPTIONS") if wanted else _told(network, outcome)
    if kind == "probabilities" and not outcome.lies_in_unit:
        low, high = outcome.outputs.min(), outcome.outputs.max()
        raise AdoptionError(
            f"The scores cannot be probabilities ({source}): they go from {low:.3g} to {high:.3g}; "
            'try OPTIONS="--output logits"'
        )
    if kind == "logits" and outcome.sums_to_one:
        raise AdoptionError(
            f"The scores cannot be logits ({source}): those of each picture sum to 1; "
            'try OPTIONS="--output probabilities"'
        )
    return kind, source


def _told(network: Network, outcome: Outcome) -> tuple[str, str]:
    if network.last == "SOFTMAX":
        if not outcome.sums_to_one:
            raise AdoptionError(
                "The last operator is a softmax, but the scores of a picture do not sum to 1: "
                "it does not run over the classes, so this is no classifier"
            )
        return "probabilities", "the last operator is SOFTMAX"
    if network.last == "LOGISTIC":
        return "probabilities", (
            "the last operator is LOGISTIC: each class by itself; the service scales them to sum 1"
        )
    if outcome.sums_to_one:
        return "probabilities", "trial: the scores of each picture sum to 1"
    if outcome.lies_in_unit:
        raise AdoptionError(
            "The scores lie between 0 and 1 but do not sum to 1, and no operator says what they "
            'are: say so by OPTIONS="--output probabilities" or "--output logits"'
        )
    return "logits", f"the last operator is {network.last}, and trial: they do not sum to 1"
