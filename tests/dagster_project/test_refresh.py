"""The incremental refresh: who is new or changed costs something, nobody else does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from dagster_project.cli.run import launch
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.jobs import refresh_stages
from dagster_project.prune import prune
from personax_assets.bios.assets import ACCEPT_LEAVERS_TAG
from personax_assets.changes import run_changes
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.resources import Resources
from personax_assets.stage import stale
from tests.dagster_project.kit import Rater, World, rater, refreshed, resources_of, table

TO_SCORES = ("raw_bios", "bios", "trait_texts_chatgpt", "trait_scores")


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rater]:
    with rater() as made:
        monkeypatch.setenv("PERSONAX_RATERS", str(made.configured(tmp_path, ["chatgpt"])))
        yield made


def status(resources: Resources, stage: str) -> tuple[str, str | None]:
    record = resources.warehouse.stages()[f"athlepersona/{stage}"]
    return record.status, record.reason


@pytest.mark.slow
def test_the_snapshots_of_the_nba_replayed(
    real_data: Path, tmp_path: Path, counting: Rater
) -> None:
    file = real_data / "rosters" / "espn_nba_snapshots.csv"
    if not file.is_file():
        pytest.skip(f"no {file}")
    rows = pl.read_csv(file, infer_schema=False)
    (tmp_path / "list.yaml").write_text(
        "rosters: [{like: espn_snapshot, file: nba.csv, league: NBA, where: []}]\n"
    )
    resources = resources_of(tmp_path / "home", tmp_path / "list.yaml")
    read = ["fullName", "dateOfBirth", "birthCountry", "height", "weight"]
    before = pl.DataFrame(schema={"uuid": pl.String, **dict.fromkeys([*read, "team"], pl.String)})
    told, expected = [], []
    for snapshot in sorted(set(rows["processed_ts"])):
        known = rows.filter(pl.col("processed_ts") <= snapshot)
        known.write_csv(tmp_path / "nba.csv")
        now = known.sort("processed_ts").unique("uuid", keep="last")
        both = now.join(before, on="uuid", suffix="_before")
        differs = pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}_before")) for c in read)
        renamed = both.filter(pl.col("fullName") != pl.col("fullName_before")).height
        new = now.height - both.height
        expected.append((new, both.filter(differs).height, new + renamed))
        calls = len(counting.asked)
        changes = refreshed(resources, TO_SCORES)
        told.append((changes["new"], changes["changed"], changes.get("calls", 0)))
        assert told[-1][-1] == len(counting.asked) - calls
        assert changes["retired"] == 0
        before = now
        # the same snapshot once more: nothing is stale, nothing is asked, no row moves
        history = table(resources, "bios_history")
        assert refreshed(resources, TO_SCORES) == {}
        assert table(resources, "bios_history").equals(history)
    assert told == expected
    # Nigel Hayes became Nigel Hayes-Davis: the prompt uses the name, so he is asked about again
    assert told == [(692, 0, 692), (18, 1, 19), (0, 0, 0), (0, 0, 0)]
    assert sum("Nigel Hayes" in question for question in counting.asked) == 2
    assert table(resources, "trait_texts_chatgpt").height == 710


def test_a_transfer_asks_nobody_and_a_new_name_does(tmp_path: Path, counting: Rater) -> None:
    world = World(tmp_path / "rosters", (6, 4))
    resources = resources_of(tmp_path / "home", world.list)
    assert refreshed(resources, TO_SCORES)["calls"] == 10
    world.day = 1
    world.transfer("NBA", 3)
    world.correct("NBA", 2)
    world.write()
    changes = refreshed(resources, TO_SCORES)
    assert (changes["changed"], changes["unchanged"], changes.get("calls", 0)) == (2, 8, 0)
    person = next(iter(world.playing["NBA"].values()))
    world.day = 2
    world._say("NBA", person | {"name": "Another Name"}, "true")
    world.write()
    changes = refreshed(resources, TO_SCORES)
    assert (changes["changed"], changes["calls"], changes["failed"]) == (1, 1, 0)
    assert changes["cost_usd"] == pytest.approx((100 * 1.0 + 50 * 4.0) / 1e6)
    assert "Another Name" in counting.asked[-1]


def test_a_dead_league_does_not_stop_the_others(tmp_path: Path, counting: Rater) -> None:
    world = World(tmp_path / "rosters", (6, 4))
    resources = resources_of(tmp_path / "home", world.list)
    refreshed(resources, TO_SCORES)
    world.join("NBA", 2)
    world.join("NHL", 1)
    world.write(dead="NHL")
    changes = refreshed(resources, TO_SCORES)
    assert (changes["new"], changes["retired"], changes["calls"]) == (2, 0, 2)
    state, reason = status(resources, "raw_bios")
    assert state == "degraded"
    assert "NHL.csv" in str(reason)
    assert table(resources, "bios").height == 12
    world.write()
    assert refreshed(resources, TO_SCORES)["new"] == 1
    assert status(resources, "raw_bios") == ("ok", None)


def test_only_the_league_that_changed_is_read(tmp_path: Path, counting: Rater) -> None:
    world = World(tmp_path / "rosters", (6, 4))
    resources = resources_of(tmp_path / "home", world.list)
    refreshed(resources, TO_SCORES)
    marked = pl.DataFrame({"raw": ["not read again"]})
    with resources.warehouse.get_connection() as connection:
        raw = marked["raw"][0]
        connection.execute("UPDATE athlepersona.raw_bios SET raw = ?", [raw]).fetchall()
    world.join("NBA", 1)
    world.write()
    refreshed(resources, TO_SCORES)
    kept = table(resources, "raw_bios").filter(pl.col("raw") == raw)
    assert set(kept["league"]) == {"NHL"}
    assert kept.height == 4


def test_half_a_roster_is_not_believed_until_somebody_says_so(
    tmp_path: Path, counting: Rater
) -> None:
    world = World(tmp_path / "rosters", (12, 8))
    resources = resources_of(tmp_path / "home", world.list)
    refreshed(resources, TO_SCORES)
    world.join("NHL", 1)
    world.write(half="NBA")
    changes = refreshed(resources, TO_SCORES)
    assert (changes["new"], changes["retired"], changes["held"]) == (1, 0, 6)
    state, reason = status(resources, "bios")
    assert state == "degraded"
    assert str(reason).startswith("NBA: 6 of 12 known athletes would leave at once")
    assert str(reason).endswith("personax refresh --dataset athlepersona --accept-leavers NBA")
    changes = refreshed(resources, TO_SCORES, {ACCEPT_LEAVERS_TAG: "NBA"})
    assert (changes["retired"], status(resources, "bios")) == (6, ("ok", None))
    assert table(resources, "bios").height == 6 + 9
    gone = table(resources, "bios_history").filter(pl.col("retired_at").is_not_null())
    assert gone.height == 6
    world.write()
    assert refreshed(resources, TO_SCORES)["new"] == 6
    assert len(counting.asked) == 21, "whoever returns is not asked about again"


DAY = """
import sys
from pathlib import Path
from tests.dagster_project.kit import refreshed, resources_of
refreshed(resources_of(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def killed(resources: Resources, world: World, counting: Rater) -> None:
    """Start the day's refresh and kill it while raters are being asked."""
    counting.latency_s, before = 0.3, len(counting.asked)
    command = [sys.executable, "-c", DAY, str(resources.home), str(world.list)]
    with subprocess.Popen(command, env=os.environ) as process:
        while len(counting.asked) < before + 2 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    counting.latency_s = 0.0


Refresh = Callable[[Resources], dict[str, float]]


def lived(
    world: World, resources: Resources, counting: Rater, days: int, refresh: Refresh = refreshed
) -> list[str]:
    """Live through some days with everything that can happen; return the names of bad days."""
    bad_days = {days // 3: "half", days // 2: "dead", 3 * days // 4: "killed"}
    for day in range(1, days):
        world.day = day
        league, other = ("NBA", "NHL") if day % 2 else ("NHL", "NBA")
        world.join(league, 12 if bad_days.get(day) == "killed" else 1)
        world.leave(other, 1)
        world.transfer(league, 2)
        world.correct(other, 2)
        what = bad_days.get(day)
        world.write(half="NBA" if what == "half" else "", dead="NHL" if what == "dead" else "")
        if what == "killed":
            killed(resources, world, counting)
        changes = refresh(resources)
        assert changes.get("held", 0) == 0 or what == "half"
        broken = [r.asset for r in resources.warehouse.stages().values() if r.status == "degraded"]
        assert broken == {"half": ["athlepersona/bios"], "dead": ["athlepersona/raw_bios"]}.get(
            str(what), []
        )
    return list(bad_days.values())


COMPARED = ("bios", "bios_history", "trait_texts_chatgpt", "trait_scores", "text_embeddings",
            "independence_tests")  # fmt: skip


def assert_same_state(one: Resources, other: Resources) -> None:
    for name in COMPARED:
        frames = [table(resources, name) for resources in (one, other)]
        if name == "bios_history":
            # the wording of notes is of the time when they were written
            frames = [frame.drop("notes") for frame in frames]
        assert frames[0].height > 0, name
        assert frames[0].equals(frames[1]), name


@pytest.mark.slow
def test_days_of_refreshes_end_where_a_single_run_does(tmp_path: Path, counting: Rater) -> None:
    world = World(tmp_path / "rosters", (30, 24))
    resources = resources_of(tmp_path / "home", world.list)
    refreshed(resources)
    assert lived(world, resources, counting, 8) == ["half", "dead", "killed"]
    answered = len(counting.asked)
    scratch = resources_of(tmp_path / "scratch", world.list)
    refreshed(scratch)
    assert_same_state(resources, scratch)
    people = len(counting.asked) - answered
    assert people == sum(len(p) for p in world.playing.values())
    again = answered - len(set(counting.asked[:answered]))
    assert again <= 8, "only calls under way at the kill are made again"


@pytest.mark.slow
def test_a_month_of_daily_runs(tmp_path: Path, counting: Rater) -> None:
    """Thirty real Dagster runs end where one run does, and pruned they leave little behind."""
    world = World(tmp_path / "rosters", (60, 45))
    resources = resources_of(tmp_path / "home", world.list)
    launched(resources)
    dagster = Home(resources.home).dagster
    with dg.DagsterInstance.from_config(str(dagster)) as instance:
        before = prune(instance).after
    assert len(lived(world, resources, counting, 30, launched)) == 3
    with dg.DagsterInstance.from_config(str(dagster)) as instance:
        runs = instance.get_runs()
        assert len(runs) == 30
        told = [run.tags["personax/athlepersona"] for run in runs]
        assert any("1 new, 2 changed" in line and "1 retired" in line for line in told), told
        done = prune(instance)
        assert done.runs > 0
        assert done.after - before < 10e6
    scratch = resources_of(tmp_path / "scratch", world.list)
    refreshed(scratch)
    assert_same_state(resources, scratch)


def launched(resources: Resources) -> dict[str, float]:
    """Do a refresh as a Dagster run of the home's instance; return what it changed."""
    stages = refresh_stages(stages_of(resources), (ATHLEPERSONA,))
    todo = stale(stages, resources, {stage.key for stage in stages})
    run_id = launch(resources, todo) if todo else ""
    return run_changes(resources.warehouse.stages().values(), ATHLEPERSONA.name, run_id)


DUMP = """
import sys
from pathlib import Path
from tests.dagster_project.kit import refreshed, resources_of, table
resources = resources_of(Path(sys.argv[1]), Path(sys.argv[2]))
refreshed(resources, ("raw_bios", "bios"))
for name in ("raw_bios", "bios", "bios_history"):
    table(resources, name).write_ndjson(Path(sys.argv[3]) / f"{name}.ndjson")
"""


def test_time_zones_and_leap_days_leave_the_same_bytes(tmp_path: Path) -> None:
    world = World(tmp_path / "rosters", (4, 2))
    leap = {"id": "900", "name": "Leap Day", "born": "1996-02-29", "height": "200", "weight": "90"}
    world.rows["NBA"] += [
        {**leap, "active": "true", "seen": "2024-02-29T23:30:00-05:00"},
        {**leap, "active": "true", "weight": "91", "seen": "2024-12-31 23:59:59.999"},
        {**leap, "id": "901", "name": "No Day", "born": "1900-02-29", "active": "true",
         "seen": "2024-02-29"},
        {**leap, "id": "902", "name": "New Year", "born": "2000-01-01T00:30Z", "active": "true",
         "seen": "2024-03-31T01:30:00Z"},
    ]  # fmt: skip
    world.write()
    dumps = []
    for zone in ("UTC", "Pacific/Kiritimati", "America/St_Johns"):
        folder = tmp_path / zone.replace("/", "_")
        folder.mkdir()
        command = [sys.executable, "-c", DUMP, str(folder / "home"), str(world.list), str(folder)]
        subprocess.run(command, env=os.environ | {"TZ": zone}, check=True)
        dumps.append({path.name: path.read_bytes() for path in folder.glob("*.ndjson")})
    assert len(dumps[0]) == 3
    assert dumps[0] == dumps[1] == dumps[2]
    people = {row["name"]: row for row in map(json.loads, dumps[0]["bios.ndjson"].splitlines())}
    born = ("birth_year", "birth_month", "birth_day")
    assert [people["Leap Day"][part] for part in born] == [1996, 2, 29]
    assert [people["New Year"][part] for part in born] == [2000, 1, 1]
    assert [people["No Day"][part] for part in born] == [None] * 3
    history = [json.loads(line) for line in dumps[0]["bios_history.ndjson"].splitlines()]
    times = sorted(row["valid_from"] for row in history if row["name"] == "Leap Day")
    assert [time[:16].replace("T", " ") for time in times] == ["2024-03-01 04:30",
                                                               "2024-12-31 23:59"]  # fmt: skip
