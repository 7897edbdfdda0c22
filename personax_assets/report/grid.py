"""The Level I grid as the report reads it.

Belongs here: choosing settings, counting, ranking and wording dependencies. Does not belong here:
how they are laid out (`level1`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.words import (
    EFFECT_MEASURES,
    TEST_NAMES,
    clean,
    listed,
    number,
    variable_label,
)
from personax_assets.schemas.level1 import TESTS
from personax_assets.schemas.traits import AGGREGATE

ALPHA = 0.05

_FEWEST = 10
"""People that a category needs to be named as the highest or the lowest."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Grid:
    """The tests of one setting.

    Parameters
    ----------
    profile : str
        The setting.
    frame : DataFrame
        Rows of `independence_tests`, all with this profile, of the aggregate and with nothing
        conditioned on.
    """

    profile: str
    frame: pl.DataFrame

    def by_pair(self, test: str) -> dict[tuple[str, str], Row]:
        """Return the rows of one test by trait and variable."""
        rows = self.frame.filter(pl.col("test") == test).iter_rows(named=True)
        return {(row["trait"], row["variable"]): row for row in rows}

    def counts(self, test: str) -> "Counts":
        """Count what one test says."""
        return count_of(self.frame.filter(pl.col("test") == test))


@dataclass(frozen=True)
class Counts:
    """How many pairs were tested, found dependent at p and at q below 0.05, and not testable."""

    tested: int
    dependent: int
    discoveries: int
    untested: int


def count_of(rows: pl.DataFrame) -> Counts:
    """Count the outcomes of tests."""
    tested = rows.filter(pl.col("p_value").is_not_null())
    return Counts(
        tested.height,
        tested.filter(pl.col("dependent")).height,
        tested.filter(pl.col("q_value") < ALPHA).height,
        rows.height - tested.height,
    )


def main_grid(report: SubDatasetReport) -> Grid | None:
    """Return the tests that the report is about: the paper's settings, if they were run."""
    frame = report.frame("independence_tests")
    rows = None if frame is None else main_rows(frame)
    return None if rows is None else Grid(rows["profile"][0], rows)


def main_rows(tests: pl.DataFrame) -> pl.DataFrame | None:
    """Return the tests of the median given nothing in the paper's settings, else in others."""
    plain = tests.filter((pl.col("rater") == AGGREGATE) & pl.col("given").is_null())
    for profile in ("paper", "recommended"):
        chosen = plain.filter(pl.col("profile") == profile)
        if not chosen.is_empty():
            return chosen
    return None


def variables_of(sub: SubDataset, grid: Grid) -> list[str]:
    """Return the tested variables in the order of the sub-dataset's description."""
    tested = set(grid.frame["variable"])
    described = [v.name for v in sub.variables if v.name in tested]
    return described + sorted(tested - set(described))


@dataclass(frozen=True)
class Dependency:
    """What all tests together say about one pair.

    Parameters
    ----------
    trait, variable : str
        The pair.
    rows : mapping of str to mapping
        The rows of the tests that could be made, by test.
    """

    trait: str
    variable: str
    rows: Mapping[str, Row]

    @property
    def agreeing(self) -> list[str]:
        """The tests that call the pair dependent."""
        return [test for test, row in self.rows.items() if row["dependent"]]

    @property
    def evidence(self) -> float:
        """The median over the tests of log10 p; the smaller, the stronger the evidence."""
        logs = sorted(max(_log10(row), -300.0) for row in self.rows.values())
        middle = len(logs) // 2
        return logs[middle] if len(logs) % 2 else (logs[middle - 1] + logs[middle]) / 2

    @property
    def warnings(self) -> list[str]:
        """The assumptions that do not hold, each with the tests concerned."""
        tests: dict[str, list[str]] = {}
        for test, row in self.rows.items():
            if row["warning"]:
                tests.setdefault(clean(row["warning"], 200), []).append(test)
        return [f"{_test_list(names)}: {warning}" for warning, names in tests.items()]


def _test_list(tests: Sequence[str]) -> str:
    return listed([TEST_NAMES.get(test, test) for test in tests])


