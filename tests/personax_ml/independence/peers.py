"""What a package that is not on the index computes, from its description."""

import numpy as np
from scipy.special import gdtr


def hsic_gamma(x: np.ndarray, y: np.ndarray, dtype: type = np.float64) -> tuple[float, float]:
    """HSIC with a gamma null, theorems 1, 3 and 4 of Gretton et al. (2008), on n x n matrices.

    The settings are conditional_independence's: kernel exp(-d^2). With `dtype` float32 the
    product in the expansion of the squared distance is rounded as that package rounds it.
    """
    n = len(x)

    def kernel(v):
        product = np.multiply.outer(v.astype(dtype), v.astype(dtype)).astype(float)
        return np.exp(2 * product - v[:, None] ** 2 - v[None, :] ** 2)

    def centred(k):
        return k - k.mean(0) - k.mean(1)[:, None] + k.mean()

    kernels = kernel(x), kernel(y)
    mu_x, mu_y = ((k.sum() - k.trace()) / (n * (n - 1)) for k in kernels)
    product = centred(kernels[0]) * centred(kernels[1])
    squares = (product**2).sum() - (np.diag(product) ** 2).sum()
    mean = (1 + mu_x * mu_y - mu_x - mu_y) / n
    variance = 2 * (n - 4) * (n - 5) / (n * (n - 1) * (n - 2) * (n - 3)) * squares / n**2
    statistic = product.sum() / n**2
    return statistic, 1 - gdtr(mean / variance, mean**2 / variance, statistic)
