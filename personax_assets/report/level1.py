"""Level I on the page: which trait scores depend on which structured variables.

Belongs here: heatmaps, lists and tables of the five tests. Does not belong here: counting and
ranking (`grid`), the planted truth (`truth`), or any test.
"""

from collections.abc import Iterator

import polars as pl
from markupsafe import Markup

from personax_assets.datasets import TRAITS
from personax_assets.report import figures
from personax_assets.report.blocks import (
    Bar,
    Block,
    Cell,
    Fold,
    Heading,
    Items,
    Picture,
    Pictures,
    Prose,
    Section,
    Swatches,
    Table,
)
from personax_assets.report.grid import (
    ALPHA,
    Dependency,
    Grid,
    Row,
    conditional_row,
    count_of,
    dependencies,
    direction,
    effect,
    main_grid,
    other_settings,
    variables_of,
)
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.palette import RAMP
from personax_assets.report.svg import inline_svg
from personax_assets.report.words import (
    EFFECT_MEASURES,
    MISSING,
    TEST_MEANINGS,
    TEST_NAMES,
    clean,
    count,
    listed,
    number,
    p_markup,
    p_plain,
    p_short,
    quantity,
    short,
    trait_header,
    variable_label,
)
from personax_assets.schemas.level1 import TESTS
from personax_assets.schemas.traits import AGGREGATE

STRONGEST = 10
"""Dependencies told in words."""

_EDGES = (-16.0, -9.0, -4.0, -2.0, -1.30103)
"""Steps of log10 p: 1e-16, 1e-9, 1e-4, 0.01, 0.05."""

P_LEGEND = tuple(
    zip(
        RAMP,
        ("p ≥ 0.05", "< 0.05", "< 0.01", "< 10⁻⁴", "< 10⁻⁹", "< 10⁻¹⁶"),
        strict=True,
    )
)

LEVEL_1 = (
    "Level I asks, for each pair of a trait score and a structured variable, whether the two "
    "depend on each other. Five tests look for it, each with its own strengths; p below 0.05 is "
    "called dependent, as in the paper. Of independent pairs, 5 % are expected to be called "
    "dependent by chance; q (Benjamini–Hochberg) allows for the number of pairs. Dependence is "
    "not causation, and with many people even a tiny dependence is found: the effect size says "
    "how strong it is."
)


def p_step(row: Row) -> str:
    """Return the colour of a p-value."""
    value = row["log10_p"]
    if value is None:
        return RAMP[-1] if row["p_value"] == 0 else RAMP[0]
    return figures.ramp_step(-value, [-edge for edge in reversed(_EDGES)])


def level1_section(report: SubDatasetReport) -> Section:
    """Return the section on Level I."""
    title = "Level I: dependence between traits and bios"
    grid = main_grid(report)
    if grid is None:
        reason = report.why_absent("independence_tests")
        return Section("level-1", title, [Prose(f"No test was made: {reason}."), Prose(LEVEL_1)])
    blocks: list[Block] = [Prose(LEVEL_1), _counts_table(grid)]
    blocks += [
        Heading("The five tests, pair by pair"),
        Swatches("Colour: p-value", P_LEGEND),
        Prose(
            "Number: effect size, bold where q < 0.05; below it q. A triangle marks an assumption "
            "of the test that does not hold for the pair; · a test that does not apply.",
            style="note",
        ),
        Pictures([_heatmap(report, grid, test) for test in TESTS]),
        Heading("The strongest dependencies in words"),
        *_strongest(report, grid),
        *_warnings(grid),
        *_settings(report, grid),
        Fold("All numbers", [_numbers(report, grid, test) for test in TESTS]),
    ]
    return Section("level-1", title, blocks)


def _counts_table(grid: Grid) -> Table:
    rows: list[list[Cell]] = []
    for test in TESTS:
        counts = grid.counts(test)
        if not counts.tested and not counts.untested:
            continue
        rows.append([
            TEST_NAMES[test],
            count(counts.tested),
            Bar(counts.dependent / max(counts.tested, 1), count(counts.dependent)),
            count(counts.discoveries),
            count(counts.untested),
        ])  # fmt: skip
    columns = ["Test", "Tested", "p < 0.05", "q < 0.05", "Not testable"]
    if all(row[-1] == "0" for row in rows):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    return Table(
        f"Dependent pairs per test, {grid.profile} settings, aggregate score", columns, rows
    )


