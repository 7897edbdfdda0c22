"""What a stage is, and whether it is up to date.

Belongs here: the description of a stage, what its body works with and hands back. Does not belong
here: executing it (`execution`), showing it to Dagster (`dagster_assets`), or what any single
stage does.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import polars as pl

from personax_assets.checks import Check, schema_checks
from personax_assets.datasets import SubDataset
from personax_assets.resources import Resources
from personax_assets.table_schema import TableSchema
from personax_assets.warehouse import StageRecord, Transaction, Warehouse

Write = Callable[[Transaction], None]

ONLY_STALE_TAG = "personax/only_stale"
"""Run tag: a stage whose inputs are the same as when it last ended well does nothing."""

FRESH_FOR = timedelta(days=8)
"""A week without any news about thousands of people, and a day: something may be broken."""


@dataclass(frozen=True)
class Layout:
    """Stages whose tables share a DuckDB schema: those of one sub-dataset, or across several.

    Parameters
    ----------
    name : str
        The DuckDB schema and first part of every asset key.
    subs : tuple of SubDataset
        The sub-datasets that it is about.
    raters : tuple of str
        Names of the configured raters, in order.
    tables : mapping of str to TableSchema
        By name, its own tables and, as `layout/name`, those of other layouts that it reads.
    fetches_photographs : bool
        Whether photographs come from the web.
    """

    name: str
    subs: tuple[SubDataset, ...]
    raters: tuple[str, ...]
    tables: Mapping[str, TableSchema]
    fetches_photographs: bool = False

    @property
    def sub(self) -> SubDataset:
        """The sub-dataset, where it is about one only."""
        (only,) = self.subs
        return only

    def key(self, name: str) -> str:
        """Return the asset key, `layout/name`, of one of its own or of another's assets."""
        return name if "/" in name else f"{self.name}/{name}"

    def table(self, name: str) -> str:
        """Return the qualified name, `schema.table`, of one of its own or of another's tables."""
        return self.key(name).replace("/", ".")


@dataclass(frozen=True)
class StageResult:
    """What a stage's body hands back.

    Parameters
    ----------
    writes : sequence of callables
        Writes still to be done; they are committed together with the stage's record.
    metadata : mapping
        Shown in the Dagster UI.
    problem : str, optional
        What went wrong for a part of the work, and the mend; the rest is done and kept.
    skipped : str, optional
        Why there was nothing to work on.
    data_version : str, optional
        Version of what was made; by default a hash of the stage's table.
    counts : mapping of str to number
        What this execution changed (people new, calls made, ...); summed up over a run.
    unread : collection of str
        Names of the settings (`source NBA`) whose content could not be had: they count as not
        seen, so the next run tries again.
    """

    writes: Sequence[Write] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None
    skipped: str | None = None
    data_version: str | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    unread: Collection[str] = ()


@dataclass(frozen=True)
class Spread:
    """The part of a stage's work that other processes may do ahead of it, some rows each.

    The body of the stage does the same work for the same rows where nobody did, so rows that come
    ahead save it time and change nothing else.

    Parameters
    ----------
    pending : callable
        Returns the rows still to be made, each with what `inputs` needs.
    inputs : callable
        Returns some of these rows with everything that `work` needs; reads the warehouse.
    work : callable
        Makes finished rows of the stage's table out of them; knows the warehouse of no machine.
    rows : int, optional
        The most rows of a part, where a row takes long; by default what the deployment sets.
    """

    pending: "Callable[[StageRun], pl.DataFrame]"
    inputs: "Callable[[StageRun, pl.DataFrame], pl.DataFrame]"
    work: "Callable[[StageRun, pl.DataFrame], Iterator[pl.DataFrame]]"
    rows: int | None = None


