"""Distance correlation on tables against its definition and against the package `dcor`."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from personax_ml.independence import VariableSpec, dcor
from tests.personax_ml.independence.test_agreement import COLUMNS, make

CovarianceSquared = Callable[[np.ndarray, np.ndarray], float]


def by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Squared distance covariance from n x n matrices (Szekely et al. 2007, eq. 2.8)."""
    centred = []
    for points in (x, y):
        distances = cdist(points.reshape(len(points), -1), points.reshape(len(points), -1))
        rows = distances.mean(axis=1, keepdims=True)
        centred.append(distances - rows - rows.T + distances.mean())
    return float((centred[0] * centred[1]).mean())


def by_package(x: np.ndarray, y: np.ndarray) -> float:
    import dcor as peer  # compiles for most of a minute when first imported: slow tests only

    return float(peer.distance_covariance_sqr(np.asarray(x, float), y))


PEERS = [
    pytest.param(by_definition, id="definition"),
    pytest.param(by_package, id="package", marks=pytest.mark.slow),
]


def correlation(squared: CovarianceSquared, x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(squared(x, y) / np.sqrt(squared(x, x) * squared(y, y))))


@pytest.mark.parametrize("squared", PEERS)
@pytest.mark.parametrize("column", COLUMNS)
def test_a_table_gives_the_distance_correlation_of_its_rows(column, squared):
    x, y = make(column, 500, np.random.default_rng(4), 0.1)
    result = dcor(x, y)
    assert result.effect_size == pytest.approx(correlation(squared, x, y), abs=1e-9)
    assert result.statistic == pytest.approx(500 * squared(x, y), rel=1e-9)


@pytest.mark.parametrize("squared", PEERS)
def test_nominal_and_circular_columns_are_points(squared):
    rng = np.random.default_rng(6)
    x = rng.integers(0, 5, 400)
    y = rng.normal(size=400) + 0.1 * x
    nominal = dcor([f"c{i}" for i in x], y).effect_size
    points = np.eye(5)[x] / np.sqrt(2)  # distance 1 between any two
    assert nominal == pytest.approx(correlation(squared, points, y), abs=1e-9)
    circle = np.column_stack((np.cos(2 * np.pi * x / 5), np.sin(2 * np.pi * x / 5)))
    spec = VariableSpec("circular", discrete=True, period=5)
    expected = correlation(squared, circle, y)
    assert dcor(x, y, x_spec=spec).effect_size == pytest.approx(expected, abs=1e-9)
