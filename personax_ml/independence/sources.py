"""Tables from data that somebody else has counted: a database, above all.

Belongs here: the query that counts and the table made of its answer. Does not belong here: a
connection; anything whose `sql` answers with an object that has `pl` will do, such as DuckDB's.
"""

from typing import Protocol

import polars as pl

from personax_ml.independence.columns import VariableSpec, encode
from personax_ml.independence.tables import Strata, crosstab, stratify, unconditional

CELLS = "n_rows"
"""Column of counts that says how many rows of data a row stands for."""


class Answer(Protocol):
    """The answer to a query."""

    def pl(self) -> pl.DataFrame:
        """Return all rows."""


class Connection(Protocol):
    """A database connection."""

    def sql(self, query: str, /) -> Answer:
        """Run a query."""


def count_query(relation: str, x: str, y: str, given: str | None = None) -> str:
    """Return the query that counts pairs of values: one pass over the data, one row per pair.

    Parameters
    ----------
    relation : str
        What to select from, as SQL.
    x, y : str
        Names of the columns.
    given : str, optional
        Name of a column whose values split the table.
    """
    names = (x, y) if given is None else (x, y, given)
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return f'SELECT {columns}, count(*) AS "{CELLS}" FROM {relation} GROUP BY ALL'


def strata_from_counts(
    counts: pl.DataFrame,
    x: str,
    y: str,
    given: str | None = None,
    *,
    x_spec: VariableSpec | None = None,
    y_spec: VariableSpec | None = None,
) -> Strata:
    """Return the table of counted pairs of values.

    Parameters
    ----------
    counts : DataFrame
        The columns named and `n_rows`, how many rows of data a row of it stands for.
    x, y : str
        Names of the columns; null is missing.
    given : str, optional
        Name of a column whose values split the table.
    x_spec, y_spec : VariableSpec, optional
        What kind of variable x and y are; inferred from the type if not given.
    """
    columns = encode(counts[x], x_spec), encode(counts[y], y_spec)
    cells = counts[CELLS].cast(pl.Int64).to_numpy()
    if given is None:
        return unconditional(crosstab(*columns, cells))
    return stratify(*columns, encode(counts[given]), cells)


def strata_from_query(
    connection: Connection,
    relation: str,
    x: str,
    y: str,
    given: str | None = None,
    *,
    x_spec: VariableSpec | None = None,
    y_spec: VariableSpec | None = None,
) -> Strata:
    """Count pairs of values in a database, see `count_query` and `strata_from_counts`."""
    counts = connection.sql(count_query(relation, x, y, given)).pl()
    return strata_from_counts(counts, x, y, given, x_spec=x_spec, y_spec=y_spec)
