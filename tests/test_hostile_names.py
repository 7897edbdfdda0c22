"""Names that want to be code, through every path: SQL, files, report, CSV, shell, screen."""

import csv
import io
import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.cli.command import command_line
from dagster_project.cli.latents import _write
from dagster_project.cli.main import main
from personax_assets.report.collect import collect_all, run_info
from personax_assets.report.write import write_report
from personax_assets.resources import Resources
from personax_assets.warehouse import Warehouse
from tests.dagster_project.kit import World, rater, refreshed, resources_of, table
from tests.personax_assets.report.page import Page

NAMES = (
    "Robert'); DROP TABLE athlepersona.bios; --",
    '"; ATTACH \'/etc/passwd\' AS x; --',
    "O'Brien \\' OR 1=1",
    "../../../../tmp/evil",
    "/etc/passwd",
    "=cmd|' /C calc'!A0",
    "+1+1", "-2+3", "@SUM(1)",
    "<script>alert(1)</script>",
    "{{ 7*7 }} {% raw %}",
    "$(touch evil) `touch evil` ; touch evil",
    "\x1b[31mred\x1b[0m \x07",
    "\u202eright to left", "a\u200bb\ufeff",
    "line\nbreak\ttab",
    "x" * 300,
    "名前 Ünï çødé 🏀",
    "%s %n {0} ${HOME}",
)  # fmt: skip
STAGES = ("raw_bios", "bios", "trait_texts_chatgpt", "trait_scores")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """A home of people with these names, and nothing beside it."""
    root = tmp_path_factory.mktemp("hostile")
    with rater() as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONAX_RATERS", str(made.configured(root, ["chatgpt"])))
        patch.setenv("PERSONAX_HOME", str(root / "home"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        world = World(root / "rosters", (len(NAMES), 1))
        for person, name in zip(list(world.playing["NBA"].values()), NAMES, strict=True):
            world.rows["NBA"] = [r for r in world.rows["NBA"] if r["id"] != person["id"]]
            world._say("NBA", person | {"name": name}, "true")
        world.write()
        resources = resources_of(root / "home", world.list)
        assert refreshed(resources, STAGES)["calls"] == len(NAMES) + 1
        yield resources


def test_names_go_through_sql_unchanged_and_reach_no_file(home: Resources) -> None:
    stored = set(table(home, "bios")["name"])
    assert {name.strip() for name in NAMES} <= stored
    assert set(table(home, "bios_history")["name"]) == stored
    assert set(table(home, "trait_texts_chatgpt")["status"]) == {"ok"}
    root = home.home.parent
    assert sorted(p.name for p in root.iterdir()) == ["home", "raters.yaml", "rosters"]
    assert not list(root.rglob("*evil*"))
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("name", NAMES[::4])
def test_a_person_is_found_by_the_name_and_shown_as_plain_text(
    home: Resources, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["person", "--", name.strip()]) in (0, 1)
    said = capsys.readouterr()
    shown = said.out + said.err
    assert "person_id a-" in shown or "nobody in" in shown or "people; say which" in shown
    assert not any(c in said.out for c in "\x1b\x07\u202e\u200b")
    assert table(home, "bios").height == len(NAMES) + 1


def test_a_report_about_them_is_plain_text(home: Resources, tmp_path: Path) -> None:
    page = Page(write_report(tmp_path, run_info(home), collect_all(home)).read_text("utf-8"))
    assert not page.all("script")
    assert not any(name in page.words for name in NAMES), "nobody real is named"


def test_files_of_latents_hold_no_name_that_a_spreadsheet_would_run(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"person_id": ["a-1"], "face_1": [-0.5], "model_version": ["1"], "simulated": [False]}
    )
    _write(frame, tmp_path / "l.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "l.csv").read_text())))
    assert rows[0] == ["person_id", "face_1", "model_version", "simulated"]
    texts = [cell for cell in rows[1] if not cell.lstrip("-").replace(".", "").isdigit()]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in texts)


@pytest.mark.parametrize("name", NAMES)
def test_a_command_that_is_told_to_be_given_again_is_one_word_per_word(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["personax", "person", name])
    monkeypatch.setenv("PERSONAX_HOME", name)
    line = command_line()
    assert shlex.split(line)[-1] == name
    script = f"personax() {{ printf '%s' \"$2\"; }}; {line}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stdout.decode() == name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '{out}'",
        "ATTACH '{out}' AS other",
        "INSTALL httpfs",
        "LOAD '{out}'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
    ],
)
def test_sql_reaches_no_file_and_no_network(tmp_path: Path, sql: str) -> None:
    warehouse = Warehouse(database=str(tmp_path / "w.duckdb"))
    out = tmp_path / "out"
    with warehouse.get_connection() as connection, pytest.raises(duckdb.Error):
        connection.execute(sql.format(out=out)).fetchall()
    assert not out.exists()
    with warehouse.transaction() as transaction:
        assert transaction.query("SELECT ? AS x", ("'; DROP TABLE t",))["x"][0] == "'; DROP TABLE t"
