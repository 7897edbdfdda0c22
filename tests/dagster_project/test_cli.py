"""Wrong use of the commands: one clear line, the right exit status, nothing broken."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_project.cli.run import chosen_sub_datasets
from personax_assets.resources import SourceConfig


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


@pytest.mark.parametrize("command", ["run", "refresh", "ui", "models", "person"])
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    run = personax(tmp_path, command, "--help")
    assert run.returncode == 0
    assert f"personax {command}" in run.stdout


def test_unknown_profile(tmp_path: Path) -> None:
    line = complaint(personax(tmp_path, "run", PERSONAX_PROFILE="production"))
    assert line == (
        "personax run: PERSONAX_PROFILE: there is no profile 'production'; use one of demo, live"
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
    assert line.startswith(f"personax ui: port {port} for Dagster cannot be had")
    assert "--dagster-port PORT" in line


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


@pytest.mark.slow
def test_ui_starts_answers_and_leaves_no_process_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dagster_project.cli", "ui", "--dagster-port",
               str(_free_port()), "--mlflow-port", str(_free_port())]  # fmt: skip
    environment = os.environ | {"PERSONAX_HOME": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as ui:
        assert ui.stdout is not None
        told = [ui.stdout.readline() for _ in range(3)]
        assert {line.split()[0] for line in told[:2]} == {"Dagster", "MLflow"}
        assert "Ctrl-C" in told[2]
        ui.send_signal(signal.SIGTERM)
        ui.stdout.read()
        assert ui.wait(60) == 0
    left = subprocess.run(
        ["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert left.stdout == ""


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
