"""Which rows about a person hold when.

Belongs here: reducing a person's rows to distinct versions in time and to the current one. Does
not belong here: what is already in the warehouse (`history`).
"""

from collections.abc import Sequence

import polars as pl


def observations(frame: pl.DataFrame, known: Sequence[str]) -> pl.DataFrame:
    """Keep one row per person and snapshot.

    A row that the source counts as in scope wins over one that it does not, then the row that
    knows more, then the later row.

    Parameters
    ----------
    frame : polars.DataFrame
        Identified rows with `person_id`, `snapshot_at`, `in_scope`, `row`.
    known : sequence of str
        Columns whose known values are counted.
    """
    count = pl.sum_horizontal(pl.col(name).is_not_null() for name in known)
    order = ["person_id", "snapshot_at", "in_scope", "n_known", "row"]
    ordered = frame.with_columns(count.alias("n_known")).sort(order, nulls_last=False)
    last = ordered.unique(["person_id", "snapshot_at"], keep="last", maintain_order=True)
    return last.drop("n_known")


def distinct_versions(observed: pl.DataFrame, content: Sequence[str]) -> pl.DataFrame:
    """Keep the observations that differ from the person's one before.

    A person's history begins with the first observation in scope.

    Parameters
    ----------
    observed : polars.DataFrame
        Output of `observations`: sorted by person and time.
    content : sequence of str
        Columns that make up a version; out of scope, none of them counts.
    """
    begun = pl.col("in_scope").cast(pl.Int8).cum_max().over("person_id") == 1
    observed = observed.filter(begun)
    stayed_out = ~pl.col("in_scope") & ~pl.col("in_scope").shift()
    same = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).shift()) for name in (*content, "in_scope")
    )
    # The rows are sorted, so the one before is the same person's or another person's last.
    same_person = pl.col("person_id").eq_missing(pl.col("person_id").shift())
    return observed.filter(~(same_person & (same | stayed_out.fill_null(False))))


def current(observed: pl.DataFrame) -> pl.DataFrame:
    """Return each person's last observation, unless it says that the person is out of scope."""
    last = observed.unique("person_id", keep="last", maintain_order=True)
    return last.filter("in_scope")
