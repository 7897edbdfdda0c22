"""Names of people who do not exist.

Belongs here: the invented lexicon and the rule that gives person i a name nobody else has.
"""

from math import gcd

from personax_ml.synthetic.streams import uniforms

_FIRST = (
    "Aulv Bral Cael Dovr Elz Fenr Gald Hesk Ilv Jorv Kest Lum Mirr Nolv Orv Pell Quen Rusk Sev "
    "Tarv Ulm Vexl Wynd Yorl Zell",
    "a adi an eko en eth evi ian imar in ion ira is o ola olen or urin yn éa",
)
_LAST = (
    "Abren Askel Balm Bront Cald Corv Dask Drell Eldr Estav Falk Ferr Garn Gild Hald Hast Imb "
    "Istr Jarl Keld Korv Luhd Lask Marv Mold Narv Norr Oldr Ost Pald Prask Quill Rend Rolv Sask "
    "Skel Tald Torv Ulv Urs Vald Vorn Weld Wrann Yard Ystr Zand Zorv",
    "ane ardt asco aught beck by dine ellis emont enko esh eva gard iades ika ington issen ley "
    "mere mond nau oğlu ora oski ova quist rath sen stad strøm thal var wick yani",
)


def _lexicon(stems: str, endings: str) -> tuple[str, ...]:
    return tuple(stem + ending for stem in stems.split() for ending in endings.split())


_FIRST_NAMES, _LAST_NAMES = _lexicon(*_FIRST), _lexicon(*_LAST)

CAPACITY = len(_FIRST_NAMES) * len(_LAST_NAMES) // 2
"""Number of distinct names in each of the two sub-datasets."""


def names(seed: int, half: int, count: int) -> list[str]:
    """Return the names of the first `count` people.

    Person i gets number `a i + b` modulo the capacity, `a` prime to it: a permutation, so names
    are unique without knowing the others, and the smaller cohort is a prefix of the larger one.

    Parameters
    ----------
    seed : int
        Seed of the cohort.
    half : {0, 1}
        Which half of the lexicon; the two sub-datasets share no name.
    count : int
        Number of people, at most `CAPACITY`.
    """
    if count > CAPACITY:
        raise ValueError(f"n is {count}: the lexicon holds {CAPACITY} names; ask for fewer people")
    draws = uniforms(seed, "names", half, count=2)
    step, start = (int(draw * CAPACITY) for draw in draws)
    while gcd(step, CAPACITY) != 1:
        step += 1
    return [_name(2 * ((step * i + start) % CAPACITY) + half) for i in range(count)]


def _name(number: int) -> str:
    last, first = divmod(number, len(_FIRST_NAMES))
    # Both halves of the lexicon use every first name: odd rows of the table start one later.
    return f"{_FIRST_NAMES[(first + last) % len(_FIRST_NAMES)]} {_LAST_NAMES[last]}"
