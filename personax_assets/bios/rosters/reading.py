"""Roster files to raw rows.

Belongs here: joins, scope, the layout of `raw_bios`, quarantine and the accounting. Does not
belong here: formats (`files`), expressions (`values`) or what a value means (`cleaning`).
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import polars as pl

from personax_assets.bios.cleaning.body import height_in_cm, weight_in_kg
from personax_assets.bios.cleaning.dates import read_dates
from personax_assets.bios.cleaning.places import read_countries
from personax_assets.bios.raw import QUARANTINE_SCHEMA, RawBatch
from personax_assets.bios.rosters.description import (
    FIELDS,
    FileDescription,
    Join,
    Roster,
    RosterError,
    RosterList,
    Value,
)
from personax_assets.bios.rosters.files import ROW, BadRow, Table, read_table
from personax_assets.bios.rosters.nodes import nearest
from personax_assets.bios.rosters.values import (
    columns_of,
    condition_expression,
    expression,
    key_expression,
    without_markers,
)
from personax_assets.bios.text import shown
from personax_assets.datasets import ATHLEPERSONA, LEAGUES
from personax_assets.schemas.people import raw_bios

RAW_SCHEMA = raw_bios(ATHLEPERSONA).polars

UNREADABLE_SHARE = 0.5
"""If more than this share of a column's values cannot be read, the description is wrong."""

_ENOUGH_VALUES = 20


def fingerprint(rosters: RosterList, league: str) -> str:
    """Return a hash of everything that the rows of a league depend on.

    A file that cannot be read counts as absent: reading it will say so.
    """
    digest = hashlib.sha256()
    for roster in rosters.rosters:
        if roster.feeds(league):
            digest.update(repr(replace(roster, place="")).encode())
            for file in (roster.file, *(join.source for join in roster.joins)):
                digest.update(_file_digest(rosters.base_dir / file.file))
    return digest.hexdigest()[:32]


def _file_digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b"absent"


def read_league(rosters: RosterList, league: str) -> RawBatch:
    """Read the rows of a league from all the files that feed it.

    Parameters
    ----------
    rosters : RosterList
        The list.
    league : str
        The league; one that no entry feeds has no rows.

    Raises
    ------
    RosterError
        If the league is unknown, or a file cannot be read or lacks a column.
    """
    if league not in LEAGUES:
        raise RosterError(f"{rosters.path.name}: league {league!r}: {nearest(league, LEAGUES)}")
    batches = [
        _read_roster(roster, rosters.base_dir, league)
        for roster in rosters.rosters
        if roster.feeds(league)
    ]
    names = ("rows_in", "rows_out", "quarantined", "out_of_scope", "people_in", "joined_unreadable")
    return RawBatch(
        rows=pl.concat([pl.DataFrame(schema=RAW_SCHEMA), *(b.rows for b in batches)]),
        quarantine=pl.concat(
            [pl.DataFrame(schema=QUARANTINE_SCHEMA), *(b.quarantine for b in batches)]
        ),
        counts={name: sum(b.counts[name] for b in batches) for name in names},
    )


