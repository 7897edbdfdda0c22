"""How Dagster sees a stage.

Belongs here: turning a stage into an asset with description, schema, lineage, checks and metadata.
Does not belong here: what happens when it runs (`execution`).
"""

import inspect
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import dagster as dg

from personax_assets.changes import described, run_changes
from personax_assets.errors import PersonaXError
from personax_assets.execution import execute
from personax_assets.fan_out import FanOut, graph_of
from personax_assets.progress import observer
from personax_assets.resources import Resources
from personax_assets.stage import Stage, StageResult, StageRun, checks_of
from personax_assets.table_schema import Column, TableSchema
from personax_assets.warehouse import StageRecord

OWNER = "team:personax"

# They are beta in name only; the warning would greet every user at every start.
for _what in ("backfill_policy", "data_version"):
    warnings.filterwarnings("ignore", message=f".*{_what}.*", category=dg.BetaWarning)


def asset_of(stage: Stage, fan_out: FanOut | None = None) -> dg.AssetsDefinition:
    """Make a stage a Dagster asset with its description, schema, lineage and checks.

    Parameters
    ----------
    stage : Stage
        The stage.
    fan_out : FanOut, optional
        How work that can be divided becomes steps of its own; by default each stage is one step.
    """
    asset = _asset_of_one_step(stage)
    return asset if fan_out is None or stage.spread is None else _divided(asset, stage, fan_out)


