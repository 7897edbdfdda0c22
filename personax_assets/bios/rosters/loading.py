"""Descriptions of rosters from YAML.

Belongs here: every key of a description, its meaning, its defaults and its validation. Does not
belong here: opening the files that a description names.

A scalar is always text: `0`, `no` and `2024-01-01` mean what they look like.
"""

import codecs
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import polars as pl

from personax_assets.bios.cleaning.body import HEIGHT_UNITS, WEIGHT_UNITS
from personax_assets.bios.cleaning.dates import date_pattern
from personax_assets.bios.rosters.description import (
    FIELDS,
    Comparison,
    Condition,
    Field,
    FileDescription,
    FileKind,
    Join,
    KeyPair,
    Reading,
    Roster,
    RosterError,
    RosterList,
    Test,
    Value,
)
from personax_assets.bios.rosters.nodes import Node, nearest, read_yaml
from personax_assets.datasets import LEAGUES

_FILE_KEYS = (
    *("file", "format", "delimiter", "encoding", "skip", "header", "columns", "records", "nulls"),
)
_VALUE_KEYS = ("from", "nulls", "replace", "values", "as", "constant")
_ENTRY_KEYS = ("like", "source", "league", *_FILE_KEYS, "fields", "where", "joins")
_FIELD_EXTRAS = {
    "height": "unit",
    "weight": "unit",
    "birth_date": "format",
    "snapshot": "format",
    "country": "basis",
}


def bundled_example() -> Path:
    """Return the bundled example: a list of rosters of all seven leagues."""
    return _bundled("example.yaml")


def _bundled(name: str) -> Path:
    return Path(str(files("personax_assets.bios.rosters.bundled").joinpath(name)))


def load_rosters(path: Path, base_dir: Path | None = None) -> RosterList:
    """Read a list of rosters.

    Parameters
    ----------
    path : Path
        The YAML file.
    base_dir : Path, optional
        The folder that its file names are relative to; by default the YAML file's own.

    Raises
    ------
    RosterError
        If the description is wrong, or none of the files that it names exists.
    """
    document = Node(read_yaml(path, path.name), path.name)
    document.mapping(allowed=("rosters",), required=("rosters",))
    entries = [
        _roster(_complete(entry, path.parent), f"{path.name}: rosters[{i}]")
        for i, entry in enumerate(document["rosters"].elements())
    ]
    if not entries:
        raise document.error("the list 'rosters' is empty: add an entry")
    rosters = RosterList(path, base_dir if base_dir is not None else path.parent, tuple(entries))
    _refuse_repeats(rosters)
    names = [roster.file.file for roster in rosters.rosters]
    if not any((rosters.base_dir / name).is_file() for name in names):
        raise RosterError(
            f"{path.name}: none of its {len(names)} files is in {rosters.base_dir} "
            f"({names[0]}, ...): say with --rosters-dir where they are"
        )
    return rosters


def _complete(entry: Node, folder: Path) -> Node:
    """Lay an entry over the kind of file that it is like."""
    entry.mapping(allowed=_ENTRY_KEYS)
    if not entry.has("like"):
        return entry
    like = entry["like"].text()
    own = like.endswith((".yaml", ".yml"))
    path = folder / like if own else _bundled(f"{like}.yaml")
    if not path.is_file():
        kinds = sorted(p.stem for p in _bundled("").glob("*.yaml") if p.stem != "example")
        mend = f"there is no file {path}" if own else nearest(like, kinds)
        raise entry["like"].error(f"no kind of file {like!r}: {mend}")
    kind = Node(read_yaml(path, path.name), f"{entry.place} like {like}")
    kind.mapping(allowed=_ENTRY_KEYS)
    return Node(_overlay(_complete(kind, path.parent).value, entry.value), entry.place)


