"""Wrong use of the commands: one clear line, the right exit status, nothing broken."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.cli.main import main
from dagster_project.cli.run import chosen_sub_datasets, complain
from dagster_project.graph import stages_of
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.resources import SourceConfig
from personax_assets.schemas.level2 import latent_names
from personax_assets.warehouse import StageRecord


def personax(home: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PERSONAX_HOME": str(home)} | environment,
        timeout=300,
    )


def complaint(run: "subprocess.CompletedProcess[str]") -> str:
    assert run.returncode == 1, run.stdout + run.stderr
    lines = run.stderr.strip().splitlines()
    assert len(lines) == 1, run.stderr
    return lines[0]


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "refresh",
        "ui",
        "models",
        "person",
        "calibrate",
        "latents",
        "report",
        "doctor",
        "backup",
        "restore",
        "forget",
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"personax {command}" in capsys.readouterr().out


def test_the_program_explains_itself(tmp_path: Path) -> None:
    run = personax(tmp_path, "--help")
    assert run.returncode == 0
    assert all(command in run.stdout for command in ("run", "refresh", "doctor"))


def test_unknown_profile(tmp_path: Path) -> None:
    line = complaint(personax(tmp_path, "run", PERSONAX_PROFILE="production"))
    assert line == (
        "personax run: PERSONAX_PROFILE: there is no profile 'production'; use one of demo, live, "
        "cluster"
    )


def test_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = complaint(personax(tmp_path / "file" / "home", "run"))
    assert "cannot be written to" in line
    assert "set PERSONAX_HOME" in line


def test_a_home_belongs_to_one_source(tmp_path: Path) -> None:
    source = {"kind": "synthetic", "people": 420, "seed": 0}
    (tmp_path / "sources.json").write_text(json.dumps({"athlepersona": source}))
    line = complaint(personax(tmp_path, "run", "--scale", "paper"))
    assert "synthetic cohort of 420 (seed 0)" in line
    assert "synthetic cohort of 4181 (seed 0)" in line
    assert "set PERSONAX_HOME to another folder" in line
    assert "seed 7" in complaint(personax(tmp_path, "run", "--seed", "7"))


def test_rosters_that_are_not_there(tmp_path: Path) -> None:
    line = complaint(personax(tmp_path, "run", "--rosters", str(tmp_path / "no.yaml")))
    assert "no.yaml: there is no such file" in line


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("kind: wikidata\n", "source.yaml: the key 'dataset' is missing: add it"),
        ("kind: wikidata\ndataset: athlepersona\n", "the key 'contact' is missing: give an e-mail"),
        ("kind: wikidate\ndataset: athlepersona\n", "kind: 'wikidate' is not known: did you mean"),
        ("kind: [\n", "source.yaml: not valid YAML in line"),
    ],
)
def test_sources_that_are_described_wrongly(tmp_path: Path, yaml: str, said: str) -> None:
    (tmp_path / "source.yaml").write_text(yaml)
    line = complaint(personax(tmp_path, "run", "--source", str(tmp_path / "source.yaml")))
    assert said in line


def test_terms_of_a_release_are_shown_until_they_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "LICENSE").write_text("For Sundays only.")
    (tmp_path / "data" / "people.csv").write_text("id,lg\n1,NBA\n")
    path = tmp_path / "release.yaml"
    path.write_text(
        "kind: release\ndataset: athlepersona\nfolder: data\n"
        "columns: {source_id: id, league: {from: lg, values: {NBA: NBA}}}\n"
    )
    run = personax(tmp_path / "home", "run", "--source", str(path))
    assert "For Sundays only." in run.stdout
    assert "add the line 'accepted_terms: " in complaint(run)
    assert not (tmp_path / "home" / "sources.json").exists(), "the home is not bound yet"


def test_options_that_contradict_each_other(tmp_path: Path) -> None:
    assert "--rosters-dir needs --rosters" in complaint(
        personax(tmp_path, "run", "--rosters-dir", str(tmp_path))
    )


def test_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        line = complaint(personax(tmp_path, "ui", "--dagster-port", port))
    assert line.startswith(
        f"personax ui: port {port} for Dagster cannot be had (held by process {os.getpid()} ("
    )
    assert "--dagster-port PORT" in line


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.7", "::"])
def test_ui_stays_on_this_machine_unless_told_otherwise(tmp_path: Path, address: str) -> None:
    line = complaint(personax(tmp_path / "home", "ui", "--host", address))
    assert f"--host {address}: other machines would reach it" in line
    assert "--allow-remote" in line
    assert not (tmp_path / "home").exists()


def test_ui_address_that_is_none(tmp_path: Path) -> None:
    assert "is not an IP address" in complaint(personax(tmp_path, "ui", "--host", "localhost"))


def test_models_of_a_home_that_does_not_exist(tmp_path: Path) -> None:
    run = personax(tmp_path / "none", "models")
    assert run.returncode == 0
    assert "no home" in run.stdout
    assert not (tmp_path / "none").exists(), "looking must not create anything"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(home: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run `personax ui`, started as a shell starts a background job: with SIGINT ignored."""
    with subprocess.Popen(
        [sys.executable, "-m", "dagster_project.cli", "ui", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PERSONAX_HOME": str(home)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    ) as ui:  # fmt: skip
        try:
            yield ui
        finally:
            ui.send_signal(signal.SIGTERM)


def processes_of(home: Path) -> list[str]:
    """Return the processes whose environment or command names the home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(home).encode() in text:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ui_tells_addresses_that_answer_and_leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    home = tmp_path / "home"
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        ports = ("--dagster-port", str(_free_port()), "--mlflow-port", str(_free_port()))
        with serving(home, *ports) as ui:
            assert ui.stdout is not None
            assert "Starting over" in ui.stdout.readline()
            told = dict(ui.stdout.readline().split() for _ in range(2))
            assert "Ctrl-C" in ui.stdout.readline()
            assert set(told) == {"Dagster", "MLflow"}
            for address in told.values():
                assert address.startswith("http://127.0.0.1:")
                with urllib.request.urlopen(address, timeout=30) as reply:
                    assert reply.status == 200
                port = int(address.rpartition(":")[2])
                assert listening_addresses(port) == {"0100007F"}, "loopback alone"
            assert len(processes_of(home)) > 2
            ui.send_signal(number)
            time.sleep(0.2)
            ui.send_signal(number)  # an impatient second one must not leave anybody behind
            assert ui.stdout.read() == "Stopped.\n"
            assert ui.wait(60) == 0
    assert processes_of(home) == []


def listening_addresses(port: int) -> set[str]:
    """Return the local addresses, in hexadecimal, on which a port listens."""
    rows = [line.split() for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]  # fmt: skip
    local = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address for address, number in local if int(number, 16) == port}


@pytest.mark.parametrize(
    ("dataset", "kinds", "expected"),
    [
        (None, {}, ["athlepersona", "celebpersona"]),
        (None, {"athlepersona": "synthetic"}, ["athlepersona", "celebpersona"]),
        (None, {"athlepersona": "rosters"}, ["athlepersona"]),
        ("all", {"athlepersona": "rosters"}, ["athlepersona", "celebpersona"]),
        ("celebpersona", {"athlepersona": "rosters"}, ["celebpersona"]),
    ],
)
def test_no_invented_people_come_unasked_to_a_home_of_real_ones(
    dataset: str | None, kinds: dict[str, str], expected: list[str]
) -> None:
    sources = {name: SourceConfig(kind=kind) for name, kind in kinds.items()}
    assert [sub.name for sub in chosen_sub_datasets(dataset, sources)] == expected


def warehouse_with_latents(home: Path) -> None:
    from personax_assets.schemas.tables import sub_dataset_tables
    from personax_assets.warehouse import Warehouse

    tables = sub_dataset_tables(ATHLEPERSONA)
    people = pl.DataFrame({"person_id": ["a", "b"], "simulated": [True, True]})
    warehouse = Warehouse(database=str(home / "warehouse.duckdb"))
    rows = {
        "bios": people.with_columns(name=pl.lit("N"), source=pl.lit("synthetic")),
        "latents": people.select("person_id", face_1=pl.Series([0.5, None]),
                                 model_version=pl.lit("3")),
    }  # fmt: skip
    with warehouse.transaction() as transaction:
        for name, frame in rows.items():
            schema = tables[name]
            missing = [c for c in schema.polars if c not in frame.columns]
            full = frame.with_columns(pl.lit(None).alias(column) for column in missing)
            transaction.replace(schema, ATHLEPERSONA.table(name), full)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_latents_as_a_file(tmp_path: Path, suffix: str) -> None:
    warehouse_with_latents(tmp_path)
    out = tmp_path / f"latents{suffix}"
    run = personax(tmp_path, "latents", "--dataset", "athlepersona", "--out", str(out))
    assert run.returncode == 0, run.stderr
    assert run.stdout == f"2 athletes (invented people), model version 3: {out}\n"
    frame = pl.read_parquet(out) if suffix == ".parquet" else pl.read_csv(out)
    assert frame.columns == ["person_id", *latent_names(ATHLEPERSONA), "model_version", "simulated"]
    assert frame["face_1"].to_list() == [0.5, None]
    assert frame["simulated"].all()
    assert not list(tmp_path.glob(".latents*"))


def test_latents_that_cannot_be_written(tmp_path: Path) -> None:
    warehouse_with_latents(tmp_path)
    ask = ("latents", "--dataset", "athlepersona", "--out")
    line = complaint(personax(tmp_path, *ask, str(tmp_path / "none" / "x.csv")))
    assert "cannot be written (No such file or directory)" in line
    assert "must end in .parquet or .csv" in complaint(personax(tmp_path, *ask, "latents.xlsx"))
    line = complaint(personax(tmp_path, "latents", "--dataset", "celebpersona", "--out", "x.csv"))
    assert "no latents of the public figures (none were computed yet)" in line


def test_report_of_a_home_that_does_not_exist(tmp_path: Path) -> None:
    line = complaint(personax(tmp_path / "none", "report"))
    assert "there is nothing to report yet" in line
    assert not (tmp_path / "none").exists(), "looking must not create anything"


def test_a_failed_run_ends_with_what_failed_what_is_safe_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSONAX_HOME", str(tmp_path / "a home"))
    monkeypatch.setattr(sys, "argv", [".venv/bin/personax", "run", "--dataset", "athlepersona"])
    stages = [s for s in stages_of(build_resources()) if s.layout.subs == (ATHLEPERSONA,)]
    records = {s.key: StageRecord(s.key, "ok", {}) for s in stages if s.name != "report"}
    assert complain(stages[:-1], records) == 0
    assert capsys.readouterr().err == ""
    reason = "gemini has no answer for 12 of 420 people (quota 12)"
    records["athlepersona/trait_texts_gemini"] = StageRecord(
        "athlepersona/trait_texts_gemini", "degraded", {}, reason
    )
    assert complain(stages, records) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"personax: athlepersona/trait_texts_gemini degraded: {reason}"
    assert lines[1] == "personax: not run for that reason: athlepersona/report"
    assert lines[2].startswith(
        f"personax: safe: what was made by {len(stages) - 2} of {len(stages)} stages"
    )
    assert lines[3] == (
        f"personax: to go on: PERSONAX_HOME='{tmp_path}/a home' .venv/bin/personax run "
        "--dataset athlepersona"
    )
