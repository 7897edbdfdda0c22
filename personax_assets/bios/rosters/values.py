"""Values of a description as polars expressions over a file's columns.

Belongs here: templates, null markers, replacements, conditions and join keys. Does not belong
here: opening files (`files`) or laying out raw rows (`reading`).
"""

import re
from collections.abc import Callable, Iterator

import polars as pl

from personax_assets.bios.cleaning.dates import read_dates
from personax_assets.bios.cleaning.places import country_of_code, state_code
from personax_assets.bios.rosters.description import Comparison, Condition, Reading, Value
from personax_assets.bios.text import folded_name

_COLUMN = re.compile(r"\{([^{}]*)\}")


def columns_of(value: Value) -> Iterator[str]:
    """Yield the columns that a value needs."""
    yield from _COLUMN.findall(value.template)
    if value.otherwise is not None:
        yield from columns_of(value.otherwise)


def without_markers(cell: pl.Expr, nulls: tuple[str, ...]) -> pl.Expr:
    """Return a cell, NULL where it is blank or a marker for unknown in any case."""
    markers = ["", *(marker.strip().lower() for marker in nulls)]
    return pl.when(~cell.str.strip_chars().str.to_lowercase().is_in(markers)).then(cell)


def expression(value: Value) -> pl.Expr:
    """Return a value as text; NULL if it is unknown.

    A single column is taken exactly as it is. In a template an unknown part is left out with the
    space around it, and the whole is unknown if all parts are.
    """
    names = _COLUMN.findall(value.template)
    cells = [without_markers(pl.col(name), value.nulls) for name in names]
    if value.template == f"{{{names[0] if names else ''}}}":
        result = cells[0]
    elif not names:
        result = pl.lit(value.template)
    else:
        literals = _COLUMN.split(value.template)[::2]
        parts: list[pl.Expr] = [pl.lit(literals[0])]
        for cell, literal in zip(cells, literals[1:], strict=True):
            parts += [cell.fill_null(""), pl.lit(literal)]
        text = pl.concat_str(parts).str.replace_all(r"\s+", " ").str.strip_chars()
        result = pl.when(pl.any_horizontal(c.is_not_null() for c in cells)).then(text)
    if value.replace is not None:
        result = without_markers(result.str.replace(*value.replace), value.nulls)
    if value.values:
        meanings = {written: meant or None for written, meant in value.values}
        stripped = result.str.strip_chars()
        result = (
            pl.when(stripped.is_in(list(meanings)))
            .then(stripped.replace_strict(meanings, default=None, return_dtype=pl.String))
            .otherwise(result)
        )
    if value.reads != "text":
        result = _each_distinct(result, _place_reader(value.reads))
    return result if value.otherwise is None else pl.coalesce(result, expression(value.otherwise))


def _place_reader(reads: Reading) -> Callable[[str], str]:
    if reads == "state":
        return lambda text: state_code(text) or text
    return lambda text: country_of_code(text, reads) or text


def _each_distinct(text: pl.Expr, function: Callable[[str], str]) -> pl.Expr:
    """Apply a function once per distinct value."""

    def apply(cells: pl.Series) -> pl.Series:
        meanings = {cell: function(cell) for cell in cells.drop_nulls().unique()}
        return cells.replace_strict(meanings, default=None, return_dtype=pl.String)

    return text.map_batches(apply, return_dtype=pl.String)


def _dates(text: pl.Expr, date_format: str | None) -> pl.Expr:
    """Read dates as a struct of year, month and day."""

    def apply(cells: pl.Series) -> pl.Series:
        frame = cells.to_frame("birth_date").with_columns(
            pl.lit(date_format, pl.String).alias("birth_date_format")
        )
        read = frame.join(
            read_dates(frame, this_year=2100),
            on=["birth_date", "birth_date_format"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        return read.select(pl.struct("birth_year", "birth_month", "birth_day")).to_series()

    parts = {f"birth_{part}": pl.Int16 for part in ("year", "month", "day")}
    return text.map_batches(apply, return_dtype=pl.Struct(parts))


def key_expression(value: Value, compared: Comparison, date_format: str | None) -> pl.Expr:
    """Return a value in the form in which two files agree on it."""
    text = expression(value)
    if compared == "text":
        return text.str.strip_chars()
    if compared == "name":
        return folded_name(text)
    date = _dates(text, date_format).struct
    return pl.concat_str(
        [date.field(f"birth_{part}").cast(pl.String) for part in ("year", "month", "day")],
        separator="-",
    )


def _plain(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars().str.to_lowercase().str.replace(r"^(-?\d+)\.0+$", "$1")


def condition_expression(condition: Condition) -> pl.Expr:
    """Return whether a row fulfils a condition; never NULL."""
    text = expression(condition.value)
    test, wanted = condition.test, list(condition.wanted)
    if test == "known":
        return text.is_not_null() if wanted == ["true"] else text.is_null()
    if test == "year":
        year = _dates(text, condition.format).struct.field("birth_year")
        return year.is_in([int(year) for year in wanted]).fill_null(False)
    if test in ("at_least", "at_most"):
        number = text.str.strip_chars().cast(pl.Float64, strict=False)
        limit = float(wanted[0])
        holds = number >= limit if test == "at_least" else number <= limit
        return holds.fill_null(False)
    plain = [re.sub(r"^(-?\d+)\.0+$", r"\1", word.strip().lower()) for word in wanted]
    listed = _plain(text).is_in(plain).fill_null(False)
    return ~listed if test == "not_in" else listed
