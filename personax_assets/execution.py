"""Executing a stage and writing down how it ended.

Belongs here: that only one run at a time does it, the final transaction with the
stage's record, and its checks. Does not belong here: Dagster's view of it (`dagster_assets`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import polars as pl

from personax_assets.errors import PersonaXError, SkipStageError
from personax_assets.locking import exclusive
from personax_assets.progress import observer
from personax_assets.stage import StageResult, StageRun, Write, changed_inputs, checks_of
from personax_assets.warehouse import StageRecord


@dataclass(frozen=True)
class Outcome:
    """How an execution ended: its record, what the body handed back, the checks."""

    record: StageRecord
    result: StageResult
    checks: tuple[dg.AssetCheckResult, ...]


def execute(run: StageRun, only_stale: bool) -> Outcome:
    """Run a stage's body under its lock and write down how it ended.

    Parameters
    ----------
    run : StageRun
        The execution.
    only_stale : bool
        Do nothing if the stage is up to date.

    Raises
    ------
    PersonaXError
        If the stage cannot do its work; the record says so too.
    """
    started = time.monotonic()
    with stage_lock(run.resources.home, run.stage.key, run.log):
        records = run.warehouse.stages()
        run = replace(run, previous=records.get(run.stage.key))
        record = StageRecord(run.stage.key, "ok", {}, run_id=run.run_id)
        try:
            if only_stale and run.previous is not None and run.is_current(records):
                result = StageResult(metadata={"up_to_date": True})
                return Outcome(run.previous, result, _checked(run, run.previous))
            inputs = run.inputs(records)
            changed = changed_inputs(run.previous, inputs) if only_stale else frozenset(inputs)
            run = replace(run, changed=changed)
            result = _worked(run)
            record = replace(record, inputs=_seen(run, inputs, result), counts=result.counts)
            if result.skipped:
                record = replace(record, status="skipped", reason=result.skipped)
            elif result.problem:
                record = replace(record, status="degraded", reason=result.problem)
            record = replace(record, data_version=result.data_version)
            record = _commit(run, _timed(record, started), result.writes)
        except BaseException as error:
            failed = replace(record, status="failed", reason=one_line(error))
            if run.previous is not None:  # what is stored was made then, from the inputs of then
                version, seen = run.previous.data_version, run.previous.inputs
                failed = replace(failed, data_version=version, inputs=seen)
            observer().stage_ended(_commit(run, _timed(failed, started)))
            raise
        checks = _checked(run, record)
        broken = [c for c in checks if not c.passed and c.severity == dg.AssetCheckSeverity.ERROR]
        if broken:
            reason = "; ".join(f"check {c.check_name}: {c.description}" for c in broken)
            record = replace(record, status="failed", reason=reason)
            _commit(run, record)
        return Outcome(record, result, checks)


def _worked(run: StageRun) -> StageResult:
    """Run the body; a stage that has nothing to work on leaves an empty table."""
    for rows in run.ahead:
        run.upsert(rows)
    try:
        return run.stage.body(run)
    except SkipStageError as skip:
        schema = run.stage.schema
        writes = (run.replacing(pl.DataFrame(schema=schema.polars)),) if schema else ()
        return StageResult(writes, skipped=str(skip), data_version="none")


def _seen(run: StageRun, inputs: Mapping[str, str], result: StageResult) -> dict[str, str]:
    """Return the inputs that the stage's rows are now made from."""
    kept = run.previous.inputs if run.stage.partitions and run.previous else {}
    return {k: v for k, v in {**kept, **inputs}.items() if k not in result.unread}


def _checked(run: StageRun, record: StageRecord) -> tuple[dg.AssetCheckResult, ...]:
    return tuple(check.evaluate(run, record) for check in checks_of(run.stage))


def _timed(record: StageRecord, started: float) -> StageRecord:
    return replace(record, seconds=time.monotonic() - started)


def _commit(run: StageRun, record: StageRecord, writes: Sequence[Write] = ()) -> StageRecord:
    """Commit the last writes together with the record, completed by rows and version."""
    with run.warehouse.transaction() as transaction:
        for write in writes:
            write(transaction)
        if run.stage.schema is not None and record.status != "failed":
            rows, version = transaction.version(run.schema, run.table)
            record = replace(record, rows=rows, data_version=version)
        transaction.record(record)
    return record


def stage_lock(home: Path, key: str, tell: Callable[[str], None]) -> AbstractContextManager[None]:
    """Let one process at a time work on a stage.

    Parameters
    ----------
    home : Path
        The home.
    key : str
        The stage's asset key.
    tell : callable
        Told in a sentence if there is a wait.
    """
    path = home / "locks" / (key.replace("/", ".") + ".lock")
    return exclusive(path, lambda: tell(f"{key}: another run is at it; waiting for it to end"))


def one_line(error: BaseException) -> str:
    """Return an error as one line; a defect (not a `PersonaXError`) with its type."""
    text = " ".join(str(error).split())
    return text if isinstance(error, PersonaXError) else f"{type(error).__name__}: {text}"
