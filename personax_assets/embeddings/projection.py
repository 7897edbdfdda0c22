"""Fixed random projections.

Belongs here: a projection matrix that is the same everywhere. Does not belong here: the features
that it is applied to (`pixels`, `ngrams`).
"""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def random_signs(name: str, rows: int, columns: int) -> NDArray[np.float32]:
    """Return a projection from `rows` features to `columns` that keeps distances.

    Its entries are plus or minus `1 / sqrt(columns)`. Signs do what Gaussian numbers do
    (D. Achlioptas, J. Comput. Syst. Sci. 66, 2003) and are exact: the raw words of Philox are
    guaranteed not to change (NEP 19), and no mathematical library has a part in them.

    Parameters
    ----------
    name : str
        Another name, another projection.
    rows, columns : int
        Its shape.
    """
    key = int.from_bytes(blake2b(name.encode(), digest_size=16).digest(), "little")
    words = np.random.Philox(key=key).random_raw(-(-rows * columns // 64))
    bits = np.unpackbits(words.astype("<u8").view(np.uint8), count=rows * columns)
    scale = np.float32(columns**-0.5)
    return np.where(bits.reshape(rows, columns) == 1, scale, -scale)