def _log10(row: Row) -> float:
    value = row["log10_p"]
    if value is not None and math.isfinite(value):
        return float(value)
    return math.log10(row["p_value"]) if row["p_value"] else -math.inf


def dependencies(grid: Grid) -> list[Dependency]:
    """Return the pairs that most tests call dependent, the strongest evidence first."""
    rows: dict[tuple[str, str], dict[str, Row]] = {}
    for test in TESTS:
        for pair, row in grid.by_pair(test).items():
            if row["p_value"] is not None:
                rows.setdefault(pair, {})[test] = row
    found = [Dependency(*pair, tests) for pair, tests in rows.items()]
    convincing = [d for d in found if 2 * len(d.agreeing) > len(d.rows)]
    return sorted(convincing, key=lambda d: (d.evidence, d.trait, d.variable))


def effect(rows: Mapping[str, Row]) -> tuple[str, float | None]:
    """Return name and value of the effect size that reads most easily among the tests of a pair."""
    row = rows.get("hsic") or rows.get("kci") or next(iter(rows.values()))
    return EFFECT_MEASURES.get(row["effect_measure"], clean(row["effect_measure"])), row[
        "effect_size"
    ]


def direction(report: SubDatasetReport, dependency: Dependency) -> str:
    """Say how the scores go with the variable; empty where that has no simple answer."""
    scores, bios = report.frame("trait_scores"), report.frame("bios")
    name = dependency.variable
    kinds = {v.name: v.kind for v in report.sub.variables}
    kind = kinds.get(name)
    if scores is None or bios is None or name not in bios.columns or kind in (None, "circular"):
        return ""
    pairs = (
        scores.filter(pl.col("trait") == dependency.trait)
        .select("person_id", "score")
        .join(bios.select("person_id", pl.col(name).alias("value")), on="person_id")
        .drop_nulls()
    )
    if kind in ("numeric", "ordinal"):
        return _slope(pairs)
    means = (
        pairs.group_by("value").agg(pl.col("score").mean(), pl.len().alias("n"))
        .filter(pl.col("n") >= _FEWEST).sort("score", "value")
    )  # fmt: skip
    if means.height < 2:
        return ""
    low, high = means.row(0, named=True), means.row(-1, named=True)
    if kind == "binary":
        score = {bool(row["value"]): number(row["score"]) for row in (low, high)}
        return f"mean score {score[True]} with {variable_label(name)}, {score[False]} without"
    return (
        f"mean score highest for {clean(high['value'])} ({number(high['score'])}), lowest for "
        f"{clean(low['value'])} ({number(low['score'])})"
    )


def _slope(pairs: pl.DataFrame) -> str:
    rank = pairs.select(pl.corr("score", "value", method="spearman")).item()
    if rank is None or not math.isfinite(rank):
        return ""
    if abs(rank) < 0.1:
        return f"no monotone trend (Spearman ρ = {number(rank)})"
    way = "rise" if rank > 0 else "fall"
    return f"scores {way} with it (Spearman ρ = {number(rank)})"


def other_settings(report: SubDatasetReport) -> Iterable[tuple[str, str, str | None, pl.DataFrame]]:
    """Yield profile, rater, condition and rows of every setting that was run, in order."""
    frame = report.frame("independence_tests")
    if frame is None:
        return
    groups = frame.group_by("profile", "rater", "given", maintain_order=True)
    for (profile, rater, given), rows in groups:
        yield str(profile), str(rater), None if given is None else str(given), rows


def conditional_row(
    report: SubDatasetReport, profile: str, dependency: Dependency, test: str = "kci"
) -> Row | None:
    """Return the same test given the stratum (league, occupation), if it was made."""
    frame = report.frame("independence_tests")
    if frame is None or dependency.variable == report.sub.stratum:
        return None
    rows = frame.filter(
        (pl.col("profile") == profile)
        & (pl.col("rater") == AGGREGATE)
        & (pl.col("given") == report.sub.stratum)
        & (pl.col("trait") == dependency.trait)
        & (pl.col("variable") == dependency.variable)
        & (pl.col("test") == test)
        & pl.col("p_value").is_not_null()
    )
    return None if rows.is_empty() else rows.row(0, named=True)
