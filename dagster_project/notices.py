"""Telling somebody that a run failed.

Belongs here: what is told, to whom, and the sensor that tells it. Does not belong here: how a
person reads it, or runs that are launched by hand (their command says how they ended).

A notice holds no secret, and telling never makes anything fail: a receiver that is not there is
written into the log, and that is all.
"""

import json
import logging
import os
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http.client import HTTPException
from typing import Protocol

import dagster as dg

from personax_assets.errors import PersonaXError
from personax_assets.execution import one_line

logger = logging.getLogger("personax.notices")

WEBHOOK = "PERSONAX_WEBHOOK"
_TIMEOUT_S = 5.0
_LONGEST = 500
"""Characters of a reason."""

_SECRET_ENDINGS = ("KEY", "TOKEN", "PASSWORD", "SECRET", WEBHOOK, "DATABASE_URL", "TRACKING_URI")
_SHORTEST_SECRET = 6


@dataclass(frozen=True)
class Notice:
    """What is told about a run that failed.

    Parameters
    ----------
    run_id, job : str
        The run.
    stage : str
        The stage that failed first; empty if the run failed outside of any.
    reason : str
        Why, in one line.
    """

    run_id: str
    job: str
    stage: str
    reason: str


class Notifier(Protocol):
    """Somebody, or something, that is told."""

    def notify(self, notice: Notice) -> None:
        """Take a notice; raises nothing."""


class LogNotifier:
    """Writes notices into the log."""

    def notify(self, notice: Notice) -> None:
        """Write a line."""
        logger.error(
            "run %s of %s failed: %s: %s", notice.run_id, notice.job, notice.stage, notice.reason
        )


@dataclass(frozen=True)
class WebhookNotifier:
    """Posts notices as JSON.

    Parameters
    ----------
    url : str
        Where to. Whoever knows such an address can post to it, so it is shown nowhere.
    timeout_s : float
        Longest wait for an answer.
    """

    url: str
    timeout_s: float = _TIMEOUT_S

    def __repr__(self) -> str:
        """Leave the address out."""
        return "WebhookNotifier()"

    def notify(self, notice: Notice) -> None:
        """Post; whatever goes wrong is logged."""
        body = json.dumps(asdict(notice)).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "PersonaX"}
        try:
            request = urllib.request.Request(self.url, body, headers)  # noqa: S310
            with urllib.request.urlopen(request, timeout=self.timeout_s):  # noqa: S310
                pass
        except (OSError, ValueError, HTTPException) as error:
            kind = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
            logger.warning("the webhook did not take the notice of a failed run (%s)", kind)


def notifiers(environment: Mapping[str, str] = os.environ) -> tuple[Notifier, ...]:
    """Return whom to tell: the log, and the webhook in `PERSONAX_WEBHOOK` if it is set.

    Raises
    ------
    PersonaXError
        If the variable holds no address.
    """
    url = environment.get(WEBHOOK, "").strip()
    if not url:
        return (LogNotifier(),)
    if not url.startswith(("http://", "https://")):
        raise PersonaXError(f"{WEBHOOK}: is no address that starts with https:// or http://")
    return LogNotifier(), WebhookNotifier(url)


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Strike out whatever the environment holds as a key, a token, a password or an address."""
    secrets = {
        value.strip()
        for name, value in environment.items()
        if name.upper().endswith(_SECRET_ENDINGS) and len(value.strip()) >= _SHORTEST_SECRET
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def notice_of(run: dg.DagsterRun, failures: Sequence[dg.DagsterEvent], message: str) -> Notice:
    """Return what to tell about a run.

    Parameters
    ----------
    run : DagsterRun
        The run.
    failures : sequence of DagsterEvent
        Its failed steps, in order.
    message : str
        Why the run failed, where no step did.
    """
    stage, reason = "", message
    if failures:
        first = failures[0]
        stage = (first.step_key or "").replace("__", "/")
        reason = _reason(first) or message
    line = without_secrets(" ".join(reason.split()))
    return Notice(run.run_id, run.job_name, stage, line[:_LONGEST])


def _reason(event: dg.DagsterEvent) -> str:
    """Return why a step failed: what the stage said, else the error that it met."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return "" if error is None else error.message


def failure_sensor(status: dg.DefaultSensorStatus, told: Sequence[Notifier]) -> dg.SensorDefinition:
    """Return the sensor that tells of every run that failed."""

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=status,
        description="Tells of every run that failed: in the log, and to the address in "
        f"{WEBHOOK} if it is set.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        message = context.failure_event.message or "the run failed"
        tell(notice_of(context.dagster_run, context.get_step_failure_events(), message), told)

    return failed_runs


def tell(notice: Notice, told: Sequence[Notifier]) -> None:
    """Tell everybody; one that breaks its promise does not keep the others from hearing it."""
    for notifier in told:
        try:
            notifier.notify(notice)
        except Exception as error:
            logger.warning("a notice could not be given: %s", without_secrets(one_line(error)))
