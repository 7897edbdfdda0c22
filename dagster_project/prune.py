"""The job that keeps the Dagster instance small.

Belongs here: which runs are forgotten. Does not belong here: the history of people, which lies in
the warehouse (`bios_history`) and is never pruned.

Dagster keeps every run and every event for ever. A run may go once it is old enough, has ended
(or its process is long dead), and no asset's latest materialization is in it: that one tells the
Dagster UI and its automation what there is.
"""

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import func, select

from personax_assets.fan_out import FanOut

KEEP_RUNS = 5
"""Runs that are kept whatever is in them."""

DEAD_AFTER_S = 24 * 3600.0
"""A run that has not ended after so long has no process any more."""


class PruneConfig(dg.Config):
    """How much is kept.

    Parameters
    ----------
    keep_runs : int
        The newest runs, which stay whatever is in them.
    """

    keep_runs: int = KEEP_RUNS


@dataclass(frozen=True)
class Pruned:
    """What pruning did: runs deleted and bytes of the instance before and after."""

    runs: int
    before: int
    after: int


def prune(
    instance: dg.DagsterInstance,
    keep_runs: int = KEEP_RUNS,
    current: str | None = None,
    fan_out: FanOut | None = None,
) -> Pruned:
    """Delete old runs with their events and logs, and give the space back.

    Parameters
    ----------
    instance : DagsterInstance
        The instance.
    keep_runs : int
        The newest runs, which stay.
    current : str, optional
        The run that does the pruning.
    fan_out : FanOut, optional
        Knows what steps that did not end left for others.
    """
    root = Path(instance.root_directory) if instance.is_persistent else None
    before = _size(root)
    kept = _runs_of_latest_materializations(instance) | {current}
    records = instance.get_run_records()
    newest = max((record.create_timestamp.timestamp() for record in records), default=0.0)
    old = [
        record.dagster_run
        for record in records[keep_runs:]
        if record.dagster_run.run_id not in kept
        and (
            record.dagster_run.is_finished
            or newest - record.create_timestamp.timestamp() > DEAD_AFTER_S
        )
    ]
    for run in old:
        instance.delete_run(run.run_id)
        if fan_out is not None:
            fan_out.forget_run(run.run_id)
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
    _forget_checks(instance, {run.run_id for run in old})
    if root is not None:
        for run in old:
            _remove_files(root, run.run_id)
        for path in _databases(root):
            _compact(path)
    return Pruned(len(old), before, _size(root))


def prune_job(fan_out: FanOut | None = None) -> dg.JobDefinition:
    """Return the job `prune_history`, of one machine or of a cluster."""

    @dg.op(
        name="delete_old_runs",
        description="Deletes old runs with their events and logs; keeps what tells what there is.",
        out=dg.Out(dg.Nothing),
    )
    def delete_old_runs(context: dg.OpExecutionContext, config: PruneConfig) -> None:
        done = prune(context.instance, config.keep_runs, context.run_id, fan_out)
        context.log.info(f"{done.runs} runs deleted; {done.before} bytes before, {done.after} now")
        context.add_output_metadata(
            {"runs_deleted": done.runs, "bytes_before": done.before, "bytes_now": done.after}
        )

    @dg.job(
        name="prune_history",
        description="Deletes old runs from the Dagster instance, so that it does not grow for "
        "ever. The history of people lies in the warehouse and is not touched.",
    )
    def prune_history() -> None:
        delete_old_runs()

    return prune_history


def _runs_of_latest_materializations(instance: dg.DagsterInstance) -> set[str | None]:
    """Return the runs that hold the latest materialization of an asset or of a partition."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    found: set[str | None] = set()
    for key in instance.all_asset_keys():
        latest = instance.get_latest_materialization_event(key)
        found.add(latest.run_id if latest else None)
        ids = instance.event_log_storage.get_latest_storage_id_by_partition(key, kind)
        if ids:
            which = dg.AssetRecordsFilter(asset_key=key, storage_ids=list(ids.values()))
            records = instance.fetch_materializations(which, limit=len(ids)).records
            found |= {record.run_id for record in records}
    return found


def _forget_checks(instance: dg.DagsterInstance, runs: set[str]) -> None:
    """Delete what runs said of checks, which outlives a deleted run; the latest word stays."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    table = AssetCheckExecutionsTable.c
    latest = select(func.max(table.id)).group_by(table.asset_key, table.check_name)
    # the inner query has a name of its own: some databases read no table that they delete from
    kept = select(latest.subquery("latest").c[0])
    with storage.index_connection() as connection:
        connection.execute(
            AssetCheckExecutionsTable.delete().where(table.run_id.in_(runs), table.id.not_in(kept))
        )


def _remove_files(root: Path, run_id: str) -> None:
    """Remove what the deletion of a run leaves behind on disk."""
    shutil.rmtree(root / "storage" / run_id, ignore_errors=True)
    for path in (root / "history" / "runs").glob(f"{run_id}.db*"):
        path.unlink(missing_ok=True)


def _databases(root: Path) -> Iterable[Path]:
    runs = root / "history" / "runs"
    candidates = (root / "history" / "runs.db", runs / "index.db", root / "schedules/schedules.db")
    return (path for path in candidates if path.exists())


def _compact(path: Path) -> None:
    """Give the free pages of a SQLite file back; one that is in use waits for the next time."""
    try:
        with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as database:
            database.execute("VACUUM")
    except sqlite3.OperationalError:
        return


def _size(root: Path | None) -> int:
    files = root.rglob("*") if root is not None else ()
    return sum(path.stat().st_size for path in files if path.is_file())
