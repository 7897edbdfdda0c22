"""The real rosters, where they are at hand."""

import time
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from personax_assets.bios.cleaning import CleanBatch, clean_bios
from personax_assets.bios.history import history_delta
from personax_assets.bios.raw import RawBatch
from personax_assets.bios.rosters import RosterList, bundled_example, load_rosters, read_league
from personax_assets.datasets import ATHLEPERSONA, LEAGUES
from tests.personax_assets.bios.builders import assert_accounted, empty_history
from tests.personax_assets.bios.test_history import applied

COMPLETE = {
    "NBA": 560,
    "NFL": 1690,
    "NHL": 800,
    "PremierLeague": 640,
    "Bundesliga": 540,
    "PGA": 165,
    "ATP": 270,
}


@pytest.fixture(scope="module")
def rosters(real_data: Path) -> RosterList:
    folder = real_data / "rosters"
    if not folder.is_dir():
        pytest.skip(f"no rosters in {folder}")
    return load_rosters(bundled_example(), folder)


@pytest.fixture(scope="module")
def batches(rosters: RosterList) -> dict[str, RawBatch]:
    started = time.process_time()
    batches = {league: read_league(rosters, league) for league in rosters.leagues}
    clean_bios(pl.concat([batch.rows for batch in batches.values()]), ATHLEPERSONA)
    assert time.process_time() - started < 10
    return batches


@pytest.fixture(scope="module")
def clean(batches: dict[str, RawBatch]) -> CleanBatch:
    raw = pl.concat([batch.rows for batch in batches.values()])
    batch = clean_bios(raw, ATHLEPERSONA)
    assert_accounted(batch, raw.height)
    return batch


def source_table(rosters: RosterList, name: str) -> pl.DataFrame:
    return pl.read_csv(rosters.base_dir / name, infer_schema=False)


def test_every_row_is_accounted_for(rosters: RosterList, batches: dict[str, RawBatch]) -> None:
    files = {r.file.file: source_table(rosters, r.file.file).height for r in rosters.rosters}
    for league, batch in batches.items():
        counts = batch.counts
        roster = next(r for r in rosters.rosters if r.feeds(league))
        assert counts["rows_in"] == files[roster.file.file]
        assert counts["rows_in"] == (
            counts["rows_out"] + counts["quarantined"] + counts["out_of_scope"]
        )
        assert counts["quarantined"] == batch.quarantine.height
    assert batches["PGA"].quarantine["field"].to_list() == ["name"] * 10
    assert batches["ATP"].quarantine["field"].to_list() == ["name"]


def test_all_leagues_are_there_and_complete_enough(clean: CleanBatch) -> None:
    parts = ("birth_year", "birth_month", "birth_day", "country", "height_cm", "weight_kg")
    known = clean.bios.filter(pl.all_horizontal(pl.col(parts).is_not_null()))
    found = dict(known.group_by("league").len().rows())
    assert set(clean.bios["league"]) == set(LEAGUES)
    for league, least in COMPLETE.items():
        assert found[league] >= least, league
    assert sum(found.values()) > 4500


def test_nba_players_are_counted_once(rosters: RosterList, batches: dict[str, RawBatch]) -> None:
    assert batches["NBA"].counts["people_in"] == 710
    table = source_table(rosters, "espn_nba_snapshots.csv")
    days = table.select("uuid", pl.col("processed_ts").str.slice(0, 10).alias("day"))
    first = set(days.filter(pl.col("day") == "2025-10-07")["uuid"])
    second = set(days.filter(pl.col("day") == "2025-10-11")["uuid"])
    assert (len(first), len(second - first)) == (692, 18)


