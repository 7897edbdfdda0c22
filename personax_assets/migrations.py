"""The version of a warehouse's tables, and how an older one becomes the present one.

Belongs here: what has to be done to tables whose rows cannot be made again, or that nothing would
replace. Does not belong here: every other table. A stage whose table has another layout is stale,
and makes its rows anew (`TableSchema.version` is one of its inputs).

To add a version: raise `VERSION`, append a migration, and keep a file of the layout before it in
`tests/personax_assets/layouts/`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as program_version
from typing import Any

import duckdb

from personax_assets.errors import PersonaXError
from personax_assets.table_schema import Column, TableSchema

SCHEMA_VERSION = TableSchema(
    "schema_version",
    "A version of the tables that the warehouse was brought to; the highest is the present one.",
    ("version",),
    (
        Column("version", "INTEGER", "Number of the version.", nullable=False, minimum=1),
        Column("what", "VARCHAR", "What was done to get there.", nullable=False),
        Column("program", "VARCHAR", "Version of the program that did it.", nullable=False),
        Column("reached_at", "TIMESTAMP", "When, UTC.", nullable=False),
    ),
)

_TABLE = "personax.schema_version"
_FIRST = 1
"""Version of a warehouse that has tables and does not say which."""

Connection = duckdb.DuckDBPyConnection


class NewerHomeError(PersonaXError):
    """The warehouse was written by a newer version of the program."""


@dataclass(frozen=True)
class Migration:
    """One step.

    Parameters
    ----------
    version : int
        The version that it leads to.
    what : str
        What it does, in a sentence.
    apply : callable
        Does it; called inside a transaction.
    """

    version: int
    what: str
    apply: Callable[[Connection], None]


def _history_with_ends(connection: Connection) -> None:
    """Lead the first layout to the second.

    History told only that a version ended; now it also tells who left. A name may be unknown. The
    hash of a bio is of names and values, so the first refresh would open a version for everybody
    if it were not computed anew. Rejected rows know their partition, without which none of them
    would ever be replaced.
    """
    for schema in _schemas_with(connection, "bios_history"):
        _extend_history(connection, f'"{schema}".bios_history')
    for table in _rejected_raw_rows(connection):
        if "partition" not in _columns(connection, table):
            _execute(connection, f"DROP TABLE {table}")


def _extend_history(connection: Connection, table: str) -> None:
    from personax_assets.bios.history import row_hashes

    columns = _columns(connection, table)
    if "retired_at" not in columns:
        _execute(connection, f"ALTER TABLE {table} ADD COLUMN retired_at TIMESTAMP")
        _execute(
            connection,
            f"UPDATE {table} AS v SET retired_at = valid_to WHERE valid_to IS NOT NULL AND NOT "
            f"EXISTS (FROM {table} AS next WHERE next.person_id = v.person_id "
            "AND next.valid_from = v.valid_to)",
        )
    _execute(connection, f"ALTER TABLE {table} ALTER COLUMN name DROP NOT NULL")
    stored = connection.sql(f"FROM {table}").pl()
    hashes = stored.select("person_id", "valid_from").with_columns(row_hashes(stored))
    connection.register("hashes", hashes)
    try:
        _execute(
            connection,
            f"UPDATE {table} AS v SET row_hash = hashes.row_hash FROM hashes WHERE "
            "v.person_id = hashes.person_id AND v.valid_from = hashes.valid_from",
        )
    finally:
        connection.unregister("hashes")


MIGRATIONS = (
    Migration(2, "history tells who left, and by what hash a bio is known", _history_with_ends),
)

VERSION = MIGRATIONS[-1].version
"""The version of the tables that this program reads and writes."""


def bring_up_to_date(
    connection: Connection, place: str, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Bring a warehouse to the present version, in one transaction; most often it is there.

    Parameters
    ----------
    connection : DuckDBPyConnection
        The open warehouse.
    place : str
        What the warehouse is called in an error.
    migrations : sequence of Migration
        All steps there are, in order.

    Raises
    ------
    NewerHomeError
        If the warehouse was written by a newer version of the program; it is left as it is.
    """
    newest = migrations[-1].version
    found = _found(connection)
    if found == newest:
        return
    if found is not None and found > newest:
        raise NewerHomeError(
            f"{place}: was written by a newer version of the program (its tables have version "
            f"{found}, this program knows {newest}): install that version, or set PERSONAX_HOME to "
            "another folder; nothing was changed"
        )
    _execute(connection, "BEGIN")
    try:
        _execute(connection, "CREATE SCHEMA IF NOT EXISTS personax")
        _execute(connection, SCHEMA_VERSION.ddl(_TABLE))
        if found is None:
            _note(connection, newest, "made")
        for step in migrations:
            if found is not None and step.version > found:
                step.apply(connection)
                _note(connection, step.version, step.what)
    except BaseException:
        _execute(connection, "ROLLBACK")
        raise
    _execute(connection, "COMMIT")


def _found(connection: Connection) -> int | None:
    """Return the version of a warehouse; None if it has no table yet."""
    try:
        rows = _execute(connection, f"SELECT max(version) FROM {_TABLE}")
    except duckdb.CatalogException:
        return _FIRST if _execute(connection, "SELECT 1 FROM duckdb_tables() LIMIT 1") else None
    return int(rows[0][0])


def _note(connection: Connection, version: int, what: str) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    row = [version, what, program_version("personax"), now]
    _execute(connection, f"INSERT INTO {_TABLE} VALUES (?, ?, ?, ?)", row)


def _schemas_with(connection: Connection, table: str) -> list[str]:
    found = _execute(
        connection, "SELECT schema_name FROM duckdb_tables() WHERE table_name = ?", [table]
    )
    return sorted(str(row[0]) for row in found)


def _rejected_raw_rows(connection: Connection) -> list[str]:
    found = _execute(
        connection,
        "SELECT table_name FROM duckdb_tables() "
        "WHERE schema_name = 'quarantine' AND ends_with(table_name, '_raw_bios')",
    )
    return sorted(f'quarantine."{row[0]}"' for row in found)


def _columns(connection: Connection, table: str) -> set[str]:
    return {str(row[0]) for row in _execute(connection, f"DESCRIBE {table}")}


def _execute(
    connection: Connection, sql: str, parameters: Sequence[object] = ()
) -> list[tuple[Any, ...]]:
    return connection.execute(sql, list(parameters)).fetchall()
