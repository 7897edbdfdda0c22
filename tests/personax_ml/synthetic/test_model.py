"""The moments of a model, against worked examples and against samples."""

from math import sqrt

import numpy as np
import polars as pl
import pytest

from personax_ml.synthetic import VARIABLES, draw_cohort
from personax_ml.synthetic.model import Effect, Model, Nominal, Scale, Threshold
from personax_ml.synthetic.worlds import TRAITS, WORLDS

PEOPLE = 60_000


def small(**equations):
    return Model(
        nominals={
            "team": Nominal({"": {"red": 0.25, "blue": 0.75}}),
            "town": Nominal({"red": {"x": 1.0}, "blue": {"x": 0.5, "y": 0.5}}, "team"),
        },
        equations=equations,
        records={"tall": Threshold(0.3)},
        face_latents=(),
    )


def test_shares_follow_the_parent():
    shares = small().shares("town")
    assert shares == {"x": pytest.approx(0.625), "y": pytest.approx(0.375)}


def test_levels_are_standardised_over_the_population():
    levels = small().standardised("team", Effect(1.0, {"red": 7.0, "blue": 3.0}))
    assert 0.25 * levels["red"] + 0.75 * levels["blue"] == pytest.approx(0.0)
    assert 0.25 * levels["red"] ** 2 + 0.75 * levels["blue"] ** 2 == pytest.approx(1.0)
    assert levels["red"] > levels["blue"]


def test_a_chain_multiplies_its_weights():
    model = small(a={}, b={"a": 0.6}, c={"b": 0.5})
    assert model.correlation("a", "c") == pytest.approx(0.3)
    assert model.noise("b") == pytest.approx(0.8)
    assert model.effect_size("c", "a") == pytest.approx(0.3)


def test_a_fork_multiplies_and_a_collider_does_not_connect():
    model = small(a={}, b={"a": 0.6}, c={"a": 0.5}, d={}, e={"a": 0.3, "d": 0.4})
    assert model.correlation("b", "c") == pytest.approx(0.3)
    assert model.effect_size("d", "a") == pytest.approx(0.0, abs=1e-9)


def test_confounding_by_a_category():
    team = Effect(0.6, {"red": 1.0, "blue": 0.0})
    model = small(a={"team": team}, b={"team": team})
    assert model.effect_size("a", "team") == pytest.approx(0.6)
    assert model.correlation("a", "b") == pytest.approx(0.36)


def test_a_yes_or_no_loses_what_a_median_split_loses():
    model = Model({}, {"x": {}, "y": {"x": 0.5}}, {"x": Threshold(0.5)}, ())
    assert model.effect_size("y", "x") == pytest.approx(0.5 * sqrt(2 / np.pi))


def test_a_curved_dependence_without_correlation_has_a_size():
    places = Nominal({"": {"west": 1 / 3, "middle": 1 / 3, "east": 1 / 3}})
    model = Model(
        {"place": places},
        {
            "longitude": {"place": Effect(0.99, {"west": -1.0, "middle": 0.0, "east": 1.0})},
            "mood": {"place": Effect(0.5, {"west": 1.0, "middle": -2.0, "east": 1.0})},
        },
        {},
        (),
    )
    assert model.correlation("mood", "longitude") == pytest.approx(0.0, abs=1e-12)
    assert 0.4 < model.effect_size("mood", "longitude") <= 0.5


def test_too_much_explained_is_an_error_that_names_the_variable():
    with pytest.raises(ValueError, match="b: its parents explain all"):
        small(a={}, b={"a": 1.0}).noise("b")


@pytest.fixture(scope="module", params=list(WORLDS))
def sampled(request):
    cohort = draw_cohort(request.param, PEOPLE, seed=77)
    return request.param, cohort.factors.join(cohort.bios, on="source_id")


def measured(people: pl.DataFrame, factor: str, variable: str) -> float:
    """Share of variance explained, from a sample of recorded values; the root of it."""
    known = people.select(factor, variable).drop_nulls()
    y, x = known[factor].to_numpy(), known[variable]
    total = y.var()
    if x.dtype == pl.String:
        groups = known.group_by(variable).agg(pl.col(factor).mean().alias("m"), pl.len())
        between = (groups["m"] - y.mean()) ** 2 * groups["len"] / len(y)
        return sqrt(between.sum() / total)
    x = x.cast(pl.Float64).to_numpy()
    degree = 1 if known[variable].dtype == pl.Boolean else 3
    fitted = np.polyval(np.polyfit((x - x.mean()) / x.std(), y, degree), (x - x.mean()) / x.std())
    return sqrt(fitted.var() / total)


def test_implied_effect_sizes_are_those_of_a_large_sample(sampled):
    dataset, people = sampled
    model = WORLDS[dataset]
    tested = [v for v in VARIABLES[dataset] if v not in ("birth_month", "birth_day")]
    for trait in TRAITS:
        for variable in tested:
            implied = model.effect_size(f"trait_{trait}", variable)
            found = measured(people, f"trait_{trait}", variable)
            assert found == pytest.approx(implied, abs=0.022), (trait, variable)


def test_factors_have_the_planted_mean_and_spread(sampled):
    dataset, people = sampled
    for name in WORLDS[dataset].latents:
        assert people[name].mean() == pytest.approx(0.0, abs=0.02)
        assert people[name].std() == pytest.approx(1.0, abs=0.02)


def test_correlations_among_factors_are_the_implied_ones(sampled):
    dataset, people = sampled
    model = WORLDS[dataset]
    found = np.corrcoef(people.select(model.latents).to_numpy().T)
    implied = [[model.correlation(a, b) for b in model.latents] for a in model.latents]
    assert np.abs(found - implied).max() < 0.025


def test_records_are_within_their_range(sampled):
    dataset, people = sampled
    for name, record in WORLDS[dataset].records.items():
        if isinstance(record, Scale) and name in people.columns:
            assert people[name].min() >= record.low
            assert people[name].max() <= record.high
        elif isinstance(record, Threshold):
            assert people[name].mean() == pytest.approx(record.prevalence, abs=0.015)
