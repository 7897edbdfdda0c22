"""Backups: taken while somebody writes, proven on the way back, and without a secret."""

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from dagster_project.backup import back_up, restore
from dagster_project.home import Home
from personax_assets.errors import PersonaXError
from personax_assets.release import keys
from personax_assets.release.keys import release_key
from personax_assets.traits.journal import Journal
from personax_assets.warehouse import Warehouse
from tests.dagster_project.kit import World, rater, refreshed, resources_of, table
from tests.dagster_project.test_raters import files_with

CANARY = "sk-canary-31c0ffee"
TO_SCORES = ("raw_bios", "bios", "trait_texts_chatgpt", "trait_scores")

WRITE = """
import sys
from pathlib import Path
import polars as pl
from dagster_project.home import Home
from personax_assets.table_schema import Column, TableSchema
from personax_assets.traits.journal import Journal
from personax_assets.warehouse import StageRecord, Warehouse
home = Home(Path(sys.argv[1]))
schema = TableSchema("t", "A row.", ("k",), (
    Column("k", "BIGINT", "Key.", nullable=False), Column("round", "BIGINT", "Round.")))
warehouse = Warehouse(database=str(home.warehouse))
for i in range(1, 100_000):
    (home.root / "images").mkdir(exist_ok=True, parents=True)
    (home.root / "images" / f"{i}.png").write_bytes(str(i).encode())
    with Journal(home.journal) as journal:
        journal.enter_round("d", "r", i, finished=True)
    frame = pl.DataFrame({"k": range(2_000), "round": [i] * 2_000}, schema=schema.polars)
    for name in ("t", "u"):
        with warehouse.transaction() as tx:
            tx.replace(schema, f"s.{name}", frame)
            tx.record(StageRecord(f"s/{name}", "ok", {"round": str(i)}))
    print(i, flush=True)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a bit of everything."""
    home = Home(tmp_path / "home")
    home.prepare()
    with Warehouse(database=str(home.warehouse)).get_connection() as connection:
        connection.execute("CREATE TABLE t AS SELECT range AS i FROM range(5000)").fetchall()
    Journal(home.journal).close()
    (home.root / "images").mkdir()
    (home.root / "images" / "a.png").write_bytes(os.urandom(1000))
    (home.root / "locks").mkdir()
    (home.root / "locks" / "x.lock").touch()
    return home


def test_the_key_of_releases_does_not_lie_beside_the_data(home: Home, tmp_path: Path) -> None:
    key = release_key(home.root)
    assert (home.root / keys.FILE).exists()
    kept = back_up(home, tmp_path)
    assert (home.root / keys.FILE).read_bytes() not in kept.archive.read_bytes()
    back = Home(tmp_path / "back")
    restore(kept.archive, back)
    assert not (back.root / keys.FILE).exists()
    assert release_key(home.root) == key


def test_what_comes_back_is_what_was_there(home: Home, tmp_path: Path) -> None:
    kept = back_up(home, tmp_path)
    assert kept.archive.parent == tmp_path
    assert kept.archive.stat().st_mode & 0o077 == 0, "nobody else may read it"
    back = Home(tmp_path / "back")
    restore(kept.archive, back)
    rows = Warehouse(database=str(back.warehouse)).query("SELECT count(*) AS n FROM t")
    assert rows["n"].to_list() == [5000]
    picture = "images/a.png"
    assert (back.root / picture).read_bytes() == (home.root / picture).read_bytes()
    assert not (back.root / "locks").exists()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_a_home_that_is_written_to_is_backed_up_as_one_moment_saw_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    found = []
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, str(home.root)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for number in range(4):
            archive = back_up(home, tmp_path / f"{number}.tar").archive
            back = Home(tmp_path / f"back{number}")
            restore(archive, back)
            found.append(moment(back))
            time.sleep(0.05)
        assert writer.poll() is None, "it was writing all the time"
        writer.kill()
    assert len(set(found)) > 1


def moment(home: Home) -> tuple[int, int]:
    """Return the rounds of both tables, after looking that each is whole and agrees."""
    warehouse = Warehouse(database=str(home.warehouse))
    rounds = []
    for name in ("t", "u"):
        rows = warehouse.query(f"SELECT round, count(*) AS n FROM s.{name} GROUP BY round")
        assert rows["n"].to_list() == [2_000], "a table is one committed version"
        rounds.append(int(rows["round"][0]))
        assert warehouse.stages()[f"s/{name}"].inputs == {"round": str(rounds[-1])}
    t, u = rounds
    assert t - u in (0, 1)
    with Journal(home.journal) as journal:
        answered, _ = journal.round_of("d", "r")
    assert answered >= t, "no table knows what the journal does not"
    names = {path.stem for path in (home.root / "images").iterdir()}
    assert {str(i) for i in range(1, answered + 1)} <= names
    return t, u


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    at = content.index(b"\x89marked")
    return content[:at] + b"\x88" + content[at + 1 :]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_cut, "cannot be read as a backup"),
        (_flipped, "images/marked.png is not what was backed up"),
        (lambda content: b"", "cannot be read as a backup"),
        (lambda content: b"PK" * 5000, "cannot be read as a backup"),
    ],
)
def test_a_damaged_backup_is_refused_and_leaves_nothing(
    home: Home, tmp_path: Path, spoil: Callable[[bytes], bytes], said: str
) -> None:
    (home.root / "images" / "marked.png").write_bytes(b"\x89marked")
    archive = back_up(home, tmp_path / "b.tar").archive
    archive.write_bytes(spoil(archive.read_bytes()))
    with pytest.raises(PersonaXError, match=said):
        restore(archive, Home(tmp_path / "back"))
    assert not (tmp_path / "back").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar", "home"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "home/../../evil", "other/evil", "link"])
