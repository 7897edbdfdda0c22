"""What the profile `cluster` is told by the environment.

Belongs here: reading the settings, and complaining about what is missing. Does not belong here:
what they are for (`executors`, `celery_app`, `personax_assets.fan_out`).

Addresses may hold passwords. They stay in the environment: what Dagster stores of an executor or
an instance is the name of the variable.
"""

import os
from dataclasses import dataclass

from dagster_project.home import CLUSTER, POSTGRES_VARIABLE, Home
from personax_assets.errors import PersonaXError
from personax_assets.exchange import Exchange
from personax_assets.fan_out import SHARD_ROWS, FanOut

EXECUTORS = ("celery", "kubernetes", "in-process")

BROKER_VARIABLE = "PERSONAX_BROKER_URL"
"""Where Celery keeps tasks and results: `redis://...`."""

REDELIVERY_VARIABLE = "PERSONAX_REDELIVERY_S"
"""Seconds after which the task of a worker that vanished is given to another."""

REDELIVERY_S = 3_600


@dataclass(frozen=True)
class Cluster:
    """How a cluster works.

    Parameters
    ----------
    executor : {"celery", "kubernetes", "in-process"}
        What executes the steps of runs launched by Dagster.
    fan_out : FanOut
        How the work of stages is divided.
    """

    executor: str
    fan_out: FanOut

    @classmethod
    def from_environment(cls, profile: str, home: Home) -> "Cluster | None":
        """Return what `PERSONAX_EXECUTOR` and `PERSONAX_EXCHANGE_URL` ask for, if it is a cluster.

        Raises
        ------
        PersonaXError
            If a setting is missing or cannot be used.
        """
        executor = os.environ.get("PERSONAX_EXECUTOR")
        if profile != CLUSTER:
            if executor not in (None, "", "in-process"):
                raise PersonaXError(
                    f"PERSONAX_EXECUTOR: {executor} needs PERSONAX_PROFILE={CLUSTER}, "
                    f"which is {profile}"
                )
            return None
        executor = executor or EXECUTORS[0]
        if executor not in EXECUTORS:
            raise PersonaXError(
                f"PERSONAX_EXECUTOR: there is no executor {executor!r}; use one of "
                f"{', '.join(EXECUTORS)}"
            )
        if executor != "kubernetes":  # whose chart configures the instance
            address = _needed(POSTGRES_VARIABLE, "the PostgreSQL database of the Dagster instance")
            if address.startswith("postgresql://"):
                raise PersonaXError(
                    f"{POSTGRES_VARIABLE}: name the driver, postgresql+psycopg2://...; without it "
                    "another one is looked for, which is not installed"
                )
        if executor == "celery":
            _needed(BROKER_VARIABLE, "the Redis server that keeps tasks")
        url = os.environ.get("PERSONAX_EXCHANGE_URL") or str(home.root / "exchange")
        return cls(executor, FanOut(Exchange(url), whole_number("PERSONAX_PART_ROWS", SHARD_ROWS)))


def _needed(variable: str, what: str) -> str:
    address = os.environ.get(variable)
    if not address:
        raise PersonaXError(
            f"{variable} is not set; the profile {CLUSTER} needs the address of {what}"
        )
    return address


def whole_number(variable: str, default: int) -> int:
    """Return the positive number in an environment variable, or the default.

    Raises
    ------
    PersonaXError
        If it is none.
    """
    value = os.environ.get(variable) or str(default)
    if not value.isdecimal() or int(value) == 0:
        raise PersonaXError(f"{variable}: {value!r} is no positive whole number")
    return int(value)
