"""What a table schema is.

Belongs here: columns, keys, types, and what follows from them (DDL, polars types). Does not belong
here: any particular table (`schemas`).
"""

import builtins
import hashlib
import json
from dataclasses import dataclass, replace

import polars as pl

_POLARS: dict[str, type[pl.DataType] | pl.DataType] = {
    "VARCHAR": pl.String,
    "BOOLEAN": pl.Boolean,
    "SMALLINT": pl.Int16,
    "INTEGER": pl.Int32,
    "BIGINT": pl.Int64,
    "DOUBLE": pl.Float64,
    "BLOB": pl.Binary,
    "TIMESTAMP": pl.Datetime("us"),
}

EMBEDDING = "FLOAT[n]"
"""Type of an embedding column whose dimension the encoder decides."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        Column name.
    type : str
        DuckDB type; `FLOAT[n]` stands for an embedding of a dimension yet to be known.
    description : str
        Meaning, with the unit where there is one.
    nullable : bool
        Whether NULL (unknown) is allowed.
    minimum, maximum : float, optional
        Inclusive range of plausible values.
    values : tuple of str
        The allowed values of a categorical column; empty if free.
    lineage : tuple of str
        The columns it is computed from, as `table.column`; a table of another layout as
        `layout/table`.
    volatile : bool
        Whether it may differ between two computations from the same inputs (times, request
        ids); such a column is left out of the table's data version.
    """

    name: str
    type: str
    description: str
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    values: tuple[str, ...] = ()
    lineage: tuple[str, ...] = ()
    volatile: bool = False

    @property
    def polars(self) -> "pl.DataType | builtins.type[pl.DataType]":
        """The polars type that round-trips with the DuckDB type."""
        if self.type.startswith("FLOAT["):
            return pl.Array(pl.Float32, int(self.type[6:-1]))
        return _POLARS[self.type]


@dataclass(frozen=True)
class TableSchema:
    """One table.

    Parameters
    ----------
    name : str
        Table name inside the sub-dataset's schema.
    row : str
        What one row is, as a sentence.
    key : tuple of str
        Columns that together identify a row.
    columns : tuple of Column
        All columns in order, the key first.
    permanent : bool
        Whether its rows cannot be made again: the table may gain columns, which are NULL in its
        older rows, but it is never emptied or dropped to fit another schema.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    permanent: bool = False

    def __getitem__(self, column: str) -> Column:
        """Return a column by name."""
        return next(c for c in self.columns if c.name == column)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def version_columns(self) -> tuple[str, ...]:
        """Columns that decide whether two tables hold the same data.

        Large values (embeddings, images) are represented by the row's input hash.
        """
        return tuple(
            c.name
            for c in self.columns
            if not c.volatile and c.type != "BLOB" and not c.type.startswith("FLOAT[")
        )

    @property
    def polars(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        """Column names and polars types, in order."""
        return {column.name: column.polars for column in self.columns}

    @property
    def version(self) -> str:
        """Hash of key, column names and types: what a stored table must agree with."""
        shape = [list(self.key), *([c.name, c.type] for c in self.columns)]
        return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:16]

    def with_dimension(self, dimension: int) -> "TableSchema":
        """Return the schema with its embedding columns at the given dimension."""
        return replace(
            self,
            columns=tuple(
                replace(c, type=f"FLOAT[{dimension}]") if c.type == EMBEDDING else c
                for c in self.columns
            ),
        )

    def ddl(self, table: str) -> str:
        """Return the CREATE TABLE statement for the qualified name `table`."""
        columns = ", ".join(
            f'"{c.name}" {c.type}{"" if c.nullable else " NOT NULL"}' for c in self.columns
        )
        return f"CREATE TABLE IF NOT EXISTS {table} ({columns})"
