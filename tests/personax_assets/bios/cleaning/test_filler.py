"""Invented birth dates."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.cleaning.filler import binomial_tail
from personax_assets.datasets import ATHLEPERSONA
from tests.personax_assets.bios.builders import raw_rows


@pytest.mark.parametrize(("k", "n"), [(0, 10), (6, 10), (21, 607), (583, 1190), (3, 4000)])
def test_the_tail_agrees_with_scipy(k: int, n: int) -> None:
    expected = stats.binom.sf(k - 1, n, 1 / 365.25)
    assert binomial_tail(k, n, 1 / 365.25) == pytest.approx(expected, rel=1e-6)


def people(days: list[date], **more: object) -> list[dict[str, object]]:
    return [
        {"source_id": f"{more.get('league', '')}{i}", "name": f"P {i}", "birth_date": f"{day}"}
        | more
        for i, day in enumerate(days)
    ]


def random_days(n: int, seed: int = 0) -> list[date]:
    rng = np.random.default_rng(seed)
    return [date(1990, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 365, n)]


def test_two_days_that_hold_half_of_the_rows_are_filler_and_a_small_third_is_too() -> None:
    filler = [date(1980 + i % 30, 8, 23) for i in range(400)]
    filler += [date(1980 + i % 30, 3, 23) for i in range(100)]
    filler += [date(1980 + i % 30, 5, 23) for i in range(25)]
    true = [day for day in random_days(500) if (day.month, day.day) not in ((8, 23), (3, 23))]
    true = [day for day in true if (day.month, day.day) != (5, 23)]
    batch = clean_bios(raw_rows(people([*filler, *true])), ATHLEPERSONA)
    assert batch.bios["birth_year"].null_count() == len(filler)
    assert batch.bios["birth_day"].null_count() == len(filler)
    reasons = batch.bios.filter(pl.col("birth_year").is_null())["notes"]
    assert reasons.str.contains("invented").all()


def test_on_new_year_the_year_stays() -> None:
    days = [date(1980 + i % 30, 1, 1) for i in range(100)] + random_days(400)
    batch = clean_bios(raw_rows(people(days)), ATHLEPERSONA)
    assert batch.bios["birth_year"].null_count() == 0
    assert batch.bios["birth_month"].null_count() >= 100


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_not_taken_for_filler(seed: int) -> None:
    batch = clean_bios(raw_rows(people(random_days(700, seed))), ATHLEPERSONA)
    assert batch.bios["birth_day"].null_count() == 0


def test_the_same_person_in_many_snapshots_counts_once() -> None:
    rows = [
        {**person, "snapshot": f"2025-01-{snapshot:02}"}
        for person in people([date(1990, 5, 5), date(1991, 6, 6), date(1992, 7, 7)])
        for snapshot in range(1, 29)
    ]
    batch = clean_bios(raw_rows(rows), ATHLEPERSONA)
    assert batch.bios["birth_day"].null_count() == 0


def test_leagues_are_looked_at_one_by_one() -> None:
    filled = people([date(1990, 8, 23)] * 50 + random_days(50), league="PGA")
    honest = people([date(1990, 8, 23), *random_days(200)], league="NHL")
    bios = clean_bios(raw_rows([*filled, *honest]), ATHLEPERSONA).bios
    assert bios.filter(pl.col("league") == "NHL")["birth_day"].null_count() == 0
    assert bios.filter(pl.col("league") == "PGA")["birth_day"].null_count() >= 50
