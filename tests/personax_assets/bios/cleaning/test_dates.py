"""Birth dates."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.bios.cleaning.dates import date_pattern, read_dates

Parts = tuple[int | None, int | None, int | None]


def read(value: str | None, date_format: str | None = None) -> tuple[Parts, str | None]:
    schema = {"birth_date": pl.String, "birth_date_format": pl.String}
    frame = pl.DataFrame([(value, date_format)], schema=schema, orient="row")
    *_, year, month, day, why = read_dates(frame, this_year=2025).row(0)
    return (year, month, day), why


@pytest.mark.parametrize(
    ("written", "date_format"),
    [
        ("1998-09-19", None),
        ("1998-09-19T07:00Z", None),
        ("1998-09-19T13:00Z", None),
        ("1998-09-19 00:00:00", None),
        ("+1998-09-19T00:00:00Z", None),
        ("19980919", None),
        ("1998.09.19", None),
        ("1998/9/19", None),
        ("19.09.1998", None),
        ("19 September 1998", None),
        ("19 Sep 1998", None),
        ("September 19, 1998", None),
        ("Sep 19th 1998", None),
        ("9/19/1998", None),
        ("19/9/1998", None),
        ("9/19/1998", "%m/%d/%Y"),
        ("9/19/1998", "%-m/%-d/%Y"),
        ("19.9.98", "%d.%m.%y"),
        ("19980919", "%Y%m%d"),
        ("98/09/19 12:30", "%y/%m/%d %H:%M"),
        ("Sat, 19 Sep 1998", "%a, %d %b %Y"),
    ],
)
def test_a_date_is_read_in_every_notation(written: str, date_format: str | None) -> None:
    assert read(written, date_format) == ((1998, 9, 19), None)


@pytest.mark.parametrize(
    ("written", "date_format", "parts", "reason"),
    [
        ("18890000", "%Y%m%d", (1889, None, None), "only the year"),
        ("18890000", None, (1889, None, None), "only the year"),
        ("1889", None, (1889, None, None), "only the year"),
        ("1950-00-00T00:00:00Z", None, (1950, None, None), "only the year"),
        ("1998-09", None, (1998, 9, None), "only year and month"),
        ("1998-09-00", None, (1998, 9, None), "only year and month"),
        ("1998-02-30", None, (1998, 2, None), "no such day"),
        ("1900-02-29", None, (1900, 2, None), "no such day"),
        ("6/5/1996", None, (1996, None, None), "cannot be told apart"),
        ("soon", None, (None, None, None), "cannot be read"),
        ("1998-09-19", "%d/%m/%Y", (None, None, None), "cannot be read"),
        ("0000-00-00", None, (None, None, None), "cannot be read"),
    ],
)
def test_what_is_partly_known_stays_so(
    written: str, date_format: str | None, parts: Parts, reason: str
) -> None:
    found, why = read(written, date_format)
    assert found == parts
    assert why is not None
    assert reason in why


def test_unknown_is_unknown_without_a_reason() -> None:
    assert read(None) == ((None, None, None), None)


def test_two_digit_years_lie_in_the_past() -> None:
    assert read("1.2.24", "%d.%m.%y")[0][0] == 2024
    assert read("1.2.30", "%d.%m.%y")[0][0] == 1930


@given(st.dates(date(1850, 1, 1), date(2025, 12, 31)), st.sampled_from(["%Y%m%d", "%d.%m.%Y"]))
def test_every_day_reads_back_leap_days_too(day: date, date_format: str) -> None:
    parts = ((day.year, day.month, day.day), None)
    assert read(day.strftime(date_format), date_format) == parts
    assert read(day.isoformat()) == parts


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(written: str) -> None:
    (year, month, day), _ = read(written)
    if day is not None:
        date(year or 1, month or 0, day)
    assert month is None or year is not None


@pytest.mark.parametrize("date_format", ["%q", "%m/%d", "%", "plain"])
def test_a_wrong_format_is_refused(date_format: str) -> None:
    with pytest.raises(ValueError, match="date"):
        date_pattern(date_format)
