"""A toy sub-dataset driven through the real stage machinery, alone and under Dagster."""

import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from dagster_project.home import Home
from dagster_project.profiles import DEFAULT_SEED, profile_named, resources_of, sources_of
from personax_assets.dagster_assets import asset_of
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.errors import PersonaXError, SkipStageError
from personax_assets.execution import Outcome, execute
from personax_assets.resources import Resources
from personax_assets.stage import ONLY_STALE_TAG, Layout, Stage, StageResult, StageRun, stage, stale
from personax_assets.table_schema import Column, TableSchema

COLUMNS = (
    Column("person_id", "VARCHAR", "Person.", nullable=False),
    Column("value", "DOUBLE", "Value, metres.", minimum=0, maximum=10, lineage=("source.value",)),
    Column("input_hash", "VARCHAR", "Hash."),
)
TABLES = {name: TableSchema(name, "A row.", ("person_id",), COLUMNS) for name in ("source", "sink")}
LAYOUT = Layout("athlepersona", (ATHLEPERSONA,), (), TABLES)


def rows(**values: float) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person_id": list(values),
            "value": list(values.values()),
            "input_hash": [str(v) for v in values.values()],
        },
        schema=TABLES["source"].polars,
    )


def source(values: Callable[[], dict[str, float]]) -> Stage:
    @stage(LAYOUT, "source", group="sources", settings=lambda run: {"values": repr(values())})
    def source(run: StageRun) -> StageResult:
        """Makes the rows."""
        return StageResult((run.replacing(rows(**values())),))

    return source


def sink(body: Callable[[StageRun], StageResult]) -> Stage:
    return stage(LAYOUT, "sink", group="sources", deps=("source",))(body)


def copying(run: StageRun) -> StageResult:
    """Copies new and changed rows."""
    todo, gone = run.delta(run.read("source"))
    run.upsert(todo)
    return StageResult((run.deleting(gone),), {"new": todo.height})


def resources_in(folder: Path) -> Resources:
    home = Home(folder)
    return resources_of(profile_named("demo"), home, sources_of(home), DEFAULT_SEED)


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    return resources_in(tmp_path)


def done(stage: Stage, resources: Resources, only_stale: bool = True) -> Outcome:
    return execute(StageRun(stage, resources, log=lambda text: None), only_stale)


def test_only_what_changed_is_done_again(resources: Resources) -> None:
    world = {"a": 1.0, "b": 2.0}
    first, second = source(lambda: world), sink(copying)
    assert done(first, resources).record.rows == 2
    assert done(second, resources).result.metadata == {"new": 2}
    assert done(second, resources).result.metadata == {"up_to_date": True}
    assert stale((first, second), resources, {first.key, second.key}) == ()

    world |= {"b": 3.0, "c": 4.0}
    del world["a"]
    assert stale((first, second), resources, {first.key, second.key}) == (first, second)
    done(first, resources)
    assert done(second, resources).result.metadata == {"new": 2}
    stored = resources.warehouse.read("athlepersona.sink", TABLES["sink"])
    assert dict(stored.select("person_id", "value").iter_rows()) == {"b": 3.0, "c": 4.0}


def test_a_changed_source_with_equal_rows_stops_the_cascade(resources: Resources) -> None:
    note = ["first"]

    @stage(LAYOUT, "source", group="sources", settings=lambda run: {"note": note[0]})
    def first(run: StageRun) -> StageResult:
        return StageResult((run.replacing(rows(a=1.0)),))

    second = sink(copying)
    done(first, resources)
    done(second, resources)
    note[0] = "second"
    assert "up_to_date" not in done(first, resources).result.metadata
    assert done(second, resources).result.metadata == {"up_to_date": True}


def test_code_version_makes_stale(resources: Resources) -> None:
    first = source(lambda: {"a": 1.0})
    done(first, resources)
    newer = replace(first, code_version="2")
    assert stale((newer,), resources, {newer.key}) == (newer,)


def test_without_the_tag_the_work_is_done_again(resources: Resources) -> None:
    first = source(lambda: {"a": 1.0})
    done(first, resources)
    assert "up_to_date" not in done(first, resources, only_stale=False).result.metadata


