"""The gate: whether a release may leave.

Belongs here: the bars, and what is said when one is missed. Does not belong here: the measuring
(`attacks`, `utility`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from personax_assets.errors import PersonaXError
from personax_assets.release.attacks import Linkage, Relinking
from personax_assets.release.utility import Agreement


class ReleaseRefusedError(PersonaXError):
    """A release that would re-identify too many people, or is good for too little."""


@dataclass(frozen=True)
class Bars:
    """What a release is held to.

    Parameters
    ----------
    k : int
        Least number of people who share a combination.
    most_reidentified : float
        Largest share of people named correctly by an attacker without known pairs.
    most_with_pairs : float
        The same by one who knows some pairs of embeddings.
    known_pairs : int
        How many.
    least_unchanged : float
        Least share of Level I decisions that stay the same.
    least_predicted : float
        What embeddings still have to predict of trait scores, relative to the originals.
    """

    k: int = 5
    most_reidentified: float = 0.01
    most_with_pairs: float = 0.05
    known_pairs: int = 32
    least_unchanged: float = 0.9
    least_predicted: float = 0.1

    def __post_init__(self) -> None:
        for name in ("most_reidentified", "most_with_pairs", "least_unchanged", "least_predicted"):
            if not 0 <= getattr(self, name) <= 1:
                raise PersonaXError(f"{name.replace('_', ' ')}: must be a share between 0 and 1")


@dataclass(frozen=True)
class Obfuscated:
    """Embeddings at one strength of noise: what they betray and what they predict.

    Parameters
    ----------
    noise : float
        In standard deviations of the signal.
    relinking : Relinking
        What the attacks come to.
    predicted : float
        Share of the trait scores' variance predicted, relative to the originals.
    """

    noise: float
    relinking: Relinking
    predicted: float


def betrays(bars: Bars, point: Obfuscated) -> Iterator[str]:
    """Yield what is wrong with obfuscated embeddings as to privacy."""
    found = point.relinking
    if found.without_pairs > bars.most_reidentified:
        yield (
            f"embeddings: an attacker with the same photographs and no known pair names "
            f"{_percent(found.without_pairs)} of the people; at most "
            f"{_percent(bars.most_reidentified)} may be"
        )
    if found.with_pairs > bars.most_with_pairs:
        yield (
            f"embeddings: an attacker with {found.known_pairs} known pairs names "
            f"{_percent(found.with_pairs)} of the other people; at most "
            f"{_percent(bars.most_with_pairs)} may be"
        )


def useless(bars: Bars, point: Obfuscated) -> Iterator[str]:
    """Yield what is wrong with obfuscated embeddings as to utility."""
    if point.predicted < bars.least_predicted:
        yield (
            f"embeddings: they predict {_percent(point.predicted)} of what the originals predict "
            f"of trait scores; at least {_percent(bars.least_predicted)} is needed, or they are "
            "noise that endangers people for nothing"
        )


def faults(
    bars: Bars, linkage: Linkage, agreement: Agreement, embeddings: Obfuscated | None
) -> tuple[str, ...]:
    """Return everything for which a release is refused; empty if it may leave."""
    found: list[str] = []
    if linkage.smallest < bars.k:
        found.append(
            f"a combination of what is shown fits {linkage.smallest} people; it must fit {bars.k}"
        )
    if linkage.rate > bars.most_reidentified:
        found.append(
            f"an attacker who holds the full roster names {_percent(linkage.rate)} of the people; "
            f"at most {_percent(bars.most_reidentified)} may be"
        )
    if agreement.unchanged < bars.least_unchanged:
        found.append(
            f"{_percent(agreement.unchanged)} of the {agreement.decisions} Level I decisions stay "
            f"the same; at least {_percent(bars.least_unchanged)} must"
        )
    if embeddings is not None:
        found += [*betrays(bars, embeddings), *useless(bars, embeddings)]
    return tuple(found)


def require_passed(title: str, people: int, found: Sequence[str]) -> None:
    """Raise a `ReleaseRefusedError` if there is any fault."""
    if not found:
        return
    mends = ["release more people (the fewer, the easier each is found)"]
    if any("embeddings" in fault for fault in found):
        mends.append("leave the embeddings out")
    if any("attacker" in fault for fault in found):
        mends.append("or answer for a higher --most-reidentified")
    if any("Level I" in fault for fault in found):
        mends.append("or accept less by --least-unchanged")
    raise ReleaseRefusedError(
        f"{title}: the release of {people:,} people is refused and nothing was written: "
        f"{'; '.join(found)}. To mend it: {', '.join(mends)}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
