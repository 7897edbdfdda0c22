from dataclasses import replace

import polars as pl

from personax_assets.datasets import ATHLEPERSONA, TRAITS
from personax_assets.report.grid import Dependency, dependencies, direction, main_grid
from personax_assets.report.model import SubDatasetReport


def row(p: float, **more: object) -> dict[str, object]:
    import math

    base = {"p_value": p, "log10_p": math.log10(p) if p else None, "dependent": p < 0.05}
    return {**base, "warning": None, "effect_measure": "cka", "effect_size": 0.1, **more}


def test_the_papers_settings_come_first(athletes: SubDatasetReport) -> None:
    frame = athletes.frames["independence_tests"]
    recommended = frame.with_columns(profile=pl.lit("recommended"))
    both = replace(athletes, frames={"independence_tests": pl.concat([recommended, frame])})
    alone = replace(athletes, frames={"independence_tests": recommended})
    assert main_grid(both).profile == "paper"
    assert main_grid(alone).profile == "recommended"
    assert main_grid(replace(athletes, frames={})) is None
    assert main_grid(both).frame["given"].null_count() == main_grid(both).frame.height


def test_counts_are_those_of_the_rows(athletes: SubDatasetReport) -> None:
    grid = main_grid(athletes)
    assert grid is not None
    rows = grid.frame.filter(pl.col("test") == "gsq")
    counts = grid.counts("gsq")
    assert counts.tested + counts.untested == rows.height
    assert counts.untested == len([v for v in ATHLEPERSONA.variables if v.discrete])
    assert counts.dependent == rows["dependent"].sum()
    assert counts.discoveries <= counts.dependent


def test_the_planted_pairs_of_the_fixture_lead_the_list(athletes: SubDatasetReport) -> None:
    grid = main_grid(athletes)
    assert grid is not None
    found = dependencies(grid)
    wanted = {(t, v) for t in TRAITS if t != "openness" for v in ("birth_year", "league")}
    assert {(d.trait, d.variable) for d in found[: len(wanted)]} == wanted
    assert [d.evidence for d in found] == sorted(d.evidence for d in found)


def test_a_p_value_of_zero_is_the_strongest_evidence() -> None:
    zero = Dependency("openness", "league", {"kci": row(0.0), "hsic": row(0.0)})
    tiny = Dependency("openness", "league", {"kci": row(1e-200), "hsic": row(1e-200)})
    assert zero.evidence < tiny.evidence
    assert zero.agreeing == ["kci", "hsic"]


def test_one_warning_of_several_tests_is_told_once() -> None:
    rows = {t: row(0.01, warning="too sparse") for t in ("chi2", "gsq")}
    assert Dependency("openness", "league", rows).warnings == ["χ² and G²: too sparse"]


def scored(sub_report: SubDatasetReport, values: list[object], scores: list[float]) -> str:
    """Say how scores go with the values of birth year, league, or month."""
    people = [str(i) for i in range(len(scores))]
    name, column = ("league", values) if isinstance(values[0], str) else ("birth_year", values)
    bios = pl.DataFrame({"person_id": people, name: column})
    frame = pl.DataFrame(
        {"person_id": people, "trait": ["openness"] * len(scores), "score": scores}
    )
    report = replace(sub_report, frames={"bios": bios, "trait_scores": frame})
    return direction(report, Dependency("openness", name, {}))


def test_trends_are_told_in_words(athletes: SubDatasetReport) -> None:
    years = list(range(1970, 2000))
    assert scored(athletes, years, [float(y) for y in years]).startswith("scores rise")
    assert scored(athletes, years, [-float(y) for y in years]).startswith("scores fall")
    parabola = [(y - 1984.5) ** 2 for y in years]
    assert scored(athletes, years, parabola).startswith("no monotone trend")
    leagues = ["NBA"] * 10 + ["NFL"] * 10 + ["PGA"] * 9
    told = scored(athletes, leagues, [3.0] * 10 + [1.0] * 10 + [2.0] * 9)
    assert told == "mean score highest for NBA (3.00), lowest for NFL (1.00)"
    assert scored(athletes, ["NBA"] * 3, [1.0, 2.0, 3.0]) == ""


def test_a_cycle_has_no_trend(athletes: SubDatasetReport) -> None:
    assert direction(athletes, Dependency("openness", "birth_month", {})) == ""
