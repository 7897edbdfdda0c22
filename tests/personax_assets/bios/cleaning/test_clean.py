"""Cleaning end to end: values, identity, versions and the accounting."""

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_assets.bios.cleaning import CleanBatch, clean_bios
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, FACE_ATTRIBUTES
from personax_assets.schemas.people import bios as bios_schema
from tests.personax_assets.bios.builders import assert_accounted, raw_rows

HOSTILE = (
    "O'Brien",
    'Robert"); DROP TABLE bios; --',
    "=cmd|' /C calc'!A0",
    "../../etc/passwd",
    "nul\0byte",
    "x" * 300,
    "Łukasz Żółć 李小龙 🏀",
    "line\nbreak",
    '{"json": [1]}',
)


def clean(*rows: dict[str, Any]) -> CleanBatch:
    batch = clean_bios(raw_rows(rows), ATHLEPERSONA, today=datetime(2025, 10, 1))
    assert_accounted(batch, len(rows))
    return batch


def one(**fields: Any) -> dict[str, Any]:
    batch = clean({"source_id": "1", "name": "A B", **fields})
    return batch.bios.row(0, named=True)


def notes(row: dict[str, Any]) -> dict[str, str]:
    return json.loads(row["notes"] or "{}")


def test_the_columns_are_those_of_the_registry() -> None:
    for sub in (ATHLEPERSONA, CELEBPERSONA):
        batch = clean_bios(raw_rows([{"source_id": "1", "name": "A B"}], sub), sub)
        assert dict(batch.bios.schema) == bios_schema(sub).polars
        assert batch.versions.columns == [*batch.bios.columns, "valid_from", "in_scope"]
        empty = clean_bios(raw_rows([], sub), sub)
        assert dict(empty.bios.schema) == bios_schema(sub).polars
        assert_accounted(empty, 0)


def test_a_full_row_is_typed() -> None:
    row = one(
        birth_date="1998-09-19T07:00Z",
        country="SUI",
        height="75",
        height_unit="in",
        weight="187.0",
        weight_unit="lb",
        photograph="a.png|b.png",
    )
    assert (row["birth_year"], row["birth_month"], row["birth_day"]) == (1998, 9, 19)
    assert (row["country"], row["latitude"], row["longitude"]) == ("CH", 47, 8)
    assert (row["country_basis"], row["height_cm"], row["weight_kg"]) == ("birth", 190.5, 84.82)
    assert (row["photograph"], row["notes"]) == ("a.png|b.png", None)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"height": "104", "height_unit": "in"}, "height_cm", "outside the plausible"),
        ({"height": "3"}, "height_cm", "outside the plausible"),
        ({"height": "tall"}, "height_cm", "cannot be read"),
        ({"weight": "11", "weight_unit": "lb"}, "weight_kg", "outside the plausible"),
        ({"weight": "675"}, "weight_kg", "outside the plausible"),
        ({"weight": "80", "weight_unit": None}, "weight_kg", "state its unit"),
        ({"birth_date": "1901-05-05"}, "birth_date", "age"),
        ({"birth_date": "2020-05-05"}, "birth_date", "age"),
        ({"birth_date": "2090-05-05"}, "birth_date", "age"),
        ({"birth_date": "soon"}, "birth_date", "cannot be read"),
        ({"country": "Atlantis"}, "country", "unknown country"),
        ({"country": "Czechoslovakia"}, "country", "several present-day countries (CZ, SK)"),
        ({"height": "210", "weight": "45"}, "height_cm", "do not fit together"),
        ({"latitude": "95", "longitude": "7"}, "coordinates", "not degrees"),
    ],
)
def test_what_cannot_be_believed_is_null_and_says_why(
    fields: dict[str, str], field: str, reason: str
) -> None:
    row = one(**fields)
    assert reason in notes(row)[field]
    column = {"birth_date": "birth_year", "coordinates": "latitude"}.get(field, field)
    assert row[column] is None


def test_ages_count_from_the_snapshot() -> None:
    assert one(birth_date="1901-05-05", snapshot="1925-01-01")["birth_year"] == 1901
    assert one(birth_date="1901-05-05", snapshot="2025-01-01")["birth_year"] is None


