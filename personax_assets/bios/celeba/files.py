"""The annotation files of CelebA, in the forms in which they go around.

Belongs here: decoding, and telling rows that can be read from those that cannot. Does not belong
here: what is made of them (`identities`).

The official files are text with blanks between the fields; the attributes begin with a line that
counts the images and one that names the attributes. Copies come as CSV, with a header line added,
and compressed. One bad row costs that row; a file that is cut, or does not belong to the other,
is refused.
"""

import gzip
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from personax_assets.bios.people import Rejected
from personax_assets.bios.rosters.description import RosterError
from personax_assets.bios.rosters.nodes import nearest
from personax_assets.bios.text import shown

ATTRIBUTES = {
    "Arched_Eyebrows": "arched_eyebrows",
    "Big_Nose": "big_nose",
    "Pointy_Nose": "pointy_nose",
    "Bushy_Eyebrows": "bushy_eyebrows",
    "Big_Lips": "big_lips",
    "Oval_Face": "oval_face",
    "Double_Chin": "double_chin",
    "Receding_Hairline": "receding_hairline",
    "Narrow_Eyes": "narrow_eyes",
    "High_Cheekbones": "high_cheekbones",
    "Male": "male",
}
"""The attributes that are used, and what they are called here."""

_LARGEST = 500_000_000
"""Bytes of a file, unpacked."""

_HEADERS = ("image_id", "image", "filename", "file")


@dataclass
class Annotations:
    """One of the two files.

    Parameters
    ----------
    frame : polars.DataFrame
        `image`, and `identity` or a column per attribute: true, false.
    rejected : list of Rejected
        The rows that cannot be read.
    """

    frame: pl.DataFrame
    rejected: list[Rejected] = field(default_factory=list)


def read_attributes(path: Path) -> Annotations:
    """Read the attributes: `image` and those of `ATTRIBUTES`.

    Raises
    ------
    RosterError
        If the file as a whole is wrong.
    """
    lines = _lines(path)
    stated = int(lines[0]) if lines and lines[0].isdecimal() else None
    header_at = 0 if stated is None else 1
    names = _fields(lines[header_at]) if len(lines) > header_at else []
    names = names[1:] if names and names[0].lower() in _HEADERS else names
    for name in ATTRIBUTES:
        if name not in names:
            hint = nearest(name, names[:60]) if names else "the file is empty"
            raise RosterError(f"{path.name}: there is no attribute {name!r}: {hint}")
    first = header_at + 1
    if stated is not None and stated != len(lines) - first:
        raise RosterError(
            f"{path.name}: it says that there are {stated} images, but holds {len(lines) - first}: "
            "the file is not complete; get it again"
        )
    table = _table(lines, first)
    right_length = pl.col("fields").list.len() == len(names) + 1
    cells = {
        here: pl.col("fields").list.get(names.index(name) + 1, null_on_oob=True)
        for name, here in ATTRIBUTES.items()
    }
    values = table.with_columns(
        right_length.alias("complete"),
        *(
            pl.when(cell == "1").then(True).when(cell.is_in(["-1", "0"])).then(False).alias(here)
            for here, cell in cells.items()
        ),
    )
    good = pl.all_horizontal("complete", *(pl.col(here).is_not_null() for here in cells))
    rejected: list[Rejected] = []
    for row in values.filter(~good).iter_rows(named=True):
        wrong = [name for name, here in ATTRIBUTES.items() if row[here] is None]
        if not row["complete"]:
            reason = f"{len(row['fields'])} fields instead of {len(names) + 1}: mend the row"
            rejected.append((path.name, row["row"], None, reason, row["line"]))
        else:
            cell = row["fields"][names.index(wrong[0]) + 1]
            reason = f"{shown(cell)} is neither 1 nor -1: mend the row"
            rejected.append((path.name, row["row"], wrong[0], reason, row["line"]))
    return Annotations(values.filter(good).select("row", "image", *cells), rejected)


def read_identities(path: Path) -> Annotations:
    """Read the identities: `image` and `identity`.

    Raises
    ------
    RosterError
        If the file as a whole is wrong.
    """
    lines = _lines(path)
    header = bool(lines) and _fields(lines[0])[0].lower() in _HEADERS
    table = _table(lines, 1 if header else 0).with_columns(
        pl.col("fields").list.get(1, null_on_oob=True).alias("identity"),
        (pl.col("fields").list.len() == 2).alias("complete"),
    )
    good = pl.col("complete") & pl.col("identity").str.contains(r"^\d{1,9}$")
    reason = "expected an image and the number of its identity: mend the row"
    rejected: list[Rejected] = [
        (path.name, row, "identity", reason, line)
        for row, line in table.filter(~good.fill_null(False)).select("row", "line").iter_rows()
    ]
    frame = table.filter(good).select("row", "image", pl.col("identity").cast(pl.Int64))
    return Annotations(frame, rejected)


def _table(lines: list[str], first: int) -> pl.DataFrame:
    """Return the rows from line `first` on: number, line, fields, and the first field."""
    series = pl.Series("line", lines[first:], dtype=pl.String)
    fields = pl.col("line").str.strip_chars().str.replace_all(r"[\s,]+", " ").str.split(" ")
    frame = series.to_frame().with_row_index("row", offset=1)
    return frame.with_columns(pl.col("row").cast(pl.Int64), fields.alias("fields")).with_columns(
        pl.col("fields").list.get(0).alias("image")
    )


def _fields(line: str) -> list[str]:
    return line.replace(",", " ").split()


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file, unpacked if need be."""
    if not path.is_file():
        raise RosterError(f"{path.name}: there is no file {path}: check the description")
    try:
        content = _unpacked(path)
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise RosterError(f"{path.name}: cannot be read ({error}): get it again") from None
    if len(content) > _LARGEST:
        raise RosterError(
            f"{path.name}: is larger than {_LARGEST / 1e6:.0f} MB: is it the right file?"
        )
    try:
        return content.decode("utf-8-sig").strip().splitlines()
    except UnicodeDecodeError:
        raise RosterError(f"{path.name}: is no text: is it the right file?") from None


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"\x1f\x8b"):
        with gzip.open(path) as packed:
            return packed.read(_LARGEST + 1)
    if start == b"PK\x03\x04":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise zipfile.BadZipFile(f"it holds {len(names)} files instead of one")
            with archive.open(names[0]) as packed:
                return packed.read(_LARGEST + 1)
    with path.open("rb") as plain:
        return plain.read(_LARGEST + 1)
