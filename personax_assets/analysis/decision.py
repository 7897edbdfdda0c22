"""Champion or challenger: whether a new version takes over from the one in use.

Belongs here: the rule, and the words for it. Does not belong here: the registry that it is for.

A new version becomes champion if its score is not worse than the champion's on the same held-out
people. Both are scored on today's data and on the measurements that both model, so that a model of
fewer measurements is not favoured. Where there is nothing to compare, the new version takes over
and the reason says why: the champion does not load, cannot read today's embeddings, has other
latents than are configured now, or shares no measurement of a modality with the new version.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from personax_assets.analysis.held_out import SCORE, held_out_metrics

if TYPE_CHECKING:
    from personax_assets.analysis.measurements import MeasuredPeople
    from personax_ml.crl import MultimodalCRL

Alias = Literal["champion", "challenger"]

CHAMPION: Alias = "champion"
CHALLENGER: Alias = "challenger"


@dataclass(frozen=True)
class Champion:
    """The version in use.

    Parameters
    ----------
    version : str
        Its number.
    model : MultimodalCRL or None
        Its model; None if it does not load.
    fault : str
        Why it does not load.
    """

    version: str
    model: "MultimodalCRL | None"
    fault: str = ""


@dataclass(frozen=True)
class Decision:
    """What a new version becomes, and why."""

    alias: Alias
    reason: str


def decide(model: "MultimodalCRL", champion: Champion | None, people: "MeasuredPeople") -> Decision:
    """Decide between a new model, whose reload check has passed, and the champion.

    Parameters
    ----------
    model : MultimodalCRL
        The new model.
    champion : Champion or None
        The version in use.
    people : MeasuredPeople
        Today's data; both are scored on its held-out people.
    """
    if champion is None:
        return Decision(CHAMPION, "first version whose reload gave the same latents")
    obstacle = _not_comparable(model, champion)
    if not obstacle and champion.model is not None:
        common = _common(model, champion.model)
        try:
            old = held_out_metrics(champion.model, people, common)[SCORE]
        except ValueError as error:
            obstacle = f"cannot read today's data ({error})"
        else:
            new = held_out_metrics(model, people, common)[SCORE]
            scores = f"held-out score {new:.4f}, champion's (version {champion.version}) {old:.4f}"
            if new >= old:
                return Decision(CHAMPION, f"{scores}: not worse")
            if math.isfinite(old):
                return Decision(CHALLENGER, f"{scores}: worse")
            obstacle = "has no finite score"
    return Decision(CHAMPION, f"version {champion.version} {obstacle}")


def _not_comparable(model: "MultimodalCRL", champion: Champion) -> str:
    """Say why the scores of two models cannot be compared; empty if they can."""
    if champion.model is None:
        return f"does not load ({champion.fault})"
    if champion.model.latent_names != model.latent_names:
        return (
            f"has {len(champion.model.latent_names)} latents where {len(model.latent_names)} are "
            "configured now"
        )
    common = _common(model, champion.model)
    for modality in model.config.modalities:
        if not common & set(modality.measurements):
            return f"was made for other measurements of the modality {modality.name}"
    return ""


def _common(model: "MultimodalCRL", champion: "MultimodalCRL") -> frozenset[str]:
    return frozenset(model.config.measurement_names) & set(champion.config.measurement_names)