def _heatmap(report: SubDatasetReport, grid: Grid, test: str) -> Picture:
    rows = grid.by_pair(test)
    variables = variables_of(report.sub, grid)
    cells = {
        (i, j): [_cell(trait, variable, rows.get((trait, variable)))]
        for i, variable in enumerate(variables)
        for j, trait in enumerate(TRAITS)
    }
    figure = figures.cell_grid(
        [variable_label(v) for v in variables], [trait_header(t) for t in TRAITS], cells,
        row_height=25,
    )  # fmt: skip
    dependent = [
        f"{trait} with {variable_label(variable)}"
        for (trait, variable), row in rows.items()
        if row["dependent"]
    ]
    counts = grid.counts(test)
    alt = (
        f"{TEST_NAMES[test]}: {counts.dependent} of {counts.tested} pairs dependent at p below "
        f"0.05{': ' + listed(dependent) if dependent else ''}. All numbers are in the table below."
    )
    measures = {row["effect_measure"] for row in rows.values() if row["effect_measure"]}
    told = listed([EFFECT_MEASURES.get(m, clean(m)) for m in sorted(measures)])
    caption = f"{TEST_MEANINGS[test]} {counts.dependent} of {counts.tested} pairs dependent."
    if told:
        caption += f" Effect size: {told}."
    name = f"{report.sub.name}-{test}"
    return Picture(inline_svg(figure, name, alt), TEST_NAMES[test], caption)


def _cell(trait: str, variable: str, row: Row | None) -> figures.GridCell:
    if row is None or row["p_value"] is None:
        return figures.GridCell("")
    q_value = row["q_value"]
    return figures.GridCell(
        p_step(row),
        short(row["effect_size"]),
        "" if q_value is None else f"q\u2009{p_short(q_value)}",
        strong=q_value is not None and q_value < ALPHA,
        flag="caution" if row["warning"] else "",
        tip=tip(trait, variable, row),
    )


def tip(trait: str, variable: str, row: Row) -> str:
    """Return all about one test in a line of plain text."""
    warning = f"; warning: {clean(row['warning'], 160)}" if row["warning"] else ""
    return (
        f"{trait} – {variable_label(variable)}: p = {p_plain(row['p_value'], row['log10_p'])}, "
        f"q = {p_plain(row['q_value'], None)}, effect size {number(row['effect_size'])}, "
        f"n = {count(row['n'])}{warning}"
    )


def _strongest(report: SubDatasetReport, grid: Grid) -> Iterator[Block]:
    found = dependencies(grid)
    if not found:
        yield Prose("No pair is called dependent by more than half of the tests.")
        return
    told = f"the first {STRONGEST} of {len(found)}" if len(found) > STRONGEST else str(len(found))
    yield Prose(
        f"Pairs that more than half of the applicable tests call dependent ({told}), ordered by "
        "the median p-value over the tests."
    )
    yield Items(
        [(headline(d), _explained(report, grid, d)) for d in found[:STRONGEST]], ordered=True
    )


def headline(dependency: Dependency) -> str:
    """Name the pair."""
    return f"{dependency.trait.capitalize()} and {variable_label(dependency.variable)}"


