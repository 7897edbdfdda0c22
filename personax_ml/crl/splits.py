"""Who is trained on, who selects, who is tested on.

Belongs here: splits that depend on the person alone, so that a person never moves between parts
when others come or go. Does not belong here: what is done with the parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Row masks of the three parts; every row is in exactly one.

    Parameters
    ----------
    train : bool array
        Rows that parameters are fitted on.
    select : bool array
        Rows that choose: early stopping, hyperparameters.
    test : bool array
        Rows that are touched once, for the score.
    """

    train: NDArray[np.bool_]
    select: NDArray[np.bool_]
    test: NDArray[np.bool_]


def three_way_split(
    person_ids: Sequence[str], select: float = 0.15, test: float = 0.15, salt: str = "crl"
) -> Split:
    """Split people by a hash of their id.

    Parameters
    ----------
    person_ids : sequence of str
        One id per row; the same id always lands in the same part.
    select, test : float
        Expected shares.
    salt : str
        Another salt gives another, equally stable split.

    Returns
    -------
    Split
        Row masks.
    """
    if min(select, test) <= 0 or select + test >= 1:
        raise ValueError(f"select is {select}, test is {test}: both positive, together below 1")
    position = np.array([_unit_interval(f"{salt}/{person}") for person in person_ids])
    in_test = position < test
    in_select = (position >= test) & (position < test + select)
    return Split(train=~(in_test | in_select), select=in_select, test=in_test)


def _unit_interval(text: str) -> float:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
