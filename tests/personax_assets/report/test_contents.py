"""What the pages say is what the frames hold."""

from dataclasses import replace

import polars as pl

from personax_assets.analysis.comparison import STRENGTHS, compared
from personax_assets.datasets import ATHLEPERSONA, TRAITS
from personax_assets.report.blocks import Fold, Items, Pictures, Section, Table
from personax_assets.report.comparison import comparison_section, side_by_side_section
from personax_assets.report.grid import main_grid
from personax_assets.report.level1 import level1_section
from personax_assets.report.level2 import level2_section
from personax_assets.report.metrics import factor_scores, headline_metrics
from personax_assets.report.model import RunInfo, SubDatasetReport
from personax_assets.report.overview import problems, stages_section
from personax_assets.report.paper import paper_section
from personax_assets.report.people import people_section
from personax_assets.report.summary import summary_rows
from personax_assets.report.svg import drawing_style
from personax_assets.report.traits import traits_section
from personax_assets.report.truth import recovery, truth_section
from personax_assets.report.words import p_short, short
from personax_assets.schemas.level1 import TESTS


def tables(section: Section) -> list[Table]:
    folded = [inner for b in section.blocks if isinstance(b, Fold) for inner in b.blocks]
    return [b for b in (*section.blocks, *folded) if isinstance(b, Table)]


def titles(section: Section) -> list[str]:
    drawn = [b for b in section.blocks if isinstance(b, Pictures)]
    return [picture.title for block in drawn for picture in block.pictures]


def table(section: Section, caption: str) -> Table:
    return next(t for t in tables(section) if caption in t.caption)


def test_people_are_counted_by_group_and_column(athletes: SubDatasetReport) -> None:
    with drawing_style():
        section = people_section(athletes)
    groups = {row[0]: row[1].text for row in table(section, "by league").rows}
    expected = athletes.frames["bios"]["league"].value_counts()
    assert groups == {league: str(n) for league, n in expected.iter_rows()}
    known = {row[0]: row[2] for row in table(section, "Completeness").rows}
    assert known["Birth year"] == "1"
    assert known["Height"] == "0"


def test_many_groups_are_gathered(athletes: SubDatasetReport) -> None:
    leagues = [f"league {i // 2}" for i in range(60)]
    bios = athletes.frames["bios"].with_columns(pl.Series("league", leagues))
    with drawing_style():
        section = people_section(replace(athletes, frames={"bios": bios}))
    assert table(section, "by league").rows[-1][0] == "14 others"
    assert table(section, "by league").rows[-1][1].text == "28"


def test_traits_show_every_rater_and_measure(athletes: SubDatasetReport, run_info: RunInfo) -> None:
    with drawing_style():
        section = traits_section(athletes, run_info)
    rows = {row[0]: row[1:] for row in table(section, "raters at work").rows}
    assert rows["People asked about"] == ["60"] * 3
    assert rows["No answer"] == ["5\u00a0%"] * 3
    assert rows["Median time of an answer"] == ["20\u00a0ms"] * 3
    assert rows["Tokens sent"] == ["1,234"] * 3
    assert rows["… openness"] == ["10\u00a0%"] * 3
    assert rows["Cost (US dollars)"] == ["–"] * 3
    assert len(table(section, "κ").rows) == 1


def test_q_and_effect_size_stand_in_every_cell_of_a_heatmap(athletes: SubDatasetReport) -> None:
    with drawing_style():
        section = level1_section(athletes)
    drawn = next(b for b in section.blocks if isinstance(b, Pictures)).pictures
    grid = main_grid(athletes)
    assert grid is not None
    for picture, test in zip(drawn, TESTS, strict=True):
        made = [row for row in grid.by_pair(test).values() if row["p_value"] is not None]
        assert made
        for row in made:
            assert f">q\u2009{p_short(row['q_value']).replace('<', '&lt;')}<" in picture.svg
            assert f">{short(row['effect_size'])}<" in picture.svg


