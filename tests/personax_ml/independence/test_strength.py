"""Strengths with standard errors: against refitting, against sampling, and across sample sizes."""

import numpy as np
import pytest

from personax_ml.independence import VariableSpec, encode, stratify
from personax_ml.independence.statistics.dcor import distance_correlation
from personax_ml.independence.strengths import Strength, strength
from personax_ml.independence.tables import Strata, crosstab, unconditional

ORDINAL = VariableSpec("ordinal", discrete=True)
TESTS = ("kci", "rcit", "hsic", "chi2")


def sample(n: int, slope: float, seed: int, given: bool = False) -> Strata:
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 3, n)
    trait = np.round(np.clip(2 + 0.6 * rng.normal(size=n), 1, 3) * 2) / 2
    y = np.round(3 * (slope * (trait - 2) + rng.normal(size=n)) + 2 * given * z)
    x, y_column = encode(trait, ORDINAL, "trait"), encode(y, VariableSpec("numeric"), "y")
    if given:
        return stratify(x, y_column, encode([f"s{i}" for i in z], None, "z"))
    return unconditional(crosstab(x, y_column))


def of(test: str, strata: Strata) -> Strength:
    found = strength(test, strata)
    assert found is not None
    return found


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("test", TESTS)
def test_the_error_is_the_spread_of_repeated_samples(test: str, given: bool) -> None:
    found = [of(test, sample(400, 0.8, seed, given)) for seed in range(120)]
    spread = np.std([s.value for s in found], ddof=1)
    stated = np.sqrt(np.mean([s.error**2 for s in found]))
    assert 0.8 < stated / spread < 1.3  # the spread itself is known to 6.5 %


@pytest.mark.parametrize("test", TESTS)
def test_at_independence_it_is_zero_on_average_and_the_error_holds(test: str) -> None:
    found = [of(test, sample(300, 0.0, seed)) for seed in range(150)]
    values = np.array([s.value for s in found])
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
    errors = np.array([s.error for s in found])
    assert 0.8 < np.sqrt((errors**2).mean()) / values.std() < 1.6  # rather too large
    assert (np.abs(values) < 1.96 * errors).mean() > 0.93


@pytest.mark.parametrize("test", ["hsic", "chi2"])
def test_few_people_do_not_make_a_dependence_look_stronger(test: str) -> None:
    few, many = (
        np.array([of(test, sample(n, 0.4, seed)).value for seed in range(100)]) for n in (150, 1500)
    )
    error = np.sqrt(few.var() / len(few) + many.var() / len(many))
    assert abs(few.mean() - many.mean()) < 4 * error + 0.05 * many.mean()


def test_the_strength_of_hsic_is_squared_distance_correlation_less_its_mean() -> None:
    strata = sample(20_000, 0.5, 0)
    assert of("hsic", strata).value == pytest.approx(distance_correlation(strata) ** 2, rel=0.02)


def test_neighbours_may_share_features_where_values_are_many() -> None:
    rng = np.random.default_rng(1)
    n = 1200
    trait = rng.integers(2, 7, n) / 2
    y = trait + rng.normal(size=n)
    x, column = encode(trait, ORDINAL, "trait"), encode(y, None, "y")
    fine = of("hsic", unconditional(crosstab(x, column)))
    coarse = of("hsic", unconditional(crosstab(x, encode(np.round(y, 1), None, "y"))))
    assert fine.value == pytest.approx(coarse.value, rel=0.02)
    assert fine.error == pytest.approx(coarse.error, rel=0.05)


def test_what_cannot_be_tested_has_no_strength() -> None:
    x, y = encode(np.ones(50), ORDINAL, "x"), encode(np.arange(50.0), None, "y")
    assert all(strength(test, unconditional(crosstab(x, y))) is None for test in TESTS)