@dataclass(frozen=True)
class Stage:
    """One step of the data flow; `asset_of` makes it a Dagster asset.

    Parameters
    ----------
    layout : Layout
        Where it belongs.
    name : str
        Asset name; also the name of its table, if it has one.
    group : str
        `sources`, `traits`, `analysis` or `release`: the end of the Dagster group's name, after
        the layout's; empty if that is the whole of it.
    body : callable
        The work itself.
    deps : tuple of str
        Names of the stages it reads; `layout/name` where they belong to another layout.
    kinds : tuple of str
        Dagster kinds.
    code_version : str
        To be raised whenever the same inputs give another result.
    settings : callable
        What it depends on besides other stages (source fingerprints, configuration), as a
        mapping; a change of any value makes it stale.
    checks : tuple of Check
        Checks beyond those that follow from the table schema.
    partitions : tuple of str
        Static partitions, if any.
    fresh_for : timedelta, optional
        How long after its last execution it counts as fresh; after twice that, as overdue.
    follows : bool
        Whether it is brought up to date by itself when what it is made from changed.
    spread : Spread, optional
        The part of its work that other processes may do ahead.
    """

    layout: Layout
    name: str
    group: str
    body: "Callable[[StageRun], StageResult]"
    deps: tuple[str, ...]
    kinds: tuple[str, ...]
    code_version: str
    settings: "Callable[[StageRun], Mapping[str, str]]"
    checks: tuple[Check, ...] = ()
    partitions: tuple[str, ...] = ()
    fresh_for: timedelta | None = FRESH_FOR
    follows: bool = True
    spread: Spread | None = None

    @property
    def key(self) -> str:
        """Asset key as a path, `layout/name`."""
        return self.layout.key(self.name)

    @property
    def upstream(self) -> dict[str, str]:
        """Asset keys of the stages it reads, by the names under which `deps` lists them."""
        return {name: self.layout.key(name) for name in self.deps}

    @property
    def schema(self) -> TableSchema | None:
        """Schema of its table; None if it makes something else."""
        return self.layout.tables.get(self.name)


def stage(
    layout: Layout,
    name: str,
    *,
    group: str = "",
    deps: Sequence[str] = (),
    kinds: Sequence[str] = ("python", "duckdb"),
    code_version: str = "1",
    settings: "Callable[[StageRun], Mapping[str, str]]" = lambda run: {},
    checks: Sequence[Check] = (),
    partitions: Sequence[str] = (),
    fresh_for: timedelta | None = FRESH_FOR,
    follows: bool = True,
    spread: Spread | None = None,
) -> "Callable[[Callable[[StageRun], StageResult]], Stage]":
    """Declare the decorated function as the body of a stage; see `Stage`."""

    def declare(body: "Callable[[StageRun], StageResult]") -> Stage:
        return Stage(
            layout, name, group, body, tuple(deps), tuple(kinds), code_version, settings,
            tuple(checks), tuple(partitions), fresh_for, follows, spread,
        )  # fmt: skip

    return declare


