"""Birth dates that a source invented to fill a gap.

Belongs here: finding calendar days that hold far more birthdays than chance allows. Does not
belong here: dates that are implausible by themselves (`plausibility`).

The rule. Among the people of one source (and league) whose birthday is known, a calendar day is
filler if it holds more than 2 % of them and a binomial with p = 1/365.25 gives so many or more
with a probability below 1e-12. Its people are then left out and the rule is applied again, until
no day is left: a big filler hides a small one. No real calendar day comes near: the seasons move
a day's share from 0.27 % to at most 0.5 %.

Filler dates are set to NULL as a whole, the year as well, since nothing vouches for it. On
1 January the year stays: there sources put those of whom only the year is known.
"""

import math
from collections.abc import Iterator, Sequence

import polars as pl

MINIMUM_SHARE = 0.02
TAIL_PROBABILITY = 1e-12
_BIRTHDAY = 1 / 365.25
_DAY = ("birth_month", "birth_day")


def binomial_tail(k: int, n: int, p: float) -> float:
    """Return the probability that a binomial variable is `k` or more."""
    total = 0.0
    for i in range(k, n + 1):
        log_ways = math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1)
        term = math.exp(log_ways + i * math.log(p) + (n - i) * math.log1p(-p))
        total += term
        if term < 1e-6 * total and i > n * p:
            break
    return min(total, 1.0)


def drop_filler(frame: pl.DataFrame, groups: Sequence[str]) -> pl.DataFrame:
    """Set invented birth dates to NULL and state why in `why_birth_date`.

    Parameters
    ----------
    frame : polars.DataFrame
        Typed bios with `source_id`, `name` and `why_birth_date`.
    groups : sequence of str
        Columns within which people are compared: what one source fills in alike.
    """
    person = pl.coalesce("source_id", "name").alias("person")
    dated = frame.filter(pl.col("birth_day").is_not_null())
    people = dated.select(*groups, person, "birth_year", *_DAY).unique()
    rows = [
        (*key, month, day, f"far too many people are born on {month:02}-{day:02}: invented")
        for key, group in people.group_by(*groups)
        for month, day in _filler_days(group)
    ]
    if not rows:
        return frame
    names = [*groups, *_DAY, "filler"]
    found = pl.DataFrame(rows, schema=names, orient="row").cast(dict.fromkeys(_DAY, pl.Int16))
    frame = frame.join(found, on=[*groups, *_DAY], how="left", maintain_order="left")
    new_year = (pl.col("birth_month") == 1) & (pl.col("birth_day") == 1)
    invented = pl.col("filler").is_not_null()
    return frame.with_columns(
        pl.when(~invented | new_year).then("birth_year"),
        *(pl.when(~invented).then(name) for name in _DAY),
        pl.coalesce("filler", "why_birth_date").alias("why_birth_date"),
    ).drop("filler")


def _filler_days(people: pl.DataFrame) -> Iterator[tuple[int, int]]:
    """Yield month and day, the fullest day first."""
    known = people.height
    for month, day, count in people.group_by(_DAY).len().sort("len", *_DAY, descending=True).rows():
        few = count <= MINIMUM_SHARE * known
        if few or binomial_tail(count, known, _BIRTHDAY) >= TAIL_PROBABILITY:
            return
        yield month, day
        known -= count
