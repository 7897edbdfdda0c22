"""Who executes the steps of a run.

Belongs here: the choice among Dagster's executors and their settings. Does not belong here: what
a worker does with a task (`celery_app`).
"""

import dagster as dg

from dagster_project.cluster.settings import BROKER_VARIABLE, Cluster
from personax_assets.errors import PersonaXError


def executor_of(cluster: Cluster | None) -> dg.ExecutorDefinition:
    """Return the executor of a cluster; on one machine that is the run's own process.

    Raises
    ------
    PersonaXError
        If its package is not installed.
    """
    if cluster is None or cluster.executor == "in-process":
        return dg.in_process_executor
    try:
        return _celery() if cluster.executor == "celery" else _kubernetes()
    except ImportError as error:
        raise PersonaXError(
            f"PERSONAX_EXECUTOR: {cluster.executor} needs the package {error.name}; "
            "pip install -c constraints.txt '.[cluster]'"
        ) from error


def _celery() -> dg.ExecutorDefinition:
    from dagster_celery import celery_executor

    address = {"env": BROKER_VARIABLE}
    executor: dg.ExecutorDefinition = celery_executor.configured(
        {"broker": address, "backend": address}, name="celery"
    )
    return executor


def _kubernetes() -> dg.ExecutorDefinition:
    from dagster_k8s import k8s_job_executor

    executor: dg.ExecutorDefinition = k8s_job_executor
    return executor
