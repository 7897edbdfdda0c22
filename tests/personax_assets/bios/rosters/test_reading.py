"""Roster files of every format, in every state."""

import json
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personax_assets.bios.raw import RawBatch
from personax_assets.bios.rosters import (
    RosterError,
    RosterList,
    fingerprint,
    load_rosters,
    read_league,
)
from personax_assets.bios.rosters.files import ROW
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.schemas.people import raw_bios
from tests.personax_assets.bios.builders import ENTRY, HEADER, players, roster_list, write_players
from tests.personax_assets.bios.cleaning.test_clean import HOSTILE

NAMED: dict[str, Any] = {"source": "test", "file": "players.csv", "league": "NBA"}


def read(rosters: RosterList, league: str = "NBA") -> RawBatch:
    batch = read_league(rosters, league)
    counts = batch.counts
    assert counts["rows_in"] == (
        counts["rows_out"] + counts["quarantined"] + counts["out_of_scope"]
    )
    assert counts["rows_out"] == batch.rows.height
    assert counts["quarantined"] + counts["joined_unreadable"] == batch.quarantine.height
    assert dict(batch.rows.schema) == raw_bios(ATHLEPERSONA).polars
    assert batch.rows["record_id"].is_unique().all()
    return batch


def read_text(folder: Path, text: str | bytes, **entry: Any) -> RawBatch:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / "players.csv").write_bytes(content)
    fields = entry.pop("fields", {"name": "name"})
    return read(roster_list(folder, {**NAMED, **entry, "fields": fields}))


def names(batch: RawBatch) -> list[str]:
    return batch.rows["name"].to_list()


def test_a_well_formed_file_is_laid_out(tmp_path: Path) -> None:
    write_players(tmp_path, players(3))
    batch = read(roster_list(tmp_path, ENTRY))
    row = batch.rows.row(1, named=True)
    assert batch.counts["rows_out"] == batch.counts["people_in"] == 3
    assert (row["source"], row["source_file"], row["source_row"]) == ("test", "players.csv", 2)
    assert (row["source_id"], row["name"], row["birth_date"]) == ("1", "Player 1", "1990-01-02")
    assert (row["country"], row["country_basis"], row["league"]) == ("USA", "birth", "NBA")
    assert (row["height"], row["height_unit"]) == ("200", "cm")
    assert (row["in_scope"], row["simulated"]) == (True, False)
    assert json.loads(row["raw"])["born"] == "1990-01-02"


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("name;x\nA;1\nB;2\n", {"delimiter": ";"}),
        ("name\tx\nA\t1\nB\t2\n", {"format": "tsv"}),
        ("\ufeffname,x\r\nA,1\r\n\r\nB,2", {}),
        ("a title\nanother\nname,x\nA,1\nB,2\n", {"skip": 2}),
        ("A,1\nB,2\n", {"header": False, "columns": ["name", "x"]}),
        ("n,y\nA,1\nB,2\n", {"columns": ["name", "x"]}),
        (",,name\n1,2,A\n1,2,B\n", {}),
        ("name,x,x\nA,1,2\nB,1,2\n", {}),
        ('[{"name": "A"}, {"name": "B", "x": {"y": 1}}]', {"format": "json"}),
        ('{"a": {"b": [{"name": "A"}, {"name": "B"}]}}', {"format": "json", "records": "a.b"}),
        ('{"name": "A"}\n\n{"name": "B"}\n', {"format": "jsonl"}),
    ],
)
def test_every_layout_gives_the_same_people(
    tmp_path: Path, text: str, entry: dict[str, Any]
) -> None:
    assert names(read_text(tmp_path, text, **entry)) == ["A", "B"]


