"""Cohorts: reproducible, growing by their end, with the stated marginals."""

import hashlib
import subprocess
import sys

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from personax_assets.datasets import LEAGUES, SUB_DATASETS
from personax_ml.synthetic import MISSING_SHARE, SCALES, draw_cohort, person_seed
from personax_ml.synthetic.names import CAPACITY, names
from personax_ml.synthetic.streams import normals, uniforms
from personax_ml.synthetic.worlds import GENDER_SHARES, LEAGUE_SHARES, OCCUPATION_SHARES

KNOWN_UNIFORMS = [0.996608355, 0.609309323, 0.073256899]
KNOWN_NORMALS = [-0.063741361, -1.070286033, 1.3814865]
KNOWN_PERSON = 24780291719511048

DATASETS = list(SUB_DATASETS)
LIGHT = "import sys, personax_ml.synthetic; print({'PIL', 'networkx', 'scipy'} & set(sys.modules))"
DIGEST = """
import hashlib
from personax_ml.synthetic import draw_cohort
for dataset in ("athlepersona", "celebpersona"):
    cohort = draw_cohort(dataset, 300, 5)
    text = cohort.bios.write_csv() + cohort.factors.write_csv()
    print(hashlib.sha256(text.encode()).hexdigest())
"""


def in_a_fresh_process(code: str, hash_seed: str = "0") -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)},
    ).stdout


def test_the_same_bytes_in_every_process():
    here = []
    for dataset in DATASETS:
        cohort = draw_cohort(dataset, 300, 5)
        text = cohort.bios.write_csv() + cohort.factors.write_csv()
        here.append(hashlib.sha256(text.encode()).hexdigest())
    assert in_a_fresh_process(DIGEST, "1").split() == here
    assert in_a_fresh_process(DIGEST, "2").split() == here


def test_streams_hold_their_numbers():
    """Known answers: another machine or version that gives others would redraw everyone."""
    assert uniforms("known", 1, count=3).round(9).tolist() == KNOWN_UNIFORMS
    assert normals("known", 1, count=3).round(9).tolist() == KNOWN_NORMALS
    assert person_seed(0, "SA-000000") == KNOWN_PERSON


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(DATASETS), st.integers(0, 60), st.integers(0, 60), st.integers(-3, 2**40))
def test_a_larger_cohort_begins_with_the_smaller_one(dataset, n, more, seed):
    small, large = draw_cohort(dataset, n, seed), draw_cohort(dataset, n + more, seed)
    assert_frame_equal(large.bios.head(n), small.bios)
    assert_frame_equal(large.factors.head(n), small.factors)


def test_another_seed_gives_other_people():
    a, b = (draw_cohort("athlepersona", 50, seed) for seed in (0, 1))
    assert not set(a.bios["name"]) & set(b.bios["name"])
    assert (a.factors["trait_openness"] - b.factors["trait_openness"]).abs().min() > 0


@pytest.mark.parametrize("dataset", DATASETS)
def test_columns_are_those_of_the_sub_dataset(dataset):
    sub = SUB_DATASETS[dataset]
    cohort = draw_cohort(dataset, 5, 0)
    common = ["source_id", "name", "birth_year", "birth_month", "birth_day", "country"]
    common += ["latitude", "longitude", "height_cm", "weight_kg"]
    assert set(cohort.bios.columns) == {*common, *sub.bio_columns}
    assert cohort.bios.columns[: len(common)] == common
    assert {v.name for v in sub.variables} <= set(cohort.bios.columns)
    shared = [c for c in cohort.factors.columns if c.startswith("shared_")]
    assert len(shared) == sub.n_shared_latents


def test_leagues_are_the_platform_s():
    assert tuple(LEAGUE_SHARES) == LEAGUES


@pytest.mark.parametrize("dataset", DATASETS)
def test_names_are_unique_and_never_shared(dataset):
    cohort = draw_cohort(dataset, SCALES["paper"][dataset], 3)
    assert cohort.bios["name"].n_unique() == cohort.bios.height
    assert cohort.bios["source_id"].n_unique() == cohort.bios.height


def test_the_two_sub_datasets_share_no_name():
    assert not set(names(9, 0, 20_000)) & set(names(9, 1, 20_000))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**63))
def test_the_whole_lexicon_is_used_before_a_name_returns(seed):
    assert len(set(names(seed, 0, 30_000))) == 30_000


def test_more_people_than_names_is_an_error_that_says_so():
    with pytest.raises(ValueError, match=f"holds {CAPACITY} names"):
        names(0, 0, CAPACITY + 1)


def test_an_unknown_sub_dataset_is_an_error_that_says_which_there_are():
    with pytest.raises(ValueError, match="athlepersona and celebpersona"):
        draw_cohort("filmpersona", 3, 0)


@pytest.fixture(scope="module")
def athletes():
    return draw_cohort("athlepersona", 20_000, 11).bios


@pytest.fixture(scope="module")
def figures():
    return draw_cohort("celebpersona", 20_000, 11).bios


def shares(frame: pl.DataFrame, column: str) -> dict[str, float]:
    counts = frame[column].drop_nulls().value_counts()
    return dict(zip(counts[column], counts["count"] / counts["count"].sum(), strict=True))


def test_categories_have_the_planted_shares(athletes, figures):
    for frame, column, planted in (
        (athletes, "league", LEAGUE_SHARES),
        (figures, "occupation", OCCUPATION_SHARES),
        (figures, "gender", GENDER_SHARES),
    ):
        assert shares(frame, column) == {k: pytest.approx(v, abs=0.015) for k, v in planted.items()}


def test_leagues_have_their_typical_bodies(athletes):
    body = athletes.group_by("league").agg(pl.col("height_cm", "weight_kg").mean())
    height = dict(zip(body["league"], body["height_cm"], strict=True))
    weight = dict(zip(body["league"], body["weight_kg"], strict=True))
    assert 196 < height["NBA"] < 202
    assert 180 < height["PremierLeague"] < 184
    assert 103 < weight["NFL"] < 115
    assert min(weight, key=weight.get) in ("PremierLeague", "Bundesliga", "PGA", "ATP")


def test_most_are_born_where_their_league_is(athletes):
    home = athletes.group_by("league").agg(pl.col("country").mode().first())
    assert dict(home.iter_rows()) | {"ATP": "any"} == {
        **{"NBA": "US", "NFL": "US", "NHL": "CA", "PGA": "US", "ATP": "any"},
        **{"PremierLeague": "GB", "Bundesliga": "DE"},
    }


def test_values_are_missing_as_often_as_stated_and_dates_as_a_whole(athletes, figures):
    for frame in (athletes, figures):
        for column in set(frame.columns) - {"source_id", "name", "country", "league", "occupation"}:
            assert frame[column].is_null().mean() == pytest.approx(MISSING_SHARE, abs=0.004)
        date = frame.select(pl.col("^birth_.*$").is_null())
        assert date.sum_horizontal().unique().sort().to_list() == [0, 3]
        for column in ("source_id", "name", "country"):
            assert frame[column].null_count() == 0


def test_every_birth_date_exists(figures):
    known = figures.drop_nulls("birth_year")
    dates = known.select(pl.date("birth_year", "birth_month", "birth_day").alias("d"))["d"]
    assert dates.null_count() == 0


def test_importing_it_is_light():
    assert in_a_fresh_process(LIGHT).strip() == "set()"