def test_a_stage_without_input_is_skipped_with_its_reason(resources: Resources) -> None:
    def nothing(run: StageRun) -> StageResult:
        raise SkipStageError("no photographs; give a folder")

    outcome = done(sink(nothing), resources)
    assert (outcome.record.status, outcome.record.reason) == (
        "skipped",
        "no photographs; give a folder",
    )
    assert outcome.record.rows == 0
    assert resources.warehouse.exists("athlepersona.sink")


def test_a_failure_is_recorded_and_keeps_the_rows(resources: Resources) -> None:
    done(source(lambda: {"a": 1.0}), resources)
    second = sink(copying)
    done(second, resources)

    def failing(run: StageRun) -> StageResult:
        raise PersonaXError("rosters x.csv: no column 'name'; map it in the list")

    with pytest.raises(PersonaXError):
        done(sink(failing), resources, only_stale=False)
    record = resources.warehouse.stages()[second.key]
    assert (record.status, record.reason) == (
        "failed",
        "rosters x.csv: no column 'name'; map it in the list",
    )
    assert resources.warehouse.read("athlepersona.sink", TABLES["sink"]).height == 1
    assert stale((second,), resources, {second.key}) == (second,)


def test_a_value_out_of_range_fails_the_stage(resources: Resources) -> None:
    first = source(lambda: {"a": 11.0, "b": float("nan")})
    outcome = done(first, resources)
    assert outcome.record.status == "failed"
    assert outcome.record.reason == "check values_in_range: 2 rows with a value out of range"


def test_a_shrinking_table_warns(resources: Resources) -> None:
    world = {"a": 1.0, "b": 2.0}
    first = source(lambda: world)
    done(first, resources)
    del world["b"]
    outcome = done(first, resources)
    verdicts = {check.check_name: check for check in outcome.checks}
    assert outcome.record.status == "ok"
    assert not verdicts["rows_do_not_shrink"].passed
    assert verdicts["rows_do_not_shrink"].severity == dg.AssetCheckSeverity.WARN


def _materialise(stages: list[Stage], resources: Resources, **tags: str) -> Any:
    return dg.materialize(
        [asset_of(stage) for stage in stages],
        resources={key: getattr(resources, key) for key in Resources.KEYS},
        raise_on_error=False,
        tags=tags,
    )


def test_dagster_shows_rows_schema_lineage_and_checks(resources: Resources) -> None:
    first, second = source(lambda: {"a": 1.0}), sink(copying)
    result = _materialise([first, second], resources)
    assert result.success
    event = result.asset_materializations_for_node("athlepersona__sink")[0]
    assert event.metadata["dagster/row_count"].value == 1
    lineage = event.metadata["dagster/column_lineage"].value.deps_by_column
    assert lineage["value"] == [dg.TableColumnDep(dg.AssetKey(["athlepersona", "source"]), "value")]
    spec = asset_of(second).get_asset_spec()
    columns = spec.metadata["dagster/column_schema"].columns
    assert [(c.name, c.type) for c in columns] == [(c.name, c.type) for c in COLUMNS]
    assert {e.check_name for e in result.get_asset_check_evaluations()} == {
        "columns_match_schema",
        "key_is_unique",
        "rows_do_not_shrink",
        "values_in_range",
    }


def test_a_broken_table_stops_what_is_downstream_under_dagster(resources: Resources) -> None:
    result = _materialise([source(lambda: {"a": 11.0}), sink(copying)], resources)
    assert not result.success
    assert "athlepersona/sink" not in resources.warehouse.stages()


def test_the_tag_reaches_the_stage(resources: Resources) -> None:
    first = source(lambda: {"a": 1.0})
    _materialise([first], resources)
    again = _materialise([first], resources, **{ONLY_STALE_TAG: "true"})
    event = again.asset_materializations_for_node("athlepersona__source")[0]
    assert event.metadata["up_to_date"].value is True


SLOW_STAGE = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from tests.personax_assets.test_stage import LAYOUT, resources_in, rows
    from personax_assets.execution import execute
    from personax_assets.stage import StageResult, StageRun, stage

    home = Path(sys.argv[1])

    @stage(LAYOUT, "source", group="sources")
    def slow(run):
        with (home / "worked").open("a") as file:
            file.write("once\\n")
        time.sleep(0.5)
        return StageResult((run.replacing(rows(a=1.0)),))

    execute(StageRun(slow, resources_in(home)), only_stale=True)
""")


def test_two_runs_at_once_do_the_work_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW_STAGE, str(tmp_path)]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (tmp_path / "worked").read_text() == "once\n"