def _overlay(below: Any, above: Any) -> Any:
    """Merge mappings key by key; anything else above replaces what is below."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {
        key: _overlay(below.get(key, ""), above[key]) if key in above else below[key]
        for key in {**below, **above}
    }


def _roster(entry: Node, place: str) -> Roster:
    file = entry.value.get("file", "")
    entry = Node(entry.value, f"{place} ({file})" if file else place)
    entry.mapping(_ENTRY_KEYS, required=("source", "file", "league", "fields"))
    entry["fields"].mapping(allowed=FIELDS, required=("name",))
    leagues, column = _leagues(entry["league"])
    return Roster(
        place=entry.place,
        source=entry["source"].text(),
        file=_file(entry),
        leagues=leagues,
        league_column=column,
        fields={
            name: read_field(name, node) for name, node in entry["fields"].items() if node.value
        },
        where=tuple(_condition(node) for node in entry["where"].elements()),
        joins=tuple(_join(name, node) for name, node in _optional(entry["joins"]) if node.value),
    )


def _optional(node: Node) -> list[tuple[str, Node]]:
    return node.items() if node.value else []


def _file(node: Node) -> FileDescription:
    name = node["file"].text()
    suffix = Path(name).suffix.lower().lstrip(".")
    guess = {"txt": "csv", "ndjson": "jsonl", "pq": "parquet"}.get(suffix, suffix)
    stated = node["format"] if node.has("format") else Node(guess, f"{node.place}: format")
    kind: FileKind = stated.choice(*get_args(FileKind))
    usual = "\t" if kind == "tsv" else ","
    delimiter = node["delimiter"].text() if node.has("delimiter") else usual
    if len(delimiter) != 1:
        raise node["delimiter"].error(f"{delimiter!r} is not one character")
    encoding = node["encoding"].text() if node.has("encoding") else "utf-8"
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise node["encoding"].error(
            f"{encoding!r} is no encoding: use utf-8, latin-1, cp1252, utf-16 or another"
        ) from None
    header = node["header"].boolean() if node.has("header") else True
    columns = node["columns"].texts()
    if not header and not columns:
        raise node.error("without a header line 'columns' must name the columns")
    repeated = {name for name in columns if columns.count(name) > 1}
    if repeated:
        raise node["columns"].error(f"{min(repeated)!r} is named twice: names must differ")
    return FileDescription(
        file=name,
        kind=kind,
        delimiter=delimiter,
        encoding=encoding,
        skip=node["skip"].number() if node.has("skip") else 0,
        header=header,
        columns=columns,
        records=tuple(node["records"].text().split(".")) if node.has("records") else (),
        nulls=node["nulls"].texts(),
    )


def _leagues(node: Node) -> tuple[tuple[tuple[str, str], ...], Value | None]:
    if isinstance(node.value, str):
        return (("", node.choice(*LEAGUES)),), None
    node.mapping(allowed=(*_VALUE_KEYS, "values"), required=("from",))
    if not node.has("values"):
        raise node.error(f"say under 'values' which value is which league ({', '.join(LEAGUES)})")
    leagues = tuple((value, league.choice(*LEAGUES)) for value, league in node["values"].items())
    column = {key: value for key, value in node.value.items() if key != "values"}
    return leagues, _value(Node(column, node.place))


def _value(node: Node, extras: tuple[str, ...] = ()) -> Value:
    """Read a column name, a template, a list of alternatives or a mapping with more to say."""
    if isinstance(node.value, str):
        return Value(_template(node))
    if isinstance(node.value, list):
        return _chain([_value(element) for element in node.elements()], node)
    node.mapping(allowed=(*_VALUE_KEYS, *extras))
    if node.has("constant"):
        return Value(node["constant"].text().replace("{", "").replace("}", ""))
    if not node.has("from"):
        raise node.error("say under 'from' which column it is")
    pair = node["replace"].texts()
    if pair and len(pair) != 2:
        raise node["replace"].error("expected a pair: [pattern, replacement]")
    if pair:
        _check_pattern(pair[0], node["replace"])
    dressed = [
        Value(
            template=_template(column),
            nulls=node["nulls"].texts(),
            replace=(pair[0], pair[1]) if pair else None,
            values=tuple((key, part.value) for key, part in _optional(node["values"])),
            reads=node["as"].choice(*get_args(Reading)) if node.has("as") else "text",
        )
        for column in node["from"].elements()
    ]
    return _chain(dressed, node)


def _template(node: Node) -> str:
    """Return a template as it is and a column name as the template that consists of it."""
    text = node.text()
    return text if "{" in text else f"{{{text}}}"


def _chain(values: list[Value], node: Node) -> Value:
    """Link alternatives: each stands in for the one before."""
    if not values:
        raise node.error("expected at least one column")
    *others, chained = values
    for value in reversed(others):
        chained = replace(value, otherwise=chained)
    return chained


def _check_pattern(pattern: str, node: Node) -> None:
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError:
        raise node.error(f"{pattern!r} is not a regular expression") from None


def _format(node: Node, key: str = "format") -> str | None:
    if not (isinstance(node.value, dict) and node.has(key)):
        return None
    text = node[key].text()
    try:
        date_pattern(text)
    except ValueError as error:
        raise node[key].error(str(error)) from None
    return text


def read_field(name: str, node: Node) -> Field:
    """Read how a field of the person is taken from a row."""
    extra = _FIELD_EXTRAS.get(name)
    value = _value(node, extras=(extra,) if extra else ())
    stated = isinstance(node.value, dict) and extra is not None and node.has(extra)
    if name == "country" and not stated:
        raise node.error("say under 'basis' whether it is of 'nationality' or of 'birth'")
    if not stated or extra is None:
        return Field(value)
    if extra == "format":
        return Field(value, format=_format(node))
    if extra == "basis":
        return Field(value, basis=node["basis"].choice("nationality", "birth"))
    units = HEIGHT_UNITS if name == "height" else WEIGHT_UNITS
    return Field(value, unit=node["unit"].choice(*units))


def _condition(node: Node) -> Condition:
    tests = get_args(Test)
    node.mapping(allowed=("column", "format", *tests), required=("column",))
    given = [test for test in tests if node.has(test)]
    if len(given) != 1:
        raise node.error(f"expected one test: {', '.join(tests)}")
    test: Test = given[0]
    wanted = node[test]
    if test == "known":
        words: tuple[str, ...] = ("true" if wanted.boolean() else "false",)
    elif test == "year":
        words = tuple(str(n.number()) for n in wanted.elements())
    else:
        words = wanted.texts()
    if test in ("at_least", "at_most"):
        try:
            float(words[0])
        except ValueError:
            raise wanted.error("expected a number") from None
    return Condition(_value(node["column"]), test, words, _format(node))


def _join(name: str, node: Node) -> Join:
    node.mapping(allowed=(*_FILE_KEYS, "on", "where", "required"), required=("file", "on"))
    node = Node(node.value, f"{node.place} ({node['file'].text()})")
    return Join(
        name=name,
        source=_file(node),
        on=tuple(_key_pair(part) for part in node["on"].elements()),
        where=tuple(_condition(part) for part in node["where"].elements()),
        required=node["required"].boolean() if node.has("required") else False,
    )


def _key_pair(node: Node) -> KeyPair:
    keys = ("left", "right", "as", "left_format", "right_format")
    node.mapping(allowed=keys, required=("left", "right"))
    return KeyPair(
        left=_value(node["left"]),
        right=_value(node["right"]),
        compared=node["as"].choice(*get_args(Comparison)) if node.has("as") else "text",
        left_format=_format(node, "left_format"),
        right_format=_format(node, "right_format"),
    )


def _refuse_repeats(rosters: RosterList) -> None:
    seen: dict[tuple[str, str], Roster] = {}
    for roster in rosters.rosters:
        for league in sorted({name for _, name in roster.leagues}):
            other = seen.setdefault((roster.file.file, league), roster)
            if other is not roster:
                raise RosterError(
                    f"{roster.place}: the file is listed for {league} twice: remove one entry"
                )