def test_other_encodings_are_read_when_stated(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-16", "latin-1"):
        batch = read_text(tmp_path, "name\nÉmile\n".encode(encoding), encoding=encoding)
        assert names(batch) == ["Émile"]


def test_parquet_and_json_values_become_text(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"name": ["A", "B"], "id": [7, None], "h": [1.5, 2.0], "in": [{"y": True}, {"y": None}]}
    )
    frame.write_parquet(tmp_path / "players.parquet")
    entry = {**NAMED, "file": "players.parquet"}
    entry["fields"] = {"name": "name", "source_id": "id", "height": "h", "photograph": "in.y"}
    rows = read(roster_list(tmp_path, entry)).rows
    assert rows.select("source_id", "height", "photograph").rows() == [
        ("7", "1.5", "true"),
        (None, "2.0", None),
    ]
    text = '[{"name": "A", "id": 12345678901234567890, "h": 1.10, "in": {"y": true}}]'
    (tmp_path / "players.json").write_text(text)
    rows = read(roster_list(tmp_path, {**entry, "file": "players.json"})).rows
    assert rows.select("source_id", "height", "photograph").rows() == [
        ("12345678901234567890", "1.10", "true")
    ]


def test_fields_are_combined_mapped_and_stand_in_for_each_other(tmp_path: Path) -> None:
    text = (
        'first,last,alias,sex,place\nAda,King,"X, Y",F,"Paris, France"\n,Cher,-,M,Georgia\n,,n/a,,'
    )
    batch = read_text(
        tmp_path,
        text,
        nulls=["N/A"],
        fields={
            "name": ["{first} {last}", "alias"],
            "source_id": {
                "from": "alias",
                "nulls": ["-"],
                "replace": [r"^(.*), (.*)$", "$2 $1"],
            },
            "photograph": {"from": "sex", "values": {"F": "female.png", "M": ""}},
            "country": {
                "from": "place",
                "replace": ["^.*, (.*)$", "$1"],
                "as": "state",
                "basis": "birth",
            },
            "snapshot": {"constant": "2025-01-01"},
        },
    )
    columns = ("name", "source_id", "photograph", "country", "snapshot")
    assert batch.rows.select(columns).rows() == [
        ("Ada King", "Y X", "female.png", "France", "2025-01-01"),
        ("Cher", None, None, "US-GA", "2025-01-01"),
    ]
    assert batch.quarantine["field"].to_list() == ["name"]


def test_a_stated_coding_reads_country_codes(tmp_path: Path) -> None:
    for coding, expected in (("iso", "BN"), ("ioc", "BH")):
        country = {"from": "c", "as": coding, "basis": "birth"}
        batch = read_text(tmp_path, "name,c\nA,BRN", fields={"name": "name", "country": country})
        assert batch.rows["country"].to_list() == [expected]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"column": "active", "is": True}, ["A", "B"]),
        ({"column": "active", "in": ["true", "maybe"]}, ["A", "B", "D"]),
        ({"column": "active", "not_in": ["TRUE"]}, ["C", "D"]),
        ({"column": "n", "is": 1}, ["A", "B"]),
        ({"column": "n", "known": True}, ["A", "B", "C"]),
        ({"column": "n", "known": False}, ["D"]),
        ({"column": "n", "at_least": 1.5}, ["C"]),
        ({"column": "n", "at_most": 1}, ["A", "B"]),
        ({"column": "day", "year": 2024}, ["A", "B"]),
        ({"column": "day", "year": [2023, 2024]}, ["A", "B", "C"]),
    ],
)
def test_conditions_decide_what_is_in_scope(
    tmp_path: Path, condition: dict[str, Any], expected: list[str]
) -> None:
    text = (
        "name,active,n,day\nA,TRUE,1,2024-01-01\nB,True,1.0,20240505\n"
        "C,false,2,2023-12-31\nD,maybe,,\n"
    )
    batch = read_text(tmp_path, text, where=[condition])
    assert names(batch) == expected
    assert batch.counts["out_of_scope"] == 4 - len(expected)


def test_a_file_of_several_leagues_is_shared_out(tmp_path: Path) -> None:
    (tmp_path / "players.csv").write_text("name,l\nA,Premier\nB,Bund\nC,Serie A\nD,Bund\n")
    league = {"from": "l", "values": {"Premier": "PremierLeague", "Bund": "Bundesliga"}}
    rosters = roster_list(tmp_path, {**NAMED, "league": league, "fields": {"name": "name"}})
    assert rosters.leagues == ("PremierLeague", "Bundesliga")
    assert names(read(rosters, "PremierLeague")) == ["A"]
    assert names(read(rosters, "Bundesliga")) == ["B", "D"]
    assert read(rosters, "NBA").counts["rows_in"] == 0
    with pytest.raises(RosterError, match="league 'Serie A'"):
        read_league(rosters, "Serie A")


