"""The compressed forms against independent implementations on n x n matrices."""

import numpy as np
import pytest
from causallearn.utils.cit import CIT
from causallearn.utils.KCI.KCI import KCI_CInd, KCI_UInd
from causallearn.utils.RCIT.RCIT import RIT
from scipy.stats import chi2_contingency

from personax_ml.independence import chi2, crosstab, encode, gsq, hsic, kci
from personax_ml.independence.profiles import Kernels
from personax_ml.independence.statistics.rcit import normalised, prepare_rcit
from personax_ml.independence.tables import unconditional
from tests.personax_ml.independence.conftest import ordered
from tests.personax_ml.independence.peers import hsic_gamma

COLUMNS = ("binary", "month", "rounded", "continuous", "codes")


def make(column: str, n: int, rng: np.random.Generator, effect: float) -> tuple[np.ndarray, ...]:
    """A trait score and a column that depends on it."""
    latent = rng.normal(size=n)
    signal = effect * latent + rng.normal(size=n)
    y = {
        "binary": (signal > 1.2).astype(float),
        "month": np.floor(np.clip(6 + 2.5 * signal, 1, 12)),
        "rounded": np.round(185 + 8 * signal),
        "continuous": 30 * signal,
        "codes": np.floor(np.clip(3 + 2 * signal, 0, 6)),
    }[column]
    return ordered(latent), y


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("n", "effect"), [(150, 0.3), (600, 0.0), (1500, 0.1)])
def test_kci_is_causal_learns(column, n, effect):
    x, y = make(column, n, np.random.default_rng(n), effect)
    p, statistic = KCI_UInd().compute_pvalue(x[:, None], y[:, None])
    result = kci(x, y, profile="paper")
    assert result.statistic == pytest.approx(statistic, rel=1e-10)
    assert result.p_value == pytest.approx(p, abs=1e-10)


def test_kci_of_two_continuous_columns_is_causal_learns():
    rng = np.random.default_rng(1)
    x = rng.normal(size=900)
    y = 0.1 * x + rng.standard_t(3, size=900)
    p, statistic = KCI_UInd().compute_pvalue(x[:, None], y[:, None])
    result = kci(x, y, profile="paper")
    assert result.statistic == pytest.approx(statistic, rel=1e-10)
    assert result.p_value == pytest.approx(p, abs=1e-10)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    ("n", "effect"), [(150, 0.3), pytest.param(1000, 0.1, marks=pytest.mark.slow)]
)
def test_conditional_kci_is_causal_learns(column, n, effect):
    rng = np.random.default_rng(n)
    x, y = make(column, n, rng, effect)
    z = rng.integers(0, 7, n).astype(float)
    p, statistic = KCI_CInd().compute_pvalue(x[:, None], y[:, None], z[:, None])
    result = kci(x, y, z, profile="paper")
    assert result.statistic == pytest.approx(statistic, rel=1e-8)
    assert result.p_value == pytest.approx(p, abs=1e-8)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("n", "effect"), [(150, 0.3), (600, 0.0), (1500, 0.1)])
def test_hsic_is_the_formula_in_double_precision(column, n, effect):
    x, y = make(column, n, np.random.default_rng(n), effect)
    statistic, p = hsic_gamma(x, y)
    result = hsic(x, y, profile="paper")
    assert result.statistic == pytest.approx(statistic, rel=1e-9)
    assert result.p_value == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("column", ["binary", "month", "rounded"])
def test_hsic_is_close_to_the_formula_in_single_precision(column):
    x, y = make(column, 600, np.random.default_rng(2), 0.1)
    _, p = hsic_gamma(x, y, np.float32)
    assert hsic(x, y, profile="paper").p_value == pytest.approx(p, abs=5e-3)


def test_hsic_of_two_continuous_columns_is_the_formula():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=700), rng.normal(size=700)
    statistic, p = hsic_gamma(x, y)
    result = hsic(x, y, profile="paper")
    assert result.statistic == pytest.approx(statistic, rel=1e-9)
    assert result.p_value == pytest.approx(p, abs=1e-9)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(("n", "effect"), [(150, 0.5), (1500, 0.0)])
def test_chi2_and_gsq_are_scipys_and_causal_learns(column, n, effect):
    x, y = make(column, n, np.random.default_rng(n), effect)
    table = crosstab(encode(x), encode(y)).counts
    for test, method, power in ((chi2, "chisq", "pearson"), (gsq, "gsq", "log-likelihood")):
        result = test(x, y, profile="paper")
        expected = chi2_contingency(table, correction=False, lambda_=power)
        assert result.statistic == pytest.approx(expected.statistic, rel=1e-12)
        assert result.p_value == pytest.approx(expected.pvalue, abs=1e-12)
        peer = CIT(np.column_stack((x, y)), method)(0, 1)
        assert result.p_value == pytest.approx(peer, abs=1e-12)


@pytest.mark.parametrize("column", ["binary", "month", "codes"])
def test_chi2_and_gsq_given_a_variable_are_causal_learns(column):
    rng = np.random.default_rng(9)
    x, y = make(column, 800, rng, 0.1)
    z = rng.integers(0, 3, 800).astype(float)
    for test, method in ((chi2, "chisq"), (gsq, "gsq")):
        peer = CIT(np.column_stack((x, y, z)), method)(0, 1, [2])
        assert test(x, y, z, profile="paper").p_value == pytest.approx(peer, abs=1e-12)


@pytest.mark.parametrize("column", COLUMNS)
def test_rit_with_causal_learns_features_is_causal_learns(column, monkeypatch):
    x, y = make(column, 450, np.random.default_rng(8), 0.1)
    drawn = []

    def recording(self, data, *args, **kwargs):
        features = original(self, data, *args, **kwargs)
        drawn.append(features)
        return features

    original = RIT.random_fourier_features
    monkeypatch.setattr(RIT, "random_fourier_features", recording)
    np.random.seed(0)  # noqa: NPY002 (the peer draws from the global state)
    p, statistic = RIT(approx="hbe").compute_pvalue(x[:, None], y[:, None])
    table = crosstab(encode(x), encode(y))
    features = []
    for values, axis, counts, raw in (
        (x, table.x, table.x_counts, drawn[0]),
        (y, table.y, table.y_counts, drawn[1]),
    ):
        first_row = np.array([np.flatnonzero(values == v)[0] for v in axis.values])
        features.append(normalised(raw[first_row], counts))
    prepared = prepare_rcit(unconditional(table), "paper", 0, Kernels(), (features[0], features[1]))
    result = prepared.result(450)
    assert result.statistic == pytest.approx(statistic, rel=1e-10)
    assert result.p_value == pytest.approx(p, abs=1e-10)
