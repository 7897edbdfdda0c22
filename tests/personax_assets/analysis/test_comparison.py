"""The comparison of both sub-datasets' tests, and its stage where one has not been tested."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.graph import stages_of
from dagster_project.home import Home
from personax_assets.analysis.comparison import compared
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.execution import execute
from personax_assets.resources import Resources
from personax_assets.schemas import independence_tests
from personax_assets.stage import Stage, StageRun, stale
from personax_assets.warehouse import StageRecord

SUBS = (ATHLEPERSONA, CELEBPERSONA)


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
    row = compared(SUBS, (one, other)).row(0, named=True)
    assert (row["dependent_in"], row["discovered_in"]) == (found, discovered)
    assert (row["athlepersona_effect_size"], row["celebpersona_effect_size"]) == (0.1, 0.2)
    assert (row["athlepersona_p_value"], row["celebpersona_p_value"]) == p


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
    frame = compared(SUBS, (one, other))
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
