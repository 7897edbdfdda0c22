"""Birth dates in any notation to year, month and day.

Belongs here: recognising dates, with or without a stated format. Does not belong here: whether a
date is believable (`plausibility`, `filler`).

What is only partly known stays partly known: a year alone never becomes 1 January. Where a time
follows the date it is dropped: sources that write midnight of their own zone in UTC
(`1998-09-19T07:00Z`) have the right date part.
"""

import re

import polars as pl

_NAME = r"(?P<name>[A-Za-z]{3,9})"
_SUFFIX = r"(?:st|nd|rd|th)?"
_LATE_DAY = r"(?P<day>1[3-9]|2\d|3[01])"
_MONTH = r"(?P<month>0?[1-9]|1[0-2])"

_RECOGNISED = (
    r"^\+?(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})(?:[T ].*)?$",
    r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})$",
    r"^(?P<year>\d{4})[-./](?P<month>\d{1,2})$",
    r"^(?P<year>\d{4})(?:\.0)?$",
    r"^(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})$",
    rf"^(?P<day>\d{{1,2}}){_SUFFIX}\.?[- ]{_NAME}\.?,?[- ](?P<year>\d{{4}})$",
    rf"^{_NAME}\.? (?P<day>\d{{1,2}}){_SUFFIX},? (?P<year>\d{{4}})$",
    rf"^{_NAME}\.?,? (?P<year>\d{{4}})$",
    rf"^{_LATE_DAY}[-/]{_MONTH}[-/](?P<year>\d{{4}})$",
    rf"^{_MONTH}[-/]{_LATE_DAY}[-/](?P<year>\d{{4}})$",
)
"""Notations that need no format, each unambiguous."""

_DAY_OR_MONTH_FIRST = r"^\d{1,2}[-/]\d{1,2}[-/](?P<year>\d{4})$"

_DIRECTIVES = {
    "Y": r"(?P<year>\d{4})",
    "y": r"(?P<short_year>\d{2})",
    "m": r"(?P<month>\d{1,2})",
    "d": r"(?P<day>\d{1,2})",
    "b": _NAME,
    "B": _NAME,
    "a": r"[A-Za-z]+",
    "A": r"[A-Za-z]+",
    "H": r"\d{1,2}",
    "I": r"\d{1,2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "f": r"\d{1,9}",
    "p": r"[AaPp]\.?[Mm]\.?",
    "z": r"(?:Z|[+-]\d{2}:?\d{2})",
    "%": "%",
}

