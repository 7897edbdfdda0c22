"""What a Celery worker loads: `celery -A dagster_project.cluster.celery_app worker -Q dagster`.

Belongs here: the worker's settings, and what happens to the step of a worker that died. Does not
belong here: the executor, which hands out the steps (`executors`).

A task is acknowledged when it is done. If the process that works on it dies, the worker gives the
task back at once; if the whole worker dies, Redis gives it to another after
`PERSONAX_REDELIVERY_S`. Doing a step again is safe: stages take turns by a lock and find what is
done already. A step that keeps killing its process is given up after `MOST_STARTS`.
"""

import os
from multiprocessing import process
from typing import Any

import dagster as dg
from celery import Task
from celery.signals import worker_process_init
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import unpack_value
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from dagster_project.cluster.settings import (
    BROKER_VARIABLE,
    REDELIVERY_S,
    REDELIVERY_VARIABLE,
    whole_number,
)

MOST_STARTS = 3
"""How often a step may start: once, and again after each of two deaths that were an accident."""


_THIS_PROCESS = process.current_process()
"""What Python knows of this process. In those of its pool Celery puts a daemon there instead."""


class StepLostError(RuntimeError):
    """A step was started too often."""


class StepTask(Task):  # type: ignore[misc]  # Celery has no types
    """Executes a step, unless it has killed too many processes already."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Execute it."""
        step = unpack_value(named["execute_step_args_packed"], as_type=ExecuteStepArgs)
        _refuse_deadly(step)
        return super().__call__(*arguments, **named)


def _refuse_deadly(step: ExecuteStepArgs) -> None:
    assert step.instance_ref is not None
    with dg.DagsterInstance.from_ref(step.instance_ref) as instance:
        started = instance.all_logs(step.run_id, of_type=dg.DagsterEventType.STEP_START)
    for key in step.step_keys_to_execute or ():
        if sum(entry.step_key == key for entry in started) >= MOST_STARTS:
            raise StepLostError(
                f"step {key}: started {MOST_STARTS} times and never ended; its processes died (of "
                "too little memory? give the workers more, or set a smaller PERSONAX_PART_ROWS), "
                f"or it takes longer than {REDELIVERY_VARIABLE}, which then has to be larger"
            )


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _may_have_children(**_: Any) -> None:
    """Let steps start processes, which Celery's pool forbids.

    Photographs are decoded in a process of their own, that a hostile one may take down alone.
    """
    process._current_process = _THIS_PROCESS  # type: ignore[attr-defined]


app = make_app({"broker": os.environ[BROKER_VARIABLE], "backend": os.environ[BROKER_VARIABLE]})
app.conf.update(
    worker_prefetch_multiplier=1,
    worker_deduplicate_successful_tasks=True,
    broker_transport_options={
        "visibility_timeout": whole_number(REDELIVERY_VARIABLE, REDELIVERY_S)
    },
    broker_connection_retry_on_startup=True,
)

execute_plan = create_task(app, base=StepTask, acks_late=True, reject_on_worker_lost=True)
