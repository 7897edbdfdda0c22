import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_assets.errors import PersonaXError
from personax_assets.table_schema import Column, TableSchema
from personax_assets.warehouse import StageRecord, Warehouse, WarehouseLockedError

SCHEMA = TableSchema(
    "t",
    "A row.",
    ("k", "g"),
    (
        Column("k", "VARCHAR", "Key.", nullable=False),
        Column("g", "VARCHAR", "Second part of the key, may be NULL."),
        Column("v", "DOUBLE", "Value."),
        Column("e", "FLOAT[3]", "Vector."),
        Column("at", "TIMESTAMP", "Time.", volatile=True),
    ),
)


def frame(**columns: list[object]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    filled = {name: columns.get(name, [None] * n) for name in SCHEMA.column_names}
    return pl.DataFrame(filled, schema=SCHEMA.polars)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(database=str(tmp_path / "w.duckdb"), lock_timeout_s=1.0)


def test_upsert_replaces_by_key_and_null_is_a_key_value(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        tx.upsert(SCHEMA, "s.t", frame(k=["a", "a"], g=[None, "x"], v=[1.0, 2.0]))
    with warehouse.transaction() as tx:
        tx.upsert(SCHEMA, "s.t", frame(k=["a", "b"], g=[None, None], v=[3.0, 4.0]))
    rows = warehouse.read("s.t", SCHEMA, ("k", "g", "v")).sort("v").rows()
    assert rows == [("a", "x", 2.0), ("a", None, 3.0), ("b", None, 4.0)]


def test_vectors_round_trip_bit_equal(warehouse: Warehouse) -> None:
    written = frame(k=["a", "b"], e=[[0.1, -0.0, 3e38], [1e-45, 2.0, 3.0]])
    with warehouse.transaction() as tx:
        tx.replace(SCHEMA, "s.t", written)
    read = warehouse.read("s.t", SCHEMA, ("e",))
    assert read["e"].to_numpy().tobytes() == written["e"].to_numpy().tobytes()


def test_a_failing_block_leaves_nothing_behind(warehouse: Warehouse) -> None:
    with warehouse.transaction() as tx:
        tx.replace(SCHEMA, "s.t", frame(k=["a"]))

    def failing() -> None:
        with warehouse.transaction() as tx:
            tx.replace(SCHEMA, "s.t", frame(k=["b", "c"]))
            tx.record(StageRecord("s/t", "ok", {}))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    assert warehouse.read("s.t", SCHEMA)["k"].to_list() == ["a"]
    assert warehouse.stages() == {}


def test_a_table_that_is_not_there_reads_as_empty(warehouse: Warehouse) -> None:
    read = warehouse.read("s.t", SCHEMA)
    assert read.is_empty()
    assert dict(read.schema) == {name: pl.Schema(SCHEMA.polars)[name] for name in SCHEMA.polars}


def test_a_new_column_is_added_and_keeps_the_rows(warehouse: Warehouse) -> None:
    older = TableSchema("t", "A row.", ("k", "g"), SCHEMA.columns[:3])
    with warehouse.transaction() as tx:
        tx.replace(older, "s.t", frame(k=["a"], v=[1.0]).drop("e", "at"))
    assert warehouse.read("s.t", SCHEMA).is_empty(), "the newer program must see it as stale"
    with warehouse.transaction() as tx:
        tx.upsert(SCHEMA, "s.t", frame(k=["b"], v=[2.0]))
    assert warehouse.read("s.t", SCHEMA, ("k", "v")).rows() == [("a", 1.0), ("b", 2.0)]


@settings(max_examples=20, deadline=None)
@given(st.permutations([("a", 1.0), ("b", None), ("c", -0.5), ("d", 7.0)]))
def test_version_ignores_row_order_and_volatile_columns(rows: list[tuple[str, float]]) -> None:
    store = Warehouse(database=":memory:")
    from datetime import datetime

    with store.transaction() as tx:
        keys, values = map(list, zip(*rows, strict=True))
        tx.replace(SCHEMA, "s.t", frame(k=keys, v=values, at=[datetime.now()] * 4))
        n, version = tx.version(SCHEMA, "s.t")
        tx.replace(SCHEMA, "s.t", frame(k=["a", "b", "c", "d"], v=[1.0, None, -0.5, 7.0]))
        assert tx.version(SCHEMA, "s.t") == (n, version)
        tx.replace(SCHEMA, "s.t", frame(k=["a", "b", "c", "d"], v=[1.0, None, 0.5, 7.0]))
        assert tx.version(SCHEMA, "s.t") != (n, version)


HOLD = """
import sys, time
from personax_assets.warehouse import Warehouse
with Warehouse(database=sys.argv[1]).get_connection():
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def _holder(path: str, seconds: float) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_waits_for_another_process(warehouse: Warehouse) -> None:
    with _holder(warehouse.database, 0.4):
        assert warehouse.query("SELECT 1 AS x")["x"].to_list() == [1]


def test_names_the_holder_when_the_wait_is_over(warehouse: Warehouse) -> None:
    with _holder(warehouse.database, 30) as process:
        with pytest.raises(WarehouseLockedError, match=f"process {process.pid} "):
            warehouse.query("SELECT 1")
        process.kill()


WRITE = textwrap.dedent("""
    import sys
    import polars as pl
    from personax_assets.table_schema import Column, TableSchema
    from personax_assets.warehouse import StageRecord, Warehouse
    schema = TableSchema("t", "A row.", ("k",), (
        Column("k", "BIGINT", "Key.", nullable=False), Column("round", "BIGINT", "Round.")))
    warehouse = Warehouse(database=sys.argv[1])
    for i in range(1, 10_000):
        frame = pl.DataFrame({"k": range(2_000), "round": [i] * 2_000}, schema=schema.polars)
        with warehouse.transaction() as tx:
            tx.replace(schema, "s.t", frame)
            tx.record(StageRecord("s/t", "ok", {"round": str(i)}))
        print(i, flush=True)
""")


def test_a_killed_writer_loses_and_tears_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    for attempt in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.02 + 0.037 * attempt)
            process.send_signal(signal.SIGKILL)
            last_told = max([1, *(int(line) for line in process.stdout.read().split())])
        warehouse = Warehouse(database=str(path))
        rounds = warehouse.query("SELECT round, count(*) AS n FROM s.t GROUP BY round")
        assert rounds["n"].to_list() == [2_000], "a table is whole"
        assert rounds["round"][0] >= last_told, "what was committed is there"
        assert warehouse.stages()["s/t"].inputs == {"round": str(rounds["round"][0])}


def test_what_cannot_be_made_again_gains_columns_and_is_never_dropped(tmp_path: Path) -> None:
    warehouse = Warehouse(database=str(tmp_path / "w.duckdb"))
    key = Column("k", "VARCHAR", "Key.", nullable=False)
    old = TableSchema("t", "A row.", ("k",), (key,), permanent=True)
    new = replace(old, columns=(key, Column("later", "DOUBLE", "Came later.")))
    other = replace(old, columns=(Column("k", "BIGINT", "Key."),))
    with warehouse.transaction() as transaction:
        transaction.upsert(old, "s.t", pl.DataFrame({"k": ["a"]}))
    assert warehouse.read("s.t", new).rows() == [("a", None)]
    with warehouse.transaction() as transaction:
        transaction.upsert(new, "s.t", pl.DataFrame({"k": ["b"], "later": [1.0]}))
    assert warehouse.read("s.t", new).rows() == [("a", None), ("b", 1.0)]
    with pytest.raises(PersonaXError, match="cannot be made again"), warehouse.transaction() as tx:
        tx.upsert(other, "s.t", pl.DataFrame({"k": [1]}))
    assert warehouse.read("s.t", new).height == 2