_MONTHS = {
    **{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6},
    **{"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12},
}


def date_pattern(date_format: str) -> str:
    """Translate a strptime format into a regular expression.

    Parameters
    ----------
    date_format : str
        For example `%d/%m/%Y`; `%-d` is the same as `%d`.

    Raises
    ------
    ValueError
        If a directive is unknown or no year is read.
    """
    tokens = re.findall(r"%-?.|[^%]+|%$", date_format)
    pattern = ""
    for position, token in enumerate(tokens):
        if not token.startswith("%"):
            pattern += re.escape(token)
            continue
        letter = token[-1]
        if len(token) == 1 or letter not in _DIRECTIVES:
            raise ValueError(f"{token!r} is not a date directive; use %Y %y %m %d %b %B")
        part = _DIRECTIVES[letter]
        neighbours = tokens[max(position - 1, 0) : position] + tokens[position + 1 : position + 2]
        if letter in "md" and any(t.startswith("%") for t in neighbours):
            part = part.replace("{1,2}", "{2}")  # nothing separates it from the next number
        pattern += part
    if "(?P<year>" not in pattern and "(?P<short_year>" not in pattern:
        raise ValueError(f"the date format {date_format!r} reads no year: add %Y")
    return f"^{pattern}$"


def read_dates(values: pl.DataFrame, this_year: int) -> pl.DataFrame:
    """Read birth dates.

    Parameters
    ----------
    values : polars.DataFrame
        `birth_date` and `birth_date_format` (NULL: any notation that is unambiguous).
    this_year : int
        A two-digit year is the last such year before it in which a person can have been born.

    Returns
    -------
    polars.DataFrame
        The distinct pairs with `birth_year`, `birth_month`, `birth_day` (each NULL if unknown)
        and `why_birth_date`, which says what is missing.
    """
    distinct = values.select("birth_date", "birth_date_format").unique(maintain_order=True)
    parts = [
        _read(group, None if group["birth_date_format"][0] is None else str(key[0]), this_year)
        for key, group in distinct.group_by("birth_date_format", maintain_order=True)
    ]
    return pl.concat([_read(distinct.clear(), None, this_year), *parts])


def _read(values: pl.DataFrame, date_format: str | None, this_year: int) -> pl.DataFrame:
    text = pl.col("birth_date").str.strip_chars()
    patterns = _RECOGNISED if date_format is None else (date_pattern(date_format),)
    found = [_groups(text, pattern, this_year) for pattern in patterns]
    ambiguous = _groups(text, _DAY_OR_MONTH_FIRST, this_year) if date_format is None else None
    frame = values.with_columns(pl.coalesce(*found, ambiguous).alias("read")).unnest("read")
    year, month, day = pl.col("year"), pl.col("month"), pl.col("day")
    frame = frame.with_columns(pl.when(year > 0).then(year).alias("year"))
    frame = frame.with_columns(pl.when(year.is_not_null() & month.is_between(1, 12)).then(month))
    frame = frame.with_columns(
        pl.when(month.is_not_null() & day.is_between(1, _days_in_month(year, month)))
        .then(day)
        .alias("valid_day")
    )
    unsure = text.str.contains(_DAY_OR_MONTH_FIRST) if date_format is None else pl.lit(False)
    why = (
        pl.when(pl.col("birth_date").is_null() | pl.col("valid_day").is_not_null())
        .then(None)
        .when(year.is_null())
        .then(pl.lit("cannot be read as a date"))
        .when(month.is_null() & unsure)
        .then(pl.lit("day and month cannot be told apart: state the date format"))
        .when(month.is_null())
        .then(pl.lit("only the year is known"))
        .when(day.fill_null(0) == 0)
        .then(pl.lit("only year and month are known"))
        .otherwise(pl.lit("the month has no such day"))
    )
    return frame.select(
        "birth_date",
        "birth_date_format",
        year.alias("birth_year"),
        month.alias("birth_month"),
        pl.col("valid_day").alias("birth_day"),
        why.alias("why_birth_date"),
    )


def _groups(text: pl.Expr, pattern: str, this_year: int) -> pl.Expr:
    """Return year, month and day by one pattern as a struct; NULL where it does not match."""

    def group(name: str) -> pl.Expr:
        if f"(?P<{name}>" not in pattern:
            return pl.lit(None, pl.String)
        return text.str.extract_groups(pattern).struct.field(name)

    year = group("year").cast(pl.Int16)
    short = group("short_year").cast(pl.Int16)
    in_this_century = short + 2000 <= this_year
    year = pl.coalesce(year, pl.when(in_this_century).then(short + 2000).otherwise(short + 1900))
    name = group("name").str.to_lowercase().str.slice(0, 3)
    month = pl.coalesce(
        group("month").cast(pl.Int16),
        name.replace_strict(_MONTHS, default=None, return_dtype=pl.Int16),
    )
    day = group("day").cast(pl.Int16)
    parts = pl.struct(year.alias("year"), month.alias("month"), day.alias("day"))
    return pl.when(year.is_not_null()).then(parts)


def _days_in_month(year: pl.Expr, month: pl.Expr) -> pl.Expr:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    february = pl.when(leap).then(29).otherwise(28)
    other = pl.when(month.is_in([4, 6, 9, 11])).then(30).otherwise(31)
    return pl.when(month == 2).then(february).otherwise(other)
