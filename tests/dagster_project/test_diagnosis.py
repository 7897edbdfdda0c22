"""`personax doctor` finds what is really wrong, says the mend, and changes nothing."""

import importlib.metadata
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest

from dagster_project.cli.main import main
from dagster_project.diagnosis import Finding, diagnose
from dagster_project.home import Home
from personax_assets.locking import exclusive

CANARY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERSONAX_PROFILE", "PERSONAX_RATERS", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


def findings(root: Path) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in diagnose(Home(root)):
        found.setdefault(finding.subject, []).append(finding)
    return found


def only(found: dict[str, list[Finding]], subject: str) -> Finding:
    (finding,) = found[subject]
    return finding


def test_a_home_that_is_not_there_yet_is_well_and_stays_away(tmp_path: Path) -> None:
    found = findings(tmp_path / "home")
    assert {f.level for group in found.values() for f in group} - {"note"} == {"good"}
    assert set(found) == {"python", "packages", "home", "disk", "locks", "ports", "raters",
                          "models"}  # fmt: skip
    assert not (tmp_path / "home").exists()


def test_every_note_and_problem_comes_with_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSONAX_PROFILE", "nowhere")
    found = findings(tmp_path)
    troubled = [f for group in found.values() for f in group if f.level != "good"]
    assert troubled
    assert all(f.mend for f in troubled)
    assert "there is no profile 'nowhere'" in only(found, "home").told


def test_packages_that_are_missing_or_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ["duckdb>=999", "no-such-package-at-all", 'pytest>=999; extra == "test"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: wanted)
    finding = only(findings(tmp_path), "packages")
    assert finding.level == "problem"
    assert "needed >=999" in finding.told
    assert "no-such-package-at-all is missing" in finding.told
    assert "pytest" not in finding.told
    assert "constraints.txt" in finding.mend


def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = only(findings(tmp_path / "file" / "home"), "home")
    assert finding.level == "problem"
    assert "PERSONAX_HOME" in finding.mend


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    for free, level in ((100 << 20, "problem"), (1 << 30, "note"), (1 << 40, "good")):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, n=free: usage._replace(free=n))
        assert only(findings(tmp_path), "disk").level == level


def test_a_warehouse_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("not a database" * 500)
    finding = only(findings(tmp_path), "warehouse")
    assert finding.level == "problem"
    assert "move the file away" in finding.mend


def test_locks_of_another_run(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    assert only(findings(tmp_path), "locks").level == "good"
    with exclusive(tmp_path / "locks" / "athlepersona.bios.lock"):
        finding = only(findings(tmp_path), "locks")
    assert finding.level == "note"
    assert "athlepersona.bios by another run" in finding.told


def test_a_port_and_who_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        monkeypatch.setattr("dagster_project.diagnosis._UI_PORTS", (("Dagster UI", port),))
        finding = only(findings(tmp_path), "ports")
    assert finding.level == "note"
    assert f"{port} (Dagster UI) is held by process {os.getpid()}" in finding.told


class _Forbidding(BaseHTTPRequestHandler):
    seen: list[str | None]

    def do_GET(self) -> None:
        type(self).seen.append(self.headers.get("Authorization"))
        self.send_error(401)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    _Forbidding.seen = []
    server = HTTPServer(("127.0.0.1", 0), _Forbidding)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_keys_and_addresses_of_real_raters(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raters = tmp_path / "raters.yaml"
    raters.write_text(
        "raters:\n"
        f"  - {{name: reached, model: m, base_url: '{endpoint}', key_env: REACHED_KEY}}\n"
        "  - {name: silent, model: m, base_url: 'http://127.0.0.1:9/v1', key_env: SILENT_KEY}\n"
        f"  - {{name: open, model: m, base_url: '{endpoint}'}}\n"
    )
    monkeypatch.setenv("PERSONAX_RATERS", str(raters))
    monkeypatch.setenv("REACHED_KEY", CANARY)
    monkeypatch.setenv("SILENT_KEY", f"{CANARY} with spaces")
    monkeypatch.setenv("PERSONAX_HOME", str(tmp_path / "home"))
    found = findings(tmp_path / "home")
    keys = {f.told.partition(":")[0]: f for f in found["keys"]}
    reached = {f.told.partition(":")[0]: f for f in found["raters"]}
    assert {name: f.level for name, f in keys.items()} == {
        "reached": "good", "silent": "problem", "open": "good",
    }  # fmt: skip
    assert {name: f.level for name, f in reached.items()} == {
        "reached": "good", "silent": "problem", "open": "good",
    }  # fmt: skip
    assert _Forbidding.seen == [None, None], "no key is sent to find out whether anybody is there"
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out
    assert "SILENT_KEY is set to what no key looks like" in told
    assert "2 problems." in told
    assert CANARY not in told


def test_models_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A champion whose files are gone."""
    resources = tmp_path / "home"
    home = Home(resources)
    home.prepare()
    from dagster_project.build import build_resources

    tracking = build_resources(home=home).models.tracking()
    client = tracking.client
    with tracking.run("test", "run", {}) as run:
        client.create_registered_model("personax-crl-athlepersona")
        version = client.create_model_version(
            "personax-crl-athlepersona", f"{run.info.artifact_uri}/model", run_id=run.info.run_id
        )
    client.set_registered_model_alias("personax-crl-athlepersona", "champion", version.version)
    broken, absent = findings(resources)["models"]
    assert broken.level == "problem"
    assert "version 1 does not answer" in broken.told
    assert "train_crl" in broken.mend
    assert absent.level == "good"
