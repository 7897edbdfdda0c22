"""Athletes from Wikidata: who is in a league, and what each trap of the data becomes."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import polars as pl
import pytest

from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.sources import BioSource
from personax_assets.bios.wikidata import WikidataSource
from personax_assets.bios.wikidata.endpoint import EndpointError
from personax_assets.datasets import ATHLEPERSONA, LEAGUES
from personax_assets.schemas.people import raw_bios
from tests.loopback import Loopback
from tests.personax_assets.bios.wikidata import world
from tests.personax_assets.bios.wikidata.conftest import Clock
from tests.personax_assets.bios.wikidata.graph import Item, Quantity, Time

Ask = Callable[..., WikidataSource]


def rows(source: WikidataSource, league: str) -> dict[str, dict[str, object]]:
    return {row["source_id"]: row for row in source.read(league).rows.iter_rows(named=True)}


@pytest.mark.parametrize(("league", "people"), [("NBA", world.nba()), ("ATP", world.singles())])
def test_current_members_and_nobody_else(ask: Ask, league: str, people: list[Item]) -> None:
    names = [row["name"] for row in rows(ask(), league).values()]
    assert names == [p.labels["en"] for p in people if p.labels["en"].startswith("in")]


def test_each_footballer_is_in_one_league(ask: Ask) -> None:
    source = ask()
    assert list(rows(source, "PremierLeague")) == ["Q2001", "Q2003", "Q2004"]
    assert list(rows(source, "Bundesliga")) == ["Q2002"]


def test_rows_are_accounted_for(ask: Ask) -> None:
    source: BioSource = ask()
    for league in source.partitions:
        batch = source.read(league)
        assert dict(batch.rows.schema) == raw_bios(ATHLEPERSONA).polars
        assert batch.rows["record_id"].is_unique().all()
        counts = batch.counts
        assert counts["rows_in"] == sum(
            counts[name] for name in ("rows_out", "quarantined", "out_of_scope")
        )
        assert counts["rows_out"] == batch.rows.height
        assert counts["quarantined"] == batch.quarantine.height
    assert source.read("NBA").counts["out_of_scope"] == 1, "nobody plays at 95"


EXPECTED = {
    "Q4001": {"birth": (2000, 2, 29), "height_cm": 191.0, "weight_kg": 95.25, "country": "DE",
              "latitude": 53.55, "longitude": 10.0},
    "Q4002": {"birth": (1999, None, None), "height_cm": 190.5},
    "Q4003": {"birth": (1999, 3, None), "height_cm": 198.12},
    "Q4004": {"birth": (None, None, None), "height_cm": None},
    "Q4005": {"birth": (None, None, None), "height_cm": None, "country": None},
    "Q4006": {"birth": (1998, 6, 11), "height_cm": 190.0},
    "Q4007": {"birth": (1998, 6, None), "weight_kg": 110.0},
    "Q4008": {"birth": (None, None, None), "country": "RU"},
    "Q4009": {"birth": (1998, 6, 11), "country": "DE"},
    "Q4010": {"country": "GB", "latitude": 54.0},
    "Q4011": {"country": "GB", "latitude": 11.0, "longitude": 22.0},
    "Q4012": {"country": None},
    "Q4013": {"country": "FR"},
    "Q4014": {"name": "Name in Every Language"},
    "Q4015": {"name": 'Größe "Q" Straße\\n'},
    "Q4018": {"height_cm": None},
}  # fmt: skip


def test_what_becomes_of_values_that_are_hard_to_read(ask: Ask) -> None:
    batch = ask().read("NFL")
    clean = clean_bios(batch.rows, ATHLEPERSONA).bios
    found = {}
    for row in clean.iter_rows(named=True):
        row["birth"] = tuple(row[f"birth_{part}"] for part in ("year", "month", "day"))
        wanted = EXPECTED.get(row["source_id"], {})
        found[row["source_id"]] = {name: row[name] for name in wanted}
        if row["source_id"] == "Q4004":
            assert "193 in unit Q199" in json.loads(row["notes"])["height_cm"]
    assert {item: found[item] for item in EXPECTED} == EXPECTED


def test_who_has_no_readable_name_is_quarantined_with_the_mend(ask: Ask) -> None:
    batch = ask().read("NFL")
    (row,) = batch.quarantine.iter_rows(named=True)
    assert row["field"] == "name"
    assert "Q4016" in row["reason"]
    assert "add an English label" in row["reason"]
    assert "Q4016" not in batch.rows["source_id"]


def test_images_are_asked_for_securely(ask: Ask) -> None:
    address = "https://commons.wikimedia.org/wiki/Special:FilePath"
    assert rows(ask(), "NFL")["Q4017"]["photograph"] == f"{address}/A%20a.jpg|{address}/B%20b.jpg"


def test_people_are_asked_for_in_batches_one_request_at_a_time(ask: Ask, gate: Loopback) -> None:
    assert ask(leagues=("NHL",)).read("NHL").rows.height == 450
    bodies = [parse_qs(request.body.decode())["query"][0] for request in gate.requests]
    sizes = [
        body.partition("VALUES ?person {")[2].partition("}")[0].count("wd:Q") for body in bodies
    ]
    assert sorted(sizes, reverse=True)[:3] == [200, 200, 50]
    assert max(sizes) == 200
    assert gate.most_at_once == 1
    assert {r.headers["user-agent"] for r in gate.requests} == {"PersonaX/0.1.0 (team@example.org)"}


def test_nothing_is_asked_twice(ask: Ask, gate: Loopback, clock: Clock) -> None:
    first = ask().read("NFL").rows
    asked = len(gate.requests)
    assert ask().read("NFL").rows.equals(first)
    assert len(gate.requests) == asked, "young answers will do"
    clock.now += 86_400
    assert ask().read("NFL").rows.equals(first)
    assert len(gate.requests) == asked + len(LEAGUES), "a day later: who is there, nothing else"


def test_only_items_of_another_version_are_asked_for_again(
    ask: Ask, gate: Loopback, clock: Clock, rewrite: Callable[[list[Item]], None]
) -> None:
    before = {league: ask().fingerprint(league) for league in LEAGUES}
    source = ask(leagues=("NHL",))
    old = source.read("NHL").rows
    people = world.crowd(450)
    people[7].version = 2
    people[7].says("P2048", Quantity("185", world.CM))
    rewrite([*world.everything(), *people])
    clock.now += 86_400
    seen = len(gate.requests)
    new = ask(leagues=("NHL",)).read("NHL").rows
    asked = [parse_qs(r.body.decode())["query"][0] for r in gate.requests[seen:]]
    assert [q.count(f"wd:{people[7].id}") for q in asked] == [0, 1, 1]
    changed = new.join(old, on="record_id", how="anti")
    assert changed.select("source_id", "height").rows() == [(people[7].id, "185")]
    after = {league: ask().fingerprint(league) for league in LEAGUES}
    assert [name for name in LEAGUES if after[name] != before[name]] == ["NHL"]


def test_the_fingerprint_follows_who_is_there(
    ask: Ask, clock: Clock, rewrite: Callable[[list[Item]], None]
) -> None:
    before = ask().fingerprint("NBA")
    assert ask().fingerprint("NBA") == before
    people = world.everything()
    left = next(item for item in people if item.id == "Q1001")
    left.statements[-1] = type(left.statements[-1])(
        "P54", world.HAWKS, "Normal", {"P582": Time("2026-02-01")}
    )
    rewrite(people)
    assert ask().fingerprint("NBA") == before, "answers are believed for some hours"
    clock.now += 86_400
    assert ask().fingerprint("NBA") != before
    assert "Q1001" not in rows(ask(), "NBA")


def test_an_endpoint_that_knows_no_versions_is_asked_again_when_answers_are_old(
    ask: Ask, gate: Loopback, clock: Clock, rewrite: Callable[[list[Item]], None]
) -> None:
    people = world.everything()
    for item in people:
        item.version = None
    rewrite(people)
    first = ask(leagues=("NBA",)).read("NBA").rows
    asked = len(gate.requests)
    assert ask(leagues=("NBA",)).read("NBA").rows.equals(first)
    assert len(gate.requests) == asked
    clock.now += 86_400
    assert ask(leagues=("NBA",)).read("NBA").rows.equals(first)
    assert len(gate.requests) == asked + 3, "members, names, statements"


def test_an_interruption_loses_no_finished_batch(ask: Ask, gate: Loopback) -> None:
    honest = gate.answer
    gate.answer = lambda request: honest(request) if len(gate.requests) <= 4 else (400, {}, b"no")
    with pytest.raises(Exception, match="HTTP 400"):
        ask(leagues=("NHL",)).read("NHL")
    gate.answer = honest
    seen = len(gate.requests)
    assert ask(leagues=("NHL",)).read("NHL").rows.height == 450
    left = [parse_qs(r.body.decode())["query"][0] for r in gate.requests[seen:]]
    people = {name for q in left for name in q.split() if name.startswith("wd:Q100")}
    assert len(people) == 250, "the first 200 were kept"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((200, {}, b"<html>welcome</html>"), "is no SPARQL result in JSON but '<html>welcome"),
        ((200, {}, b'{"results": []}'), "check 'endpoint'"),
        ((404, {}, b"nothing here"), "HTTP 404: nothing here"),
        (None, "SPARQL endpoint"),
        (
            (
                200,
                {},
                json.dumps(
                    {
                        "results": {
                            "bindings": [
                                {
                                    "person": {
                                        "type": "uri",
                                        "value": "http://www.wikidata.org/entity/Q1",
                                    },
                                    "item": {"type": "literal", "value": "somebody else"},
                                }
                            ]
                        }
                    }
                ).encode(),
            ),
            "the answer is about 'somebody else', which nobody asked about",
        ),
    ],
)
def test_an_endpoint_that_is_none_is_told(
    ask: Ask, gate: Loopback, answer: "tuple[int, dict[str, str], bytes] | None", said: str
) -> None:
    gate.answer = lambda request: answer
    with pytest.raises(Exception, match="SPARQL endpoint") as caught:
        ask().read("NBA")
    assert said in str(caught.value)


def test_a_dead_endpoint_changes_the_fingerprint_and_is_told_by_reading(
    ask: Ask, gate: Loopback, clock: Clock
) -> None:
    alive = {league: ask().fingerprint(league) for league in LEAGUES}
    gate.answer = lambda request: (503, {}, b"")
    clock.now += 86_400
    seen = len(gate.requests)
    source = ask()
    for league in LEAGUES:
        assert source.fingerprint(league) != alive[league]
        with pytest.raises(EndpointError, match=r"HTTP 503|is to be left alone"):
            source.read(league)
    assert len(gate.requests) - seen == 12, "three questions, four times each, then peace"


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_same_rows_in_every_time_zone(
    ask: Ask,
    rewrite: Callable[[list[Item]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
) -> None:
    """At noon in Greenwich it is tomorrow in Kiritimati, where a contract has ended by then."""

    tomorrow = world.born(1007, "in: contract ends tomorrow")
    tomorrow.says("P54", world.HAWKS, P582=Time("2026-03-02"))
    rewrite([*world.everything(), tomorrow])

    def read() -> tuple[str, str]:
        shutil.rmtree(tmp_path / "kept", ignore_errors=True)
        frames = [ask().read(league).rows for league in LEAGUES]
        return pl.concat(frames).write_json(), ask().fingerprint("NBA")

    here = read()
    assert "contract ends tomorrow" in here[0]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert read() == here
    finally:
        monkeypatch.undo()
        time.tzset()
