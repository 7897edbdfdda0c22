"""Sources that come back too short."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from personax_assets.bios.cleaning import CleanBatch, clean_bios
from personax_assets.bios.history import history_delta
from personax_assets.bios.shortfall import hold_short_groups
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from tests.personax_assets.bios.builders import empty_history, raw_rows
from tests.personax_assets.bios.test_history import applied

NOW = datetime(2025, 12, 1)


def person(key: int, **fields: Any) -> dict[str, Any]:
    return {"source_id": str(key), "name": f"P {key}", **fields}


def cleaned(rows: list[dict[str, Any]], sub: SubDataset = ATHLEPERSONA) -> CleanBatch:
    return clean_bios(raw_rows(rows, sub), sub, today=NOW)


def known(rows: list[dict[str, Any]], sub: SubDataset = ATHLEPERSONA) -> pl.DataFrame:
    return applied(empty_history(sub), history_delta(empty_history(sub), cleaned(rows, sub), NOW))


def next_day(
    history: pl.DataFrame, rows: list[dict[str, Any]], *accepted: str
) -> tuple[pl.DataFrame, list[str]]:
    batch, held = hold_short_groups(history, cleaned(rows), accepted)
    after = applied(history, history_delta(history, batch, NOW + timedelta(days=1)))
    current = after.filter(pl.col("valid_to").is_null())
    assert set(current["person_id"]) == set(batch.bios["person_id"])
    return after, [str(short) for short in held]


def test_a_tenth_may_leave_and_not_one_more() -> None:
    people = [person(i) for i in range(100)]
    history = known(people)
    for kept, said in ((50, "NBA: 50 of 100"), (89, "NBA: 11 of 100"), (0, "NBA: 100 of 100")):
        after, held = next_day(history, people[:kept])
        assert held == [said]
        assert after.equals(history)
    after, held = next_day(history, people[:90])
    assert held == []
    assert after["retired_at"].drop_nulls().len() == 10


def test_whoever_says_that_they_really_left_is_believed() -> None:
    people = [person(i) for i in range(100)]
    after, held = next_day(known(people), people[:30], "NBA")
    assert held == []
    assert after["retired_at"].drop_nulls().len() == 70


def test_other_leagues_go_on() -> None:
    people = [person(i) for i in range(1000)]
    golfers = [person(i, league="PGA") for i in range(2000, 2010)]
    today = [*people[1:], person(3000), *golfers[:5], person(4000, league="PGA")]
    after, held = next_day(known([*people, *golfers]), today)
    assert held == ["PGA: 5 of 10"]
    now = after.filter(pl.col("valid_to").is_null())
    assert now.filter(pl.col("league") == "PGA").height == 10
    assert set(now["source_id"]) == {str(i) for i in (*range(1, 1000), 3000, *range(2000, 2010))}


def test_nobody_moves_into_or_out_of_a_held_league() -> None:
    people = [person(i) for i in range(10)]
    golfers = [person(i, league="PGA") for i in range(20, 30)]
    history = known([*people, *golfers])
    today = [*people[:-1], person(9, league="PGA"), *golfers[:4], person(20)]
    after, held = next_day(history, today)
    assert held == ["PGA: 6 of 10"]
    assert after.equals(history)


def test_rows_that_say_everybody_left_are_not_believed_either() -> None:
    first = [person(i, snapshot="2025-01-01") for i in range(20)]
    later = [person(i, snapshot="2025-01-02", in_scope=False) for i in range(20)]
    history = known(first)
    after, held = next_day(history, [*first, *later])
    assert held == ["NBA: 20 of 20"]
    assert after.equals(history)


def test_public_figures_are_one_group_however_rare_their_occupation() -> None:
    people = [person(i, occupation="actor") for i in range(30)]
    people.append(person(99, occupation="puppeteer"))
    history = known(people, CELEBPERSONA)
    _, held = hold_short_groups(history, cleaned(people[:30], CELEBPERSONA))
    assert held == ()
    _, held = hold_short_groups(history, cleaned(people[:20], CELEBPERSONA))
    assert [str(short) for short in held] == ["all: 11 of 31"]
