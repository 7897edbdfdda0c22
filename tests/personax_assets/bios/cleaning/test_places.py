"""Countries."""

import csv
import json
import math
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.bios.cleaning.places import (
    country_of_code,
    fold,
    read_countries,
    resolve,
    state_code,
)


def country(value: str) -> str | None:
    place = resolve(value)
    return None if place is None else place.country


def rows(name: str) -> list[dict[str, str]]:
    text = files("personax_assets.bios.cleaning").joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("USA", "US"),
        ("usa", "US"),
        ("U.S.A.", "US"),
        ("United States of America", "US"),
        ("NA", "NA"),
        ("Namibia", "NA"),
        ("Georgia", "GE"),
        ("US-GA", "US"),
        ("Turkey", "TR"),
        ("Türkiye", "TR"),
        ("Côte d'Ivoire", "CI"),
        ("Côte d’Ivoire", "CI"),
        ("Ivory Coast", "CI"),
        ("Korea Republic", "KR"),
        ("Korea, Republic of", "KR"),
        ("Korea DPR", "KP"),
        ("Congo DR", "CD"),
        ("China PR", "CN"),
        ("Chinese Taipei", "TW"),
        ("Republic of Ireland", "IE"),
        ("Cape Verde Islands", "CV"),
        ("Bosnia & Herzegovina", "BA"),
        ("St. Kitts & Nevis", "KN"),
        ("Saint Kitts and Nevis", "KN"),
        ("The Bahamas", "BS"),
        ("Trinidad", "TT"),
        ("Curacao", "CW"),
        ("American Samoa", "AS"),
        ("Virgin Islands", "VI"),
        ("British Virgin Islands", "VG"),
        ("SUI", "CH"),
        ("CHE", "CH"),
        ("LAT", "LV"),
        ("LVA", "LV"),
        ("GER", "DE"),
        ("DEU", "DE"),
        ("BRN", "BH"),
        ("BRU", "BN"),
        ("BUR", "BF"),
        ("NIG", "NE"),
        ("NGR", "NG"),
        ("SIN", "SG"),
        ("ROM", "RO"),
        ("CEY", "LK"),
        ("HAW", "US"),
        ("Dutch", "NL"),
        ("French", "FR"),
        ("Filipino", "PH"),
        ("England", "GB"),
        ("ENG", "GB"),
        ("WAL", "GB"),
        ("Scottish", "GB"),
        ("Northern Ireland", "GB"),
        ("Great Britain", "GB"),
        ("West Germany", "DE"),
        ("GDR", "DE"),
        ("Zaire", "CD"),
        ("RHO", "ZW"),
        ("Burma", "MM"),
        ("Kosovo", "XK"),
    ],
)
def test_countries_are_found_in_any_coding(written: str, expected: str) -> None:
    assert country(written) == expected


@pytest.mark.parametrize(
    ("written", "successors"),
    [
        ("USSR", ("EE", "LV", "RU", "UA")),
        ("URS", ("EE", "LV", "RU", "UA")),
        ("Czechoslovakia", ("CZ", "SK")),
        ("TCH", ("CZ", "SK")),
        ("YUG", ("HR", "RS", "SI")),
        ("Yugoslavian", ("HR", "RS", "SI")),
        ("SCG", ("ME", "RS")),
        ("AHO", ("CW", "SX")),
    ],
)
def test_a_state_with_several_successors_has_coordinates_but_no_country(
    written: str, successors: tuple[str, ...]
) -> None:
    place = resolve(written)
    assert place is not None
    assert place.country is None
    assert set(successors) <= set(place.successors)
    assert place.latitude is not None
    assert "several present-day countries" in (place.problem or "")


def test_a_name_that_several_countries_share_is_not_guessed() -> None:
    place = resolve("Dominican")
    assert place is not None
    assert place.country is None
    assert place.successors == ("DM", "DO")


