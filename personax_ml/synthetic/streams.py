"""Named streams of random numbers.

Belongs here: turning a name (seed, dataset, variable, ...) into numbers that are the same on
every machine. Does not belong here: what the numbers are used for.

Every quantity has a stream of its own, so adding one leaves all others as they were, and the
numbers of the first n people do not depend on how many follow. The raw words of Philox are
guaranteed not to change between NumPy versions (NEP 19), unlike the methods of `Generator`.
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _philox(*name: str | int) -> np.random.Philox:
    label = "/".join(map(str, name)).encode()
    return np.random.Philox(key=int.from_bytes(blake2b(label, digest_size=16).digest(), "little"))


def uniforms(*name: str | int, count: int) -> Floats:
    """Return `count` numbers of the named stream, uniform on (0, 1)."""
    words = _philox(*name).random_raw(count)
    return ((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normals(*name: str | int, count: int) -> Floats:
    """Return `count` standard normal numbers of the named stream (Box and Muller's method)."""
    pairs = uniforms(*name, count=2 * count).reshape(count, 2)
    radius = np.sqrt(-2.0 * np.log(pairs[:, 0]))
    return np.asarray(radius * np.cos(2.0 * np.pi * pairs[:, 1]))


def person_seed(seed: int, source_id: str) -> int:
    """Return the seed of one person, for portraits and raters alike."""
    return int.from_bytes(blake2b(f"{seed}/{source_id}".encode(), digest_size=7).digest(), "little")


def noise_bytes(*name: str | int, count: int) -> NDArray[np.int16]:
    """Return `count` small integers of the named stream: four fair coins each, less two."""
    words = _philox(*name).random_raw(-(-count // 8))
    coins = words.astype("<u8").view(np.uint8)[:count] & 0x0F
    heads: NDArray[np.int16] = np.bitwise_count(coins).astype(np.int16)
    return heads - 2
