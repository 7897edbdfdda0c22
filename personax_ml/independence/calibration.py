"""Are the tests calibrated on these very tables? What they say of permuted columns tells.

Belongs here: counting rejections of permuted tables and judging their rate. Does not belong here:
the benchmark over many kinds of columns (`tests.benchmarks.calibration`).
"""

import zlib
from collections.abc import Sequence

import numpy as np

from personax_ml.independence.columns import ColumnError
from personax_ml.independence.prepared import draw_statistics
from personax_ml.independence.profiles import Kernels, Profile
from personax_ml.independence.run import prepare, untestable, uses_permutation
from personax_ml.independence.tables import Strata

LEVEL = 0.05
TOLERANCE = 0.2
"""Relative deviation from the level that is still called nominal."""


def rejections(
    strata: Strata,
    tests: Sequence[str],
    profile: Profile = "recommended",
    *,
    draws: int,
    seed: int,
    level: float = LEVEL,
    kernels: Kernels | None = None,
) -> dict[str, int]:
    """Permute y within strata and count how often each test rejects.

    Kernels and nulls depend on the margins alone, which permuting leaves as they are: they are
    set up once for all draws.

    Parameters
    ----------
    strata : Strata
        The table, split by the condition if there is one.
    tests : sequence of str
        Names of tests.
    profile : {"recommended", "paper"}
        Kernels and nulls.
    draws : int
        Number of permutations.
    seed : int
        Their seed.
    level : float
        The test rejects if p is not larger.
    kernels : Kernels, optional
        Memory of kernels that other tables share.

    Returns
    -------
    dict of str to int
        Rejections by test. Tests that cannot be made, and those whose null is itself drawn from
        permutations and so is right by construction, are left out.
    """
    if untestable(strata) is not None:
        return {}
    kernels = kernels or Kernels()
    ready = []
    for test in tests:
        try:
            prepared = prepare(test, strata, profile, seed, kernels)
            if not uses_permutation(prepared, strata, profile, "auto"):
                ready.append((prepared, prepared.resampling()))
        except ColumnError:
            continue
    names = f"permuted|{strata.pooled.x.name}|{strata.pooled.y.name}"
    rng = np.random.default_rng([seed, zlib.crc32(names.encode())])
    how = {test.name: resampling for test, resampling in ready}
    drawn = draw_statistics(strata.informative, how, draws, rng)
    return {
        test.name: int((test.log_sf(drawn[test.name]) <= np.log(level)).sum()) for test, _ in ready
    }


def plausible_rate(rejected: int, draws: int, level: float = LEVEL, error: float = 1e-3) -> bool:
    """Tell whether rejections agree with a rate within 20 % of the level.

    Agree means: Clopper and Pearson's interval of coverage 1 - `error` reaches into that range.
    """
    from scipy.special import betaincinv

    low, high = level * (1 - TOLERANCE), level * (1 + TOLERANCE)
    lower = betaincinv(rejected, draws - rejected + 1, error / 2) if rejected else 0.0
    upper = betaincinv(rejected + 1, draws - rejected, 1 - error / 2) if rejected < draws else 1.0
    return bool(lower <= high and upper >= low)
