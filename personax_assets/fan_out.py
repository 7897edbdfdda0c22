"""The work of a stage as steps that may run on other machines.

Belongs here: the three kinds of steps (what there is to do, doing a part of it, writing), which
leave tables for each other. Does not belong here: what a stage computes, or Dagster's other views
of it (`dagster_assets`).

The step `parts` reads the warehouse and leaves the inputs of every part, a step `part` for each
makes the rows, and the step `write_rows` executes the stage as ever, with these rows made ahead.
Only `parts` and `write_rows` know the warehouse. A part that was lost, with its machine or by an
error, is done by `write_rows`: the stage's own comparison of what there is with what there should
be finds it.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg
import polars as pl

from personax_assets.errors import PersonaXError
from personax_assets.exchange import Exchange
from personax_assets.resources import Resources
from personax_assets.stage import Spread, Stage, StageRun

QUEUE = "personax-parts"
"""Celery queue of the steps that need no warehouse: workers on any machine may serve it."""

SHARD_ROWS = 2_000
"""Rows of a part: a minute of looking for faces, against a second or two that a step costs."""


@dataclass(frozen=True)
class FanOut:
    """How the work of stages is divided.

    Parameters
    ----------
    exchange : Exchange
        Where the steps leave tables for each other.
    rows : int
        The most rows of a part, unless a stage says otherwise.
    """

    exchange: Exchange
    rows: int = SHARD_ROWS

    def prepare(self, run: StageRun, spread: Spread) -> list[str]:
        """Leave the inputs of every part; return the parts' names.

        A stage that is up to date has none. One that has no input has none either; it says why
        when it is executed itself.
        """
        if run.only_stale and run.is_current(run.warehouse.stages()):
            return []
        try:
            pending = spread.pending(run)
        except PersonaXError:
            return []
        names = []
        for number, rows in enumerate(pending.iter_slices(spread.rows or self.rows)):
            names.append(f"{number:06}")
            self.exchange.put(f"{_folder(run)}/inputs/{names[-1]}", spread.inputs(run, rows))
        return names

    def do_part(self, run: StageRun, spread: Spread, name: str) -> int:
        """Make the rows of a part and leave them; return how many there are."""
        inputs = self.exchange.get(f"{_folder(run)}/inputs/{name}")
        rows = pl.concat(spread.work(run, inputs)).select(run.schema.column_names)
        self.exchange.put(f"{_folder(run)}/rows/{name}", rows)
        return rows.height

    def with_parts(self, run: StageRun) -> StageRun:
        """Return a run that finds the parts' rows made ahead."""
        return replace(run, ahead=self.exchange.all_in(f"{_folder(run)}/rows"))

    def lost(self, run: StageRun) -> int:
        """Return the number of parts that left no rows."""
        planned, done = (self.exchange.names(f"{_folder(run)}/{x}") for x in ("inputs", "rows"))
        return len(planned) - len(done)

    def forget(self, run: StageRun) -> None:
        """Remove what the steps of a stage left in a run."""
        self.exchange.remove(_folder(run))

    def forget_run(self, run_id: str) -> None:
        """Remove what the steps of a run that did not end left."""
        for folder in self.exchange.folders():
            if folder.startswith(f"{run_id}."):
                self.exchange.remove(folder)


def _folder(run: StageRun) -> str:
    return f"{run.run_id}.{run.stage.key.replace('/', '.')}"


def graph_of(
    stage: Stage,
    outputs: Sequence[str],
    fan_out: FanOut,
    run_of: Callable[[dg.OpExecutionContext], StageRun],
    write: Callable[[dg.OpExecutionContext, StageRun], Iterable[Any]],
) -> dg.GraphDefinition:
    """Return the graph of a stage's steps; an input of it, without a value, for each dependency.

    Parameters
    ----------
    stage : Stage
        What is divided; it has a `spread`.
    outputs : sequence of str
        Names of the outputs of `write_rows`, and of the graph.
    fan_out : FanOut
        How it is divided.
    run_of : callable
        Makes an execution of the stage out of a step's context.
    write : callable
        Executes the stage and returns what Dagster is to know.
    """
    spread, keys = stage.spread, set(Resources.KEYS)
    assert spread is not None
    graph = stage.key.replace("/", "__")
    upstream = [name.replace("/", "__") for name in stage.deps]

    @dg.op(
        name=f"{graph}__parts",
        description="Leaves the inputs of every part of the work where all machines find them.",
        ins={name: dg.In(dg.Nothing) for name in upstream},
        out={"part": dg.DynamicOut(dg.Nothing)},
        required_resource_keys=keys,
    )
    def parts(context: dg.OpExecutionContext) -> Iterator[dg.DynamicOutput[None]]:
        for name in fan_out.prepare(run_of(context), spread):
            yield dg.DynamicOutput(None, mapping_key=name, output_name="part")

    @dg.op(
        name=f"{graph}__part",
        description="Does a part of the work; needs no warehouse. If it fails, `write_rows` does.",
        ins={"part": dg.In(dg.Nothing)},
        out={"done": dg.Out(dg.Nothing)},
        tags={"dagster-celery/queue": QUEUE},
        required_resource_keys=keys,
    )
    def part(context: dg.OpExecutionContext) -> None:
        name = context.get_mapping_key()
        assert name is not None
        try:
            context.log.info(f"{fan_out.do_part(run_of(context), spread, name)} rows")
        except Exception:  # the good rows of other parts are not lost for it
            context.log.exception(f"part {name} failed; the step `write_rows` will do its work")

    @dg.op(
        name=f"{graph}__write_rows",
        description="Writes the rows of all parts, does what is missing, and checks the table.",
        ins={"done": dg.In(dg.Nothing)},
        out={output: dg.Out(dg.Nothing) for output in outputs},
        required_resource_keys=keys,
    )
    def write_rows(context: dg.OpExecutionContext) -> Iterator[Any]:
        run = fan_out.with_parts(run_of(context))
        lost = fan_out.lost(run)
        if lost:
            context.log.warning(f"{lost} parts left no rows; their work is done here")
        try:
            yield from write(context, run)
        finally:
            fan_out.forget(run)

    def compose(**inputs: Any) -> Any:
        # Within the graph the short names do.
        divided = parts.alias("parts")(**inputs)
        done = divided.map(part.alias("part")).collect()
        written = write_rows.alias("write_rows")(done=done)
        return {output: getattr(written, output) for output in outputs}

    # Dagster reads the inputs' names off the signature.
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in upstream])
    compose.__signature__ = signature  # type: ignore[attr-defined]
    return dg.graph(
        name=graph,
        ins={name: dg.GraphIn() for name in upstream},
        out={output: dg.GraphOut() for output in outputs},
    )(compose)