def test_stated_coordinates_come_before_those_of_the_country() -> None:
    row = one(country="USA", latitude="40.5", longitude="-74.25")
    assert (row["latitude"], row["longitude"]) == (40.5, -74.25)


def test_a_former_state_keeps_its_coordinates() -> None:
    row = one(country="Czechoslovakia")
    assert row["country"] is None
    assert (row["latitude"], row["longitude"]) == (49.4, 17.4)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_through_unchanged(name: str) -> None:
    row = one(name=name, country=name, photograph=name)
    assert row["name"] == row["photograph"] == name
    assert "unknown country" in notes(row)["country"]


def test_a_row_without_name_and_id_is_quarantined_alone() -> None:
    batch = clean(
        {"source_id": None, "name": None},
        {"source_id": " ", "name": "  "},
        {"source_id": "3", "name": "C D"},
    )
    assert batch.quarantine["field"].to_list() == ["name", "name"]
    assert batch.quarantine["source_row"].to_list() == [1, 2]
    assert batch.bios["name"].to_list() == ["C D"]


def test_an_id_stands_for_a_person_without_a_name() -> None:
    batch = clean({"source_id": "1", "name": None}, {"source_id": "2", "name": None})
    assert batch.bios["name"].to_list() == [None, None]
    assert batch.bios["person_id"].n_unique() == 2


def test_a_snapshot_that_is_no_time_is_quarantined() -> None:
    batch = clean({"source_id": "1", "name": "A", "snapshot": "yesterday"})
    assert batch.quarantine["field"].to_list() == ["snapshot"]


def test_ids_are_stable_and_belong_to_source_and_sub_dataset() -> None:
    first = one()["person_id"]
    assert first == one(name="Renamed", country="USA")["person_id"]
    assert first == "a-e1ff5254893bac6a8edb"
    assert first == one(source_id=" 1 ")["person_id"]
    assert first != one(source="other")["person_id"]
    celebrity = clean_bios(
        raw_rows([{"source_id": "1", "name": "A B"}], CELEBPERSONA), CELEBPERSONA
    )
    assert celebrity.bios["person_id"][0].startswith("c-")


def test_without_ids_name_and_birth_date_identify() -> None:
    batch = clean(
        {"name": "José Núñez", "birth_date": "1990-01-02", "height": "180"},
        {"name": "Jose Nunez", "birth_date": "1990-01-02", "height": None},
        {"name": "José Núñez", "birth_date": "1991-01-02"},
    )
    assert batch.counts["rows_out"] == 2
    assert batch.counts["superseded"] == 1
    assert batch.bios.filter(pl.col("birth_year") == 1990)["height_cm"].to_list() == [180]


def test_a_name_alone_identifies_nobody() -> None:
    batch = clean({"name": "A B"})
    assert batch.quarantine["reason"].str.contains("name alone").all()


def test_undated_rows_of_one_name_must_agree() -> None:
    same = {"name": "A B", "country": "USA"}
    assert clean(same, same).counts == {
        "rows_in": 2,
        "rows_out": 1,
        "superseded": 1,
        "quarantined": 0,
    }
    batch = clean(same, {**same, "country": "FRA"})
    assert batch.counts["quarantined"] == 2
    assert batch.quarantine["reason"].str.contains("share the name but differ").all()


def test_an_undated_row_adds_nothing_to_a_dated_one_that_it_fits() -> None:
    dated = {"name": "A B", "birth_date": "1990-01-02", "country": "USA", "height": "180"}
    batch = clean(dated, {"name": "A B", "country": "USA"})
    assert (batch.counts["rows_out"], batch.counts["superseded"]) == (1, 1)
    batch = clean(dated, {"name": "A B", "country": "FRA"})
    assert (batch.counts["rows_out"], batch.counts["quarantined"]) == (1, 1)
    twin = {**dated, "birth_date": "1993-01-02"}
    batch = clean(dated, twin, {"name": "A B", "country": "USA"})
    assert (batch.counts["rows_out"], batch.counts["quarantined"]) == (2, 1)


def test_an_id_that_stands_for_two_people_is_quarantined() -> None:
    batch = clean(
        {"source_id": "1", "name": "A B", "birth_date": "1990-01-02"},
        {"source_id": "1", "name": "C D", "birth_date": "1993-01-02"},
        {"source_id": "2", "name": "E F"},
    )
    assert batch.counts["quarantined"] == 2
    assert batch.bios["name"].to_list() == ["E F"]