def _read_roster(roster: Roster, base_dir: Path, league: str) -> RawBatch:
    table = _open(roster.file, base_dir, roster.place)
    frame = table.frame
    own = [name for name in frame.columns if name != ROW]
    raw = pl.struct(own).struct.json_encode() if own else pl.lit("{}")
    frame = frame.with_columns(raw.alias("#raw"))
    frame = frame.with_columns(without_markers(pl.col(name), roster.file.nulls) for name in own)
    unreadable: list[tuple[str, BadRow]] = []
    scope = [condition_expression(condition) for condition in roster.where]
    for join in roster.joins:
        frame, bad = _join(frame, roster, join, base_dir)
        unreadable += [(join.source.file, row) for row in bad]
        if join.required:
            scope.append(pl.col(f"#{join.name}").is_not_null())
    _check_columns(roster, frame.columns)

    in_league = pl.lit(True)
    if roster.league_column is not None:
        wanted = [value for value, name in roster.leagues if name == league]
        in_league = expression(roster.league_column).str.strip_chars().is_in(wanted)
    frame = frame.with_columns(
        *(
            (expression(roster.fields[name].value) if name in roster.fields else _UNKNOWN)
            .cast(pl.String)
            .alias(f"#{name}")
            for name in FIELDS
        ),
        in_league.fill_null(False).alias("#league"),
    )
    frame = frame.with_columns(pl.all_horizontal("#league", *scope).alias("#in_scope"))
    kept = pl.col("#in_scope")
    if "snapshot" in roster.fields and "source_id" in roster.fields:
        # rows out of scope about someone who was in scope at another time tell when that ended
        kept = kept | (kept.any().over("#source_id") & pl.col("#source_id").is_not_null())
    people = frame.filter("#league").select(pl.coalesce("#source_id", "#name").n_unique()).item()
    in_scope = frame.filter(kept)
    nameless = in_scope.filter(pl.col("#name").is_null())
    rows = _laid_out(in_scope.filter(pl.col("#name").is_not_null()), roster, league)
    _check_readable(rows, roster)
    missing = [
        (roster.file.file, BadRow(row, "no name: a person without one cannot be used", raw))
        for row, raw in nameless.select(ROW, "#raw").iter_rows()
    ]
    bad_rows = [(roster.file.file, row) for row in table.bad]
    return RawBatch(
        rows=rows,
        quarantine=pl.concat(
            [_quarantine(missing, "name"), _quarantine([*bad_rows, *unreadable], None)]
        ),
        counts={
            "rows_in": frame.height + len(table.bad),
            "rows_out": rows.height,
            "quarantined": len(missing) + len(table.bad),
            "out_of_scope": frame.height - in_scope.height,
            "people_in": people,
            "joined_unreadable": len(unreadable),
        },
    )


_UNKNOWN = pl.lit(None, pl.String)


def _open(file: FileDescription, base_dir: Path, place: str) -> Table:
    return read_table(file, base_dir / file.file, place)


def _join(
    frame: pl.DataFrame, roster: Roster, join: Join, base_dir: Path
) -> tuple[pl.DataFrame, list[BadRow]]:
    """Attach the columns of another file.

    A key that the other file has with different values tells nothing: those stay unknown.
    """
    place = f"{roster.place}: joins: {join.name} ({join.source.file})"
    table = _open(join.source, base_dir, place)
    other = table.frame.drop(ROW)
    for pair in join.on:
        _require(columns_of(pair.left), frame.columns, f"{place}: on: left")
        _require(columns_of(pair.right), other.columns, f"{place}: on: right")
    for condition in join.where:
        _require(columns_of(condition.value), other.columns, f"{place}: where")
    other = other.with_columns(without_markers(pl.all(), join.source.nulls))
    prefix = f"{join.name}."
    needed = {name for value in _values(roster) for name in columns_of(value)}
    names = [name for name in other.columns if f"{prefix}{name}" in needed]
    keys = [f"#key_{i}" for i in range(len(join.on))]
    for condition in join.where:
        other = other.filter(condition_expression(condition))
    other = other.select(
        *(
            key_expression(pair.right, pair.compared, pair.right_format).alias(key)
            for key, pair in zip(keys, join.on, strict=True)
        ),
        *(pl.col(name).alias(f"{prefix}{name}") for name in names),
    ).unique(maintain_order=True)
    single = other.filter(pl.len().over(keys) == 1)
    matched = other.select(keys).unique().with_columns(pl.lit(True).alias(f"#{join.name}"))
    frame = frame.with_columns(
        key_expression(pair.left, pair.compared, pair.left_format).alias(key)
        for key, pair in zip(keys, join.on, strict=True)
    )
    for right in (matched, single):
        frame = frame.join(right, on=keys, how="left", maintain_order="left")
    return frame.drop(keys), table.bad


def _values(roster: Roster) -> Iterable[Value]:
    """Yield every value that is taken from the joined rows."""
    yield from (field.value for field in roster.fields.values())
    yield from (condition.value for condition in roster.where)
    if roster.league_column is not None:
        yield roster.league_column


def _check_columns(roster: Roster, columns: list[str]) -> None:
    for name, field in roster.fields.items():
        _require(columns_of(field.value), columns, f"{roster.place}: fields: {name}")
    for condition in roster.where:
        _require(columns_of(condition.value), columns, f"{roster.place}: where")
    if roster.league_column is not None:
        _require(columns_of(roster.league_column), columns, f"{roster.place}: league")


