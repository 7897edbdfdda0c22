"""Roster files of any format to frames of text.

Belongs here: decoding, and telling rows that can be read from those that cannot. Does not belong
here: what the columns mean (`reading`).

A poison row never takes its neighbours along: a quotation mark that opens and never closes, a
wrong number of fields or bytes that are no text cost that one row.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from personax_assets.bios.rosters.description import FileDescription, RosterError

ROW = "#row"
"""Name of the column with row numbers: the first data row is 1."""


@dataclass
class BadRow:
    """A row that cannot be read."""

    row: int
    reason: str
    raw: str


@dataclass
class Table:
    """A file as text.

    Parameters
    ----------
    frame : polars.DataFrame
        The readable rows: `ROW`, and every column as text.
    bad : list of BadRow
        The others.
    """

    frame: pl.DataFrame
    bad: list[BadRow] = field(default_factory=list)


def read_table(description: FileDescription, path: Path, place: str) -> Table:
    """Read a file.

    Parameters
    ----------
    description : FileDescription
        How to read it.
    path : Path
        Where it is.
    place : str
        Where the description is, for messages.

    Raises
    ------
    RosterError
        If the file as a whole cannot be read.
    """
    if not path.is_file():
        raise RosterError(f"{place}: there is no file {path}: check 'file' and the rosters' folder")
    readers = {"csv": _read_text, "tsv": _read_text, "json": _read_json, "jsonl": _read_jsonl}
    try:
        if description.kind == "parquet":
            return _read_parquet(description, path, place)
        return readers[description.kind](description, path.read_bytes(), place)
    except OSError as error:
        raise RosterError(
            f"{place}: {path} cannot be read ({error.strerror}): check its permissions"
        ) from None


def _decode(content: bytes, encoding: str, place: str) -> str:
    """Decode; bytes that are no text become lone surrogates, which mark their row."""
    encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
    try:
        return content.decode(encoding, errors="surrogateescape")
    except (UnicodeError, ValueError):
        raise RosterError(
            f"{place}: the file is not {encoding}: state its 'encoding', for example cp1252"
        ) from None


def _undecodable(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _printable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _read_text(description: FileDescription, content: bytes, place: str) -> Table:
    text = _decode(content, description.encoding, place)
    lines = list(io.StringIO(text, newline=""))[description.skip :]
    width = 0 if description.header else len(description.columns)
    records = _records(lines, description.delimiter, width)
    names = list(description.columns)
    if description.header:
        header = next(records, (None, "", "the file is empty"))
        if header[0] is None:
            raise RosterError(f"{place}: no header line can be read: {header[2]}")
        if names and len(names) != len(header[0]):
            raise RosterError(
                f"{place}: 'columns' names {len(names)} columns and the file has {len(header[0])}"
            )
        if any(map(_undecodable, header[0])):
            raise RosterError(
                f"{place}: the header line is not {description.encoding}: state its 'encoding'"
            )
        names = names or _distinct(header[0])
    rows: list[list[str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    marked = _undecodable(text)
    for number, (cells, raw, reason) in enumerate(records, 1):
        if cells is None:
            bad.append(BadRow(number, reason, _printable(raw)))
        elif len(cells) != len(names):
            expected = f"{len(cells)} fields instead of {len(names)}: check delimiter and quotes"
            bad.append(BadRow(number, expected, _printable(raw or _joined(cells, description))))
        elif marked and any(map(_undecodable, cells)):
            reason = f"bytes that are not {description.encoding}: mend them or state the encoding"
            bad.append(BadRow(number, reason, _printable(_joined(cells, description))))
        else:
            rows.append(cells)
            numbers.append(number)
    return Table(_frame(names, rows, numbers), bad)


def _joined(cells: list[str], description: FileDescription) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=description.delimiter, lineterminator="").writerow(cells)
    return line.getvalue()


def _distinct(names: list[str]) -> list[str]:
    """Give nameless and repeated columns names of their own."""
    found: list[str] = []
    for i, name in enumerate(names, 1):
        name = name.strip() or f"column_{i}"
        found.append(name if name not in found else f"{name}_{i}")
    return found


def _records(
    lines: list[str], delimiter: str, width: int
) -> Iterator[tuple[list[str] | None, str, str]]:
    """Yield records as cells, or as a raw line with the reason why it is none.

    When a record cannot be parsed its first line alone is given up and parsing starts afresh on
    the next line. A record over several lines that has not `width` fields (0: as many as the
    first record) is taken for one with a stray quotation mark.
    """
    start = 0
    while start < len(lines):
        rest = (lines[i] for i in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True)
        before = 0
        try:
            for cells in reader:
                several = reader.line_num - before > 1
                if several and width and len(cells) != width:
                    raise csv.Error("a quotation mark opens and does not close")
                before = reader.line_num
                if cells:
                    width = width or len(cells)
                    yield cells, "", ""
            return
        except csv.Error as error:
            yield None, lines[start + before].rstrip("\r\n"), f"{error}: check the quotes"
            start += before + 1


def _frame(names: list[str], rows: list[list[str]], numbers: list[int]) -> pl.DataFrame:
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    texts = [
        pl.Series(name, cells, dtype=pl.String) for name, cells in zip(names, columns, strict=True)
    ]
    frame = pl.DataFrame(texts)
    return frame.insert_column(0, pl.Series(ROW, numbers, dtype=pl.Int64))


def _read_json(description: FileDescription, content: bytes, place: str) -> Table:
    text = _decode(content, description.encoding, place)
    try:
        document = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise RosterError(f"{place}: not valid JSON ({error})") from None
    for key in description.records:
        document = document.get(key) if isinstance(document, dict) else None
    if not isinstance(document, list):
        where = ".".join(description.records) or "the document"
        raise RosterError(
            f"{place}: {where} is not a list of records: say under 'records' which keys lead to it"
        )
    return _objects(description, [(record, None) for record in document])


def _read_jsonl(description: FileDescription, content: bytes, place: str) -> Table:
    lines = _decode(content, description.encoding, place).split("\n")
    records: list[tuple[Any, str | None]] = []
    for line in filter(str.strip, lines):
        try:
            records.append((json.loads(line, parse_int=str, parse_float=str), None))
        except (ValueError, RecursionError):
            records.append((line.rstrip("\r"), "not valid JSON: mend or remove the line"))
    return _objects(description, records)


def _objects(description: FileDescription, records: list[tuple[Any, str | None]]) -> Table:
    """Lay out objects as rows; a key that an object lacks is an empty cell."""
    flat: list[dict[str, str]] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    for number, (record, reason) in enumerate(records, 1):
        if reason is None and not isinstance(record, dict):
            reason = "not an object with named values"
        cells = _flatten(record) if reason is None else {}
        if any(map(_undecodable, (*cells, *cells.values()))):
            reason = f"characters that are not {description.encoding}: mend them"
        if reason is not None:
            raw = record if isinstance(record, str) else json.dumps(record)
            bad.append(BadRow(number, reason, _printable(raw)))
        else:
            flat.append(cells)
            numbers.append(number)
    names = list(dict.fromkeys(name for cells in flat for name in cells))
    rows = [[cells.get(name, "") for name in names] for cells in flat]
    return Table(_frame(names, rows, numbers), bad)


def _flatten(record: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Return an object's values as text, those of inner objects under dotted names."""
    cells: dict[str, str] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            cells.update(_flatten(value, f"{name}."))
        elif isinstance(value, list):
            cells[name] = json.dumps(value, ensure_ascii=False)
        elif isinstance(value, bool):
            cells[name] = str(value).lower()
        else:
            cells[name] = "" if value is None else str(value)
    return cells


def _read_parquet(description: FileDescription, path: Path, place: str) -> Table:
    try:
        frame = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        what = str(error).splitlines()[0]
        raise RosterError(f"{place}: {path.name} is not a parquet file ({what})") from None
    structs = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]
    for name in structs:
        frame = frame.unnest(name, separator=".")
    plain = [n for n, t in frame.schema.items() if not t.is_nested() and t != pl.Binary]
    text = frame.select(pl.col(plain).cast(pl.String).fill_null(""))
    return Table(text.with_row_index(ROW, offset=1).with_columns(pl.col(ROW).cast(pl.Int64)))
