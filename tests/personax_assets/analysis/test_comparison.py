"""The comparison of both sub-datasets' tests, and its stage where one has not been tested."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.graph import stages_of
from dagster_project.home import Home
from personax_assets.analysis.comparison import STRENGTHS, compared, strengths_of
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.execution import execute
from personax_assets.resources import Resources
from personax_assets.schemas.level1 import independence_people, independence_tests
from personax_assets.stage import Stage, StageRun, stale
from personax_assets.warehouse import StageRecord

SUBS = (ATHLEPERSONA, CELEBPERSONA)
NONE = pl.DataFrame(schema=STRENGTHS)


def grid_of(sub: SubDataset, *rows: dict[str, Any]) -> pl.DataFrame:
    base = {
        "profile": "recommended", "rater": "aggregate", "given": None, "trait": "openness",
        "variable": "height_cm", "test": "kci", "effect_measure": "cka", "status": "ok", "n": 100,
    }  # fmt: skip
    full = [
        base
        | {"dependent": row["p_value"] < 0.05 if row.get("p_value") is not None else None}
        | row
        for row in rows
    ]
    return pl.DataFrame(full, schema=independence_tests(sub).polars)


@pytest.mark.parametrize(
    ("p", "q", "found", "discovered"),
    [
        ((0.01, 0.01), (0.02, 0.02), "both", "both"),
        ((0.01, 0.2), (0.02, 0.3), "athlepersona", "athlepersona"),
        ((0.2, 0.01), (0.3, 0.06), "celebpersona", "neither"),
        ((0.2, 0.3), (0.4, 0.4), "neither", "neither"),
        ((0.01, None), (0.02, None), None, None),
    ],
)
def test_where_a_dependence_was_found(p, q, found, discovered):
    one, other = (
        grid_of(sub, {"p_value": p[i], "q_value": q[i], "effect_size": 0.1 * (i + 1)})
        for i, sub in enumerate(SUBS)
    )
    row = compared(SUBS, (one, other), (NONE, NONE)).row(0, named=True)
    assert (row["dependent_in"], row["discovered_in"]) == (found, discovered)
    assert (row["athlepersona_effect_size"], row["celebpersona_effect_size"]) == (0.1, 0.2)
    assert (row["athlepersona_p_value"], row["celebpersona_p_value"]) == p


def test_the_difference_in_strength_has_an_interval_and_a_test_of_its_own():
    rows = [{"p_value": 0.5, "test": test} for test in ("kci", "hsic")]
    one, other = (grid_of(sub, *rows) for sub in SUBS)
    key = ("recommended", "aggregate", None, "openness", "height_cm", "kci")
    strong, weak = (
        pl.DataFrame([(*key, *values)], STRENGTHS, orient="row")
        for values in ((0.07, 0.012), (0.02, 0.016))
    )
    frame = compared(SUBS, (one, other), (strong, weak))
    row = frame.filter(pl.col("test") == "kci").row(0, named=True)
    assert row["difference"] == pytest.approx(0.05)
    assert row["difference_low"] == pytest.approx(0.05 - 1.96 * 0.02, abs=1e-5)
    assert row["difference_high"] == pytest.approx(0.05 + 1.96 * 0.02, abs=1e-5)
    assert row["difference_p_value"] == pytest.approx(0.01242, abs=1e-5)  # of 2.5 errors
    assert row["difference_q_value"] == row["difference_p_value"], "the only one of its family"
    without = frame.filter(pl.col("test") == "hsic").row(0, named=True)
    assert without["difference"] is None
    assert without["difference_q_value"] is None


def people(sub: SubDataset, n: int, slope: float, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.integers(2, 7, n) / 2
    frame = pl.DataFrame(schema=independence_people(sub, ()).polars)
    known = {
        "person_id": [f"p{i}" for i in range(n)],
        "openness_aggregate": score,
        "height_cm": np.round(180 + 8 * (slope * (score - 2) + rng.normal(size=n))),
        sub.stratum: rng.choice(["NBA", "NFL"], n),
    }
    return pl.concat([frame, pl.DataFrame(known)], how="diagonal_relaxed").cast(frame.schema)


@pytest.mark.parametrize(("slopes", "differ"), [((0.5, 0.5), False), ((0.8, 0.2), True)])
def test_equal_strengths_are_told_from_different_ones_whatever_the_numbers(slopes, differ):
    from personax_assets.analysis.counting import counted

    strengths = [
        strengths_of(sub, counted(people(sub, n, slope, i), sub, ()).counts, ["height_cm"], 0)
        for i, (sub, n, slope) in enumerate(zip(SUBS, (400, 3000), slopes, strict=True))
    ]
    rows = [{"p_value": 0.5, "test": test} for test in ("kci", "hsic", "rcit")]
    frame = compared(SUBS, [grid_of(sub, *rows) for sub in SUBS], strengths)
    assert frame["difference_p_value"].count() == 3
    assert (frame["difference_p_value"] < 0.001).all() == differ
    assert (frame["difference_p_value"] < 0.05).any() == differ


def test_only_what_both_have_is_compared_each_given_its_own_stratum():
    one = grid_of(
        ATHLEPERSONA,
        {"p_value": 0.5},
        {"p_value": 0.1, "given": "league"},
        {"p_value": 0.1, "variable": "league"},
    )
    other = grid_of(
        CELEBPERSONA,
        {"p_value": 0.5},
        {"p_value": 0.2, "given": "occupation"},
        {"p_value": 0.2, "variable": "gender"},
        {"p_value": 0.2, "rater": "chatgpt"},
    )
    frame = compared(SUBS, (one, other), (NONE, NONE))
    assert frame.select("given", "celebpersona_p_value").rows() == [(None, 0.5), ("stratum", 0.2)]


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    home = Home(tmp_path)
    home.prepare()
    return build_resources("demo", home)


@pytest.fixture
def level1(resources: Resources) -> Stage:
    return next(s for s in stages_of(resources) if s.key == "comparison/level1")


@pytest.fixture
def tested(resources: Resources) -> Callable[[SubDataset, float], None]:
    def write(sub: SubDataset, p_value: float) -> None:
        key = f"{sub.name}/independence_tests"
        made = next(s for s in stages_of(resources) if s.key == key)
        run = StageRun(made, resources)
        with resources.warehouse.transaction() as transaction:
            run.replacing(grid_of(sub, {"p_value": p_value}))(transaction)
            _, version = transaction.version(run.schema, run.table)
            transaction.record(StageRecord(key, "ok", {}, data_version=version))

    return write


def test_the_stage_waits_for_both_and_follows_either(resources, level1, tested):
    def is_stale() -> bool:
        return stale([level1], resources, {level1.key}) == (level1,)

    tested(ATHLEPERSONA, 0.01)
    record = execute(StageRun(level1, resources), only_stale=False).record
    assert record.status == "skipped"
    assert record.reason is not None
    assert "the public figures have not been tested" in record.reason
    assert record.rows == 0
    assert not is_stale()
    tested(CELEBPERSONA, 0.2)
    assert is_stale()
    outcome = execute(StageRun(level1, resources), only_stale=True)
    assert (outcome.record.status, outcome.record.rows) == ("ok", 1)
    assert all(check.passed for check in outcome.checks)
    assert not is_stale()
    tested(ATHLEPERSONA, 0.5)
    assert is_stale()