def test_home_nations_have_coordinates_of_their_own() -> None:
    places = [resolve(name) for name in ("England", "Scotland", "Wales", "Northern Ireland", "GB")]
    assert {place.country for place in places if place} == {"GB"}
    assert len({(place.latitude, place.longitude) for place in places if place}) == 5


def test_unknown_places_are_kept_out_with_a_reason() -> None:
    written = ["Atlantis", "?", "UNK", "'; DROP TABLE bios; --", "x" * 300, "\0"]
    frame = read_countries(pl.Series(written))
    assert frame["country"].null_count() == len(written)
    assert frame["why_country"].str.contains("unknown country").all()


def test_states_come_before_countries_where_asked() -> None:
    assert state_code("Georgia") == "US-GA"
    assert state_code("Ontario") == "CA-ON"
    assert state_code("D.C.") == "US-DC"
    assert state_code("Québec") == "CA-QC"
    assert state_code("France") is None


def test_a_stated_coding_comes_before_any_other() -> None:
    assert country_of_code("BRN", "ioc") == "BH"
    assert country_of_code("BRN", "iso") == "BN"
    assert country_of_code("Sweden", "iso") is None


def test_codes_of_all_systems_clash_in_one_place_only() -> None:
    meanings: dict[str, set[str]] = {}
    for row in rows("countries.csv"):
        for system in ("ioc", "fifa", "alpha3"):
            meanings.setdefault(row[system], set()).add(row["alpha2"])
    clashes = {code for code, found in meanings.items() if code and len(found) > 1}
    assert clashes == {"BRN"}


def test_every_country_is_found_by_its_own_codes_and_name() -> None:
    for row in rows("countries.csv"):
        for written in (row["alpha2"], row["ioc"], row["name"], row["name"].upper()):
            if written:
                assert country(written) == row["alpha2"], written


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(written: str) -> None:
    resolve(written)
    assert fold(fold(written)) == fold(written) or fold(written).startswith(("the ", "st "))


def test_the_table_agrees_with_independent_ones(real_data: Path) -> None:
    mine = {row["alpha2"]: row for row in rows("countries.csv")}
    listed = json.loads((real_data / "countries/countries.json").read_text(encoding="utf-8"))
    assert {entry["cca2"] for entry in listed} == set(mine)
    for entry in listed:
        row = mine[entry["cca2"]]
        latitude, longitude = entry["latlng"]
        around = math.remainder(longitude - float(row["longitude"]), 360)
        assert abs(latitude - float(row["latitude"])) < 2, row["name"]
        assert abs(around) * math.cos(math.radians(latitude)) < 2, row["name"]
        if entry["cca2"] != "XK":
            assert row["alpha3"] == entry["cca3"]
        official = entry["name"]["official"]  # both Virgin Islands are officially called so
        assert country(official) in (entry["cca2"], None) or official == "Virgin Islands"
        assert country_of_code(row["alpha3"], "iso") == entry["cca2"]
        assert country(entry["name"]["common"]) == entry["cca2"]
        if entry.get("cioc"):
            assert country(entry["cioc"]) == entry["cca2"]


def test_coordinates_agree_with_computed_centroids(real_data: Path) -> None:
    mine = {row["alpha2"]: row for row in rows("countries.csv")}
    with (real_data / "countries/centroids.csv").open(encoding="utf-8-sig", newline="") as file:
        centroids = list(csv.DictReader(file))
    far = set()
    for row in centroids:
        own = mine[row["ISO"]]
        north = float(row["latitude"]) - float(own["latitude"])
        east = math.remainder(float(row["longitude"]) - float(own["longitude"]), 360)
        if math.hypot(north, east * math.cos(math.radians(float(own["latitude"])))) > 6:
            far.add(row["ISO"])
    # scattered islands, and places whose centre depends on what is counted in
    assert far <= {"AQ", "BQ", "CL", "ES", "FJ", "ID", "IO", "KI", "PF", "TF", "UM"}