def test_files_are_joined_by_id_and_by_name_and_birth_date(tmp_path: Path) -> None:
    (tmp_path / "players.csv").write_text(
        "id,first,last,dob\n1,José,Núñez,19900102\n2,Jo,Ng,19910000\n3,Al,Bo,19920304\n4,X,Y,\n"
    )
    (tmp_path / "ranks.csv").write_text(
        "player,day\n1,20240101\n1,20240201\n2,20240101\n3,20230101"
    )
    (tmp_path / "bodies.csv").write_text(
        "Jose Nunez|1990.01.02|80\nJo Ng|1991.00.00|70\nAl Bo|1992.03.04|61\nAl Bo|1992.03.04|62\n"
    )
    by_body = [
        {"left": "{first} {last}", "right": "who", "as": "name"},
        {"left": "dob", "right": "born", "as": "date"},
    ]
    entry = {
        **NAMED,
        "fields": {"name": "{first} {last}", "source_id": "id", "weight": "bodies.kg"},
        "joins": {
            "ranks": {
                "file": "ranks.csv",
                "on": [{"left": "id", "right": "player"}],
                "where": [{"column": "day", "year": 2024}],
                "required": True,
            },
            "bodies": {
                "file": "bodies.csv",
                "delimiter": "|",
                "header": False,
                "columns": ["who", "born", "kg"],
                "on": by_body,
            },
        },
    }
    batch = read(roster_list(tmp_path, entry))
    assert batch.rows.select("source_id", "weight").rows() == [("1", "80"), ("2", None)]
    assert batch.counts["out_of_scope"] == 2
    entry["joins"]["ranks"]["where"] = []
    batch = read(roster_list(tmp_path, entry))
    # a key with two different values tells nothing
    assert batch.rows.select("source_id", "weight").rows()[2] == ("3", None)


def test_poison_in_a_joined_file_is_kept_too(tmp_path: Path) -> None:
    (tmp_path / "players.csv").write_text("id,name\n1,A\n2,B\n")
    (tmp_path / "more.csv").write_text("id,kg\n1,80\n2,90,extra\n")
    join = {"file": "more.csv", "on": [{"left": "id", "right": "id"}]}
    fields = {"name": "name", "weight": "more.kg"}
    batch = read(roster_list(tmp_path, {**NAMED, "fields": fields, "joins": {"more": join}}))
    assert batch.rows["weight"].to_list() == ["80", None]
    assert batch.quarantine["source_file"].to_list() == ["more.csv"]


def test_who_left_is_kept_to_say_so_and_others_out_of_scope_are_not(tmp_path: Path) -> None:
    text = (
        "id,name,active,at\n1,A,true,2025-01-01\n1,A,false,2025-01-02\n"
        "2,B,false,2025-01-01\n2,B,false,2025-01-02\n"
    )
    fields = {"source_id": "id", "name": "name", "snapshot": "at"}
    batch = read_text(tmp_path, text, fields=fields, where=[{"column": "active", "is": True}])
    assert batch.rows.select("source_id", "in_scope").rows() == [("1", True), ("1", False)]
    assert batch.counts["out_of_scope"] == 2
    assert batch.counts["people_in"] == 2


def test_snapshots_of_any_format_become_iso(tmp_path: Path) -> None:
    for written, date_format, expected in (
        ("07.10.2025 19:48", "%d.%m.%Y %H:%M", "2025-10-07T19:48:00.000000"),
        ("20251007", "%Y%m%d", "2025-10-07"),
        ("later", "%Y%m%d", "later"),
    ):
        snapshot = {"from": "at", "format": date_format}
        fields = {"name": "name", "snapshot": snapshot}
        batch = read_text(tmp_path, f"name,at\nA,{written}\n", fields=fields)
        assert batch.rows["snapshot"].to_list() == [expected]