def test_level_1_draws_five_tests_and_lists_all_numbers(athletes: SubDatasetReport) -> None:
    with drawing_style():
        section = level1_section(athletes)
    assert titles(section) == ["KCI", "RCIT", "HSIC", "χ²", "G²"]
    counts = {row[0]: row[1:] for row in table(section, "Dependent pairs per test").rows}
    grid = main_grid(athletes)
    assert grid is not None
    assert counts["KCI"][1].text == str(grid.counts("kci").dependent)
    assert counts["G²"][3] == str(grid.counts("gsq").untested)
    numbers = [t for t in tables(section) if t.columns[1:3] == ("p", "q")]
    assert len(numbers) == 5
    pairs = [row for row in numbers[0].rows if len(row) > 1]
    assert len(pairs) == len(TRAITS) * len(ATHLEPERSONA.variables)
    untested = [row for row in numbers[4].rows if row[-1] == "constant"]
    assert len(untested) == grid.counts("gsq").untested


def test_level_1_says_what_is_left_given_the_league(athletes: SubDatasetReport) -> None:
    frame = athletes.frames["independence_tests"]
    gone = pl.when(pl.col("given").is_not_null()).then(False).otherwise(pl.col("dependent"))
    report = replace(
        athletes,
        frames={**athletes.frames, "independence_tests": frame.with_columns(dependent=gone)},
    )
    for source, words in ((athletes, "it remains"), (report, "nothing is left of it")):
        with drawing_style():
            items = next(b for b in level1_section(source).blocks if isinstance(b, Items))
        by_year = [text for head, text in items.rows if "birth year" in head]
        assert by_year
        assert all(f"Given the league, {words}" in text for text in by_year)


def test_recovery_counts_by_rung(athletes: SubDatasetReport) -> None:
    grid = main_grid(athletes)
    assert grid is not None
    found = recovery(athletes, grid, "kci")
    assert found is not None
    assert found.of("strong") == (8, 8)
    none, all_none = found.of("none")
    assert all_none == 40 - 10 - 5 + 2
    assert len(found.wrong(False)) == none
    assert set(found.wrong(True)) == {
        f"{row['trait']} – height"
        for row in found.frame.iter_rows(named=True)
        if row["variable"] == "height_cm" and not row["found"]
    }


def test_truth_needs_a_planted_world(athletes: SubDatasetReport) -> None:
    assert truth_section(replace(athletes, planted=None)) is None
    with drawing_style():
        section = truth_section(athletes)
    assert section is not None
    rows = {row[0]: row[1:] for row in table(section, "by planted effect").rows}
    assert rows["KCI"][3].text == "8 of 8"


def test_level_2_finds_the_planted_factors(athletes: SubDatasetReport) -> None:
    with drawing_style():
        section = level2_section(athletes)
    best = {row[0]: row[1:] for row in table(section, "Best single latent").rows}
    assert best["trait openness"][0] == "face_1"
    assert best["trait openness"][1].text == "1.00"
    assert best["shared 1"][2].text == "yes"
    assert best["shared 1"][3:] == ["0.72", "0.80", "90\u00a0%", "0.50"]
    assert "Training" in titles(section)
    assert "Graph over the latents" in titles(section)


def test_metrics_are_named_and_in_order(athletes: SubDatasetReport) -> None:
    assert headline_metrics(athletes.training) == [
        ("Planted factors: MCC", "0.812 (chance 0.100)"),
        ("Latents identified", "4"),
        ("Link 1: correlation", "0.500 (p 0.001)"),
        ("Something else R²", "0.250"),
    ]
    assert factor_scores(athletes.training, "r2") == {"shared_1": 0.5}
    assert factor_scores(athletes.training, "supervised") == {"shared_1": 0.8}
    assert factor_scores(None, "single") == {}
    assert headline_metrics(None) == []


def test_the_paper_is_quoted_beside_ours(
    athletes: SubDatasetReport, celebs: SubDatasetReport
) -> None:
    for report in (athletes, celebs):
        section = paper_section(report)
        assert section is not None
        assert section.blocks[0].title == "Not a replication"
        assert table(section, "paper reports").columns[1] == "Here (simulated people)"
    rows = table(paper_section(athletes), "paper reports").rows
    assert rows[0][1].startswith("Birth year with 4 of 5 traits")
    real = paper_section(replace(athletes, simulated=False))
    assert table(real, "paper reports").columns[1] == "Here"


