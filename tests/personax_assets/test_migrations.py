"""Homes of every earlier layout become present ones; those of later programs are left alone."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from personax_assets import migrations
from personax_assets.bios.history import row_hashes
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.errors import PersonaXError
from personax_assets.migrations import MIGRATIONS, VERSION, Migration, bring_up_to_date
from personax_assets.schemas.people import bios_history
from personax_assets.warehouse import Warehouse
from tests.dagster_project.kit import World, refreshed, resources_of, table

LAYOUTS = sorted(Path(__file__).with_name("layouts").glob("*.sql"))
HISTORY = """
INSERT INTO athlepersona.bios_history
  (person_id, valid_from, valid_to, name, weight_kg, source, source_id, simulated, row_hash)
VALUES
  ('a-1', '2025-03-01 06:00', '2025-03-02 06:00', 'One', 80, 'kit', '1', false, 'x'),
  ('a-1', '2025-03-02 06:00', NULL, 'One', 82, 'kit', '1', false, 'y'),
  ('a-2', '2025-03-01 06:00', '2025-03-05 06:00', 'Two', 90, 'kit', '2', false, 'z')
"""
KEPT = "SELECT person_id, valid_from, valid_to, name, weight_kg, source_id FROM {} ORDER BY ALL"
TABLE = "athlepersona.bios_history"


def made(path: Path, layout: Path, history: str = HISTORY) -> Warehouse:
    """Make a warehouse as the program of a layout left it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(layout.read_text())
        connection.execute(history)
    return Warehouse(database=str(path))


def test_there_is_a_file_of_every_earlier_layout() -> None:
    assert [path.stem for path in LAYOUTS] == [str(v) for v in range(1, VERSION)]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda path: path.stem)
def test_an_older_home_keeps_its_history_row_by_row(tmp_path: Path, layout: Path) -> None:
    path = tmp_path / "w.duckdb"
    warehouse = made(path, layout)
    with duckdb.connect(str(path)) as connection:
        before = connection.execute(KEPT.format(TABLE)).fetchall()
    assert warehouse.query(KEPT.format(TABLE)).rows() == before
    schema = bios_history(ATHLEPERSONA)
    stored = warehouse.read(TABLE, schema)
    assert dict(stored.schema) == dict(stored.cast(schema.polars).schema)
    assert stored["retired_at"].to_list() == [None, None, datetime(2025, 3, 5, 6)]
    assert stored["row_hash"].to_list() == row_hashes(stored).to_list()
    found = warehouse.query("SELECT version FROM personax.schema_version ORDER BY version")
    assert found["version"].to_list() == list(range(int(layout.stem) + 1, VERSION + 1))
    nameless = stored.head(1).with_columns(person_id=pl.lit("a-3"), name=pl.lit(None))
    with warehouse.transaction() as transaction:
        transaction.upsert(schema, TABLE, nameless)  # as a source of ids alone gives it
    assert warehouse.read(TABLE, schema).height == 4


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda path: path.stem)
def test_an_older_home_goes_on_as_if_it_had_always_been_a_present_one(
    tmp_path: Path, layout: Path
) -> None:
    """Read the same rosters in a home of an old layout and in a new one."""
    world = World(tmp_path / "rosters", (6, 4))
    stages = ("raw_bios", "bios")
    fresh = resources_of(tmp_path / "fresh", world.list)
    refreshed(fresh, stages)
    stored = table(fresh, "bios_history")
    older = tmp_path / "older" / "warehouse.duckdb"
    older.parent.mkdir()
    made(older, layout, history="")
    with duckdb.connect(str(older)) as connection:
        columns = {row[0] for row in connection.execute(f"DESCRIBE {TABLE}").fetchall()}
        rows = stored.select(c for c in stored.columns if c in columns)
        connection.register("rows", rows.with_columns(row_hash=pl.lit("of an older program")))
        connection.execute(f"INSERT INTO {TABLE} BY NAME SELECT * FROM rows")
    resources = resources_of(older.parent, world.list)
    changes = refreshed(resources, stages)
    assert (changes["new"], changes["changed"], changes["unchanged"]) == (0, 0, 10)
    for name in (*stages, "bios_history"):
        assert table(resources, name).equals(table(fresh, name)), name


def test_a_newer_home_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    warehouse = Warehouse(database=str(path))
    assert warehouse.query("SELECT 1 AS x").height == 1
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO personax.schema_version VALUES (?, 'later', '9', now()::TIMESTAMP)",
            [VERSION + 1],
        )
    content = path.read_bytes()
    with pytest.raises(PersonaXError, match=f"version {VERSION + 1}, this program knows {VERSION}"):
        warehouse.query("SELECT 1")
    assert path.read_bytes() == content


def test_a_migration_that_fails_leaves_the_older_home(tmp_path: Path) -> None:
    def broken(connection: duckdb.DuckDBPyConnection) -> None:
        connection.execute(f"DROP TABLE {TABLE}").fetchall()
        raise RuntimeError

    path = tmp_path / "w.duckdb"
    made(path, LAYOUTS[0])
    with duckdb.connect(str(path)) as connection:
        before = connection.execute(f"FROM {TABLE} ORDER BY ALL").fetchall()
        steps = (*MIGRATIONS, Migration(VERSION + 1, "breaks", broken))
        with pytest.raises(RuntimeError):
            bring_up_to_date(connection, "w", steps)
        assert connection.execute(f"FROM {TABLE} ORDER BY ALL").fetchall() == before
        with pytest.raises(duckdb.CatalogException):
            connection.execute("FROM personax.schema_version")
        bring_up_to_date(connection, "w")
        bring_up_to_date(connection, "w", (*MIGRATIONS, replace(steps[-1], apply=lambda c: None)))
        versions = connection.execute("SELECT version FROM personax.schema_version").fetchall()
        assert versions == [(v,) for v in range(2, VERSION + 2)]


def test_versions_rise_one_by_one() -> None:
    assert [step.version for step in migrations.MIGRATIONS] == list(range(2, VERSION + 1))