def _explained(report: SubDatasetReport, grid: Grid, dependency: Dependency) -> Markup:
    """Say in words what the tests found about one pair."""
    agreeing, made = len(dependency.agreeing), len(dependency.rows)
    verdict = f"all {made} tests agree" if agreeing == made else f"{agreeing} of {made} tests"
    parts = [Markup.escape(f"{direction(report, dependency) or 'no simple trend'}; {verdict}")]
    shown = "kci" if "kci" in dependency.rows else next(iter(dependency.rows))
    row = dependency.rows[shown]
    measure, size = effect(dependency.rows)
    parts.append(
        Markup("{} {}; {}: p\u00a0=\u00a0{}, q\u00a0=\u00a0{}, n\u00a0=\u00a0{}").format(
            measure,
            number(size),
            TEST_NAMES[shown],
            p_markup(row["p_value"], row["log10_p"]),
            p_markup(row["q_value"], None),
            count(row["n"]),
        )
    )
    given = conditional_row(report, grid.profile, dependency, shown)
    if given is not None:
        word = "it remains" if given["dependent"] else "nothing is left of it"
        parts.append(
            Markup("given the {}, {} (p\u00a0=\u00a0{})").format(
                report.sub.stratum, word, p_markup(given["p_value"], given["log10_p"])
            )
        )
    sentence = Markup(". ").join(_capitalised(part) for part in parts) + "."
    for warning in dependency.warnings:
        sentence += Markup(' <span class="warn">Warning</span> {}.').format(warning.rstrip("."))
    return sentence


def _capitalised(text: Markup) -> Markup:
    return Markup(text[:1].upper()) + text[1:]  # noqa: S704  # a part of what is escaped already


def _warnings(grid: Grid) -> Iterator[Block]:
    """Yield how often each assumption does not hold."""
    rows = (
        grid.frame.filter(pl.col("warning").is_not_null())
        .with_columns(pl.col("warning").str.replace_all(r"\d+(\.\d+)?", "").alias("kind"))
        .group_by("kind")
        .agg(pl.len().alias("n"), pl.col("test").unique(), pl.col("warning").first())
        .sort("n", "kind", descending=[True, False])
    )
    if rows.is_empty():
        return
    yield Table(
        "Assumptions that do not hold, over all pairs",
        ("For example", "Tests", "Times"),
        [
            [
                clean(row["warning"], 200),
                listed([TEST_NAMES[t] for t in TESTS if t in row["test"]]),
                count(row["n"]),
            ]
            for row in rows.head(12).iter_rows(named=True)
        ],
    )


def _settings(report: SubDatasetReport, grid: Grid) -> Iterator[Block]:
    """Yield the number of dependent pairs under every other setting that was run."""
    rows: dict[bool, list[list[str]]] = {True: [], False: []}
    for profile, rater, given, frame in other_settings(report):
        if (profile, rater, given) == (grid.profile, AGGREGATE, None):
            continue
        label = f"{profile}, {clean(rater)}"
        cells = []
        for test in TESTS:
            counts = count_of(frame.filter(pl.col("test") == test))
            cells.append(f"{counts.dependent}/{counts.tested}" if counts.tested else MISSING)
        label += f", given {variable_label(given)}" if given else ""
        rows[rater == AGGREGATE].append([label, *cells])
    columns = ("Setting", *(TEST_NAMES[test] for test in TESTS))
    if rows[True]:
        yield Table("Dependent / tested pairs in other settings", columns, rows[True])
    if rows[False]:
        table = Table("Dependent / tested pairs by the scores of one rater", columns, rows[False])
        yield Fold("Rater by rater", [table])


def _numbers(report: SubDatasetReport, grid: Grid, test: str) -> Table:
    pairs = grid.by_pair(test)
    rows: list[list[str | Markup]] = []
    for trait in TRAITS:
        of_trait = [v for v in variables_of(report.sub, grid) if (trait, v) in pairs]
        if of_trait:
            rows.append([trait.capitalize()])
        for variable in of_trait:
            row = pairs[trait, variable]
            if row["p_value"] is None:
                why = clean(row["warning"] or row["status"], 160)
                rows.append([variable_label(variable), MISSING, MISSING, MISSING, why])
                continue
            rows.append([
                variable_label(variable) + (" ▲" if row["warning"] else ""),
                p_markup(row["p_value"], row["log10_p"]), p_markup(row["q_value"], None),
                number(row["effect_size"]), count(row["n"]),
            ])  # fmt: skip
    tested = quantity(grid.counts(test).tested, "pair", "pairs")
    caption = f"{TEST_NAMES[test]}: {tested}; ▲ an assumption does not hold"
    return Table(caption, ("Variable", "p", "q", "Effect", "n"), rows)
