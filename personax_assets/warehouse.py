"""The DuckDB file that holds every table.

Belongs here: connections held only while reading or writing, the wait for another process's lock,
transactions, upserts by key, copies, and the record of which stage made what from what. Does not
belong here: what the tables mean (`schemas`), how older ones become present ones (`migrations`),
or when a stage runs (`stage`).

SQL reaches no other file and no network: names and texts of people go through it, and should one
ever be taken for SQL, that is all it could reach. Only making a copy needs more.
"""

import json
import os
import random
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from dagster_duckdb import DuckDBResource

from personax_assets.errors import PersonaXError
from personax_assets.migrations import bring_up_to_date
from personax_assets.table_schema import Column, TableSchema

STAGES = TableSchema(
    "stages",
    "The last time a stage ended: what it made, from what, and how it went.",
    ("asset",),
    (
        Column("asset", "VARCHAR", "Asset key, `sub-dataset/name`.", nullable=False),
        Column("status", "VARCHAR", "How it ended.", nullable=False,
               values=("ok", "skipped", "degraded", "failed")),
        Column("reason", "VARCHAR", "Why it was skipped, degraded or failed, and the mend."),
        Column("rows", "BIGINT", "Rows in the table afterwards."),
        Column("seconds", "DOUBLE", "Time it took.", minimum=0),
        Column("data_version", "VARCHAR", "Hash of what it made."),
        Column("inputs", "VARCHAR", "JSON: versions of everything it was made from."),
        Column("counts", "VARCHAR", "JSON: what that execution changed, in figures."),
        Column("run_id", "VARCHAR", "The Dagster run."),
        Column("finished_at", "TIMESTAMP", "When it ended, UTC."),
    ),
)  # fmt: skip

_STAGES_TABLE = "personax.stages"

# One process may hold one DuckDB configuration at a time, so its threads take turns.
_process_lock = threading.RLock()

_OPENED_MEANWHILE_S = 0.2
"""Longest time between a process opening a file and asking for its lock."""


class WarehouseLockedError(PersonaXError):
    """Another process kept the warehouse locked for longer than the timeout."""


@dataclass(frozen=True)
class StageRecord:
    """One row of `personax.stages`; see `STAGES` for the meaning of the fields."""

    asset: str
    status: str
    inputs: Mapping[str, str]
    reason: str | None = None
    rows: int | None = None
    seconds: float = 0.0
    data_version: str | None = None
    run_id: str | None = None
    counts: Mapping[str, float] = field(default_factory=dict)


