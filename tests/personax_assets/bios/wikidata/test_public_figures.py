"""Public figures from Wikidata: whom a row of the user's list means."""

from collections.abc import Callable
from pathlib import Path

import pytest

from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.wikidata import WikidataSource
from personax_assets.datasets import CELEBPERSONA
from tests.loopback import Loopback

Ask = Callable[..., WikidataSource]


@pytest.fixture
def look_up(ask: Ask, tmp_path: Path) -> Callable[[str], WikidataSource]:
    def make(csv: str) -> WikidataSource:
        path = tmp_path / "people.csv"
        path.write_text(csv, encoding="utf-8")
        return ask(CELEBPERSONA, people=path, leagues=())

    return make


def test_by_id(look_up: Callable[[str], WikidataSource]) -> None:
    batch = look_up("qid\nQ5001\nQ5005\n").read(None)
    (first, second) = (
        clean_bios(batch.rows, CELEBPERSONA).bios.sort("source_id").iter_rows(named=True)
    )
    assert (first["name"], first["gender"], first["occupation"]) == (
        "Ada Unique",
        "female",
        "actor",
    )
    assert (first["birth_year"], first["latitude"]) == (1970, 53.55)
    assert second["name"] == "Mul Only"
    assert batch.counts == {
        "rows_in": 2, "rows_out": 2, "quarantined": 0, "out_of_scope": 0, "people_in": 2,
    }  # fmt: skip


def test_a_merged_item_keeps_the_id_that_the_list_gives(
    look_up: Callable[[str], WikidataSource],
) -> None:
    (row,) = look_up("qid\nQ5006\n").read(None).rows.iter_rows(named=True)
    assert (row["source_id"], row["name"]) == ("Q5006", "Ada Unique")


@pytest.mark.parametrize(
    ("row", "item"),
    [
        ("Ada Unique,,", "Q5001"),  # the disambiguation page of that name is no person
        ("Max Common,1950,", "Q5002"),
        ("Max Common,4 May 1980,Singer", "Q5004"),
        ("Mul Only,,", "Q5005"),
        ('"Stage ""Name"" \\ }",,', "Q5005"),  # an other name, and an attempt on the query
    ],
)
def test_by_name(look_up: Callable[[str], WikidataSource], row: str, item: str) -> None:
    (found,) = look_up(f"name,birth_date,occupation\n{row}\n").read(None).rows.iter_rows(named=True)
    assert found["source_id"] == item


@pytest.mark.parametrize(
    ("row", "field", "said"),
    [
        ("Max Common,,,", "name", "may be Q5002 (born 1950, actor), Q5003 (born 1980, actor), "
         "Q5004 (born 1980, singer): give the qid"),
        ("Max Common,1960,,", "name", "nobody who fits; of that name there are Q5002"),
        ("Nobody At All,,,", "name", "nobody who fits: give a qid"),
        (",,,Q5999", "qid", "no item Q5999: check the qid"),
        (",,,5001", "qid", '"5001" is no Wikidata id: expected Q and digits'),
        (",1950,actor,", "name", "names nobody: give a qid or a name"),
    ],
)  # fmt: skip
def test_nobody_is_guessed(
    look_up: Callable[[str], WikidataSource], row: str, field: str, said: str
) -> None:
    batch = look_up(f"name,birth_date,occupation,qid\n{row}\n").read(None)
    assert batch.rows.is_empty()
    (rejected,) = batch.quarantine.iter_rows(named=True)
    assert (rejected["source_file"], rejected["source_row"]) == ("people.csv", 1)
    assert rejected["field"] == field
    assert said in rejected["reason"]


def test_the_same_person_twice_is_told(look_up: Callable[[str], WikidataSource]) -> None:
    batch = look_up("qid,name\nQ5001,\n,Ada Unique\n").read(None)
    assert batch.rows.height == 1
    assert "is in row 1 already" in batch.quarantine["reason"][0]


@pytest.mark.parametrize(
    ("csv", "said"),
    [("qid,nmae\nQ1,x\n", "unknown column \"nmae\": did you mean 'name'?")],
)
def test_a_list_that_is_wrong(
    look_up: Callable[[str], WikidataSource], csv: str, said: str
) -> None:
    with pytest.raises(Exception, match=r"people\.csv") as caught:
        look_up(csv).read(None)
    assert said in str(caught.value)


def test_an_absent_list_is_told_by_reading(ask: Ask, tmp_path: Path) -> None:
    source = ask(CELEBPERSONA, people=tmp_path / "no.csv", leagues=())
    assert source.fingerprint(None)
    with pytest.raises(Exception, match="there is no file"):
        source.read(None)


def test_the_fingerprint_follows_list_and_items(
    look_up: Callable[[str], WikidataSource], gate: Loopback
) -> None:
    one = look_up("qid\nQ5001\n").fingerprint(None)
    assert look_up("qid\nQ5001\n").fingerprint(None) == one
    assert look_up("qid\nQ5001\nQ5002\n").fingerprint(None) != one