def test_one_poison_row_in_a_thousand_is_quarantined_and_the_rest_lands(tmp_path: Path) -> None:
    lines = [line.encode() for line in players(5000)]
    poison = {
        500: b'500,"Player 500,1990-01-01,USA,200,100',
        1500: b"1500,Player 1500,1990-01-01,USA,200",
        2500: b"2500,Player \xff\xfe 2500,1990-01-01,USA,200,100",
        3500: b"3500,,1990-01-01,USA,200,100",
        4500: b'4500,"Player" 4500,1990-01-01,USA,200,100',
    }
    for i, line in poison.items():
        lines[i] = line
    (tmp_path / "players.csv").write_bytes(b"\n".join([HEADER.encode(), *lines]))
    batch = read(roster_list(tmp_path, ENTRY))
    assert batch.counts["rows_out"] == 4995
    bad = batch.quarantine.sort("source_row")
    assert bad["source_row"].to_list() == [row + 1 for row in poison]
    assert all(bad["reason"].str.len_chars() > 10)
    for row, reason in ((501, "quotes"), (1501, "5 fields instead of 6"), (2501, "not utf-8")):
        assert reason in bad.filter(pl.col("source_row") == row)["reason"][0]
    assert bad.filter(pl.col("source_row") == 3501)["field"].to_list() == ["name"]
    assert "Player 500" in bad["raw_row"][0]
    assert set(batch.rows["source_id"]) == {str(i) for i in range(5000)} - set(map(str, poison))


def test_poison_costs_time_in_proportion(tmp_path: Path) -> None:
    lines = players(30_000)
    for i in range(0, 30_000, 100):
        lines[i] = f'{i},"never closed,1990-01-01,USA,200,100'
    write_players(tmp_path, lines)
    started = time.perf_counter()
    batch = read(roster_list(tmp_path, ENTRY))
    assert time.perf_counter() - started < 5
    assert batch.counts["quarantined"] == 300


def test_broken_records_of_json_are_quarantined(tmp_path: Path) -> None:
    text = '{"name": "A"}\n{"name": \n[1]\n"text"\n{"name": "\\ud800"}\n{"name": null}\n{"x": 1}\n'
    batch = read_text(tmp_path, text, format="jsonl")
    assert names(batch) == ["A"]
    assert batch.counts["quarantined"] == 6
    batch = read_text(tmp_path, '[{"name": "A"}, 7, null]', format="json")
    assert batch.counts["quarantined"] == 2


@pytest.mark.parametrize(
    ("content", "entry", "said"),
    [
        (b"", {}, "no header line can be read: the file is empty"),
        (b"n\xff\xffame,x\nA,1\n", {}, "the header line is not utf-8: state its 'encoding'"),
        ("name\nA\n".encode("utf-16"), {}, "the header line is not utf-8"),
        (b"names\nA\n", {}, "the file has no column \"name\": did you mean 'names'?"),
        (b"a,b\n1,2\n", {}, "fields: name: the file has no column"),
        (b"name\nA\n", {"where": [{"column": "x", "is": 1}]}, "where: the file has no column"),
        (b"name,x\nA,1\n", {"columns": ["name"]}, "'columns' names 1 columns and the file has 2"),
        (b"\xff\xfe\x00", {"encoding": "utf-16"}, "the file is not utf-16"),
        (b"{", {"format": "json"}, "not valid JSON"),
        (b"{}", {"format": "json"}, "the document is not a list of records"),
        (b"[]", {"format": "json", "records": "a.b"}, "a.b is not a list of records"),
        (b"PAR1", {"format": "parquet"}, "is not a parquet file"),
        (b"[]", {"format": "json"}, "the file has no column"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(
    tmp_path: Path, content: bytes, entry: dict[str, Any], said: str
) -> None:
    with pytest.raises(RosterError) as error:
        read_text(tmp_path, content, **entry)
    assert said in str(error.value)
    assert str(error.value).startswith("list.yaml: rosters[0] (players.csv)")
    assert "\n" not in str(error.value)


def test_a_missing_file_fails_its_league_alone(tmp_path: Path) -> None:
    write_players(tmp_path, players(2))
    rosters = roster_list(tmp_path, ENTRY, {**ENTRY, "file": "gone.csv", "league": "NFL"})
    assert read(rosters, "NBA").counts["rows_out"] == 2
    with pytest.raises(RosterError, match=r"rosters\[1\] \(gone.csv\): there is no file"):
        read_league(rosters, "NFL")
    assert fingerprint(rosters, "NFL") == fingerprint(rosters, "NFL")


def test_a_folder_in_place_of_a_file_is_no_file(tmp_path: Path) -> None:
    write_players(tmp_path, players(2))
    (tmp_path / "gone.csv").mkdir()
    rosters = roster_list(tmp_path, ENTRY, {**ENTRY, "file": "gone.csv", "league": "NFL"})
    with pytest.raises(RosterError, match="there is no file"):
        read_league(rosters, "NFL")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id,name,born,country,weight", "fields: height"),
        ("id,name,born,country,heights,weight", "did you mean 'heights'?"),
    ],
)
def test_a_dropped_or_renamed_column_is_an_error(tmp_path: Path, header: str, said: str) -> None:
    write_players(tmp_path, [], header)
    with pytest.raises(RosterError) as error:
        read(roster_list(tmp_path, ENTRY))
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("height", "{i},P {i},1990-01-01,USA,tall,100"),
        ("weight", "{i},P {i},1990-01-01,USA,200,heavy"),
        ("birth_date", "{i},P {i},Monday,USA,200,100"),
        ("country", "{i},P {i},1990-01-01,Planet {i},200,100"),
    ],
)
def test_a_retyped_column_is_an_error(tmp_path: Path, field: str, line: str) -> None:
    write_players(tmp_path, [line.format(i=i) for i in range(30)])
    with pytest.raises(RosterError, match=f"fields: {field}: 30 of 30 values cannot be read"):
        read(roster_list(tmp_path, ENTRY))


