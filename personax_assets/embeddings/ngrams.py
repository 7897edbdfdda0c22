"""The embedded text encoder: hashed words and letter groups, no weights.

Belongs here: features of a text. Does not belong here: masking names (`masking`), which comes
before every encoder.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from personax_assets.embeddings.projection import random_signs

_BUCKETS = 2**15
_WORD = re.compile(r"\w+")

_WORDS, _PAIRS, _GROUPS = 1.0, 0.3, 0.2
"""Weights: pairs of words know a negation, groups of letters know a stem."""

_GROUP_LENGTH = 4


class NgramEncoder:
    """Hashed words, word pairs and letter groups, projected at random.

    The features of a text are scaled to length one (square roots of counts, so that repetition
    counts less and less); after the projection its length is about one. A text without a word is
    zero.
    """

    name = "ngrams"
    version = "1"
    dim = 256
    modality = "text"

    def embed(self, batch: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts.

        Returns
        -------
        array of shape (len(batch), dim)
            A row does not depend on the rest of the batch.
        """
        rows = [self._embedded(text) for text in batch]
        return np.array(rows, dtype=np.float32).reshape(len(batch), self.dim)

    @cached_property
    def _projection(self) -> NDArray[np.float32]:
        return random_signs(f"{self.name} {self.version}", _BUCKETS, self.dim)

    def _embedded(self, text: str) -> NDArray[np.float32]:
        buckets, values = _features(text)
        return values @ self._projection[buckets]


def _features(text: str) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the buckets that a text falls into, and how much; the values have length one."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    line = f" {' '.join(words)} "
    features = (
        ("w", _WORDS, words),
        ("p", _PAIRS, (f"{a} {b}" for a, b in pairwise(words))),
        ("g", _GROUPS, (line[i : i + _GROUP_LENGTH] for i in range(len(line) - _GROUP_LENGTH + 1))),
    )
    buckets, values = [], []
    for kind, weight, found in features:
        counts = Counter(found)
        buckets += [crc32(f"{kind}{feature}".encode()) % _BUCKETS for feature in counts]
        values += [weight * count**0.5 for count in counts.values()]
    vector = np.array(values, dtype=np.float32)
    length = np.linalg.norm(vector)
    return np.array(buckets, dtype=np.intp), vector / length if words else vector
