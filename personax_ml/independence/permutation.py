"""Random tables with given margins: the permutation distribution, one draw for all tests.

Belongs here: drawing tables and turning statistics of them into p-values. Does not belong here:
the statistics.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from personax_ml.independence.columns import FloatArray
from personax_ml.independence.tables import Table

Statistic = Callable[[FloatArray], FloatArray]
"""From tables of shape (b, kx, ky) to b values."""

_BATCH_CELLS = 1 << 21


def random_tables(
    x_counts: FloatArray, y_counts: FloatArray, draws: int, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Yield batches of tables with the given margins, drawn as by permuting one column.

    Patefield's algorithm if the table has few cells, else shuffled rows: time per draw is
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
    n = int(x_counts.sum())
    batch = max(1, min(draws, _BATCH_CELLS // max(kx * ky, n)))
    patefield = 3 * kx * ky < n
    if patefield:
        from scipy.stats import random_table

        law = random_table(x_counts.astype(int), y_counts.astype(int))
    x_codes = np.repeat(np.arange(kx) * ky, x_counts.astype(int))
    y_codes = np.repeat(np.arange(ky), y_counts.astype(int))
    for start in range(0, draws, batch):
        size = min(batch, draws - start)
        if patefield:
            yield law.rvs(size, method="patefield", random_state=rng).reshape(size, kx, ky)
            continue
        shuffled = rng.permuted(np.broadcast_to(y_codes, (size, n)), axis=1)
        shuffled += x_codes + kx * ky * np.arange(size)[:, None]
        yield (
            np.bincount(shuffled.ravel(), minlength=size * kx * ky)
            .reshape(size, kx, ky)
            .astype(float)
        )


def permutation_p_values(
    table: Table, statistics: Mapping[str, Statistic], draws: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return (1 + number of random tables at least as extreme) / (1 + draws) per statistic.

    Parameters
    ----------
    table : Table
        The observed table.
    statistics : mapping of str to callable
        What to compute; large values speak against independence.
    draws : int
        Number of random tables, shared by all statistics.
    rng : numpy Generator
        Source of randomness.
    """
    observed = {name: f(table.counts[None])[0] for name, f in statistics.items()}
    extreme = dict.fromkeys(statistics, 0)
    for batch in random_tables(table.x_counts, table.y_counts, draws, rng):
        for name, f in statistics.items():
            tolerance = 1e-9 * max(abs(observed[name]), 1.0)
            extreme[name] += int((f(batch) >= observed[name] - tolerance).sum())
    return {name: (1 + count) / (1 + draws) for name, count in extreme.items()}
