"""Random tables with given margins: the permutation distribution.

Belongs here: drawing tables. Does not belong here: statistics of them or p-values (`prepared`).
"""

from collections.abc import Iterator

import numpy as np

from personax_ml.independence.columns import FloatArray

_BATCH_CELLS = 1 << 20


def random_tables(
    x_counts: FloatArray, y_counts: FloatArray, draws: int, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Yield batches of tables with the given margins, drawn as by permuting one column.

    Patefield's (1981) algorithm if the table has few cells, else shuffled rows: time per draw is
    O(min(kx ky, n)) either way.

    Parameters
    ----------
    x_counts, y_counts : ndarray
        Margins, of the same sum.
    draws : int
        Number of tables over all batches.
    rng : numpy Generator
        Source of randomness.

    Yields
    ------
    ndarray, shape (b, kx, ky)
    """
    kx, ky = len(x_counts), len(y_counts)
    x_margin, y_margin = x_counts.astype(np.int64), y_counts.astype(np.int64)
    n = int(x_margin.sum())
    batch = max(1, min(draws, _BATCH_CELLS // max(kx * ky, n)))
    patefield = 3 * kx * ky < n
    if patefield:
        from scipy.stats import random_table

        law = random_table(x_margin, y_margin)
    rows = np.repeat(np.arange(kx) * ky, x_margin)
    cols = np.repeat(np.arange(ky), y_margin)
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        if patefield:
            tables = law.rvs(size, method="patefield", random_state=rng)
        else:
            keys = rng.permuted(np.broadcast_to(cols, (size, n)), axis=1)
            keys += rows + kx * ky * np.arange(size)[:, None]
            tables = np.bincount(keys.ravel(), minlength=size * kx * ky)
        yield tables.reshape(size, kx, ky).astype(float)