def test_only_players_in_scope_are_in(rosters: RosterList, clean: CleanBatch) -> None:
    ids = dict(clean.bios.group_by("league").agg("source_id").rows())
    for name, league in (
        ("espn_nba_snapshots", "NBA"),
        ("espn_nfl", "NFL"),
        ("espn_nhl", "NHL"),
    ):
        table = source_table(rosters, f"{name}.csv").sort("processed_ts")
        latest = table.unique("uuid", keep="last", maintain_order=True)
        active = latest.filter(pl.col("active").str.to_lowercase() == "true")
        assert set(ids[league]) == set(active["uuid"])
    ranked = source_table(rosters, "atp_rankings.csv")
    ranked = ranked.filter(pl.col("ranking_date").str.starts_with("2024"))
    nameless = {"212731"}
    assert set(ids["ATP"]) == set(ranked["player"]) - nameless
    football = source_table(rosters, "fifa22_players.csv")
    for league, name in (
        ("PremierLeague", "English Premier League"),
        ("Bundesliga", "German 1. Bundesliga"),
    ):
        assert set(ids[league]) == set(football.filter(pl.col("League") == name)["sofifa_id"])


def test_invented_birth_dates_are_gone(rosters: RosterList, clean: CleanBatch) -> None:
    golfers = clean.bios.filter(pl.col("league") == "PGA")
    for day in ((8, 23), (3, 23), (5, 23)):
        assert golfers.filter(pl.struct("birth_month", "birth_day") == pl.struct(
            pl.lit(day[0]).alias("birth_month"), pl.lit(day[1]).alias("birth_day")
        )).is_empty()  # fmt: skip
    others = clean.bios.filter(pl.col("league") != "PGA")
    assert others.filter(pl.col("notes").str.contains("invented")).is_empty()
    assert golfers["name"].n_unique() >= 860


def test_georgia_is_the_state_and_the_country(clean: CleanBatch) -> None:
    by_name = {row["name"]: row["country"] for row in clean.bios.iter_rows(named=True)}
    assert by_name["Sandro Mamukelashvili"] == "GE"
    assert by_name["Anders Albertson"] == "US"


def test_implausible_values_are_null(clean: CleanBatch) -> None:
    bios = clean.bios
    assert bios["height_cm"].drop_nulls().is_between(150, 240).all()
    assert bios["weight_kg"].drop_nulls().is_between(50, 200).all()
    unknown = bios.filter(pl.col("country").is_null() & pl.col("notes").str.contains("country"))
    reasons = unknown["notes"].str.json_path_match("$.country")
    assert reasons.str.contains("several present-day countries").all()


def test_the_whole_nfl_file_is_cleaned_too(real_data: Path, tmp_path: Path) -> None:
    text = bundled_example().read_text().partition("rosters:\n")[0]
    text += "rosters: [{like: espn_snapshot, file: espn_nfl.csv, league: NFL, where: []}]\n"
    (tmp_path / "list.yaml").write_text(text)
    rosters = load_rosters(tmp_path / "list.yaml", real_data / "rosters")
    batch = read_league(rosters, "NFL")
    clean = clean_bios(batch.rows, ATHLEPERSONA, today=datetime(2025, 11, 1))
    assert_accounted(clean, 19_528)
    assert clean.counts["rows_out"] == 19_528
    assert clean.bios.filter(pl.col("birth_year") < 1915).is_empty()


def test_replaying_nba_snapshots_equals_loading_all_at_once(batches: dict[str, RawBatch]) -> None:
    rows = batches["NBA"].rows
    snapshots = sorted(set(rows["snapshot"]))
    history, sizes = empty_history(), []
    for snapshot in snapshots:
        known = clean_bios(rows.filter(pl.col("snapshot") <= snapshot), ATHLEPERSONA)
        delta = history_delta(history, known, datetime.fromisoformat(snapshot))
        history = applied(history, delta)
        sizes.append(known.bios.height)
        again = history_delta(history, known, datetime.fromisoformat(snapshot))
        assert again.opened.is_empty()
        assert again.closed.is_empty()
    whole = clean_bios(rows, ATHLEPERSONA)
    at_once = applied(empty_history(), history_delta(empty_history(), whole, datetime.now()))
    assert history.drop("notes").equals(at_once.drop("notes"))
    assert sizes == [606, 621, 622, 622]


def test_names_with_accents_find_their_other_file(batches: dict[str, RawBatch]) -> None:
    players = batches["ATP"].rows
    assert players.filter(pl.col("weight").is_not_null()).height >= 284
