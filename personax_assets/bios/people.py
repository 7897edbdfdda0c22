"""A user's list of people.

Belongs here: reading it from a file, and finding out whom each row means. Does not belong here:
what is known of them (`wikidata`), or what else a row says (its source's own business).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from personax_assets.bios.rosters.description import FileDescription, FileKind, RosterError
from personax_assets.bios.rosters.files import ROW, read_table
from personax_assets.bios.rosters.nodes import nearest
from personax_assets.bios.text import shown

if TYPE_CHECKING:
    from personax_assets.bios.wikidata.knowledge import Candidate, Knowledge

WHO = ("qid", "name", "birth_date", "occupation")
"""Columns that tell whom a row means."""

_QID = re.compile(r"^Q[1-9]\d{0,11}$")

Rejected = tuple[str, int | None, str | None, str, str | None]
"""A row that cannot be used: file, row, field, reason, the row as read."""


@dataclass(frozen=True)
class Entry:
    """One row of a list of people.

    Parameters
    ----------
    row : int
        Its number; the first data row is 1.
    values : mapping
        What it states, by column; blank cells are left out.
    """

    row: int
    values: Mapping[str, str]

    @property
    def raw(self) -> str:
        """The row as JSON."""
        return json.dumps(self.values, ensure_ascii=False)


@dataclass
class People:
    """A list of people: the rows that can be read, and the others."""

    entries: list[Entry]
    rejected: list[Rejected] = field(default_factory=list)


def read_people(path: Path, allowed: Sequence[str], required: Sequence[str] = ()) -> People:
    """Read a list of people from a CSV, TSV, JSON, JSON lines or parquet file.

    Parameters
    ----------
    path : Path
        The file.
    allowed : sequence of str
        Columns that mean something; another one is an error, so that no misspelt one is lost.
    required : sequence of str
        Columns that must be there.

    Raises
    ------
    RosterError
        If the file cannot be read or lacks a column.
    """
    suffix = path.suffix.lower().lstrip(".")
    kinds: dict[str, FileKind] = {
        **{"csv": "csv", "tsv": "tsv", "json": "json", "jsonl": "jsonl", "parquet": "parquet"}
    }
    if suffix not in kinds:
        raise RosterError(f"{path.name}: is no list of people: use .csv, .tsv, .json or .parquet")
    table = read_table(FileDescription(path.name, kinds[suffix]), path, "people")
    columns = [name for name in table.frame.columns if name != ROW]
    for name in columns:
        if name not in allowed:
            raise RosterError(
                f"{path.name}: unknown column {shown(name)}: {nearest(name, allowed)}"
            )
    for name in required:
        if name not in columns:
            raise RosterError(f"{path.name}: the column {name!r} is missing: add it")
    entries = []
    for row in table.frame.iter_rows(named=True):
        number = row.pop(ROW)
        stated = {name: value.strip() for name, value in row.items() if value and value.strip()}
        entries.append(Entry(number, stated))
    bad: list[Rejected] = [(path.name, b.row, None, b.reason, b.raw) for b in table.bad]
    return People(entries, bad)


@dataclass(frozen=True)
class Found:
    """Whom a row means: the item it names, or why that cannot be told."""

    item: str | None
    field: str | None = None
    reason: str | None = None


def identify(entries: Sequence[Entry], knowledge: "Knowledge") -> list[Found]:
    """Find out whom rows mean.

    A `qid` is taken at its word. A `name` is looked for among the English names and other names of
    human beings, exactly as written; a `birth_date` must agree in its year and an `occupation` be
    one of the person's, if the row states them. If that leaves nobody or several, nobody is taken:
    a guess would give a person another one's life.
    """
    names = [e.values["name"] for e in entries if "qid" not in e.values and "name" in e.values]
    candidates = knowledge.candidates(names) if names else {}
    return [_found(entry.values, candidates) for entry in entries]


def _found(values: Mapping[str, str], candidates: Mapping[str, "Sequence[Candidate]"]) -> Found:
    if "qid" in values:
        if _QID.match(values["qid"]):
            return Found(values["qid"])
        return Found(
            None, "qid", f"{shown(values['qid'])} is no Wikidata id: expected Q and digits"
        )
    if "name" not in values:
        return Found(None, "name", "the row names nobody: give a qid or a name")
    fitting = [c for c in candidates.get(values["name"], ()) if _fits(values, c)]
    if len(fitting) == 1:
        return Found(fitting[0].item)
    if not fitting:
        known = candidates.get(values["name"])
        others = f"; of that name there are {_listed(known)}" if known else ""
        return Found(None, "name", f"Wikidata knows nobody who fits{others}: give a qid")
    return Found(None, "name", f"may be {_listed(fitting)}: give the qid of the one who is meant")


def _fits(values: Mapping[str, str], candidate: "Candidate") -> bool:
    year = re.search(r"\b\d{4}\b", values.get("birth_date", ""))
    if year and year[0] not in candidate.years:
        return False
    occupation = values.get("occupation", "").casefold()
    return not occupation or occupation in (each.casefold() for each in candidate.occupations)


def _listed(candidates: "Sequence[Candidate]") -> str:
    said = []
    for candidate in sorted(candidates, key=lambda c: int(c.item[1:]))[:5]:
        born = f"born {'/'.join(candidate.years)}" if candidate.years else "birth unknown"
        said.append(f"{candidate.item} ({', '.join((born, *candidate.occupations[:3]))})")
    more = len(candidates) - len(said)
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")
