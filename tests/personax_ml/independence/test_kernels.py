"""Compressed kernels against n x n matrices of rows."""

import numpy as np
import pytest

from personax_ml.independence import VariableSpec
from personax_ml.independence.columns import Axis
from personax_ml.independence.fourier import FourierKernel
from personax_ml.independence.kernels import DeltaKernel, DenseKernel
from personax_ml.independence.profiles import choose_shape, median_distance
from personax_ml.independence.shapes import Shape

SHAPES = {
    "gaussian": Shape("gaussian", (0.3,)),
    "multiscale": Shape("gaussian", (0.2, 0.9), (0.7, 0.3)),
    "circular": Shape("circular", (0.4, 1.3), (0.5, 0.5), period=7.0),
    "delta": Shape("delta"),
}


def column(outliers: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct values, their counts, and a table of them with another column."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(0, 7, 260))
    if outliers:
        x[-3:] = 1e3, 1e6, 1e6 + 0.1
    table = (rng.random((260, 5)) < 0.3).astype(float)
    table[:, 0] += 1
    return x, table.sum(axis=1), table


def rows_of(matrix: np.ndarray, counts: np.ndarray) -> np.ndarray:
    at = np.repeat(np.arange(len(counts)), counts.astype(int))
    return matrix[np.ix_(at, at)]


def matrix_of(shape: Shape, x: np.ndarray) -> np.ndarray:
    if shape.family == "delta":
        return np.eye(len(x))
    distances = np.subtract.outer(x, x)
    if shape.period is not None:
        distances = 2 * np.sin(np.pi * distances / shape.period)
    return sum(
        share * np.exp(-(distances**2) / (2 * w**2))
        for share, w in zip(shape.shares, shape.widths, strict=True)
    )


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("max_dense", [10, 10_000])
@pytest.mark.parametrize("outliers", [False, True])
def test_every_form_of_a_kernel_is_the_centred_matrix_of_the_rows(name, max_dense, outliers):
    if outliers and name == "circular":
        pytest.skip("a circle has no outliers")
    shape = SHAPES[name]
    x, counts, table = column(outliers)
    kernel = shape.on(x, counts, max_dense)
    expected_type = (
        DeltaKernel if name == "delta" else FourierKernel if max_dense == 10 else DenseKernel
    )
    if not (outliers and name == "multiscale"):  # the matrix is smaller than the series
        assert isinstance(kernel, expected_type)
    full = rows_of(matrix_of(shape, x), counts)
    n = len(full)
    centring = np.eye(n) - 1 / n
    centred = centring @ full @ centring
    assert kernel.trace == pytest.approx(np.trace(centred), rel=1e-12)
    assert kernel.frobenius == pytest.approx((centred**2).sum(), rel=1e-11)
    assert kernel.squared_diagonal == pytest.approx((np.diag(centred) ** 2).sum(), rel=1e-11)
    assert kernel.mean == pytest.approx(full.mean(), rel=1e-12)

    members = np.zeros((n, 5))
    starts = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(int)
    for value, start in enumerate(starts):
        groups = np.repeat(np.arange(5), table[value].astype(int))
        members[start + np.arange(len(groups)), groups] = 1
    scale = np.abs(members.T @ centred @ members).max()
    assert np.allclose(
        kernel.centred_between(table), members.T @ centred @ members, atol=1e-12 * scale
    )
    assert np.allclose(
        kernel.centred_squared_between(table), members.T @ centred**2 @ members, rtol=1e-10
    )
    eigenvalues = np.linalg.eigvalsh(centred)[::-1]
    spectrum = kernel.spectrum
    assert np.allclose(spectrum, eigenvalues[: len(spectrum)], atol=1e-9)
    assert np.abs(eigenvalues[len(spectrum) :]).max(initial=0) < 1e-9
    features = kernel.features()
    at = np.repeat(np.arange(len(counts)), counts.astype(int))
    assert np.allclose((features @ features.T)[np.ix_(at, at)], centred, atol=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "multiscale", "circular"])
def test_the_stated_error_bound_of_the_series_holds(name):
    x, counts, _ = column()
    kernel = SHAPES[name].on(x, counts, max_dense=10)
    entries = kernel.between(np.eye(260)[:, :50], np.eye(260))
    worst = np.abs(entries - matrix_of(SHAPES[name], x)[:50]).max()
    assert worst <= kernel.error_bound + 2e-14  # rounding of a sum of 50 to 200 terms


def test_a_long_column_is_read_in_chunks(monkeypatch):
    x, counts, table = column()
    whole = SHAPES["gaussian"].on(x, counts, max_dense=10)
    expected = whole.centred_squared_between(table), whole.spectrum
    monkeypatch.setattr("personax_ml.independence.fourier._CHUNK", 64)
    chunked = SHAPES["gaussian"].on(x, counts, max_dense=10)
    assert np.allclose(chunked.centred_squared_between(table), expected[0], rtol=1e-12)
    assert np.allclose(chunked.spectrum, expected[1], atol=1e-9)


def test_the_median_distance_is_that_of_all_pairs_of_different_rows():
    rng = np.random.default_rng(1)
    values = np.sort(rng.choice(rng.normal(size=30), 200))
    x, counts = np.unique(values, return_counts=True)
    pairs = np.abs(np.subtract.outer(values, values))
    assert median_distance(x, counts.astype(float)) == np.median(pairs[pairs > 0])


def test_the_recommended_profile_chooses_by_kind():
    x, counts = np.arange(5.0), np.array([3.0, 9, 20, 9, 3])
    families = {
        kind: choose_shape("multiscale", Axis("v", VariableSpec(kind, period=period), x), counts)
        for kind, period in (
            ("numeric", None),
            ("ordinal", None),
            ("nominal", None),
            ("binary", None),
            ("circular", 12.0),
        )
    }
    assert [shape.family for shape in families.values()] == [
        "gaussian",
        "gaussian",
        "delta",
        "delta",
        "circular",
    ]
    shape = families["numeric"]
    assert sum(shape.shares) == pytest.approx(1)
    parts = [
        share * Shape("gaussian", (width,)).on(x, counts).trace
        for share, width in zip(shape.shares, shape.widths, strict=True)
    ]
    assert parts == pytest.approx([parts[0]] * 3)
