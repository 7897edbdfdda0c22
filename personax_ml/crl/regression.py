"""A nonlinear regression that needs no tuning by hand.

Belongs here: kernel ridge regression on Nystroem features, bandwidth and penalty chosen by
leave-one-out error on the rows it is fitted on. Does not belong here: what is regressed on what.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from personax_ml.crl.reduction import Measurements, Reduction, observed_rows

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CENTRES = 300
_BANDWIDTHS = (0.5, 1.0, 2.0, 4.0)  # in units of the root of the number of inputs
_PENALTIES = 10.0 ** np.arange(-6.0, 3.0)  # in units of the number of rows
_RANK_TOLERANCE = 1e-10


def predict_held_out(
    inputs: ArrayLike, targets: ArrayLike, held_out: ArrayLike, random_state: int = 0
) -> Floats:
    """Fit targets on inputs, tune on the same rows, and predict for held-out inputs.

    The inputs are standardised, so the result depends neither on their scale nor on their sign.

    Parameters
    ----------
    inputs : array (n, p)
        Rows to fit on.
    targets : array (n, q)
        What to predict; each target gets a bandwidth and a penalty of its own.
    held_out : array (m, p)
        Rows to predict for.
    random_state : int
        Seed of the choice of centres.

    Returns
    -------
    array (m, q)
        Predictions.
    """
    x, y = np.asarray(inputs, np.float64), np.asarray(targets, np.float64)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    varies = scale > 1e-9 * np.abs(mean)
    fitted, queried = (
        (rows[:, varies] - mean[varies]) / scale[varies]
        for rows in (x, np.asarray(held_out, np.float64))
    )
    offset = y.mean(axis=0)
    predictions = np.tile(offset, (len(queried), 1))
    if not varies.any():
        return predictions
    chosen = np.random.default_rng(random_state).permutation(len(x))[:_CENTRES]
    best = np.full(y.shape[1], np.inf)
    for bandwidth in _BANDWIDTHS:
        width = bandwidth * np.sqrt(varies.sum())
        phi = kernel_features(fitted, fitted[chosen], width)
        centre = phi.mean(axis=0)
        values, vectors = np.linalg.eigh((phi - centre).T @ (phi - centre))
        kept = values > _RANK_TOLERANCE * values[-1]
        values, vectors = values[kept], vectors[:, kept]
        scores = (phi - centre) @ vectors / np.sqrt(values)
        projected = scores.T @ (y - offset)
        query = (
            (kernel_features(queried, fitted[chosen], width) - centre) @ vectors / np.sqrt(values)
        )
        for penalty in _PENALTIES * len(x):
            shrink = values / (values + penalty)
            leverage = scores**2 @ shrink + 1 / len(x)
            residual = y - offset - scores @ (shrink[:, None] * projected)
            error = ((residual / (1 - leverage)[:, None]) ** 2).mean(axis=0)
            better = error < best
            best[better] = error[better]
            predictions[:, better] = offset[better] + query @ (
                shrink[:, None] * projected[:, better]
            )
    return predictions


def supervised_held_out(
    measurements: Measurements,
    truth: Floats,
    train: Bools,
    test: Bools,
    components: int = 64,
    random_state: int = 0,
) -> Floats:
    """Learn true latents from the measurements themselves; correlate on test rows.

    What the measurements hold, and so the ceiling of every method that is not told the truth.

    Parameters
    ----------
    measurements : mapping
        Measurements; a row of NaN is a missing one and counts as the mean.
    truth : array (n, q)
        True latents.
    train, test : bool array (n,)
        Rows to fit and to score on.
    components : int
        Principal components of each measurement that the regression sees.
    random_state : int
        Seed of components and regression.

    Returns
    -------
    array (q,)
        Correlations of prediction and truth.
    """
    rng = np.random.default_rng(random_state)
    x = np.hstack([
        Reduction.fit(values[train], components, rng).apply(values)
        for values in measurements.values()
        if observed_rows(values[train]).any()
    ])  # fmt: skip
    predicted = predict_held_out(x[train], truth[train], x[test], random_state)
    pairs = zip(predicted.T, truth[test].T, strict=True)
    return np.array([np.corrcoef(guess, true)[0, 1] for guess, true in pairs])


def kernel_features(x: Floats, centres: Floats, width: float) -> Floats:
    """Return the inputs beside their Gaussian kernel with the centres."""
    squared = (x**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * x @ centres.T
    features: Floats = np.hstack([x, np.exp(-np.maximum(squared, 0) / (2 * width**2))])
    return features
