"""The history of bios."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_assets.bios import history as history_module
from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.history import HistoryDelta, history_delta, row_hashes
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.schemas.people import bios_history
from tests.personax_assets.bios.builders import empty_history, raw_rows

NOW = datetime(2025, 12, 1)
DAY = timedelta(days=1)
KEY = ["person_id", "valid_from"]


def applied(history: pl.DataFrame, delta: HistoryDelta) -> pl.DataFrame:
    """Do what the warehouse does: upsert the closed and the opened versions by key."""
    closed = history.drop("valid_to", "retired_at").join(delta.closed, on=KEY)
    changed = pl.concat([closed, delta.opened], how="diagonal")
    assert changed.select(KEY).is_duplicated().sum() == 0
    kept = history.join(changed, on=KEY, how="anti")
    return pl.concat([kept, changed.select(history.columns)]).sort(KEY)


def load(history: pl.DataFrame, rows: list[dict[str, Any]], at: datetime = NOW) -> pl.DataFrame:
    clean = clean_bios(raw_rows(rows), ATHLEPERSONA, today=NOW)
    delta = history_delta(history, clean, at)
    result = applied(history, delta)
    was = set(history.filter(pl.col("valid_to").is_null())["person_id"])
    now = set(clean.bios["person_id"])
    counts = delta.counts
    assert counts["new"] == len(now - was)
    assert counts["retired"] == len(was - now)
    assert counts["changed"] + counts["unchanged"] == len(was & now)
    current = result.filter(pl.col("valid_to").is_null())
    assert set(current["person_id"]) == set(clean.bios["person_id"])
    assert current.height == clean.bios.height
    assert current.sort("person_id")["row_hash"].equals(
        row_hashes(clean.bios.sort("person_id")).alias("row_hash")
    )
    assert_sound(result)
    return result


def assert_sound(history: pl.DataFrame) -> None:
    assert dict(history.schema) == bios_history(ATHLEPERSONA).polars
    ordered = history.sort(KEY)
    following = ordered["valid_from"].shift(-1)
    same = (ordered["person_id"] == ordered["person_id"].shift(-1)).fill_null(False)
    ends = ordered["valid_to"]
    assert (ends.fill_null(datetime.max) > ordered["valid_from"]).all()
    assert ((ends <= following) | ~same).fill_null(False).all() or history.is_empty()
    followed = (ends == following) & same
    left = pl.select(pl.when(ends.is_not_null() & ~followed.fill_null(False)).then(ends))
    assert ordered["retired_at"].equals(left.to_series().alias("retired_at"))


def person(key: int = 1, **fields: Any) -> dict[str, Any]:
    return {"source_id": str(key), "name": f"P {key}", **fields}


def test_the_same_input_again_changes_nothing() -> None:
    rows = [person(1, weight="80"), person(2, snapshot="2025-01-01", country="USSR")]
    history = load(empty_history(), rows)
    again = history_delta(history, clean_bios(raw_rows(rows), ATHLEPERSONA, today=NOW), NOW + DAY)
    assert again.opened.is_empty()
    assert again.closed.is_empty()


def test_a_change_closes_one_version_and_opens_the_next() -> None:
    history = load(empty_history(), [person(weight="80")])
    history = load(history, [person(weight="90")], NOW + DAY)
    assert history["weight_kg"].to_list() == [80, 90]
    assert history["valid_to"].to_list() == [NOW + DAY, None]
    assert history["valid_from"].to_list() == [NOW, NOW + DAY]


def test_null_is_told_from_a_neighbour_that_is_null() -> None:
    frame = pl.DataFrame({"a": ["x", None], "b": [None, "x"]})
    assert row_hashes(frame).n_unique() == 2
    frame = pl.DataFrame({"a": ["", None, "null"], "b": ["x", "x", "x"]})
    assert row_hashes(frame).n_unique() == 3


def test_another_wording_of_a_reason_is_no_new_version() -> None:
    clean = clean_bios(raw_rows([person(country="Atlantis")]), ATHLEPERSONA)
    assert clean.bios["notes"][0] is not None
    reworded = clean.bios.with_columns(notes=pl.lit("other"))
    assert row_hashes(clean.bios).equals(row_hashes(reworded))


def test_the_hash_tells_sources_columns_meanings_and_every_bit_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = pl.DataFrame({"source": ["espn"], "height_cm": [0.1 + 0.2], "name": ["Zoë"]})
    variants = [
        frame,
        frame.with_columns(source=pl.lit("wikidata")),
        frame.with_columns(height_cm=pl.lit(0.3)),
        frame.with_columns(country=pl.lit(None, pl.String)),
        frame.rename({"name": "full_name"}),
    ]
    hashes = [row_hashes(variant)[0] for variant in variants]
    monkeypatch.setattr(history_module, "BIO_VERSION", "2")
    assert len({*hashes, row_hashes(frame)[0]}) == len(variants) + 1
    zeros = pl.DataFrame({"longitude": [0.0, -0.0]})
    assert row_hashes(zeros).n_unique() == 1, "west of Greenwich by nothing is Greenwich"


def test_leaving_and_coming_back_leaves_a_gap() -> None:
    rows = [
        person(snapshot="2025-01-01"),
        person(snapshot="2025-01-05", in_scope=False),
        person(snapshot="2025-01-09"),
    ]
    history = load(empty_history(), rows)
    spans = history.select("valid_from", "valid_to").rows()
    assert spans == [
        (datetime(2025, 1, 1), datetime(2025, 1, 5)),
        (datetime(2025, 1, 9), None),
    ]
    assert history["retired_at"].to_list() == [datetime(2025, 1, 5), None]
    assert load(history, rows, NOW + DAY).equals(history)


def test_someone_who_vanished_and_returns_is_open_again() -> None:
    history = load(empty_history(), [person(1), person(2)])
    history = load(history, [person(1)], NOW + DAY)
    history = load(history, [person(1), person(2)], NOW + 2 * DAY)
    returned = history.filter(pl.col("name") == "P 2")
    assert returned["valid_to"].to_list() == [NOW + DAY, None]
    assert returned["valid_from"].to_list() == [NOW, NOW + 2 * DAY]


def test_an_older_snapshot_that_comes_late_falls_into_its_place() -> None:
    first, middle, last = (
        person(snapshot=f"2025-01-0{day}", weight=str(80 + day)) for day in (1, 5, 9)
    )
    history = load(empty_history(), [first, last])
    history = load(history, [first, middle, last])
    assert history["weight_kg"].to_list() == [81, 85, 89]
    assert history["valid_to"].to_list() == [datetime(2025, 1, 5), datetime(2025, 1, 9), None]


def test_better_cleaning_of_the_same_snapshot_replaces_the_version() -> None:
    history = load(empty_history(), [person(snapshot="2025-01-01", weight="80")])
    history = load(history, [person(snapshot="2025-01-01", weight="81")])
    assert history["weight_kg"].to_list() == [81]


snapshots = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 6), st.sampled_from(["80", "90"]), st.booleans()),
    max_size=10,
    unique_by=lambda row: row[:2],
)


@pytest.mark.slow
@given(snapshots)
@settings(max_examples=20, deadline=None)
def test_replaying_snapshots_one_by_one_equals_loading_all_at_once(
    drawn: list[tuple[int, int, str, bool]],
) -> None:
    rows = [
        person(key, snapshot=f"2025-01-0{day}", weight=weight, in_scope=in_scope)
        for key, day, weight, in_scope in sorted(drawn, key=lambda row: row[1])
    ]
    at_once = load(empty_history(), rows)
    history = empty_history()
    for day in sorted({row["snapshot"] for row in rows}):
        known = [row for row in rows if row["snapshot"] <= day]
        history = load(history, known, datetime.fromisoformat(day))
        assert load(history, known, datetime.fromisoformat(day)).equals(history)
    assert history.drop("notes").equals(at_once.drop("notes"))


loads = st.lists(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["80", "90"]))), max_size=5)


@given(loads)
@settings(max_examples=20, deadline=None)
def test_after_any_sequence_of_loads_the_open_versions_are_the_current_bios(
    drawn: list[list[tuple[int, str]]],
) -> None:
    history = empty_history()
    for i, rows in enumerate(drawn):
        people = {key: person(key, weight=weight) for key, weight in rows}
        history = load(history, list(people.values()), NOW + i * DAY)
