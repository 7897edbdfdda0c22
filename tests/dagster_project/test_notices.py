"""Failures are told, in one line and without a secret; logs that a machine can read."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest

from dagster_project import notices
from dagster_project.logs import StructuredObserver, is_structured, write_json_lines
from dagster_project.notices import (
    LogNotifier,
    Notice,
    WebhookNotifier,
    failure_sensor,
    notifiers,
    without_secrets,
)
from personax_assets import progress
from personax_assets.errors import PersonaXError
from personax_assets.warehouse import StageRecord

CANARY = "sk-canary-77aa"


class Hook:
    """A receiver on loopback."""

    def __init__(self, status: int = 200) -> None:
        self.got: list[Any] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *arguments: Any) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/{CANARY}"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.server.shutdown()
    made.server.server_close()


@dg.asset(key=dg.AssetKey(["athlepersona", "bios"]))
def stage_that_fails() -> None:
    raise dg.Failure(f"rosters.csv: cannot be read\nwith {CANARY}", allow_retries=False)


@dg.asset(key=dg.AssetKey(["athlepersona", "latents"]))
def defect() -> None:
    raise ZeroDivisionError("one by nothing")


def told_of(asset: dg.AssetsDefinition, told: list[Any]) -> dg.DagsterRun:
    """Run an asset that fails, and let the sensor see it."""
    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.Definitions(assets=[asset]).resolve_implicit_global_asset_job_def()
        done = job.execute_in_process(instance=instance, raise_on_error=False)
        sensor = failure_sensor(dg.DefaultSensorStatus.STOPPED, told)
        context = dg.build_run_status_sensor_context(
            sensor.name, done.get_run_failure_event(), instance, done.dagster_run
        )
        sensor(context.for_run_failure())
        return done.dagster_run


def test_a_failed_stage_is_told_in_one_line_without_a_secret(
    hook: Hook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOME_API_KEY", CANARY)
    run = told_of(stage_that_fails, [LogNotifier(), WebhookNotifier(hook.url)])
    reason = "rosters.csv: cannot be read with [secret]"
    assert hook.got == [
        {"run_id": run.run_id, "job": run.job_name, "stage": "athlepersona/bios", "reason": reason}
    ]
    assert f"athlepersona/bios: {reason}" in caplog.text
    own = [r for r in caplog.records if r.name.startswith("personax")]
    assert all(CANARY not in r.getMessage() for r in own)


def test_a_defect_is_told_with_its_type(hook: Hook) -> None:
    told_of(defect, [WebhookNotifier(hook.url)])
    assert hook.got[0]["stage"] == "athlepersona/latents"
    assert "ZeroDivisionError: one by nothing" in hook.got[0]["reason"]


class Broken:
    def notify(self, notice: Notice) -> None:
        raise RuntimeError(CANARY)


@pytest.mark.parametrize(
    "receiver",
    [
        WebhookNotifier(f"http://127.0.0.1:9/{CANARY}"),
        WebhookNotifier(f"http://[::1/{CANARY}"),
        WebhookNotifier(f"http://no host/{CANARY}"),
        Broken(),
    ],
)
def test_a_receiver_that_is_not_there_fails_nothing(
    receiver: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", CANARY)
    notices.tell(Notice("r", "j", "s", "why"), [receiver, LogNotifier()])
    assert "run r of j failed: s: why" in caplog.text
    assert CANARY not in caplog.text + repr(receiver)


def test_an_error_of_the_receiver_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    made = Hook(status=500)
    WebhookNotifier(made.url).notify(Notice("r", "j", "s", "why"))
    made.server.shutdown()
    made.server.server_close()
    assert "did not take the notice of a failed run (HTTPError 500)" in caplog.text
    assert CANARY not in caplog.text


def test_the_environment_says_whom_to_tell() -> None:
    assert [type(n) for n in notifiers({})] == [LogNotifier]
    assert [type(n) for n in notifiers({"PERSONAX_WEBHOOK": "https://x/y"})] == [
        LogNotifier, WebhookNotifier,
    ]  # fmt: skip
    with pytest.raises(PersonaXError, match="PERSONAX_WEBHOOK: is no address") as error:
        notifiers({"PERSONAX_WEBHOOK": f"ftp://{CANARY}"})
    assert CANARY not in str(error.value)


def test_what_is_struck_out() -> None:
    environment = {
        "A_KEY": "aaaa-bbbb", "HF_TOKEN": "aaaa-bbbb-cccc", "PATH": "/usr/bin", "X_KEY": "ab",
        "MLFLOW_TRACKING_URI": "http://me:pass@host",
    }  # fmt: skip
    said = "aaaa-bbbb-cccc aaaa-bbbb /usr/bin ab http://me:pass@host"
    assert without_secrets(said, environment) == "[secret] [secret] /usr/bin ab [secret]"


def test_logs_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAX_LOG", "json")
    assert is_structured()
    logger, before = logging.getLogger("personax"), progress.observer()
    state = logger.handlers[:], logger.propagate, logger.level
    stream = io.StringIO()
    try:
        write_json_lines(stream)
        observer = progress.observer()
        assert isinstance(observer, StructuredObserver)
        observer.stage_started("a/b")
        observer.stage_ended(StageRecord("a/b", "failed", {}, 'said "no"\né', rows=3, run_id="r"))
        LogNotifier().notify(Notice("r", "j", "a/b", "why"))
    finally:
        progress.install(before)
        logger.handlers[:], logger.propagate, logger.level = state
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in lines[:2]] == ["stage started", "stage ended"]
    assert lines[1]["level"] == "error"
    assert (lines[1]["reason"], lines[1]["rows"], lines[1]["run_id"]) == ('said "no"\né', 3, "r")
    assert lines[2]["logger"] == "personax.notices"
    monkeypatch.setenv("PERSONAX_LOG", "xml")
    with pytest.raises(PersonaXError, match="neither text nor json"):
        is_structured()