def _asset_of_one_step(stage: Stage) -> dg.AssetsDefinition:
    layout, schema = stage.layout, stage.schema
    key = dg.AssetKey.from_user_string(stage.key)
    metadata: dict[str, Any] = {}
    if schema is not None:
        metadata["dagster/column_schema"] = dg.TableSchema(
            columns=[
                dg.TableColumn(c.name, c.type, c.description, _constraints(schema, c))
                for c in schema.columns
            ]
        )
        metadata["dagster/table_name"] = layout.table(stage.name)

    @dg.asset(
        key=key,
        deps=[dg.AssetKey.from_user_string(name) for name in stage.upstream.values()],
        description=_description(stage),
        group_name=f"{layout.name}_{stage.group}" if stage.group else layout.name,
        kinds=set(stage.kinds),
        owners=[OWNER],
        code_version=stage.code_version,
        metadata=metadata,
        partitions_def=(
            dg.StaticPartitionsDefinition(list(stage.partitions)) if stage.partitions else None
        ),
        backfill_policy=dg.BackfillPolicy.single_run() if stage.partitions else None,
        automation_condition=follow_changes() if stage.follows and stage.deps else None,
        freshness_policy=_freshness(stage),
        check_specs=[
            dg.AssetCheckSpec(c.name, asset=key, description=c.description, blocking=c.blocking)
            for c in checks_of(stage)
        ],
        required_resource_keys=set(Resources.KEYS),
    )
    def materialise(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class
        run = _run_of(context, stage)
        return _executed(context, run)

    return materialise


def _divided(plain: dg.AssetsDefinition, stage: Stage, fan_out: FanOut) -> dg.AssetsDefinition:
    """Return the asset `plain` with the work of its stage divided into steps."""

    def write(context: dg.OpExecutionContext, run: StageRun) -> Iterator[Any]:
        result = _executed(context, run)
        yield dg.Output(None, "result", metadata=result.metadata, data_version=result.data_version)
        yield from result.check_results or ()

    key = dg.AssetKey.from_user_string(stage.key)
    names = [f"{key.to_python_identifier()}_{c.name}" for c in checks_of(stage)]
    graph = graph_of(stage, ["result", *names], fan_out, partial(_run_of, stage=stage), write)
    divided = dg.AssetsDefinition.from_graph(
        graph,
        keys_by_input_name={
            name.replace("/", "__"): dg.AssetKey.from_user_string(upstream)
            for name, upstream in stage.upstream.items()
        },
        keys_by_output_name={"result": key},
        check_specs=list(plain.check_specs),
    )
    return divided.map_asset_specs(lambda spec: plain.get_asset_spec(spec.key))


def _run_of(context: dg.AssetExecutionContext | dg.OpExecutionContext, stage: Stage) -> StageRun:
    return StageRun(
        stage,
        Resources.of(context),
        _partitions(context, stage),
        context.run.run_id,
        context.run.tags,
        context.log.info,
    )


def _executed(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, run: StageRun
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster reads the bare class
    stage = run.stage
    observer().stage_started(stage.key)
    try:
        outcome = execute(run, run.only_stale)
    except PersonaXError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
    record = outcome.record
    observer().stage_ended(record)
    if record.counts and record.run_id == run.run_id:
        context.instance.add_run_tags(run.run_id, _change_tags(run))
    if record.reason:
        context.log.warning(f"{stage.key} {record.status}: {record.reason}")
    return dg.MaterializeResult(
        metadata=_result_metadata(stage, record, outcome.result),
        data_version=dg.DataVersion(record.data_version or "none"),
        check_results=outcome.checks,
    )


def _constraints(schema: TableSchema, column: Column) -> dg.TableColumnConstraints:
    """Return what the checks hold a column to, as the UI shows it."""
    other = []
    if column.name in schema.key:
        other.append("key" if len(schema.key) == 1 else "part of the key")
    if column.minimum is not None:
        other.append(f"≥ {column.minimum:g}")
    if column.maximum is not None:
        other.append(f"≤ {column.maximum:g}")
    if column.values:
        other.append(f"one of {', '.join(column.values)}")
    unique = schema.key == (column.name,)
    return dg.TableColumnConstraints(nullable=column.nullable, unique=unique, other=other)


def _freshness(stage: Stage) -> dg.FreshnessPolicy | None:
    if stage.fresh_for is None:
        return None
    return dg.FreshnessPolicy.time_window(
        fail_window=2 * stage.fresh_for, warn_window=stage.fresh_for
    )


def follow_changes() -> dg.AutomationCondition[Any]:
    """Return the condition under which a stage is brought up to date by itself.

    The data of a stage it reads changed, or will in the run that is being requested, since it was
    last made or asked for. One that was made again with the same result moves nothing. Neither
    does one that was never made hold it up: studies run on request alone, and a home may have no
    public figures.
    """
    condition = dg.AutomationCondition
    changed = condition.any_deps_match(
        condition.data_version_changed() | condition.will_be_requested()
    ).with_label("data of a dependency changed")
    return (
        changed.since_last_handled() & ~condition.any_deps_in_progress() & ~condition.in_progress()
    ).with_label("follow changes")


def _change_tags(run: StageRun) -> dict[str, str]:
    """Return the run tag that says what the run has changed so far."""
    name = run.stage.layout.name
    changes = run_changes(run.warehouse.stages().values(), name, run.run_id)
    return {f"personax/{name}": described(changes)}


def _partitions(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, stage: Stage
) -> tuple[str, ...]:
    """Return the partitions to work on: those of the run, or all if it names none."""
    chosen = context.has_partition_key or context.has_partition_key_range
    return tuple(context.partition_keys) if stage.partitions and chosen else stage.partitions


def _description(stage: Stage) -> str:
    doc = inspect.cleandoc(stage.body.__doc__ or "")
    return f"{stage.schema.row}\n\n{doc}" if stage.schema else doc


def _result_metadata(stage: Stage, record: StageRecord, result: StageResult) -> dict[str, Any]:
    schema = stage.schema
    metadata: dict[str, Any] = {"status": record.status, **result.counts, **result.metadata}
    if record.reason:
        metadata["reason"] = record.reason
    if schema is None or record.rows is None:
        return metadata
    metadata["dagster/row_count"] = record.rows
    metadata["dagster/column_lineage"] = dg.TableColumnLineage(
        {
            column.name: [
                dg.TableColumnDep(dg.AssetKey.from_user_string(stage.layout.key(table)), name)
                for table, name in (source.split(".") for source in column.lineage)
            ]
            for column in schema.columns
            if column.lineage
        }
    )
    return metadata