def _require(needed: Iterable[str], columns: list[str], place: str) -> None:
    known = [name for name in columns if not name.startswith("#")]
    for name in needed:
        if name not in known:
            listed = known if len(known) <= 40 else [*known[:40], "..."]
            hint = nearest(name, listed) if known else "it has no columns"
            raise RosterError(f"{place}: the file has no column {shown(name)}: {hint}")


def _laid_out(frame: pl.DataFrame, roster: Roster, league: str) -> pl.DataFrame:
    fields = roster.fields

    def extra(name: str, key: str, stated: str) -> pl.Expr:
        text = getattr(fields[name], key) if name in fields else None
        return pl.when(pl.col(f"#{name}").is_not_null()).then(pl.lit(text, pl.String)).alias(stated)

    ids = [
        hashlib.sha256(json.dumps([roster.source, roster.file.file, row, raw]).encode()).hexdigest()
        for row, raw in frame.select(ROW, "#raw").iter_rows()
    ]
    rows = frame.with_columns(
        pl.Series("record_id", [digest[:32] for digest in ids], dtype=pl.String),
        pl.lit(roster.source).alias("source"),
        pl.lit(roster.file.file).alias("source_file"),
        pl.col(ROW).alias("source_row"),
        *(pl.col(f"#{name}").alias(name) for name in FIELDS if name != "snapshot"),
        _snapshot(roster).alias("snapshot"),
        extra("birth_date", "format", "birth_date_format"),
        extra("country", "basis", "country_basis"),
        extra("height", "unit", "height_unit"),
        extra("weight", "unit", "weight_unit"),
        pl.lit(league).alias("league"),
        pl.col("#in_scope").alias("in_scope"),
        pl.col("#raw").alias("raw"),
        pl.lit(False).alias("simulated"),
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in RAW_SCHEMA.items())


def _snapshot(roster: Roster) -> pl.Expr:
    """Return the time of observation as ISO 8601; what cannot be read stays as it is."""
    text = pl.col("#snapshot")
    field = roster.fields.get("snapshot")
    if field is None or field.format is None:
        return text
    if "%H" in field.format or "%I" in field.format:
        zone = "UTC" if "%z" in field.format else None
        time = text.str.to_datetime(field.format, time_zone=zone, strict=False)
        iso = time.dt.replace_time_zone(None).dt.to_string("%Y-%m-%dT%H:%M:%S%.6f")
    else:
        iso = text.str.to_date(field.format, strict=False).dt.to_string("%Y-%m-%d")
    return pl.coalesce(iso, text)


def _check_readable(rows: pl.DataFrame, roster: Roster) -> None:
    """Refuse a column of which most values cannot be read: it is not what it is said to be."""
    read = {
        "height": rows.select(
            "height", ok=height_in_cm(pl.col("height"), pl.col("height_unit")).is_not_null()
        ),
        "weight": rows.select(
            "weight", ok=weight_in_kg(pl.col("weight"), pl.col("weight_unit")).is_not_null()
        ),
        "birth_date": rows.select("birth_date", "birth_date_format").join(
            read_dates(rows, 2100).with_columns(ok=pl.col("birth_year").is_not_null()),
            on=["birth_date", "birth_date_format"],
            nulls_equal=True,
        ),
        "country": rows.select("country").join(
            read_countries(rows["country"]).with_columns(
                ok=pl.col("country").is_not_null() | pl.col("country_latitude").is_not_null()
            ),
            left_on="country",
            right_on="country_as_written",
        ),
    }
    for name, frame in read.items():
        stated = frame.filter(pl.col(name).is_not_null())
        failed = stated.filter(~pl.col("ok"))
        if stated.height >= _ENOUGH_VALUES and failed.height > UNREADABLE_SHARE * stated.height:
            raise RosterError(
                f"{roster.place}: fields: {name}: {failed.height} of {stated.height} values cannot "
                f"be read, for example {shown(failed[name][0])}: check column, unit, format, nulls"
            )


def _quarantine(rows: list[tuple[str, BadRow]], field: str | None) -> pl.DataFrame:
    return pl.DataFrame(
        [(file, bad.row, field, bad.reason, bad.raw) for file, bad in rows],
        schema=QUARANTINE_SCHEMA,
        orient="row",
    )
