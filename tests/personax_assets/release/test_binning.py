import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, Variable
from personax_assets.release.binning import OTHER, ladder

VARIABLES = {v.name: v for v in (*ATHLEPERSONA.variables, *CELEBPERSONA.variables)}


def test_a_number_falls_into_the_bin_whose_ends_hold_it() -> None:
    heights = pl.Series("height_cm", [170.0, 179.0, 180.0, 190.0, None])
    coarse = ladder(VARIABLES["height_cm"], heights, 1)[0]
    assert coarse.labels == ("below 180", "180 or more")
    assert coarse.edges == (180.0,)
    assert coarse.middles == (174.5, 185.0)
    expected = ["below 180", "below 180", "180 or more", "180 or more", None]
    assert coarse.apply(heights).to_list() == expected


def test_rare_categories_go_together_until_the_finest_step() -> None:
    jobs = pl.Series("occupation", ["actor"] * 60 + ["singer"] * 37 + ["writer"] * 3)
    steps = ladder(VARIABLES["occupation"], jobs, 2)
    assert steps[0].labels == ("actor", "singer", OTHER)
    assert steps[-1].labels == ("actor", "singer", "writer")
    assert steps[0].apply(jobs).to_list()[-1] == OTHER
    unseen = pl.Series("occupation", ["pilot", None])
    assert steps[-1].apply(unseen).to_list() == [OTHER, None]


def test_what_few_share_is_not_even_named() -> None:
    jobs = pl.Series("occupation", ["actor"] * 9 + ["only astronaut of her country"] * 4)
    steps = ladder(VARIABLES["occupation"], jobs, 5)
    assert [step.labels for step in steps] == [("actor", OTHER)]
    heights = pl.Series("height_cm", [180.0] * 20 + [226.0])
    assert ladder(VARIABLES["height_cm"], heights, 5) == ()


def test_yes_and_no_are_words() -> None:
    (step,) = ladder(VARIABLES["big_nose"], pl.Series("big_nose", [True, False, None, True]), 1)
    assert step.apply(pl.Series("big_nose", [False, None, True])).to_list() == ["no", None, "yes"]


def test_bins_of_a_calendar_are_equally_long() -> None:
    months = pl.Series("birth_month", list(range(1, 13)) * 5)
    by_length = {len(step.labels): step for step in ladder(VARIABLES["birth_month"], months, 5)}
    assert by_length[4].edges == (4.0, 7.0, 10.0)
    assert len(by_length[12].labels) == 12


@pytest.mark.parametrize("values", [[], [None, None], [185.0] * 9])
def test_what_does_not_vary_has_no_step(values: list[float | None]) -> None:
    series = pl.Series("height_cm", values, dtype=pl.Float64)
    assert ladder(VARIABLES["height_cm"], series, 1) == ()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=60))
def test_every_value_is_inside_its_bin(values: list[float]) -> None:
    series = pl.Series("x", values)
    for step in ladder(Variable("x", "numeric", discrete=False), series, 1):
        ends = [float("-inf"), *step.edges, float("inf")]
        for value, label in zip(values, step.apply(series), strict=True):
            i = step.labels.index(label)
            assert ends[i] <= value < ends[i + 1]