def test_added_and_reordered_columns_do_no_harm(tmp_path: Path) -> None:
    write_players(tmp_path, players(3))
    before = read(roster_list(tmp_path, ENTRY)).rows
    lines = [",".join([*reversed(line.split(",")), "x"]) for line in players(3)]
    write_players(tmp_path, lines, ",".join([*reversed(HEADER.split(",")), "new"]))
    after = read(roster_list(tmp_path, ENTRY)).rows
    assert after.drop("raw", "record_id").equals(before.drop("raw", "record_id"))


def test_the_fingerprint_follows_content_and_description(tmp_path: Path) -> None:
    write_players(tmp_path, players(3))
    rosters = roster_list(tmp_path, ENTRY)
    first = fingerprint(rosters, "NBA")
    assert first == fingerprint(roster_list(tmp_path, ENTRY), "NBA")
    assert first == fingerprint(load_rosters(rosters.path, tmp_path / "."), "NBA")
    changed = {**ENTRY, "nulls": ["-"]}
    assert first != fingerprint(roster_list(tmp_path, changed), "NBA")
    write_players(tmp_path, players(4))
    assert first != fingerprint(rosters, "NBA")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_come_through_unchanged(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame({"name": [name, "B"], "x": ["1", "2"]})
    frame.write_csv(tmp_path / "players.csv")
    entry = {**NAMED, "fields": {"name": "name", "photograph": "name"}}
    rows = read(roster_list(tmp_path, entry)).rows
    assert rows["name"][0] == rows["photograph"][0] == name
    assert json.loads(rows["raw"][0])["name"] == name
    (tmp_path / "players.json").write_text(json.dumps([{"name": name}]))
    rows = read(roster_list(tmp_path, {**entry, "file": "players.json"})).rows
    assert rows["name"].to_list() == [name]


cell = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.lists(st.tuples(cell.filter(str.strip), cell), min_size=1, max_size=8))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_a_cell_holds_it_reads_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    frame = pl.DataFrame(rows, schema=["name", "x"], orient="row")
    (tmp_path / "players.csv").write_text(
        frame.write_csv(quote_style="always"), encoding="utf-8", newline=""
    )
    batch = read(roster_list(tmp_path, {**NAMED, "fields": {"name": "name"}}))
    assert names(batch) == [name for name, _ in rows]


@given(st.binary(max_size=300))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_break_the_reader(tmp_path: Path, content: bytes) -> None:
    for entry in ({}, {"format": "jsonl"}, {"format": "json"}):
        content = b"name,x\n" + content if not entry else content
        try:
            read_text(tmp_path, content, **entry)
        except RosterError:
            assert entry


def test_row_numbers_have_a_name_that_no_column_has() -> None:
    assert ROW.startswith("#")