def test_both_are_compared_on_what_they_share(
    athletes: SubDatasetReport, celebs: SubDatasetReport
) -> None:
    reports = (athletes, celebs)
    subs = [report.sub for report in reports]
    frame = compared(
        subs,
        [report.frames["independence_tests"] for report in reports],
        [pl.DataFrame(schema=STRENGTHS)] * 2,
    )
    with drawing_style():
        section = comparison_section(subs, frame)
    assert section is not None
    for row in table(section, "called dependent").rows:
        pairs = 5 * (3 if row[0] in ("χ²", "G²") else 7)
        assert sum(int(cell) for cell in row[1:]) == pairs - (15 if row[0] == "G²" else 0) // 5
    assert comparison_section(subs[:1], frame) is None
    assert comparison_section(subs, frame.clear()) is None
    figures = side_by_side_section([athletes, celebs])
    assert table(figures, "numbers").rows[0][1:] == [
        "60 athletes (simulated)", "60 public figures (simulated)",
    ]  # fmt: skip


def test_problems_are_told_with_their_mend(athletes: SubDatasetReport) -> None:
    found = list(problems(athletes))
    assert [callout.title for callout in found] == ["Finished with losses"]
    assert "run the same command again" in found[0].texts[0]
    rows = tables(stages_section(athletes))[0].rows
    assert [row[1].text for row in rows] == ["ok", "degraded", "ok"]


def test_one_reason_of_several_stages_is_told_once(athletes: SubDatasetReport) -> None:
    stages = pl.DataFrame(
        {
            "asset": ["a/trait_texts_x", "a/trait_texts_y", "a/latents"],
            "status": ["skipped"] * 3,
            "reason": ["no key; set X_KEY", "no key; set X_KEY", "no model"],
            "rows": [0] * 3,
            "seconds": [0.0] * 3,
        }
    )
    (callout,) = problems(replace(athletes, stages=stages))
    assert callout.texts == [
        "trait_texts_x and trait_texts_y: no key; set X_KEY",
        "latents: no model",
    ]


def test_stages_are_shown_in_the_order_of_the_data(athletes: SubDatasetReport) -> None:
    names = ["report", "bios", "crl_model", "trait_scores", "trait_texts_other", "new", "raw_bios"]
    stages = pl.DataFrame(
        {
            "asset": [f"athlepersona/{name}" for name in names],
            "status": ["ok"] * 7,
            "reason": [None] * 7,
            "rows": [1] * 7,
            "seconds": [1.0] * 7,
        }
    )
    found = replace(athletes, stages=stages).stages_in_order()["asset"].to_list()
    assert [name.partition("/")[2] for name in found] == [
        "raw_bios", "bios", "trait_texts_other", "trait_scores", "crl_model", "report", "new",
    ]  # fmt: skip


def test_summary_has_the_promised_rows(athletes: SubDatasetReport) -> None:
    rows = dict(summary_rows(athletes))
    assert rows["People"] == "60 athletes (simulated)"
    assert rows["Face crops"] == "59 of 60 photographs"
    assert rows["Texts by gemini"] == "57 of 60"
    assert rows["Dependent, KCI"].endswith("of 40 pairs")
    assert rows["Planted factors: MCC"] == "0.812 (chance 0.100)"
    assert rows["Model version"] == "3"
    assert rows["  bios"] == "0.5"
    assert rows["  trait_texts_llama"] == "degraded 2.2"
    assert not any(key.startswith("Seconds") for key in dict(summary_rows(athletes, seconds=False)))
    nothing = replace(athletes, frames={}, training=None, stages=athletes.stages.clear())
    assert dict(summary_rows(nothing)) == {
        "People": "none", "Face crops": "none", "Trait texts": "nobody was asked",
        "Trait scores": "none", "Dependent pairs": "not tested", "Model": "none",
    }  # fmt: skip
