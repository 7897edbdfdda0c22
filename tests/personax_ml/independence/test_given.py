"""Tests given a variable, by the recommended profile."""

import numpy as np
import polars as pl
import pytest

from personax_ml.independence import VariableSpec, independence_grid, independence_tests, kci
from tests.personax_ml.independence.conftest import KINDS, ordered

ALL = ("kci", "rcit", "hsic", "chi2", "gsq", "dcor")


def confounded(n: int, seed: int, direct: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A trait and a height that both depend on the league; the trait on the height by `direct`."""
    rng = np.random.default_rng(seed)
    league = rng.integers(0, 7, n)
    height = np.round(180 + 6 * league + 5 * rng.normal(size=n))
    latent = 0.4 * (league - 3) + direct * (height - 180 - 6 * league) / 5 + rng.normal(size=n)
    return ordered(latent), height, [f"league {i}" for i in league]


@pytest.mark.parametrize("null", ["analytic", "permutation"])
def test_a_confounded_pair_depends_marginally_and_not_given_the_confounder(null):
    x, y, z = confounded(1500, 0, 0.0)
    marginal = independence_tests(x, y, tests=ALL, null=null)
    conditional = independence_tests(x, y, z, tests=ALL, null=null)
    for name in ALL:
        assert marginal[name].p_value < 0.01
        if name in ("kci", "rcit", "hsic", "dcor") or null == "permutation":
            assert conditional[name].p_value > 0.01
        assert conditional[name].effect_size < marginal[name].effect_size


def test_a_direct_dependence_remains_given_the_confounder():
    x, y, z = confounded(1500, 1, 0.4)
    for result in independence_tests(x, y, z, tests=ALL, null="auto").values():
        assert result.p_value < 0.005


def test_one_stratum_is_no_condition():
    x, y, _ = confounded(500, 2, 0.1)
    plain = independence_tests(x, y, tests=ALL)
    given = independence_tests(x, y, ["all"] * 500, tests=ALL)
    for name in ALL:
        if name != "hsic":  # given a variable it drops the features of least variance
            assert given[name].p_value == pytest.approx(plain[name].p_value, rel=1e-9)
        assert given[name].statistic == pytest.approx(plain[name].statistic, rel=1e-3)


def test_kci_given_a_variable_is_the_sum_of_block_centred_kernels():
    x, y, z = confounded(300, 3, 0.1)
    codes = np.array([int(label[-1]) for label in z])
    spec = VariableSpec("nominal", discrete=True)
    labels = [f"{v:.1f}" for v in x], [f"{v:.0f}" for v in y]
    result = kci(labels[0], labels[1], z, x_spec=spec, y_spec=spec)
    same_stratum = codes[:, None] == codes[None, :]
    project = np.eye(300) - same_stratum / same_stratum.sum(axis=0)
    residual = [
        project @ ((v[:, None] == v[None, :]) & same_stratum).astype(float) @ project
        for v in (x, y)
    ]
    assert result.statistic == pytest.approx((residual[0] * residual[1]).sum(), rel=1e-10)


def test_no_variation_within_strata_is_a_status():
    x, y, _ = confounded(300, 4, 0.0)
    result = kci(x, y, [f"{v}" for v in x])
    assert result.status == "constant_within_strata"
    assert result.p_value is None


def test_the_grid_conditions_and_leaves_out_what_does_not_exist(cohort):
    scores, variables = cohort
    grid = independence_grid(scores, variables, KINDS, seed=0, given=(None, "league"))
    given = grid.filter(pl.col("given") == "league")
    assert "league" not in given["variable"].to_list()
    assert set(given.filter(pl.col("profile") == "paper")["test"]) == {"kci", "chi2", "gsq"}
    assert set(given.filter(pl.col("profile") == "recommended")["test"]) == {
        "kci",
        "rcit",
        "hsic",
        "chi2",
        "gsq",
    }
    assert (grid["status"] == "ok").all()
    marginal = grid.filter(pl.col("given").is_null())
    assert marginal.equals(independence_grid(scores, variables, KINDS, seed=0))


def test_a_continuous_condition_is_refused(cohort):
    with pytest.raises(ValueError, match="height_cm is not among the discrete"):
        independence_grid(*cohort, KINDS, seed=0, given=("height_cm",))
