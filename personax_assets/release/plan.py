"""Which quasi-identifiers a release shows of each person, and how coarsely.

Belongs here: the search for them, suppression, and the sizes of classes. Does not belong here:
what an attacker makes of it (`attacks`), which the search asks through a function.

The search is greedy and deterministic. It starts with nothing shown; each step shows one more
variable, or one more finely, namely the one by which classes explain the most additional variance
of the trait scores. A step that re-identifies too many people, or would need too many cells to be
suppressed, is not taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.datasets import SubDataset
from personax_assets.release.binning import Binning, ladder

Floats = NDArray[np.float64]

NEVER_SHOWN = ("birth_month", "birth_day")
"""With a birth year in bins they would say much about a birth date and nothing about traits."""

MOST_SUPPRESSED = 0.05
"""Share of the shown cells that may be suppressed before a step counts as too fine."""

_LEAST_GAIN = 0.001
"""Explained variance that a step has to add."""

_DEVIATIONS = 4
"""By how many standard deviations it must exceed what as many classes explain by chance."""


@dataclass(frozen=True)
class Generalised:
    """What is shown of everybody.

    Parameters
    ----------
    frame : DataFrame
        `person_id` and a label per shown variable; null where unknown or suppressed. People of
        whom even nothing is too rare a combination are not in it.
    suppressed : int
        Cells of the frame that were set to null because too few people shared them.
    left_out : int
        People who are not in the frame.
    """

    frame: pl.DataFrame
    suppressed: int
    left_out: int

    @property
    def classes(self) -> NDArray[np.intp]:
        """The class of each row: who shares all labels, unknown ones included."""
        names = [name for name in self.frame.columns if name != "person_id"]
        return class_codes(self.frame, names)


def class_codes(frame: pl.DataFrame, names: Sequence[str]) -> NDArray[np.intp]:
    """Return a number per row, the same for rows that agree in the named columns."""
    if not names:
        return np.zeros(frame.height, np.intp)
    groups = frame.with_row_index("row").group_by(names, maintain_order=True).agg("row")
    codes = np.empty(frame.height, np.intp)
    for code, rows in enumerate(groups["row"]):
        codes[rows.to_numpy()] = code
    return codes


def generalise(bios: pl.DataFrame, shown: Sequence[Binning], k: int) -> Generalised:
    """Show the variables coarsely, and suppress cells until every class has at least k people.

    In a class that is too small the variable shown last is suppressed, then the one before it.

    Parameters
    ----------
    bios : DataFrame
        `person_id` and the variables.
    shown : sequence of Binning
        What to show, the most useful first.
    k : int
        The least number of people who share all that is shown.
    """
    names = [binning.variable for binning in shown]
    fine = frame = bios.select("person_id").with_columns(
        binning.apply(bios[binning.variable]) for binning in shown
    )
    for name in reversed(names):
        small = pl.len().over(names) < k
        frame = frame.with_columns(
            pl.when(small).then(pl.lit(None, pl.String)).otherwise(pl.col(name)).alias(name)
        )
    people = pl.len().over(names) if names else pl.len()
    kept = frame.filter(people >= k)
    unknown = _unknown(fine.join(kept, on="person_id", how="semi"))
    return Generalised(kept, _unknown(kept) - unknown, frame.height - kept.height)


def _unknown(frame: pl.DataFrame) -> int:
    return int(frame.null_count().sum_horizontal().sum())


Rate = Callable[[Generalised], float]
"""What share of the people is re-identified."""


@dataclass(frozen=True)
class Step:
    """One step that the search considered.

    Parameters
    ----------
    shown : tuple of (str, int)
        The variables that it would show, and into how many bins.
    classes : int
        Combinations that occur.
    explained : float
        Share of the variance of trait scores that they explain.
    rate : float
        Share of the people re-identified.
    taken : bool
        Whether it was taken.
    """

    shown: tuple[tuple[str, int], ...]
    classes: int
    explained: float
    rate: float
    taken: bool


@dataclass(frozen=True)
class Plan:
    """What is shown, the most useful first, and how the search came to it."""

    shown: tuple[Binning, ...]
    steps: tuple[Step, ...]


def choose(
    sub: SubDataset, bios: pl.DataFrame, scores: Floats, k: int, most: float, rate: Rate
) -> Plan:
    """Search what to show; see the module.

    Parameters
    ----------
    sub : SubDataset
        Names the variables.
    bios : DataFrame
        `person_id` and the variables.
    scores : array (n, traits)
        What the classes are to tell about, rows as in `bios`.
    k : int
        Least number of people in a class.
    most : float
        The largest rate at which a step is taken.
    rate : callable
        Attacks what would be shown.

    Returns
    -------
    Plan
        In the order in which it was chosen.
    """
    rungs = [
        (v.name, step, binning)
        for v in sub.variables
        if v.name not in NEVER_SHOWN
        for step, binning in enumerate(ladder(v, bios[v.name], k))
    ]
    taken: dict[str, tuple[int, Binning]] = {}
    refused: set[tuple[str, int]] = set()
    explained = 0.0
    trail: list[Step] = []
    while True:
        offers = []
        for name, step, binning in rungs:
            if step <= taken.get(name, (-1,))[0] or (name, step) in refused:
                continue
            steps = {**taken, name: (step, binning)}
            made = generalise(bios, _shown(steps), k)
            gain = _explained(bios, made, scores) - explained
            classes = int(made.classes.max(initial=0)) + 1
            by_chance = np.sqrt(2 * classes / scores.shape[1]) / max(len(scores), 1)
            if gain >= max(_LEAST_GAIN, _DEVIATIONS * by_chance):
                offers.append((gain, steps, made, (name, step)))
        for gain, steps, made, offer in sorted(offers, key=lambda o: o[0], reverse=True):
            cells = made.frame.height * (made.frame.width - 1)
            if made.left_out or made.suppressed > MOST_SUPPRESSED * cells:
                refused.add(offer)
                continue
            found = rate(made)
            shown = tuple((b.variable, len(b.labels)) for b in _shown(steps))
            classes = int(made.classes.max()) + 1
            trail.append(Step(shown, classes, explained + gain, found, found <= most))
            if found > most:
                refused.add(offer)
                continue
            taken, explained = steps, explained + gain
            break
        else:
            return Plan(_shown(taken), tuple(trail))


def _shown(steps: Mapping[str, tuple[int, Binning]]) -> tuple[Binning, ...]:
    return tuple(binning for _, binning in steps.values())


def _explained(bios: pl.DataFrame, made: Generalised, scores: Floats) -> float:
    """Return the share of the scores' variance that classes explain, corrected for their number."""
    index = bios.select("person_id").with_row_index("row")
    rows = made.frame.select("person_id").join(index, on="person_id", maintain_order="left")
    y, classes = scores[rows["row"].to_numpy()], made.classes
    people = np.bincount(classes)
    free = len(y) - len(people)
    if free < 1:
        return 0.0
    means = np.stack([np.bincount(classes, column) / people for column in y.T], axis=1)
    inside = ((y - means[classes]) ** 2).sum(axis=0) / free
    total = y.var(axis=0, ddof=1)
    varies = total > 0
    return float((1 - inside[varies] / total[varies]).mean()) if varies.any() else 0.0
