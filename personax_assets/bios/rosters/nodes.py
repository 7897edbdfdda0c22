"""Walking a YAML document so that every complaint names its place.

Belongs here: reading it, and typed access to mappings, lists and texts. Does not belong here: what
the keys mean (`loading`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml

from personax_assets.bios.rosters.description import RosterError

T = TypeVar("T", bound=str)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint at the known word that is meant, or the list of them."""
    known = list(known)
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of: {', '.join(known)}"


def read_yaml(path: Path, name: str) -> Any:
    """Return a document whose scalars are all texts; `name` is what messages call it."""
    try:
        # BaseLoader makes texts, lists and mappings and nothing else: safe, and nothing is guessed
        return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    except OSError as error:
        raise RosterError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    except UnicodeDecodeError:
        raise RosterError(f"{name}: is not UTF-8 text: save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        what = getattr(error, "problem", None) or "it cannot be parsed"
        raise RosterError(f"{name}: not valid YAML{line}: {what}") from None


@dataclass(frozen=True)
class Node:
    """A part of the document. Scalars are text: nothing is guessed to be a number or a date.

    Parameters
    ----------
    value : object
        A text, a list or a mapping.
    place : str
        Where it is, for messages.
    """

    value: Any
    place: str

    def error(self, what: str) -> RosterError:
        """Return an error about this part."""
        return RosterError(f"{self.place}: {what}")

    def has(self, key: str) -> bool:
        """Tell whether the mapping has a non-empty value for a key."""
        return isinstance(self.value, dict) and self.value.get(key, "") != ""

    def __getitem__(self, key: str) -> "Node":
        """Return the part under a key; an empty text if there is none."""
        return Node(self.mapping().get(key, ""), f"{self.place}: {key}")

    def mapping(self, allowed: Iterable[str] = (), required: Iterable[str] = ()) -> dict[str, Any]:
        """Return a mapping; with `allowed`, complain about other keys."""
        if not isinstance(self.value, dict):
            raise self.error("expected keys with values")
        allowed = [*allowed]
        for key in self.value:
            if allowed and key not in allowed:
                raise self.error(f"unknown key {key!r}: {nearest(str(key), allowed)}")
        for key in required:
            if not self.has(key):
                raise self.error(f"the key {key!r} is missing: add it")
        return self.value

    def items(self) -> "list[tuple[str, Node]]":
        """Return keys and parts of a mapping."""
        return [(str(key), self[key]) for key in self.mapping()]

    def elements(self) -> "list[Node]":
        """Return the elements of a list; a single value is a list of one."""
        if self.value == "":
            return []
        values = self.value if isinstance(self.value, list) else [self.value]
        return [Node(value, f"{self.place}[{i}]") for i, value in enumerate(values)]

    def text(self) -> str:
        """Return a non-empty text."""
        if not isinstance(self.value, str) or not self.value:
            raise self.error("expected a text")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return a list of texts, each possibly empty."""
        for node in self.elements():
            if not isinstance(node.value, str):
                raise node.error("expected a text")
        return tuple(node.value for node in self.elements())

    def choice(self, *options: T) -> T:
        """Return a text that must be one of the options."""
        text = self.text()
        for option in options:
            if text == option:
                return option
        raise self.error(f"{text!r} is not known: {nearest(text, options)}")

    def boolean(self) -> bool:
        """Return yes or no."""
        words = {"true": True, "yes": True, "false": False, "no": False}
        word = self.text().lower()
        if word not in words:
            raise self.error("expected true or false")
        return words[word]

    def number(self) -> int:
        """Return a count."""
        if not self.text().isdecimal():
            raise self.error("expected a whole number")
        return int(self.text())
