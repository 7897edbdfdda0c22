"""Planted truth against what was found.

Belongs here: recovery of the planted dependencies by the tests of Level I. Does not belong here:
the planted world, or the recovery of factors (`level2`). Real people have no planted truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from personax_assets.datasets import TRAITS
from personax_assets.report import figures
from personax_assets.report.blocks import (
    Bar,
    Block,
    Cell,
    Picture,
    Pictures,
    Prose,
    Section,
    Swatches,
    Table,
)
from personax_assets.report.grid import Grid, main_grid, variables_of
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.svg import inline_svg
from personax_assets.report.words import (
    MISSING,
    TEST_NAMES,
    listed,
    number,
    quantity,
    short,
    trait_header,
    variable_label,
)
from personax_assets.schemas.level1 import TESTS

RUNGS = ("none", "weak", "medium", "strong")

_COLOURS = {"none": "ramp-0", "weak": "ramp-1", "medium": "ramp-3", "strong": "ramp-5"}


@dataclass(frozen=True)
class Recovery:
    """How one test did on the planted pairs.

    Parameters
    ----------
    frame : DataFrame
        Rows of the planted pairs that the test could be made on: `trait, variable, effect, truth,
        found`, and `effect_size` if known.
    """

    frame: pl.DataFrame

    def of(self, rung: str) -> tuple[int, int]:
        """Return how many pairs of a rung were called dependent, and how many there are."""
        rows = self.frame.filter(pl.col("effect") == rung)
        return int(rows["found"].sum()), rows.height

    def wrong(self, truth: bool) -> list[str]:
        """Name the misses (`truth`) or the false alarms."""
        rows = self.frame.filter((pl.col("truth") == truth) & (pl.col("found") != truth))
        return [
            f"{t} – {variable_label(v)}" for t, v in rows.select("trait", "variable").iter_rows()
        ]


def recovery(report: SubDatasetReport, grid: Grid, test: str) -> Recovery | None:
    """Compare one test with the planted truth; None where nothing is planted or tested."""
    if report.planted is None:
        return None
    found = grid.frame.filter((pl.col("test") == test) & pl.col("p_value").is_not_null()).select(
        "trait", "variable", pl.col("dependent").alias("found")
    )
    truth = report.planted.pairs.rename({"dependent": "truth"})
    joined = truth.join(found, on=["trait", "variable"], maintain_order="left")
    return None if joined.is_empty() else Recovery(joined)


def truth_section(report: SubDatasetReport) -> Section | None:
    """Return the section on planted dependencies; None where nothing is planted."""
    if report.planted is None:
        return None
    title = "Planted truth against found"
    grid = main_grid(report)
    per_test = {} if grid is None else {
        test: found for test in TESTS if (found := recovery(report, grid, test)) is not None
    }  # fmt: skip
    if grid is None or not per_test:
        reason = report.why_absent("independence_tests")
        return Section("truth", title, [Prose(f"There is nothing to compare: {reason}.")])
    blocks: list[Block] = [
        Prose(
            "The cohort is drawn from a stated causal model, so which pairs depend on each other "
            "is known before any test is made. Dependence is a matter of the graph (league and "
            "occupation confound); the rung says how strong it is between the trait itself and "
            "the variable. Raters see the trait through noise and score it on three points, so "
            "weak effects are expected to be missed at this number of people."
        ),
        _rung_table(per_test),
        Swatches("Planted effect", [(_COLOURS[rung], rung) for rung in RUNGS]),
        Pictures([_picture(report, grid, per_test, test) for test in _shown(per_test)]),
        *_mistakes(per_test),
    ]
    return Section("truth", title, blocks)


def _shown(per_test: dict[str, Recovery]) -> list[str]:
    """Return the tests that are drawn: one for all variables, one for the discrete ones."""
    return [test for test in ("kci", "chi2") if test in per_test] or list(per_test)[:1]


def _rung_table(per_test: dict[str, Recovery]) -> Table:
    rows: list[list[Cell]] = []
    for test, found in per_test.items():
        cells: list[Cell] = [TEST_NAMES[test]]
        for rung in RUNGS:
            dependent, n = found.of(rung)
            cells.append(Bar(dependent / n, f"{dependent} of {n}") if n else MISSING)
        rows.append(cells)
    columns = ("Test", *(rung.capitalize() for rung in RUNGS))
    return Table("Pairs called dependent (p < 0.05), by planted effect", columns, rows)


def _picture(
    report: SubDatasetReport, grid: Grid, per_test: dict[str, Recovery], test: str
) -> Picture:
    found = per_test[test]
    rows = {(row["trait"], row["variable"]): row for row in found.frame.iter_rows(named=True)}
    variables = [v for v in variables_of(report.sub, grid) if any(v == pair[1] for pair in rows)]
    cells = {}
    for i, variable in enumerate(variables):
        for j, trait in enumerate(TRAITS):
            row = rows.get((trait, variable))
            if row is None:
                cells[i, j] = [figures.GridCell("")]
                continue
            size = row.get("effect_size")
            word = "called dependent" if row["found"] else "not called dependent"
            about = f"planted {row['effect']}" + (f" (effect {number(size)})" if size else "")
            cells[i, j] = [
                figures.GridCell(
                    _COLOURS[row["effect"]],
                    ("✓ " if row["found"] else "") + (short(size) if size else ""),
                    strong=row["found"],
                    frame="" if row["found"] == row["truth"] else "orange",
                    tip=f"{trait} – {variable_label(variable)}: {about}, {word}",
                )
            ]
    figure = figures.cell_grid(
        [variable_label(v) for v in variables], [trait_header(t) for t in TRAITS], cells
    )
    misses, alarms = found.wrong(True), found.wrong(False)
    alt = (
        f"Planted effects and what {TEST_NAMES[test]} found. Missed: {listed(misses) or 'none'}. "
        f"False alarms: {listed(alarms) or 'none'}."
    )
    weak = found.frame.filter((pl.col("effect") == "weak") & ~pl.col("found")).height
    caption = (
        f"Colour and number: planted effect. ✓: called dependent by {TEST_NAMES[test]}. Orange "
        f"frame: a mistake ({len(misses)} missed, {weak} of them weak; "
        f"{quantity(len(alarms), 'false alarm', 'false alarms')})."
    )
    name = f"{report.sub.name}-truth-{test}"
    return Picture(
        inline_svg(figure, name, alt), f"Planted, and found by {TEST_NAMES[test]}", caption
    )


def _mistakes(per_test: dict[str, Recovery]) -> Iterator[Block]:
    """Yield what was missed although it is not weak, and what was called without being there."""
    rows: list[list[Cell]] = []
    for test, found in per_test.items():
        loud = Recovery(found.frame.filter(pl.col("effect").is_in(["medium", "strong"])))
        misses, alarms = loud.wrong(True), found.wrong(False)
        rows.append([TEST_NAMES[test], listed(misses) or "none", listed(alarms) or "none"])
    yield Table(
        "Mistakes by name",
        ("Test", "Missed though medium or strong", "False alarms (5 % of the independent pairs "
         "are expected)"),
        rows,
        stacked=True,
    )  # fmt: skip