def test_the_latest_snapshot_is_current_and_distinct_versions_are_kept() -> None:
    row = {"source_id": "1", "name": "A B"}
    batch = clean(
        {**row, "weight": "90", "snapshot": "2025-01-03T12:00:00Z"},
        {**row, "weight": "80", "snapshot": "2025-01-01"},
        {**row, "weight": "80", "snapshot": "2025-01-02 10:00:00"},
    )
    assert batch.bios["weight_kg"].to_list() == [90]
    assert batch.versions["weight_kg"].to_list() == [80, 90]
    assert batch.versions["valid_from"].to_list() == [
        datetime(2025, 1, 1),
        datetime(2025, 1, 3, 12),
    ]


def test_whoever_left_is_not_current() -> None:
    row = {"source_id": "1", "name": "A B"}
    batch = clean(
        {**row, "snapshot": "2025-01-01", "in_scope": False},
        {**row, "snapshot": "2025-01-02"},
        {**row, "snapshot": "2025-01-03", "in_scope": False},
        {**row, "snapshot": "2025-01-04", "in_scope": False},
    )
    assert batch.bios.is_empty()
    assert batch.versions["in_scope"].to_list() == [True, False]
    assert batch.counts["superseded"] == 4


def test_in_one_league_wins_over_out_of_another() -> None:
    row = {"source_id": "1", "name": "A B", "snapshot": "2025-01-01"}
    for rows in (
        ({**row, "league": "NBA"}, {**row, "league": "NHL", "in_scope": False}),
        ({**row, "league": "NHL", "in_scope": False}, {**row, "league": "NBA"}),
    ):
        assert clean(*rows).bios["league"].to_list() == ["NBA"]


def test_celebrities_have_attributes() -> None:
    answers = ["true", "FALSE", "1", "-1", "0", "maybe", None, "", "yes", "no"]
    row = dict(zip(FACE_ATTRIBUTES, answers, strict=True))
    row |= {"source_id": "1", "name": "A B", "occupation": " actor ", "gender": "female"}
    bios = clean_bios(raw_rows([row], CELEBPERSONA), CELEBPERSONA).bios.row(0, named=True)
    values = [bios[name] for name in FACE_ATTRIBUTES]
    assert values == [True, False, True, False, False, None, None, None, True, False]
    assert (bios["occupation"], bios["gender"]) == ("actor", "female")
    assert list(notes(bios)) == [FACE_ATTRIBUTES[5]]
    assert '"maybe"' in notes(bios)[FACE_ATTRIBUTES[5]]


optional = st.none() | st.sampled_from(["1", "2", "3"])
any_row = st.fixed_dictionaries(
    {
        "source_id": optional,
        "name": st.sampled_from(["A B", "Á B", "C", "", None]),
        "birth_date": st.sampled_from(["1990-01-02", "1991", "soon", None]),
        "country": st.sampled_from(["USA", "FRA", "Atlantis", None]),
        "height": st.sampled_from(["180", "6'1\"", "3", None]),
        "snapshot": st.sampled_from(["2025-01-01", "2025-01-02", "soon", None]),
        "league": st.sampled_from(["NBA", "PGA"]),
        "in_scope": st.booleans(),
    }
)


@given(st.lists(any_row, max_size=12))
@settings(max_examples=40, deadline=None)
def test_every_row_goes_somewhere(rows: list[dict[str, Any]]) -> None:
    batch = clean(*rows)
    assert batch.versions.filter("in_scope").n_unique(["person_id", "valid_from"]) == (
        batch.versions.filter("in_scope").height
    )
    assert set(batch.bios["person_id"]) <= set(batch.versions["person_id"])


@given(st.lists(any_row, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_who_is_who_does_not_depend_on_the_order_of_rows(
    rows: list[dict[str, Any]], shuffle: Any
) -> None:
    shuffled = [*rows]
    shuffle.shuffle(shuffled)
    first, second = clean(*rows), clean(*shuffled)
    assert first.counts == second.counts
    assert set(first.bios["person_id"]) == set(second.bios["person_id"])
