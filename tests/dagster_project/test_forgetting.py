"""One person is forgotten: no byte stays, nobody else changes, and no refresh brings them back."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from copy import copy, deepcopy
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project import forgetting
from dagster_project.cli.main import main
from dagster_project.forgetting import forget, look
from dagster_project.home import Home
from personax_assets.analysis.counting import counted, people_of
from personax_assets.bios.forgotten import FILE
from personax_assets.datasets import ATHLEPERSONA, SUB_DATASETS
from personax_assets.resources import Resources
from personax_assets.schemas.level1 import independence_counts, independence_people
from personax_assets.schemas.people import photographs
from personax_assets.traits.journal import Journal
from tests.dagster_project.kit import World, rater, refreshed, resources_of, table
from tests.dagster_project.test_raters import files_with

STAGES = ("raw_bios", "bios", "trait_texts_chatgpt", "trait_scores", "text_embeddings")
NAME = "Zoë Şimşek-O'Neil"
SUBS = list(SUB_DATASETS.values())


class Lived:
    """A home of real people that has lived: with history, rejects, logs, caches, photographs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = World(root / "rosters", (16, 8))
        person = next(iter(self.world.playing["NBA"].values()))
        self.world._say("NBA", person | {"name": NAME}, "true")
        nameless = {"id": "", "name": NAME, "born": "", "country": "", "active": "true"}
        self.world.rows["NBA"].append({**nameless, "seen": "2025-03-01T07:00:00Z"})
        self.world.write()
        self.resources = resources_of(root / "home", self.world.list)
        self.home = Home(self.resources.home)
        refreshed(self.resources, STAGES)
        self.world.day = 1
        self.world._say("NBA", person | {"name": NAME, "weight": "99"}, "true")
        self.world.write()
        refreshed(self.resources, STAGES)
        found = self.resources.warehouse.query(
            "SELECT DISTINCT person_id FROM athlepersona.bios WHERE name = ?", (NAME,)
        )
        self.person_id = str(found["person_id"].item())
        self.first_name = str(person["name"])
        self._leave_traces()

    def count(self) -> None:
        """Count everybody for Level I, as its stage does before it tests."""
        bios = table(self.resources, "bios").select(
            "person_id", *(v.name for v in ATHLEPERSONA.variables)
        )
        people = people_of(bios, table(self.resources, "trait_scores"), ["chatgpt"])
        now = counted(people, ATHLEPERSONA, ["chatgpt"])
        with self.resources.warehouse.transaction() as transaction:
            for frame, schema in (
                (now.people, independence_people(ATHLEPERSONA, ["chatgpt"])),
                (now.counts, independence_counts(ATHLEPERSONA)),
            ):
                transaction.replace(schema, f"athlepersona.{schema.name}", frame)

    def _leave_traces(self) -> None:
        others = table(self.resources, "bios")["person_id"].to_list()
        other = next(p for p in others if p != self.person_id)
        images = self.home.root / "images"
        images.mkdir()
        schema = photographs(ATHLEPERSONA)
        rows = []
        for person, files in ((self.person_id, ("own", "shared")), (other, ("shared", "other"))):
            for number, file in enumerate(files, 1):
                (images / f"{file}.png").write_bytes(file.encode())
                rows.append({
                    "person_id": person, "measurement": number, "status": "ok", "url": "u",
                    "author": f"a friend of {NAME}", "file": f"{file}.png", "input_hash": "h",
                })  # fmt: skip
        frame = pl.DataFrame(
            {c: [row.get(c) for row in rows] for c in schema.polars}, schema=schema.polars
        )
        with self.resources.warehouse.transaction() as transaction:
            transaction.replace(schema, "athlepersona.photographs", frame)
            transaction.execute(
                "UPDATE personax.stages SET reason = ? WHERE asset = 'athlepersona/bios'",
                (f"could not read {NAME} ({self.person_id})",),
            )
        for path, rows_ in (
            (self.home.dagster / "history" / "runs.db", json.dumps({"said": f"hello {NAME}"})),
            (self.home.root / "sources" / "wikidata-x.sqlite", json.dumps([self.person_id, NAME])),
            (self.home.root / "mlflow.db", f"figure of {self.person_id}"),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("CREATE TABLE IF NOT EXISTS noted (id INTEGER PRIMARY KEY, body TEXT)")
                db.executemany("INSERT INTO noted (body) VALUES (?)", [(rows_,), ("kept",)])
        log = self.home.dagster / "storage" / "run" / "compute_logs" / "x.err"
        log.parent.mkdir(parents=True)
        log.write_text(f"line\n{NAME} again\n", "utf-8")
        with (self.home.root / "journal.sqlite.chatgpt.open").open("w") as file:
            entry = dict.fromkeys(_columns(self.home.journal))
            entry |= {
                "entry": "dead", "request_key": "k", "person_id": self.person_id, "rater": "r",
                "provider": "p", "model": "m", "simulated": 0, "prompt_version": "1", "repeat": 0,
                "attempt": 1, "started_at": 0.0, "reserved_tokens": 1, "outcome": None,
            }  # fmt: skip
            file.write(json.dumps(entry) + "\n")

    def copied(self, root: Path) -> "Lived":
        """Return a copy with a home and a world of its own; the rosters are as they were."""
        copied = copy(self)
        copied.world = deepcopy(self.world)
        copied.world.write()
        shutil.copytree(self.home.root, root)
        copied.resources = resources_of(root, copied.world.list)
        copied.home = Home(root)
        return copied

    def hits(self) -> list[str]:
        """Return the files that hold the id or a name, in any way of writing it."""
        forms = [self.person_id, NAME, json.dumps(NAME)[1:-1], "Şimşek-O&#x27;Neil", "imşek"]
        return sorted({path for form in forms for path in files_with(form, self.home.root)})

    def cells(self) -> str:
        """Return every cell of every table: compressed, the file might hide a name."""
        with duckdb.connect(str(self.home.warehouse), read_only=True) as connection:
            tables = connection.execute(
                "SELECT schema_name || '.' || table_name FROM duckdb_tables()"
            ).fetchall()
            return "".join(repr(connection.execute(f"FROM {t}").fetchall()) for (t,) in tables)

    def forget(self) -> forgetting.Forgetting:
        return forget(self.resources, self.home, SUBS, self.person_id, lambda text: None)


def _columns(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[1] for row in db.execute("PRAGMA table_info(calls)") if row[1] != "id"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    root = tmp_path_factory.mktemp("lived")
    with rater() as made, pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("PERSONAX_RATERS", str(made.configured(root, ["chatgpt"])))
        patch.setattr(forgetting, "_models", lambda *_: ("model version 1",))
        yield Lived(root)


@pytest.fixture
def lived(first: Lived, tmp_path: Path) -> Lived:
    return first.copied(tmp_path / "home")


def test_nothing_of_the_person_is_left_and_everything_of_others(lived: Lived) -> None:
    lived.count()
    lived.home.report.mkdir()
    (lived.home.report / "index.html").write_text("<p>Zoë Şimşek-O&#x27;Neil</p>", "utf-8")
    before = {name: table(lived.resources, name) for name in (*STAGES, "independence_people")}
    assert len(lived.hits()) >= 8
    looked = look(lived.resources, lived.home, SUBS, lived.person_id)
    assert lived.hits(), "a look changes nothing"
    assert looked.traces.tables['athlepersona."bios_history"'] == 2
    assert looked.traces.photographs == ("own.png",)
    done = lived.forget()
    assert (done.left, done.models) == ((), ("model version 1",))
    assert lived.hits() == []
    cells = lived.cells()
    assert lived.person_id not in cells
    assert "imşek" not in cells
    assert f"{lived.first_name}'" not in cells, "but longer names with it are"
    for name, frame in before.items():
        mine = frame.filter(_is(lived)) if "person_id" in frame.columns else _rows(frame)
        assert table(lived.resources, name).height == frame.height - mine.height < frame.height
    images = {p.name for p in (lived.home.root / "images").iterdir()}
    assert images == {"shared.png", "other.png"}
    with closing(sqlite3.connect(lived.home.journal)) as db:
        calls, dead = db.execute(
            "SELECT count(*), count(*) FILTER (WHERE person_id = '[forgotten]') FROM calls"
        ).fetchone()
    assert (calls, dead) == (24 + 2, 3), "that and what was paid is still known"
    with closing(sqlite3.connect(lived.home.dagster / "history" / "runs.db")) as db:
        bodies = [body for (body,) in db.execute("SELECT body FROM noted ORDER BY id")]
    assert bodies == ['{"said": "hello [forgotten]"}', "kept"]
    with closing(sqlite3.connect(lived.home.root / "sources" / "wikidata-x.sqlite")) as db:
        assert db.execute("SELECT body FROM noted").fetchall() == [("kept",)]
    _agrees(lived.resources)
    kept = json.loads((lived.home.root / FILE).read_text())
    assert len(kept["people"]) == 1

    # the person does not come back, nobody is asked, and all is as if they had never been there
    again = refreshed(lived.resources, STAGES)
    assert (again["new"], again["changed"], again["retired"], again.get("calls", 0)) == (0, 0, 0, 0)
    lived.world.day = 2
    lived.world.join("NBA", 1)
    lived.world.write()
    assert refreshed(lived.resources, STAGES)["new"] == 1
    assert lived.hits() == []


@pytest.mark.slow
def test_afterwards_all_is_as_if_the_person_had_never_been_there(
    lived: Lived, tmp_path: Path
) -> None:
    tested = (*STAGES, "independence_tests")
    refreshed(lived.resources, tested)
    before = table(lived.resources, "independence_tests")
    lived.forget()
    assert table(lived.resources, "independence_tests").height < before.height
    refreshed(lived.resources, tested)
    gone = next(iter(lived.world.playing["NBA"]))
    rows = lived.world.rows["NBA"]
    lived.world.rows["NBA"] = [r for r in rows if r["id"] != gone and r["name"] != NAME]
    lived.world.write()
    scratch = resources_of(tmp_path / "scratch", lived.world.list)
    refreshed(scratch, tested)
    for name in tested[1:]:
        assert table(lived.resources, name).equals(table(scratch, name)), name


def _is(lived: Lived) -> pl.Expr:
    return pl.col("person_id") == lived.person_id


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("raw").str.contains("Zoë") | (pl.col("source_id") == "1"))


def _agrees(resources: Resources) -> None:
    """Hold stages' records and contingency tables against the tables."""
    layout_tables = {s: table(resources, s) for s in ("independence_people", "independence_counts")}
    people = layout_tables["independence_people"]
    fresh = counted(people, ATHLEPERSONA, ("chatgpt",)).counts
    key = [c for c in fresh.columns if c != "people"]
    assert (
        layout_tables["independence_counts"]
        .sort(key)
        .equals(fresh.select(layout_tables["independence_counts"].columns).sort(key))
    )
    for name in STAGES:
        record = resources.warehouse.stages()[f"athlepersona/{name}"]
        assert record.rows == table(resources, name).height, name


def test_a_kill_in_between_is_finished_by_the_same_command(
    lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "erase_rows", _killed)
        with pytest.raises(KeyboardInterrupt):
            lived.forget()
    assert lived.person_id in lived.cells(), "names are known until all else is done"
    with monkeypatch.context() as patch:
        patch.setattr(type(lived.resources.warehouse), "rewrite", _killed)
        with pytest.raises(KeyboardInterrupt):
            lived.forget()
    done = lived.forget()
    assert (done.person, done.known, done.left) == (None, True, ())
    assert lived.hits() == []


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_namesake_keeps_everything(lived: Lived) -> None:
    world, resources = lived.world, lived.resources
    namesake = world.playing["NHL"]
    other = next(iter(namesake.values()))
    world._say("NHL", other | {"name": NAME}, "true")
    world.write()
    refreshed(resources, STAGES[:4])
    texts = table(resources, "trait_texts_chatgpt").filter(~_is(lived))
    done = lived.forget()
    assert done.person is not None
    assert done.person.namesakes == {NAME, lived.first_name}
    assert table(resources, "trait_texts_chatgpt").equals(texts)
    assert NAME in table(resources, "bios")["name"].to_list()
    assert lived.person_id not in lived.cells()


def test_the_command_says_what_it_does(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PERSONAX_HOME", str(lived.home.root))
    (lived.home.root / "release" / "one").mkdir(parents=True)
    (lived.home.root / "release" / "one" / "manifest.json").write_text(
        '{"dataset": "athlepersona"}'
    )
    assert main(["forget", lived.person_id, "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert 'Would erase 2 rows of athlepersona."bios_history"' in told
    assert "not changed: release/one" in told
    assert main(["forget", lived.person_id, "--dataset", "celebpersona"]) == 1
    assert "has the person_id" in capsys.readouterr().err
    with Journal(lived.home.journal) as journal:
        assert journal.calls_about(lived.person_id) == 2