@dataclass(frozen=True)
class StageRun:
    """One execution of a stage: what its body works with.

    Parameters
    ----------
    stage : Stage
        What is executed.
    resources : Resources
        What it works with.
    partitions : tuple of str
        The partitions to work on.
    run_id : str
        The Dagster run.
    tags : mapping of str to str
        The run's tags.
    log : callable
        Told, in a sentence each, what a person should know.
    previous : StageRecord, optional
        How the stage ended last.
    changed : set of str
        Names of the inputs and settings that are not as they were then.
    ahead : iterable of DataFrame
        Rows of the stage's table that other processes made ahead; see `Spread`.
    """

    stage: Stage
    resources: Resources
    partitions: tuple[str, ...] = ()
    run_id: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    log: Callable[[str], None] = print
    previous: StageRecord | None = None
    changed: Set[str] = frozenset()
    ahead: Iterable[pl.DataFrame] = ()

    @property
    def sub(self) -> SubDataset:
        """The sub-dataset, of a stage that works on one."""
        return self.stage.layout.sub

    @property
    def only_stale(self) -> bool:
        """Whether the run does nothing where nothing changed."""
        return self.tags.get(ONLY_STALE_TAG) == "true"

    @property
    def warehouse(self) -> Warehouse:
        """The DuckDB file."""
        return self.resources.warehouse

    @property
    def schema(self) -> TableSchema:
        """Schema of the stage's own table."""
        return self.stage.layout.tables[self.stage.name]

    @property
    def table(self) -> str:
        """Qualified name of the stage's own table."""
        return self.stage.layout.table(self.stage.name)

    def read(
        self, name: str, columns: Sequence[str] | None = None, where: str = "TRUE"
    ) -> pl.DataFrame:
        """Read a table of the layout; one that is not there yet reads as empty."""
        layout = self.stage.layout
        return self.warehouse.read(layout.table(name), layout.tables[name], columns, where)

    def delta(
        self, expected: pl.DataFrame, where: str = "TRUE"
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Compare the rows there should be with those the stage's own table holds.

        Parameters
        ----------
        expected : DataFrame
            Key and `input_hash` of every row there should be; further columns pass through.
        where : str
            SQL condition under which a stored row counts as done.

        Returns
        -------
        todo : DataFrame
            The rows of `expected` that are missing or were made from other inputs.
        gone : DataFrame
            Keys of stored rows that should no longer be there.
        """
        key = list(self.schema.key)
        stored = self.read(self.stage.name, (*key, "input_hash"), where)
        todo = expected.join(stored, on=[*key, "input_hash"], how="anti", maintain_order="left")
        everything = self.read(self.stage.name, key)
        gone = everything.join(expected, on=key, how="anti", maintain_order="left")
        return todo, gone

    def upsert(self, frame: pl.DataFrame) -> None:
        """Commit finished rows at once, so that an interruption loses nothing."""
        with self.warehouse.transaction() as transaction:
            transaction.upsert(self.schema, self.table, frame)

    def replacing(self, frame: pl.DataFrame, name: str | None = None) -> Write:
        """Return the write that replaces a whole table (default: the stage's own)."""
        name = name or self.stage.name
        schema, table = self.stage.layout.tables[name], self.stage.layout.table(name)
        return lambda transaction: transaction.replace(schema, table, frame)

    def deleting(self, keys: pl.DataFrame) -> Write:
        """Return the write that deletes the rows with these keys from the stage's own table."""
        return lambda transaction: transaction.delete(self.schema, self.table, keys)

    def inputs(self, records: Mapping[str, StageRecord]) -> dict[str, str]:
        """Return the versions of everything the stage depends on, as they are now."""
        versions = {"code": self.stage.code_version, **self.stage.settings(self)}
        if self.stage.schema is not None:
            versions["schema"] = self.stage.schema.version
        for name, key in self.stage.upstream.items():
            record = records.get(key)
            versions[name] = (record and record.data_version) or "none"
        return versions

    def is_current(self, records: Mapping[str, StageRecord]) -> bool:
        """Tell whether the stage ended well on exactly these inputs."""
        record = records.get(self.stage.key)
        if record is None or record.status not in ("ok", "skipped"):
            return False
        return not changed_inputs(record, self.inputs(records))


def changed_inputs(record: StageRecord | None, inputs: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the inputs that a stage's last execution did not see as they are."""
    seen = record.inputs if record else {}
    return frozenset(name for name, version in inputs.items() if seen.get(name) != version)


def stale(
    stages: Iterable[Stage], resources: Resources, within: Collection[str]
) -> tuple[Stage, ...]:
    """Return the stages that have something to do, in order.

    Parameters
    ----------
    stages : iterable of Stage
        All stages, in the order of the data flow.
    resources : Resources
        What they work with.
    within : collection of str
        Keys of the stages that may run.

    Returns
    -------
    tuple of Stage
        Those that never ended well, whose inputs changed, or that depend on such a one.
    """
    records = resources.warehouse.stages()
    chosen: dict[str, Stage] = {}
    for stage in stages:
        if stage.key not in within:
            continue
        run = StageRun(stage, resources, stage.partitions)
        if chosen.keys() & stage.upstream.values() or not run.is_current(records):
            chosen[stage.key] = stage
    return tuple(chosen.values())


def checks_of(stage: Stage) -> tuple[Check, ...]:
    """Return all checks of a stage: those of its table schema and its own."""
    return (*(schema_checks(stage.schema) if stage.schema else ()), *stage.checks)