class Transaction:
    """Writes that are all committed together or not at all."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """Run a SELECT inside the transaction."""
        return _frame(self._connection, sql, parameters)

    def replace(
        self,
        schema: TableSchema,
        table: str,
        frame: pl.DataFrame,
        where: str = "TRUE",
        parameters: Sequence[object] = (),
    ) -> None:
        """Replace the rows of `table` that satisfy `where` by those of `frame`."""
        self._ensure(schema, table, keep=where != "TRUE")
        self.execute(f"DELETE FROM {table} WHERE {where}", parameters)
        self._insert(schema, table, frame)

    def upsert(self, schema: TableSchema, table: str, frame: pl.DataFrame) -> None:
        """Insert the rows of `frame`, replacing those with the same key."""
        self.delete(schema, table, frame)
        self._insert(schema, table, frame)

    def delete(self, schema: TableSchema, table: str, keys: pl.DataFrame) -> None:
        """Delete the rows of `table` whose key is in `keys`."""
        self._ensure(schema, table, keep=True)
        if keys.is_empty():
            return
        staged = keys.select(schema.key)
        same = " AND ".join(f'{table}."{k}" IS NOT DISTINCT FROM staged."{k}"' for k in schema.key)
        with self._staged(staged):
            self.execute(f"DELETE FROM {table} USING staged WHERE {same}")

    def version(self, schema: TableSchema, table: str) -> tuple[int, str]:
        """Return the number of rows and a hash of them, independent of their order."""
        self._ensure(schema, table, keep=True)
        columns = schema.version_columns
        row = ", ".join(f'"{name}" := "{name}"' for name in columns)
        found = self.query(
            f"SELECT count(*) AS n, sum(hash(struct_pack({row}))::HUGEINT)::VARCHAR AS h "
            f"FROM {table}"
        )
        n = int(found["n"][0])
        return n, f"{n}-{found['h'][0] or 0}"

    def record(self, stage: StageRecord) -> None:
        """Write down how a stage ended."""
        frame = pl.DataFrame(
            {
                "asset": [stage.asset],
                "status": [stage.status],
                "reason": [stage.reason],
                "rows": [stage.rows],
                "seconds": [stage.seconds],
                "data_version": [stage.data_version],
                "inputs": [json.dumps(dict(stage.inputs), sort_keys=True)],
                "counts": [json.dumps(dict(stage.counts))],
                "run_id": [stage.run_id],
                "finished_at": [datetime.now(UTC).replace(tzinfo=None)],
            },
            schema=STAGES.polars,
        )
        self.upsert(STAGES, _STAGES_TABLE, frame)

    def restate(self, asset: str, rows: int, version: str) -> None:
        """Write down that a stage's table holds something else now, and nothing else about it."""
        self.execute(
            f"UPDATE {_STAGES_TABLE} SET rows = ?, data_version = ? WHERE asset = ?",
            (rows, version, asset),
        )

    def _ensure(self, schema: TableSchema, table: str, keep: bool) -> None:
        """Create the table; one of another shape is made anew, or extended if `keep`."""
        self.execute(f"CREATE SCHEMA IF NOT EXISTS {table.split('.')[0]}")
        self.execute(schema.ddl(table))
        found = self._columns(table)
        wanted = {column.name: column.type for column in schema.columns}
        if found == wanted:
            return
        extendable = keep and all(found.get(name, kind) == kind for name, kind in wanted.items())
        if extendable and set(found) <= set(wanted):
            for name in wanted.keys() - found.keys():
                self.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {wanted[name]}')
            return
        if schema.permanent:
            raise PersonaXError(
                f"{table} was made by a version of the program whose columns do not fit this one; "
                "it is left as it is, because its rows cannot be made again: use that version"
            )
        self.execute(f"DROP TABLE {table}")
        self.execute(schema.ddl(table))

    def _columns(self, table: str) -> dict[str, str]:
        rows = self.execute(f"DESCRIBE {table}")
        return {str(row[0]): str(row[1]) for row in rows}

    def _insert(self, schema: TableSchema, table: str, frame: pl.DataFrame) -> None:
        missing = set(schema.column_names) - set(frame.columns)
        if missing:
            raise ValueError(f"{table}: the frame lacks the columns {sorted(missing)}")
        if frame.is_empty():
            return
        typed = frame.select(pl.col(name).cast(kind) for name, kind in schema.polars.items())
        with self._staged(typed):
            self.execute(f"INSERT INTO {table} BY NAME SELECT * FROM staged")

    @contextmanager
    def _staged(self, frame: pl.DataFrame) -> Iterator[None]:
        self._connection.register("staged", frame)
        try:
            yield
        finally:
            self._connection.unregister("staged")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run any statement inside the transaction; values are bound as parameters."""
        # The result is always fetched: an unread one keeps the connection busy.
        return self._connection.execute(sql, list(parameters)).fetchall()


class Warehouse(DuckDBResource):
    """The DuckDB file, shared politely with other processes.

    Parameters
    ----------
    database : str
        Path of the file.
    lock_timeout_s : float
        How long to wait while another process has the file open.
    """

    lock_timeout_s: float = 120.0

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file, waiting for other processes; close it when the block ends.

        Raises
        ------
        WarehouseLockedError
            If another process kept it for longer than `lock_timeout_s`.
        NewerHomeError
            If a newer version of the program wrote it.
        """
        with self._opened(external=False) as connection:
            yield connection

    @contextmanager
    def _opened(self, *, external: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file; SQL may reach other files only if `external`."""
        with _process_lock:
            connection = self._connect()
            try:
                bring_up_to_date(connection, f"warehouse {self.database}")
                _configure(connection, external=external)
                yield connection
            finally:
                connection.close()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        path = Path(self.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self.lock_timeout_s
        while True:
            try:
                connection = duckdb.connect(self.database, config=dict(self.connection_config))
            except duckdb.IOException as error:
                holder = re.search(r"held in (\S+).*?\(PID (\d+)\)", str(error))
                if holder is None:
                    raise PersonaXError(
                        f"warehouse {path}: cannot be opened ({_first_line(error)}); "
                        "check that the folder is writable and the disk not full"
                    ) from error
                if time.monotonic() > deadline:
                    raise WarehouseLockedError(
                        f"warehouse {path}: locked for {self.lock_timeout_s:.0f} s by process "
                        f"{holder[2]} ({holder[1]}); wait for it to end or stop it"
                    ) from error
                # Short and uneven waits: doubling ones starve whoever came first.
                time.sleep(random.uniform(0.01, 0.08))
                continue
            return connection

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction: committed when the block ends, undone if it raises."""
        with self.get_connection() as connection:
            connection.execute("BEGIN").fetchall()
            try:
                yield Transaction(connection)
            except BaseException:
                connection.execute("ROLLBACK").fetchall()
                raise
            connection.execute("COMMIT").fetchall()

    def copy_to(self, path: Path) -> None:
        """Write everything committed so far to a new file, as one moment saw it.

        The copy holds what the tables hold and nothing that was deleted from them. To copy the
        file itself would not do: a process that closes a file gives up its lock on it.
        """
        with self._opened(external=True) as connection:
            _copy(connection, path)

    def rewrite(self) -> None:
        """Write the file anew, so that what was deleted is nowhere in it."""
        path = Path(self.database)
        for leftover in path.parent.glob(f".{path.name}.*.new*"):
            leftover.unlink()
        fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
        with self._opened(external=True) as connection:
            _copy(connection, fresh)
            # Nothing may be left in the old file's log that would be replayed into the new one.
            connection.execute("CHECKPOINT").fetchall()
            fresh.replace(path)
            # Who opened the old file just now must still find it locked, and look again.
            time.sleep(_OPENED_MEANWHILE_S)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """Run a SELECT; values are bound as parameters."""
        with self.get_connection() as connection:
            return _frame(connection, sql, parameters)

    def exists(self, table: str) -> bool:
        """Tell whether the qualified `table` is there."""
        if not Path(self.database).exists():
            return False
        schema, name = table.split(".")
        found = self.query(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
            (schema, name),
        )
        return not found.is_empty()

    def rows_where(
        self, table: str, schema: TableSchema, equal: Mapping[str, object]
    ) -> pl.DataFrame:
        """Read the rows of a table whose columns have the given values; see `read`."""
        where = " AND ".join(f'"{name}" = ?' for name in equal)
        return self.read(table, schema, where=where, parameters=tuple(equal.values()))

    def read(
        self,
        table: str,
        schema: TableSchema,
        columns: Sequence[str] | None = None,
        where: str = "TRUE",
        parameters: Sequence[object] = (),
    ) -> pl.DataFrame:
        """Read a table, ordered by its key; one that is not there yet reads as empty.

        A stored table that lacks one of the columns was made by another version of the
        program and reads as empty too, so that its rows are made again; where they cannot be
        made again the column reads as NULL.
        """
        names = tuple(columns or schema.column_names)
        empty = pl.DataFrame(schema={name: schema.polars[name] for name in names})
        if not Path(self.database).exists():
            return empty
        with self.get_connection():  # opening the file is what costs, so it is done once for all
            if not self.exists(table):
                return empty
            if schema.permanent:
                found = self.query(f"DESCRIBE {table}")["column_name"].to_list()
                known = self.read(table, replace(schema, permanent=False), [
                    name for name in names if name in found], where, parameters)  # fmt: skip
                return pl.concat([empty, known], how="diagonal")
            listed = ", ".join(f'"{name}"' for name in names)
            order = ", ".join(f'"{name}"' for name in schema.key)
            try:
                return self.query(
                    f"SELECT {listed} FROM {table} WHERE {where} ORDER BY {order}", parameters
                )
            except duckdb.BinderException:
                return empty

    def stages(self) -> dict[str, StageRecord]:
        """Return how every stage ended last, by asset."""
        frame = self.read(_STAGES_TABLE, STAGES)
        return {
            row["asset"]: StageRecord(
                asset=row["asset"],
                status=row["status"],
                inputs=json.loads(row["inputs"]),
                reason=row["reason"],
                rows=row["rows"],
                seconds=row["seconds"],
                data_version=row["data_version"],
                run_id=row["run_id"],
                counts=json.loads(row["counts"] or "{}"),
            )
            for row in frame.iter_rows(named=True)
        }


def _frame(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object]
) -> pl.DataFrame:
    frame: pl.DataFrame = connection.sql(sql, params=list(parameters) or None).pl()
    return frame


def _configure(connection: duckdb.DuckDBPyConnection, *, external: bool) -> None:
    """Set what DuckDB may do, unless the file is open in this process, with everything set."""
    locked = "SELECT current_setting('lock_configuration')"
    if connection.execute(locked).fetchall() == [(True,)]:
        return
    # DuckDB would draw bars of its own over ours, and into logs.
    connection.execute("SET enable_progress_bar = false").fetchall()
    if not external:
        connection.execute("SET enable_external_access = false").fetchall()
        connection.execute("SET lock_configuration = true").fetchall()


def _copy(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Copy an open database to a new file."""
    (name,) = connection.execute("SELECT current_database()").fetchall()[0]
    quoted = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS copied").fetchall()
    connection.execute(f'COPY FROM DATABASE "{name}" TO copied').fetchall()
    connection.execute("DETACH copied").fetchall()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
