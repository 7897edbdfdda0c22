"""Masking a person's name before a text is embedded.

Belongs here: finding a name in a text. An embedding must tell what is said, not about whom.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

MASK = "someone"
"""Stands in the place of a name."""

_PARTICLES = {
    *("al", "and", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos"),
    *("du", "el", "ibn", "ii", "iii", "iv", "jr", "la", "le", "los", "mac", "mc", "of", "san"),
    *("sr", "st", "ten", "ter", "the", "van", "von", "y", "zu"),
}
"""Parts of names that are words of their own: masked beside another part only."""

_WORD = re.compile(r"\w+")
_BETWEEN = re.compile(r"[\s.,'’‘-]{1,3}")
"""What may stand between two parts of one name."""

_UNDECOMPOSED = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe"}
)
"""Letters that Unicode does not split into a base and an accent, as they are written without."""

_POSSESSIVE = re.compile(r"(['’])s\b", re.IGNORECASE)


class _Name(NamedTuple):
    """The parts of a name, folded.

    Parameters
    ----------
    certain : frozenset of str
        Parts that give the person away wherever they stand.
    short : frozenset of str
        Parts of two letters: masked where they are written with a capital.
    beside : frozenset of str
        Particles and initials: masked beside another part.
    unspaced : tuple of str
        Parts in scripts without capitals, which do not reliably part words: masked anywhere.
    """

    certain: frozenset[str]
    short: frozenset[str]
    beside: frozenset[str]
    unspaced: tuple[str, ...]


def mask_name(text: str, name: str) -> str:
    """Replace a person's name by a neutral word.

    The full name and each of its parts go, in any case, with or without accents, with a
    possessive ending; initials and particles (J., van) go with their neighbours.

    Parameters
    ----------
    text : str
        What a rater says.
    name : str
        The person's full name.
    """
    parts = _parts(name)
    text = unicodedata.normalize("NFC", text)
    for part in parts.unspaced:
        text = text.replace(part, MASK)
    words = [(w.start(), w.end(), _fold(w[0])) for w in _WORD.finditer(text)]
    known = parts.certain | parts.short | parts.beside
    spans: list[tuple[int, int]] = []
    run: list[tuple[int, int, str]] = []
    for word in words:
        if run and (word[2] not in known or not _BETWEEN.fullmatch(text, run[-1][1], word[0])):
            spans += _masked(text, run, parts)
            run = []
        if word[2] in known:
            run.append(word)
    spans += _masked(text, run, parts)
    pieces, end = [], 0
    for start, stop in spans:
        pieces += [text[end:start], MASK]
        end = stop
    return "".join([*pieces, text[end:]])


def _masked(text: str, run: list[tuple[int, int, str]], parts: _Name) -> list[tuple[int, int]]:
    """Return what to mask of neighbouring words that all occur in the name: all or nothing."""
    gives_away = any(
        word in parts.certain or (word in parts.short and text[start].isupper())
        for start, _, word in run
    )
    if not gives_away:
        return []
    end = run[-1][1]
    possessive = _POSSESSIVE.match(text, end)
    return [(run[0][0], possessive.end() if possessive else end)]


@lru_cache(maxsize=4096)
def _parts(name: str) -> _Name:
    certain, short, beside, unspaced = set(), set(), set(), []
    for part in _WORD.findall(unicodedata.normalize("NFC", name)):
        folded = _fold(part)
        if part.upper() == part.lower() and len(part) > 1 and not part.isdecimal():
            unspaced.append(part)
        elif folded in _PARTICLES or len(folded) < 2:
            beside.add(folded)
        elif len(folded) == 2:
            short.add(folded)
        else:
            certain.add(folded)
    initials = {part[0] for part in certain | short}
    return _Name(
        frozenset(certain), frozenset(short), frozenset(beside | initials),
        tuple(sorted(unspaced, key=len, reverse=True)),
    )  # fmt: skip


def _fold(word: str) -> str:
    """Return a word without case and accents."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFD", word.casefold().translate(_UNDECOMPOSED))
    return "".join(c for c in decomposed if not unicodedata.combining(c))
