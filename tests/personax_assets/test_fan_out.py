"""A stage whose work is divided makes the same table, whatever happens to the parts."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from dagster_project.build import definitions_of
from dagster_project.cluster.settings import Cluster
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.profiles import DEFAULT_SEED, profile_named, resources_of, sources_of
from dagster_project.prune import prune
from personax_assets.checks import Check, Verdict
from personax_assets.dagster_assets import asset_of
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.exchange import Exchange
from personax_assets.execution import execute
from personax_assets.faces.photographs import (
    DrawnPortrait,
    Photograph,
    PhotographFile,
    RefusedFile,
    described,
    undescribed,
)
from personax_assets.fan_out import FanOut
from personax_assets.resources import Resources, SourceConfig
from personax_assets.stage import (
    ONLY_STALE_TAG,
    Layout,
    Spread,
    Stage,
    StageResult,
    StageRun,
    stage,
)
from personax_assets.table_schema import Column, TableSchema
from personax_assets.warehouse import Warehouse

SCHEMA = TableSchema(
    "squares", "A row.", ("person_id",),
    (
        Column("person_id", "VARCHAR", "Person.", nullable=False),
        Column("square", "BIGINT", "Square."),
        Column("input_hash", "VARCHAR", "Hash."),
    ),
)  # fmt: skip
LAYOUT = Layout("athlepersona", (ATHLEPERSONA,), (), {"squares": SCHEMA})
N = 25


class Work:
    """Squares numbers; notes where it did so, and may fail for some."""

    def __init__(self) -> None:
        self.ahead: list[int] = []
        self.by_the_body: list[int] = []
        self.poison: set[int] = set()
        self.works = True

    def pending(self, run: StageRun) -> pl.DataFrame:
        numbers = list(range(N))
        expected = pl.DataFrame(
            {"person_id": [f"{i:02}" for i in numbers], "number": numbers,
             "input_hash": [str(i) for i in numbers]}
        )  # fmt: skip
        return run.delta(expected)[0]

    def rows(self, numbers: pl.DataFrame, noted: list[int]) -> pl.DataFrame:
        noted += numbers["number"].to_list()
        if self.poison & set(noted):
            raise ValueError("a poisonous number")
        return numbers.with_columns((pl.col("number") ** 2).alias("square"))

    def part(self, run: StageRun, numbers: pl.DataFrame) -> Iterator[pl.DataFrame]:
        yield self.rows(numbers, self.ahead)

    def stage(self) -> Stage:
        odd = Check("odd", "There is a check.", lambda run: Verdict(self.works), blocking=True)

        @stage(
            LAYOUT, "squares", group="sources", checks=(odd,),
            spread=Spread(self.pending, lambda run, rows: rows, self.part),
        )  # fmt: skip
        def squares(run: StageRun) -> StageResult:
            """Makes squares."""
            for rows in self.pending(run).iter_slices(7):
                run.upsert(self.rows(rows, self.by_the_body).drop("number"))
            return StageResult()

        return squares


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    home = Home(tmp_path)
    return resources_of(profile_named("demo"), home, sources_of(home), DEFAULT_SEED)


@pytest.fixture
def fan_out(tmp_path: Path) -> FanOut:
    return FanOut(Exchange(str(tmp_path / "exchange")), rows=10)


def done(
    work: Work, resources: Resources, fan_out: FanOut, tags: dict[str, str] | None = None
) -> dg.ExecuteInProcessResult:
    @dg.asset(deps=[dg.AssetKey(["athlepersona", "squares"])])
    def after() -> None:
        """Needs the squares."""

    assets = [asset_of(work.stage(), fan_out), after]
    keyed = {key: getattr(resources, key) for key in Resources.KEYS}
    job = dg.define_asset_job("everything", tags=tags)
    definitions = dg.Definitions(assets=assets, resources=keyed, jobs=[job])
    return definitions.resolve_job_def("everything").execute_in_process(raise_on_error=False)


def squares(resources: Resources) -> list[int]:
    return resources.warehouse.read("athlepersona.squares", SCHEMA)["square"].to_list()


def test_all_rows_are_made_by_the_parts(resources: Resources, fan_out: FanOut) -> None:
    work = Work()
    run = done(work, resources, fan_out)
    assert run.success
    assert squares(resources) == [i**2 for i in range(N)]
    assert (work.ahead, work.by_the_body) == (list(range(N)), [])
    (made,) = run.asset_materializations_for_node("athlepersona__squares.write_rows")
    assert made.metadata["dagster/row_count"].value == N
    assert made.metadata["dagster/column_lineage"]
    record = resources.warehouse.stages()["athlepersona/squares"]
    assert made.tags is not None
    assert made.tags["dagster/data_version"] == record.data_version
    assert {c.check_name: c.passed for c in run.get_asset_check_evaluations()}["odd"]
    assert fan_out.exchange.folders() == ()


def test_the_work_of_a_part_that_fails_is_done_by_the_stage(
    resources: Resources, fan_out: FanOut
) -> None:
    work = Work()
    work.part = lambda run, rows: (
        (_ for _ in ()).throw(  # type: ignore[method-assign]
            OSError("the machine is gone")
        )
        if rows["number"][0] == 10
        else iter([work.rows(rows, work.ahead)])
    )
    assert done(work, resources, fan_out).success
    assert squares(resources) == [i**2 for i in range(N)]
    assert work.by_the_body == list(range(10, 20))


def test_a_failure_leaves_the_rows_of_the_other_parts_and_is_written_down(
    resources: Resources, fan_out: FanOut
) -> None:
    work = Work()
    work.poison = {24}
    assert not done(work, resources, fan_out).success
    assert squares(resources) == [i**2 for i in range(20)]
    record = resources.warehouse.stages()["athlepersona/squares"]
    assert (record.status, record.reason) == ("failed", "ValueError: a poisonous number")
    assert fan_out.exchange.folders() == ()
    work.poison, work.ahead, work.by_the_body = set(), [], []
    assert done(work, resources, fan_out).success
    assert (work.ahead, work.by_the_body) == (list(range(20, 25)), [])


def test_nothing_is_prepared_where_nothing_changed(resources: Resources, fan_out: FanOut) -> None:
    work = Work()
    tags = {ONLY_STALE_TAG: "true"}
    done(work, resources, fan_out, tags)
    work.pending = lambda run: pytest.fail("looked for work")  # type: ignore[method-assign]
    again = done(work, resources, fan_out, tags)
    assert again.success
    assert not [e for e in again.all_node_events if ".part[" in str(e.step_key)]


def test_a_blocking_check_holds_up_what_comes_after(resources: Resources, fan_out: FanOut) -> None:
    work = Work()
    work.works = False
    run = done(work, resources, fan_out)
    assert not run.success
    assert not [e for e in run.all_node_events if e.step_key == "after" and e.is_step_success]


def test_the_asset_is_described_as_that_of_one_step(fan_out: FanOut) -> None:
    one, many = asset_of(Work().stage()), asset_of(Work().stage(), fan_out)
    assert list(one.specs) == list(many.specs)
    assert list(one.check_specs) == list(many.check_specs)


def test_what_a_run_left_is_pruned_with_it(fan_out: FanOut) -> None:
    with dg.DagsterInstance.ephemeral() as instance:

        @dg.job
        def nothing() -> None:
            """Do nothing."""

        runs = [nothing.execute_in_process(instance=instance).run_id for _ in range(2)]
        for run_id in runs:
            fan_out.exchange.put(f"{run_id}.stage/rows/a", pl.DataFrame({"a": [1]}))
        prune(instance, keep_runs=1, fan_out=fan_out)
    assert fan_out.exchange.folders() == (f"{runs[1]}.stage",)


def test_photographs_survive_the_way_to_another_machine() -> None:
    photographs = [
        Photograph("a", 1, "f1", DrawnPortrait({"face_skin": 0.1 + 0.2}, 1, 2**40), True),
        Photograph("b", 2, "f2", PhotographFile(Path("/data/ü b.png")), False),
        Photograph("c", 3, "f3", RefusedFile("../x", "lies outside"), False),
    ]
    assert undescribed(described(photographs)) == photographs
    assert undescribed(described([])) == []


@pytest.mark.slow
def test_the_stages_that_are_divided_make_the_same_tables(tmp_path: Path) -> None:
    """Parts without any warehouse make, byte for byte, the rows that the body makes."""

    def made(folder: Path, divided: bool) -> dict[str, pl.DataFrame]:
        home = Home(folder)
        wanted = {ATHLEPERSONA.name: SourceConfig(people=70)}
        resources = resources_of(
            profile_named("demo"), home, sources_of(home, wanted), DEFAULT_SEED
        )
        fan_out, tables = FanOut(Exchange(str(folder / "exchange")), rows=30), {}
        nowhere = Warehouse(database="/nowhere/at/all.duckdb", lock_timeout_s=0.1)
        blind = Resources(**{k: getattr(resources, k) for k in Resources.KEYS}
                          | {"warehouse": nowhere})  # fmt: skip
        names = ("raw_bios", "bios", "face_crops", "face_embeddings", "trait_texts_chatgpt",
                 "text_embeddings")  # fmt: skip
        for one in stages_of(resources):
            if one.layout.name != ATHLEPERSONA.name or one.name not in names:
                continue
            run = StageRun(one, resources, one.partitions, "run", log=lambda text: None)
            if divided and one.spread is not None:
                parts = fan_out.prepare(run, one.spread)
                assert len(parts) == 3
                for part in parts:
                    fan_out.do_part(StageRun(one, blind, run_id="run"), one.spread, part)
                run = fan_out.with_parts(run)
            result = execute(run, only_stale=False).result
            if divided and one.spread is not None:
                assert result.metadata["new"] == 0, "the body found everything done"
            tables[one.name] = run.read(one.name).drop(
                c.name for c in run.schema.columns if c.volatile
            )
        for server in resources.raters._servers.values():
            server.stop()
        return tables

    whole, divided = made(tmp_path / "one", False), made(tmp_path / "many", True)
    assert [name for name in whole if not whole[name].equals(divided[name])] == []
    assert whole["text_embeddings"].height == 70


def test_the_whole_graph_can_be_divided(resources: Resources, fan_out: FanOut) -> None:
    definitions = definitions_of(resources, Cluster("in-process", fan_out))
    job = definitions.resolve_job_def("bootstrap")
    divided = {s.key.replace("/", "__") for s in stages_of(resources) if s.spread is not None}
    assert len(divided) == 6
    graphs = {node.name for node in job.graph.nodes if isinstance(node.definition,
                                                                  dg.GraphDefinition)}  # fmt: skip
    assert graphs == divided