def test_nothing_is_unpacked_outside(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "b.tar"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("home/link" if name == "link" else name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        member.size = 0 if name == "link" else 4
        tar.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(PersonaXError, match="which no backup does"):
        restore(archive, Home(tmp_path / "back"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.tar"]


def test_nothing_is_overwritten(home: Home, tmp_path: Path) -> None:
    archive = back_up(home, tmp_path / "b.tar").archive
    before = archive.read_bytes()
    with pytest.raises(PersonaXError, match="is there already"):
        back_up(home, archive)
    assert archive.read_bytes() == before
    with pytest.raises(PersonaXError, match="nothing is ever overwritten"):
        restore(archive, home)
    with pytest.raises(PersonaXError, match="lies in the home itself"):
        back_up(home, home.root / "b.tar")
    with pytest.raises(PersonaXError, match="nothing to back up"):
        back_up(Home(tmp_path / "none"), tmp_path / "c.tar")
    with pytest.raises(PersonaXError, match="cannot be written"):
        back_up(home, tmp_path / "no" / "c.tar")


def test_no_secret_is_in_a_backup_and_nobody_is_asked_twice_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)
    world = World(tmp_path / "rosters", (6, 4))
    with rater() as made:
        file = made.configured(tmp_path, ["chatgpt"])
        described = yaml.safe_load(file.read_text())
        described["raters"][0]["key_env"] = "CANARY_KEY"
        file.write_text(yaml.safe_dump(described))
        monkeypatch.setenv("PERSONAX_RATERS", str(file))
        resources = resources_of(tmp_path / "home", world.list)
        assert refreshed(resources, TO_SCORES)["calls"] == 10
        archive = back_up(Home(resources.home), tmp_path / "b.tar").archive
        restore(archive, Home(tmp_path / "back"))
        back = resources_of(tmp_path / "back", world.list)
        with back.warehouse.get_connection() as connection:
            connection.execute("DELETE FROM athlepersona.trait_texts_chatgpt").fetchall()
            connection.execute("DELETE FROM personax.stages").fetchall()
        assert refreshed(back, TO_SCORES).get("calls", 0) == 0
        assert len(made.asked) == 10
    for name in TO_SCORES[1:]:
        assert table(back, name).equals(table(resources, name)), name
    assert files_with(CANARY, tmp_path) == []


@pytest.mark.slow
def test_a_backup_of_a_run_goes_on_where_it_was_and_its_models_answer(tmp_path: Path) -> None:
    """Back up in the middle of a run; the copies end as the run itself does, at another place."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.manifest.write_text('{"athlepersona": {"people": 150}}')
    environment = os.environ | {"PERSONAX_HOME": str(home.root)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "dagster_project.cli", "run", "--dataset", "athlepersona"]
    archives = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None:
            if home.warehouse.exists():
                archives.append(back_up(home, tmp_path / f"{len(archives)}.tar").archive)
            time.sleep(8)
    assert run.returncode == 0
    assert len(archives) >= 3
    archives = [archives[len(archives) // 2], back_up(home, tmp_path / "e.tar").archive]
    home.root.rename(tmp_path / "away")
    for number, archive in enumerate(archives):
        back = Home(tmp_path / f"back{number}")
        restore(archive, back)
        environment["PERSONAX_HOME"] = str(back.root)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if number == 1:
            assert "Everything is up to date." in done.stdout
        # What a model makes is left out: training that was cut off may end a rounding apart.
        one, other = (
            dict(
                Warehouse(database=str(place / "warehouse.duckdb"))
                .query(
                    "SELECT asset, data_version FROM personax.stages "
                    "WHERE NOT regexp_matches(asset, 'report|crl_model|latent')"
                )
                .iter_rows()
            )
            for place in (tmp_path / "away", back.root)
        )
        assert one == other
        loaded = (
            "import mlflow, sys\nmlflow.set_tracking_uri(sys.argv[1])\n"
            "mlflow.pyfunc.load_model('models:/personax-crl-athlepersona@champion')"
        )
        uri = f"sqlite:///{back.root / 'mlflow.db'}"
        subprocess.run([sys.executable, "-c", loaded, uri], check=True)
