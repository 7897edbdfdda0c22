"""Both sub-datasets side by side.

Belongs here: the variables that both have, and which dependencies they share. Does not belong
here: either sub-dataset by itself.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from personax_assets.datasets import TRAITS, SubDataset
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
from personax_assets.report.grid import ALPHA, Row, main_rows
from personax_assets.report.level1 import P_LEGEND, p_step, tip
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.summary import summary_rows
from personax_assets.report.svg import inline_svg
from personax_assets.report.words import (
    MISSING,
    TEST_NAMES,
    count,
    listed,
    number,
    p_plain,
    quantity,
    short,
    trait_header,
    variable_label,
)
from personax_assets.schemas.level1 import BOTH, COMPARED, NEITHER, TESTS, shared_variables


def side_by_side_section(reports: Sequence[SubDatasetReport]) -> Section:
    """Return the key figures of every sub-dataset in one table."""
    columns = [dict(summary_rows(report, seconds=False)) for report in reports]
    labels = list(dict.fromkeys(label for column in columns for label in column))
    rows: list[list[Cell]] = [
        [label, *(column.get(label, MISSING) for column in columns)] for label in labels
    ]
    header = ("", *(report.sub.title for report in reports))
    return Section("figures", "Key figures", [Table("In numbers", header, rows)])


def comparison_section(
    subs: Sequence[SubDataset], comparison: pl.DataFrame | None
) -> Section | None:
    """Return which dependencies two sub-datasets share; None unless both were tested.

    Parameters
    ----------
    subs : sequence of SubDataset
        The sub-datasets that the report shows.
    comparison : DataFrame, optional
        The table `comparison.level1`.
    """
    frame = None if comparison is None else main_rows(comparison)
    if len(subs) != 2 or comparison is None or frame is None:
        return None
    tested = set(frame["variable"])
    common = [variable for variable in shared_variables(subs) if variable in tested]
    blocks: list[Block] = [
        Prose(
            "The variables that both sub-datasets have: "
            f"{listed([variable_label(v) for v in common])}. "
            f"Each cell shows {subs[0].title} on the left and {subs[1].title} on the right."
        ),
        Swatches("Colour: p-value", P_LEGEND),
        Pictures([_picture(subs, frame, common, test) for test in ("kci", "hsic")]),
        _agreement(subs, frame),
        Items(list(_places(subs, frame))),
        *_differences(subs, comparison),
    ]
    return Section("comparison", "Level I across both", blocks)


def _picture(
    subs: Sequence[SubDataset], frame: pl.DataFrame, common: Sequence[str], test: str
) -> Picture:
    of_test = frame.filter(pl.col("test") == test)
    rows = {(row["trait"], row["variable"]): row for row in of_test.iter_rows(named=True)}
    cells = {
        (i, j): [_half(sub, row) for sub in subs]
        for i, variable in enumerate(common)
        for j, trait in enumerate(TRAITS)
        if (row := rows.get((trait, variable)))
    }
    figure = figures.cell_grid(
        [variable_label(v) for v in common], [trait_header(t) for t in TRAITS], cells,
        row_height=22,
    )  # fmt: skip
    shared = _pairs(of_test.filter(pl.col("dependent_in") == BOTH))
    alt = f"{TEST_NAMES[test]} in both sub-datasets. Dependent in both: {listed(shared) or 'none'}."
    return Picture(
        inline_svg(figure, f"both-{test}", alt),
        f"{TEST_NAMES[test]}: {' | '.join(sub.title for sub in subs)}",
        f"Number: effect size. {quantity(len(shared), 'pair', 'pairs')} dependent in both.",
    )


def _half(sub: SubDataset, row: Row) -> figures.GridCell:
    own = {name: row[f"{sub.name}_{name}"] for name in COMPARED}
    if own["p_value"] is None:
        return figures.GridCell("")
    q_value = own["q_value"]
    return figures.GridCell(
        p_step(own), short(own["effect_size"]), strong=q_value is not None and q_value < ALPHA,
        tip=f"{sub.title}, {tip(row['trait'], row['variable'], own)}",
    )  # fmt: skip


def _agreement(subs: Sequence[SubDataset], frame: pl.DataFrame) -> Table:
    """Count, per test, the pairs dependent in both, in one and in neither."""
    places = (BOTH, *(sub.name for sub in subs), NEITHER)
    rows: list[list[Text]] = []
    for test in TESTS:
        found = frame.filter(pl.col("test") == test)["dependent_in"].drop_nulls().to_list()
        if found:
            rows.append([TEST_NAMES[test], *(count(found.count(place)) for place in places)])
    columns = ("Test", "Both", *(f"{sub.title} only" for sub in subs), "Neither")
    return Table("Pairs called dependent (p < 0.05) in", columns, rows)


def _places(subs: Sequence[SubDataset], frame: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the pairs that KCI calls dependent in both, and in one only."""
    of_kci = frame.filter(pl.col("test") == "kci")
    labels = {BOTH: "In both"} | {sub.name: f"In {sub.title} only" for sub in subs}
    for place, label in labels.items():
        pairs = _pairs(of_kci.filter(pl.col("dependent_in") == place))
        yield label, (listed(pairs) or "none") + " (KCI)."


def _differences(subs: Sequence[SubDataset], comparison: pl.DataFrame) -> Iterator[Block]:
    """Yield the pairs whose dependence differs in strength, by distance correlation."""
    tested = comparison.filter(
        pl.col("test") == "hsic", pl.col("given").is_null(), pl.col("difference").is_not_null()
    )
    if tested.is_empty():
        return
    found = tested.filter(pl.col("difference_q_value") < ALPHA)
    yield Prose(
        "That one test is significant and another is not does not mean that they differ. Of "
        f"{quantity(tested.height, 'pair', 'pairs')}, {count(found.height)} differ in strength "
        "(recommended settings, q < 0.05). Strength is squared distance correlation less its mean "
        "under independence; in brackets the 95 % interval of the difference."
    )
    if found.is_empty():
        return
    rows: list[list[Text]] = [
        [
            f"{row['trait']} – {variable_label(row['variable'])}",
            *(number(row[f"{sub.name}_strength"], 3) for sub in subs),
            f"{number(row['difference'], 3)} "
            f"[{number(row['difference_low'], 3)}, {number(row['difference_high'], 3)}]",
            p_plain(row["difference_q_value"], None),
        ]
        for row in found.sort("difference_p_value", "trait", "variable").iter_rows(named=True)
    ]
    columns = ("Pair", *(sub.title for sub in subs), "Difference", "q")
    yield Table("Pairs that differ in strength", columns, rows)


def _pairs(frame: pl.DataFrame) -> list[str]:
    return [
        f"{trait} – {variable_label(variable)}"
        for trait, variable in frame.select("trait", "variable").iter_rows()
    ]
