"""A list of roster files, as data.

Belongs here: what a description says, typed. Does not belong here: reading it from YAML
(`loading`) or reading the files (`files`, `reading`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from personax_assets.datasets import LEAGUES
from personax_assets.errors import PersonaXError

FileKind = Literal["csv", "tsv", "json", "jsonl", "parquet"]
Reading = Literal["text", "state", "ioc", "fifa", "iso"]
Comparison = Literal["text", "name", "date"]
Test = Literal["is", "in", "not_in", "known", "year", "at_least", "at_most"]

FIELDS = (
    *("source_id", "name", "birth_date", "country", "latitude", "longitude"),
    *("height", "weight", "snapshot", "photograph"),
)
"""What a roster can state about a person."""


class RosterError(PersonaXError):
    """A description or a file of it is wrong: names file, entry and key, and the mend."""


@dataclass(frozen=True)
class Value:
    """How a value is taken from a row.

    Parameters
    ----------
    template : str
        Text with the names of columns in braces.
    nulls : tuple of str
        Markers that stand for unknown, besides those of the file.
    replace : tuple of str, optional
        A regular expression and what replaces its first match (`$1` is a group).
    values : tuple of (str, str)
        What single values stand for; an empty one for unknown.
    reads : str
        Coding of a place: `text` any, `state` states and provinces before countries, `ioc`,
        `fifa`, `iso` that coding before any other.
    otherwise : Value, optional
        What stands in where this is unknown.
    """

    template: str
    nulls: tuple[str, ...] = ()
    replace: tuple[str, str] | None = None
    values: tuple[tuple[str, str], ...] = ()
    reads: Reading = "text"
    otherwise: "Value | None" = None


@dataclass(frozen=True)
class Field:
    """One field of the person.

    Parameters
    ----------
    value : Value
        Where it comes from.
    unit : str, optional
        Unit of a bare number (height, weight).
    format : str, optional
        strptime format (birth date, snapshot).
    basis : str, optional
        `nationality` or `birth` (country).
    """

    value: Value
    unit: str | None = None
    format: str | None = None
    basis: str | None = None


@dataclass(frozen=True)
class Condition:
    """What a row must fulfil to be in scope.

    Parameters
    ----------
    value : Value
        The value that is tested.
    test : str
        How.
    wanted : tuple of str
        What it is compared with.
    format : str, optional
        strptime format of the value, for the test `year`.
    """

    value: Value
    test: Test
    wanted: tuple[str, ...]
    format: str | None = None


@dataclass(frozen=True)
class FileDescription:
    """A file and how to read it.

    Parameters
    ----------
    file : str
        Path, relative to the folder of the rosters.
    kind : str
        File format.
    delimiter, encoding : str
        Of a text file.
    skip : int
        Lines before the header.
    header : bool
        Whether there is a header line.
    columns : tuple of str
        Column names, in place of the header's; required without a header.
    records : tuple of str
        Where in a JSON document the list of records is: the keys to follow.
    nulls : tuple of str
        Markers that stand for unknown in every column.
    """

    file: str
    kind: FileKind = "csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    skip: int = 0
    header: bool = True
    columns: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyPair:
    """One part of the key by which another file is joined.

    Parameters
    ----------
    left, right : Value
        The values that must agree: in the roster and in the other file.
    compared : str
        `text` exactly, `name` but for accents, case and punctuation, `date` as the same day.
    left_format, right_format : str, optional
        strptime formats of dates.
    """

    left: Value
    right: Value
    compared: Comparison = "text"
    left_format: str | None = None
    right_format: str | None = None


@dataclass(frozen=True)
class Join:
    """Another file that says more about the same people.

    Parameters
    ----------
    name : str
        Its columns are called `<name>.<column>`.
    source : FileDescription
        The file.
    on : tuple of KeyPair
        The key.
    where : tuple of Condition
        Rows of the other file that count.
    required : bool
        Whether people without a match are out of scope.
    """

    name: str
    source: FileDescription
    on: tuple[KeyPair, ...]
    where: tuple[Condition, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Roster:
    """One entry of the list.

    Parameters
    ----------
    place : str
        Where the description says so, for messages: `rosters[0] (players.csv)`.
    source : str
        Name of the source: part of every person's id, so it must stay the same.
    file : FileDescription
        The roster itself.
    leagues : tuple of (str, str)
        Values of `league_column` and the leagues that they stand for; without such a column one
        pair, with an empty value.
    league_column : Value, optional
        What tells the league.
    fields : mapping of str to Field
        The fields that the source knows.
    where : tuple of Condition
        What makes a row in scope.
    joins : tuple of Join
        Further files.
    """

    place: str
    source: str
    file: FileDescription
    leagues: tuple[tuple[str, str], ...]
    league_column: Value | None
    fields: Mapping[str, Field]
    where: tuple[Condition, ...] = ()
    joins: tuple[Join, ...] = ()

    def feeds(self, league: str) -> bool:
        """Tell whether the entry can hold players of a league."""
        return any(name == league for _, name in self.leagues)


@dataclass(frozen=True)
class RosterList:
    """A list of rosters.

    Parameters
    ----------
    path : Path
        The YAML file.
    base_dir : Path
        The folder that its file names are relative to.
    rosters : tuple of Roster
        The entries.
    """

    path: Path
    base_dir: Path
    rosters: tuple[Roster, ...]

    @property
    def leagues(self) -> tuple[str, ...]:
        """The leagues that some entry feeds."""
        return tuple(name for name in LEAGUES if any(r.feeds(name) for r in self.rosters))
