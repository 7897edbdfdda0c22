"""Prompts as data, and the requests that they make.

Belongs here: reading a versioned prompt, the JSON schema of its answer, and the identity of a
request. Does not belong here: sending requests, or reading answers.

A request's key is a digest of everything that can change the answer. Addresses are left out (a
simulated rater has another port in every run), so is the person's id: two people about whom the
very same words would be asked share one call.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import yaml

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.traits.raters import RaterConfig, ScoreType

PROMPTS = Path(__file__).parent / "prompts"
DEFAULT_PROMPT = "numeric_3"
MAIN = "main"
WITHHELD = "(withheld)"
"""Stands for the name where a question gives none."""

ANSWER_KEYS = tuple(f"{trait}_{part}" for trait in TRAITS for part in ("text", "score"))
"""Keys of an answer: what the rater says about a trait, then its score."""

_PLACEHOLDER = re.compile(r"\{(name|context)\}")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True)
class Scale:
    """The scores that a prompt allows.

    Parameters
    ----------
    spelled : tuple of str
        How each score is written, from 0 on.
    """

    spelled: tuple[str, ...]

    @property
    def textual(self) -> bool:
        """Whether scores are written as words."""
        return not self.spelled[0].isdigit()

    def read(self, value: object) -> int | None:
        """Return the score that `value` is or spells; None if it is none."""
        if isinstance(value, str):
            word = " ".join(value.split()).lower()
            return self.spelled.index(word) if word in self.spelled else None
        if self.textual or isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return int(value) if value in range(len(self.spelled)) else None


@dataclass(frozen=True)
class Prompt:
    """A versioned way of asking.

    Parameters
    ----------
    version : str
        Name of the wording and its number.
    levels : tuple of str
        What each score means, from 0 (insufficient information) on.
    textual : bool
        Whether the rater answers with these words rather than with numbers.
    system : str
        The instructions.
    user : mapping of str to str
        The question by sub-dataset, with `{name}` and `{context}` in it.
    expected_output_tokens : int
        Length of a typical answer, for estimates made before any answer is there.
    """

    version: str
    levels: tuple[str, ...]
    textual: bool
    system: str
    user: Mapping[str, str]
    expected_output_tokens: int

    @property
    def scale(self) -> "Scale":
        """What may stand for a score."""
        spelled = self.levels if self.textual else map(str, range(len(self.levels)))
        return Scale(tuple(spelled))

    def messages(self, sub: SubDataset, name: str, context: str | None) -> list[dict[str, str]]:
        """Return the chat messages that ask about one person."""
        known = {"name": _one_line(name), "context": _one_line(context or "")}
        asked = "\n".join(
            _PLACEHOLDER.sub(lambda match: known[match[1]], line)
            for line in self.user[sub.name].splitlines()
            if known["context"] or "{context}" not in line
        )
        return [{"role": "system", "content": self.system}, {"role": "user", "content": asked}]


@dataclass(frozen=True)
class Request:
    """One question to one rater about one person.

    Parameters
    ----------
    key : str
        Digest of everything that can change the answer.
    person_id : str
        Whom it is about.
    body : mapping
        What is sent.
    prompt : Prompt
        The wording that was used.
    repeat : int
        0, or which repetition of the same question it is.
    study : str
        What the answer is for; the main tables by default. Studies share no answers.
    """

    key: str
    person_id: str
    body: Mapping[str, Any]
    prompt: Prompt
    repeat: int = 0
    study: str = MAIN


@lru_cache
def load_prompt(name: str = DEFAULT_PROMPT) -> Prompt:
    """Read a shipped prompt by the name of its file."""
    document = _document(name)
    levels, textual = tuple(document["levels"]), document["form"] == "textual"
    numbers = [*range(1, len(levels)), 0]
    lines = [levels[i] if textual else f"{i} = {levels[i]}" for i in numbers]
    scores = levels if textual else range(len(levels))
    system = document["system"].format(
        levels="\n".join(f"  {line}" for line in lines),
        unknown=f'"{levels[0]}"' if textual else 0,
        keys=", ".join(ANSWER_KEYS),
        scores=", ".join(map(str, scores)),
    )
    return Prompt(
        version=document["version"],
        levels=levels,
        textual=textual,
        system=system.strip(),
        user=MappingProxyType({sub: text.strip() for sub, text in document["user"].items()}),
        expected_output_tokens=document["expected_output_tokens"],
    )


def _document(name: str) -> dict[str, Any]:
    """Return a prompt's file, completed by the one that it is a variant of."""
    document: dict[str, Any] = yaml.safe_load((PROMPTS / f"{name}.yaml").read_text("utf-8"))
    return {**_document(document["base"]), **document} if "base" in document else document


@lru_cache
def answer_schema(scale: Scale, score_type: ScoreType) -> Mapping[str, Any]:
    """Return the JSON schema of an answer, in the dialect that strict endpoints take."""
    score = (
        {"type": "string", "enum": list(scale.spelled)}
        if scale.textual or score_type == "string"
        else {"type": "integer", "enum": list(range(len(scale.spelled)))}
    )
    return {
        "type": "object",
        "properties": {
            key: score if key.endswith("_score") else {"type": "string"} for key in ANSWER_KEYS
        },
        "required": list(ANSWER_KEYS),
        "additionalProperties": False,
    }


def build_requests(
    people: pl.DataFrame,
    sub: SubDataset,
    rater: RaterConfig,
    prompt: Prompt | None = None,
    repeat: int = 0,
    study: str = MAIN,
) -> list[Request]:
    """Make the requests about some people to one rater.

    Parameters
    ----------
    people : polars.DataFrame
        Rows of `bios`: `person_id`, `name` and the sub-dataset's stratum.
    sub : SubDataset
        Where the people belong.
    rater : RaterConfig
        Who is asked.
    prompt : Prompt, optional
        The wording; the main tables' prompt by default.
    repeat : int
        Raise it to ask the same questions once more.
    study : str
        What the answers are for.

    Returns
    -------
    list of Request
        One request per person, in the frame's order.
    """
    prompt = prompt or load_prompt()
    fixed = _parameters(prompt, rater)
    requests = []
    for person_id, name, context in people.select("person_id", "name", sub.stratum).iter_rows():
        body = {"model": rater.model, "messages": prompt.messages(sub, name, context), **fixed}
        identity = {
            "provider": rater.provider,
            "prompt": prompt.version,
            "repeat": repeat,
            "body": body,
        }
        if study != MAIN:
            identity["study"] = study
        text = json.dumps(identity, sort_keys=True, ensure_ascii=True)
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        requests.append(Request(key, person_id, body, prompt, repeat, study))
    return requests


def _parameters(prompt: Prompt, rater: RaterConfig) -> dict[str, Any]:
    """Return everything that is sent besides model and messages."""
    parameters: dict[str, Any] = {}
    if rater.capability == "json_schema":
        schema = answer_schema(prompt.scale, rater.score_type)
        parameters["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "big_five", "strict": True, "schema": schema},
        }
    elif rater.capability == "json_object":
        parameters["response_format"] = {"type": "json_object"}
    for name in ("temperature", "seed", "max_tokens"):
        if getattr(rater, name) is not None:
            parameters[name] = getattr(rater, name)
    return {**parameters, **rater.extra}


def _one_line(text: str) -> str:
    """Return the text without line breaks or control characters: a name is never more than data."""
    return _BLANK.sub(" ", text).strip()
