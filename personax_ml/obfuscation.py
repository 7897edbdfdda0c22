"""Obfuscation of embeddings: truncation, noise and a secret rotation.

Belongs here: the transformation. Does not belong here: attacks on it, or whether it is enough.

It is not anonymisation. A rotation alone is undone with as many known pairs as there are
dimensions, and often with none; what slows an attacker down is the truncation and the noise, and
both cost utility.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def obfuscate(
    embeddings: ArrayLike,
    *,
    dimensions: int,
    noise: float,
    generator: np.random.Generator,
    whiten: bool = True,
) -> Floats:
    """Truncate, add noise and rotate.

    Parameters
    ----------
    embeddings : array (n, p)
        One row per person.
    dimensions : int
        Principal components kept; at most as many as there are.
    noise : float
        Standard deviation of the Gaussian noise, in units of that of the (whitened) signal.
    generator : Generator
        Source of noise and rotation; whoever knows its seed can undo the rotation.
    whiten : bool
        Give every component the same spread, so that none gives its direction away by it.

    Returns
    -------
    array (n, d)
        Every direction has a spread of about one if whitened.

    Notes
    -----
    The rotation is uniform over the orthogonal group (Stewart, SIAM J. Numer. Anal. 17, 1980).
    """
    x = np.asarray(embeddings, np.float64)
    if not np.isfinite(x).all():
        raise ValueError("embeddings: not finite; leave out rows without an embedding")
    left, singular, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    d = min(dimensions, int((singular > 1e-9 * singular[0]).sum()) if len(singular) else 0)
    if d < 1:
        raise ValueError("embeddings: all rows are the same; there is nothing to release")
    scale = np.ones(d) if whiten else singular[:d] / np.sqrt((singular[:d] ** 2).mean())
    signal = left[:, :d] * np.sqrt(len(x)) * scale
    noisy = (signal + noise * generator.standard_normal(signal.shape)) / np.sqrt(1 + noise**2)
    q, r = np.linalg.qr(generator.standard_normal((d, d)))
    return np.asarray(noisy @ (q * np.sign(np.diag(r))))
