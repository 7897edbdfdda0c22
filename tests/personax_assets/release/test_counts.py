import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.release.counts import _protected, level1_counts
from personax_assets.release.make import Material
from personax_assets.release.utility import (
    agreement,
    original_decisions,
    released_decisions,
)


def test_every_cell_holds_enough_people_and_the_sums_are_right(athletes: Material) -> None:
    counts = level1_counts(ATHLEPERSONA, athletes.people, athletes.raters, 5)
    assert counts.frame["people"].min() == 5 or counts.frame["people"].min() > 5  # type: ignore[operator]
    assert set(counts.binnings) == {v.name for v in ATHLEPERSONA.variables}
    assert 0 <= counts.left_out < 0.1
    league = counts.frame.filter(rater="chatgpt", trait="openness", variable="league")
    found = dict(league.group_by("bin").agg(pl.col("people").sum()).iter_rows())
    known = athletes.people.drop_nulls("openness_chatgpt")
    for name, n in known["league"].value_counts().iter_rows():
        assert found.get(name, 0) <= n


def test_tests_of_the_tables_decide_as_those_of_the_people(athletes: Material) -> None:
    counts = level1_counts(ATHLEPERSONA, athletes.people, athletes.raters, 5)
    original = original_decisions(ATHLEPERSONA, athletes.people, athletes.raters, 0)
    released = released_decisions(ATHLEPERSONA, counts.frame, counts.binnings, 0)
    found = agreement(original, released)
    assert found.decisions == 160
    assert found.unchanged >= 0.9
    assert len(found.changed) == round(found.decisions * (1 - found.unchanged))
    assert agreement(original, original).unchanged == 1.0
    # What cannot be decided any more has changed.
    without = released.filter(pl.col("variable") != "league")
    assert agreement(original, without).unchanged <= 1 - 25 / 160


@given(
    st.lists(st.lists(st.integers(0, 12), min_size=4, max_size=4), min_size=2, max_size=5),
    st.integers(2, 8),
)
def test_protection_takes_whole_rows_and_columns(rows: list[list[int]], k: int) -> None:
    table = np.array(rows)
    kept = _protected(table, k)
    assert not ((kept > 0) & (kept < k)).any()
    changed = kept != table
    emptied = [(kept.sum(axis=1) == 0)[:, None] | (kept.sum(axis=0) == 0)[None, :]]
    assert (~changed | emptied[0]).all()
