"""Both sub-datasets side by side.

Belongs here: the variables that both have, and which dependencies they share. Does not belong
here: either sub-dataset by itself.
"""

from collections.abc import Iterator, Sequence

from personax_assets.datasets import TRAITS
from personax_assets.report import figures
from personax_assets.report.blocks import (
    Block,
    Cell,
    Items,
    Picture,
    Pictures,
    Prose,
    Section,
    Swatches,
    Table,
    Text,
)
from personax_assets.report.grid import Grid, Row, main_grid, variables_of
from personax_assets.report.level1 import P_LEGEND, p_step, tip
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.summary import summary_rows
from personax_assets.report.svg import inline_svg
from personax_assets.report.words import (
    MISSING,
    TEST_NAMES,
    count,
    listed,
    quantity,
    short,
    trait_header,
    variable_label,
)
from personax_assets.schemas import TESTS

_KINDS = ((True, True), (True, False), (False, True), (False, False))
"""Dependent in the first, dependent in the second."""


def side_by_side_section(reports: Sequence[SubDatasetReport]) -> Section:
    """Return the key figures of every sub-dataset in one table."""
    columns = [dict(summary_rows(report, seconds=False)) for report in reports]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows: list[list[Cell]] = [
        [label, *(column.get(label, MISSING) for column in columns)] for label in labels
    ]
    header = ("", *(report.sub.title for report in reports))
    return Section("figures", "Key figures", [Table("In numbers", header, rows)])


def comparison_section(reports: Sequence[SubDatasetReport]) -> Section | None:
    """Return which dependencies two sub-datasets share; None unless both were tested."""
    grids = [grid for report in reports if (grid := main_grid(report)) is not None]
    if len(reports) != 2 or len(grids) != 2:
        return None
    left, right = grids
    tested = [set(variables_of(r.sub, g)) for r, g in zip(reports, grids, strict=True)]
    common = [v for v in variables_of(reports[0].sub, left) if v in tested[1]]
    if not common:
        return None
    names = [report.sub.title for report in reports]
    blocks: list[Block] = [
        Prose(
            "The variables that both sub-datasets have: "
            f"{listed([variable_label(v) for v in common])}. "
            f"Each cell shows {names[0]} on the left and {names[1]} on the right."
        ),
        Swatches("Colour: p-value", P_LEGEND),
        Pictures([_picture(reports, grids, common, test) for test in ("kci", "hsic")]),
        _agreement(names, grids, common),
        Items(list(_differences(names, left, right, common))),
    ]
    return Section("comparison", "Level I across both", blocks)


def _made(row: Row | None) -> bool:
    return row is not None and row["p_value"] is not None


def _picture(
    reports: Sequence[SubDatasetReport], grids: Sequence[Grid], common: Sequence[str], test: str
) -> Picture:
    pairs = [grid.by_pair(test) for grid in grids]
    cells = {}
    for i, variable in enumerate(common):
        for j, trait in enumerate(TRAITS):
            cells[i, j] = [
                _half(report, trait, variable, rows.get((trait, variable)))
                for report, rows in zip(reports, pairs, strict=True)
            ]
    figure = figures.cell_grid(
        [variable_label(v) for v in common], [trait_header(t) for t in TRAITS], cells,
        row_height=22,
    )  # fmt: skip
    shared = [
        f"{trait} with {variable_label(variable)}"
        for variable in common
        for trait in TRAITS
        if all((row := rows.get((trait, variable))) and row["dependent"] for rows in pairs)
    ]
    alt = f"{TEST_NAMES[test]} in both sub-datasets. Dependent in both: {listed(shared) or 'none'}."
    titles = " | ".join(report.sub.title for report in reports)
    return Picture(
        inline_svg(figure, f"both-{test}", alt),
        f"{TEST_NAMES[test]}: {titles}",
        f"Number: effect size. {quantity(len(shared), 'pair', 'pairs')} dependent in both.",
    )


def _half(report: SubDatasetReport, trait: str, variable: str, row: Row | None) -> figures.GridCell:
    if row is None or row["p_value"] is None:
        return figures.GridCell("")
    q_value = row["q_value"]
    return figures.GridCell(
        p_step(row), short(row["effect_size"]), strong=q_value is not None and q_value < 0.05,
        tip=f"{report.sub.title}, {tip(trait, variable, row)}",
    )  # fmt: skip


def _agreement(names: Sequence[str], grids: Sequence[Grid], common: Sequence[str]) -> Table:
    """Count, per test, the pairs dependent in both, in one and in neither."""
    rows: list[list[Text]] = []
    for test in TESTS:
        left, right = (grid.by_pair(test) for grid in grids)
        pairs = [
            (bool(left[pair]["dependent"]), bool(right[pair]["dependent"]))
            for pair in ((trait, variable) for variable in common for trait in TRAITS)
            if _made(left.get(pair)) and _made(right.get(pair))
        ]
        if pairs:
            rows.append([TEST_NAMES[test], *(count(pairs.count(kind)) for kind in _KINDS)])
    columns = ("Test", "Both", f"{names[0]} only", f"{names[1]} only", "Neither")
    return Table("Pairs called dependent (p < 0.05) in", columns, rows)


def _differences(
    names: Sequence[str], left: Grid, right: Grid, common: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the pairs that KCI calls dependent in both, and in one only."""
    pairs = [grid.by_pair("kci") for grid in (left, right)]
    kinds: dict[tuple[bool, bool], list[str]] = {}
    for variable in common:
        for trait in TRAITS:
            rows = [rows.get((trait, variable)) for rows in pairs]
            if all(map(_made, rows)):
                found = tuple(bool(row and row["dependent"]) for row in rows)
                kinds.setdefault((found[0], found[1]), []).append(
                    f"{trait} – {variable_label(variable)}"
                )
    for kind, label in (
        ((True, True), "In both"),
        ((True, False), f"In {names[0]} only"),
        ((False, True), f"In {names[1]} only"),
    ):
        yield label, (listed(kinds.get(kind, [])) or "none") + " (KCI)."
