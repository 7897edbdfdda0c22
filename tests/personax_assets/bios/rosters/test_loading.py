"""Descriptions: what is refused, and how that is said."""

from pathlib import Path
from typing import Any

import pytest

from personax_assets.bios.rosters import RosterError, bundled_example, load_rosters
from personax_assets.bios.rosters.description import Roster
from personax_assets.datasets import LEAGUES
from tests.personax_assets.bios.builders import (
    ENTRY,
    players,
    roster_list,
    write_list,
    write_players,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_players(tmp_path, players(3))
    return tmp_path


def field(name: str, value: Any) -> dict[str, Any]:
    return {**ENTRY, "fields": {**ENTRY["fields"], name: value}}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({**ENTRY, "leauge": "NBA"}, "rosters[0]: unknown key 'leauge': did you mean 'league'?"),
        ({**ENTRY, "league": "NBB"}, "league: 'NBB' is not known: did you mean 'NBA'?"),
        ({**ENTRY, "league": {"from": "l", "values": {"x": "Serie A"}}}, "'Serie A' is not known"),
        ({**ENTRY, "league": {"from": "l"}}, "say under 'values' which value is which league"),
        ({k: v for k, v in ENTRY.items() if k != "source"}, "the key 'source' is missing"),
        ({**ENTRY, "fields": {"source_id": "id"}}, "the key 'name' is missing"),
        (field("heihgt", "height"), "unknown key 'heihgt': did you mean 'height'?"),
        (field("height", {"from": "h", "unit": "inch"}), "height: unit: 'inch' is not known"),
        (field("height", {"form": "h"}), "unknown key 'form': did you mean 'from'?"),
        (field("height", {"unit": "cm"}), "say under 'from' which column"),
        (field("country", "country"), "say under 'basis'"),
        (field("country", {"from": "c", "basis": "passport"}), "basis: 'passport' is not known"),
        (field("country", {"from": "c", "basis": "birth", "as": "cia"}), "as: 'cia' is not known"),
        (field("birth_date", {"from": "b", "format": "%d/%q"}), "'%q' is not a date directive"),
        (field("birth_date", {"from": "b", "format": "%d/%m"}), "reads no year"),
        (field("name", {"from": "n", "replace": ["(", "x"]}), "'(' is not a regular expression"),
        (field("name", {"from": "n", "replace": ["x"]}), "expected a pair"),
        ({**ENTRY, "encoding": "utf-9"}, "encoding: 'utf-9' is no encoding"),
        ({**ENTRY, "delimiter": ";;"}, "delimiter: ';;' is not one character"),
        ({**ENTRY, "format": "xls"}, "format: 'xls' is not known"),
        ({**ENTRY, "header": False}, "without a header line 'columns' must name the columns"),
        ({**ENTRY, "header": "maybe"}, "header: expected true or false"),
        ({**ENTRY, "skip": "two"}, "skip: expected a whole number"),
        ({**ENTRY, "columns": ["a", "a"]}, "'a' is named twice"),
        ({**ENTRY, "where": [{"column": "id"}]}, "where[0]: expected one test"),
        ({**ENTRY, "where": [{"column": "id", "at_least": "x"}]}, "expected a number"),
        ({**ENTRY, "where": [{"is": "x"}]}, "the key 'column' is missing"),
        ({**ENTRY, "joins": {"more": {"file": "x.csv"}}}, "the key 'on' is missing"),
        ({**ENTRY, "joins": ["x"]}, "joins: expected keys with values"),
        ({**ENTRY, "like": "tennis"}, "like: no kind of file 'tennis': did you mean 'tennis_atp'?"),
        ({**ENTRY, "like": "mine.yaml"}, "like: no kind of file 'mine.yaml'"),
        ("players.csv", "rosters[0]: expected keys with values"),
    ],
)
def test_a_wrong_description_is_refused_in_one_clear_line(
    folder: Path, entry: dict[str, Any], said: str
) -> None:
    with pytest.raises(RosterError) as error:
        roster_list(folder, entry)
    assert said in str(error.value)
    assert str(error.value).startswith("list.yaml: rosters[0]")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rosters: [", "not valid YAML in line"),
        ("- a\n", "expected keys with values"),
        ("roster: []\n", "unknown key 'roster': did you mean 'rosters'?"),
        ("rosters: []\n", "the list 'rosters' is empty"),
        ("", "expected keys with values"),
        ("rosters: !!python/object/apply:os.system ['true']\n", "rosters[0]: expected keys"),
    ],
)
def test_a_document_that_is_no_list_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(text)
    with pytest.raises(RosterError) as error:
        load_rosters(path)
    assert said in str(error.value)


def test_a_missing_list_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match=r"none.yaml: cannot be read \(No such file"):
        load_rosters(tmp_path / "none.yaml")
    with pytest.raises(RosterError, match=r"none of its 1 files is in .*--rosters-dir"):
        roster_list(tmp_path, ENTRY)


def test_a_list_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_bytes(b"rosters: \xff\xfe")
    with pytest.raises(RosterError, match="is not UTF-8"):
        load_rosters(tmp_path / "list.yaml")


def test_a_file_listed_twice_for_a_league_is_refused(folder: Path) -> None:
    with pytest.raises(RosterError, match="listed for NBA twice"):
        roster_list(folder, ENTRY, ENTRY)
    assert roster_list(folder, ENTRY, {**ENTRY, "league": "NFL"}).leagues == ("NBA", "NFL")


def test_the_folder_of_the_rosters_may_be_elsewhere(folder: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    lists.mkdir()
    path = write_list(lists, ENTRY)
    assert load_rosters(path, folder).base_dir == folder
    with pytest.raises(RosterError, match="--rosters-dir"):
        load_rosters(path)


def test_a_kind_of_ones_own_is_laid_under_an_entry(folder: Path) -> None:
    kind = {**ENTRY, "nulls": ["-"], "where": [{"column": "id", "known": True}]}
    (folder / "kind.yaml").write_text(
        __import__("yaml").safe_dump({k: v for k, v in kind.items() if k not in ("file", "league")})
    )
    entry = {
        "like": "kind.yaml",
        "file": "players.csv",
        "league": "NHL",
        "fields": {"height": {"unit": "in"}, "weight": ""},
    }
    roster: Roster = roster_list(folder, entry).rosters[0]
    assert roster.source == "test"
    assert roster.file.nulls == ("-",)
    assert roster.fields["height"].unit == "in"
    assert roster.fields["height"].value.template == "{height}"
    assert "weight" not in roster.fields
    assert len(roster.where) == 1


def test_scalars_mean_what_they_look_like(folder: Path) -> None:
    entry = {**ENTRY, "nulls": [0, "no", "N/A"]}
    assert roster_list(folder, entry).rosters[0].file.nulls == ("0", "no", "N/A")


def test_the_bundled_example_describes_all_leagues(tmp_path: Path) -> None:
    (tmp_path / "espn_nfl.csv").touch()
    rosters = load_rosters(bundled_example(), tmp_path)
    assert rosters.leagues == LEAGUES
