"""From what a model said to texts and scores.

Belongs here: finding the one JSON object in the text, and checking it. Does not belong here:
HTTP, or deciding whether to ask again.

Malformed output is repaired only where the meaning cannot change: a code fence or words around
one complete object, and a score written as a string or as a whole float.
"""

import json
import re
from typing import Any

from personax_assets.traits.outcomes import Answer, Outcome
from personax_assets.traits.prompts import ANSWER_KEYS, Scale

_REFUSAL = re.compile(
    r"\b(i['’]?m sorry|i am sorry|i apologi[sz]e|i can(?:no|['’])?t|i won['’]?t|"
    r"(?:i am|i['’]m) (?:unable|not able)|not comfortable|as an ai)\b",
    re.IGNORECASE,
)
"""How models open a refusal in plain prose, without the field that is meant for it."""


class _DuplicateKeyError(ValueError):
    """A key stands twice in one object, with different values."""


def read_answer(text: str, scale: Scale) -> tuple[Outcome, Answer | None, str | None]:
    """Read an answer out of a model's text.

    Parameters
    ----------
    text : str
        What the model said.
    scale : Scale
        The allowed scores.

    Returns
    -------
    tuple
        The outcome, the answer if it is `ok`, and otherwise what is wrong.
    """
    if not text.strip():
        return "empty", None, "the model said nothing"
    start = text.find("{")
    if start < 0:
        if _REFUSAL.search(text[:300]):
            return "refusal", None, shorten(text)
        return "invalid_json", None, f"no JSON object in: {shorten(text)}"
    try:
        found, end = _DECODER.raw_decode(text, start)
    except _DuplicateKeyError as error:
        return "schema_violation", None, f"the key {error} stands twice"
    except (json.JSONDecodeError, RecursionError) as error:
        return "invalid_json", None, f"broken JSON object: {error}"
    if "{" in text[end:]:
        return "invalid_json", None, "more than one JSON object"
    return _check(found, scale)


def shorten(text: str, length: int = 200) -> str:
    """Return the text on one line, cut to a readable length."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def storable(text: str) -> str:
    """Return the text without what databases refuse: NUL and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _check(found: dict[str, Any], scale: Scale) -> tuple[Outcome, Answer | None, str | None]:
    missing = [key for key in ANSWER_KEYS if key not in found]
    if missing:
        return "schema_violation", None, f"{', '.join(missing)} missing"
    answer: dict[str, str | int] = {}
    for key in ANSWER_KEYS:
        value = found[key]
        if key.endswith("_text"):
            if not isinstance(value, str):
                return "schema_violation", None, f"{key} is not a text"
            answer[key] = storable(value)
        else:
            score = scale.read(value)
            if score is None:
                return "schema_violation", None, f"{key} is {shorten(repr(value), 40)}"
            answer[key] = score
    return "ok", answer, None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise _DuplicateKeyError(key)
        found[key] = value
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
