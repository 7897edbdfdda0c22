"""Faults other than kills: limits, locks, dead servers, and sources that are not what they were."""

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

import polars as pl
import pytest

from tests.faults.scene import MODEL, QUICK, SCORES, Row, Scene

HOLD = """
import sys, time
from personax_assets.warehouse import Warehouse
with Warehouse(database=sys.argv[1]).get_connection():
    print("held", flush=True)
    time.sleep(3)
"""


def _ended(place: Scene, what: str, faults: int, harm: list[str], said: str = "") -> Row:
    """Let a run end that nobody disturbs, and compare with a home that never was disturbed."""
    lost, torn = len(harm), len(place.torn(SCORES))
    green = place.bring(QUICK)
    differ = place.differs_from_scratch(QUICK)
    return Row(what, faults, lost, torn, place.paid_twice(), green and not differ,
               ", ".join([said, *differ]).strip(", "))  # fmt: skip


def _missing(place: Scene, before: dict[str, set[object]], but: Collection[str] = ()) -> list[str]:
    after = place.keys(QUICK)
    return [
        f"{name} {key}"
        for name, keys in before.items()
        if name not in but
        for key in keys - after[name]
    ]


def two_at_once(place: Scene) -> Row:
    """Start the same run twice at the same time."""
    processes = [place.process(QUICK) for _ in range(2)]
    for process in processes:
        process.communicate()
    both = all(process.returncode == 0 for process in processes)
    row = _ended(place, "two runs of everything at once", 2, [])
    return row if both else Row(row.what, 2, green=False, said="one of them did not end well")


def _promised(place: Scene) -> list[str]:
    """Return who is not in a home that a run, as it said itself, brought up to date."""
    playing = {name for people in place.world.playing.values() for name in people}
    found = place.resources.warehouse.query(
        "SELECT source_id FROM athlepersona.bios JOIN athlepersona.trait_scores USING (person_id)"
    )
    return sorted(playing - set(found["source_id"]))


def _limited(place: Scene, kind: str, sizes: tuple[int, ...]) -> Row:
    place.bring(QUICK)
    harm: list[str] = []
    ends = []
    for size in sizes:
        place.live_a_day()
        before = place.keys(QUICK)
        with place.process(QUICK, kind, str(size)) as process:
            process.communicate()
        ends.append(process.returncode)
        harm += _missing(place, before)
        if process.returncode == 0:  # small changes may fit into what a file has already
            harm += _promised(place)
    what = {"disk": "full disk", "memory": "memory limit"}[kind]
    failed = sum(end != 0 for end in ends)
    return _ended(place, what, len(sizes), harm, f"{failed} of {len(sizes)} runs failed")


def full_disk(place: Scene) -> Row:
    """Let no file grow beyond a limit that is reached early, later, and late."""
    return _limited(place, "disk", (4_096, 65_536, 400_000))


def little_memory(place: Scene) -> Row:
    """Let the process have hardly more memory than it begins with."""
    return _limited(place, "memory", (1_000_000, 64_000_000, 256_000_000))


def dead_mlflow(place: Scene) -> Row:
    """Train while the MLflow server is not there; then with the store in the home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        failed = not place.bring(MODEL)
        record = place.resources.warehouse.stages().get("athlepersona/crl_model")
    said = (record.reason if record else None) or ""
    clear = failed and "does not answer" in said
    row = _ended(place, "dead MLflow", 1, [])
    return row if clear else Row(row.what, 1, green=False, said=f"it said {said!r}")


def locked_warehouse(place: Scene) -> Row:
    """Let another process hold the warehouse for three seconds in the middle of a run."""
    place.bring(QUICK)
    place.live_a_day()
    path = str(place.home / "warehouse.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with place.process(QUICK) as process:
            process.communicate()
    waited = process.returncode == 0
    row = _ended(place, "locked warehouse", 1, [])
    return row if waited else Row(row.what, 1, green=False, said="the run did not wait")


def _drifted(change: Callable[[list[list[str]]], None], path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    change(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


def _without_column(rows: list[list[str]]) -> None:
    at = rows[0].index("born")
    for row in rows:
        del row[at]


def _renamed(rows: list[list[str]]) -> None:
    rows[0][rows[0].index("weight")] = "mass"


def _added(rows: list[list[str]]) -> None:
    for number, row in enumerate(rows):
        row.append("later" if number == 0 else "x")


def _turned(rows: list[list[str]]) -> None:
    for row in rows:
        row.reverse()


def schema_drift(place: Scene) -> Row:
    """Drop, rename, add and reorder columns of a source."""
    place.bring(QUICK)
    harm: list[str] = []
    for change, harmless in ((_without_column, False), (_renamed, False), (_added, True),
                             (_turned, True)):  # fmt: skip
        before = place.keys(QUICK)
        _drifted(change, place.world.folder / "NBA.csv")
        good = place.bring(QUICK)
        reason = place.resources.warehouse.stages()["athlepersona/raw_bios"].reason or ""
        if good != harmless or (not harmless and "NBA" not in reason):
            harm.append(f"{change.__name__}: {reason or 'nothing was said'}")
        # A row of a source is known by its content, so another column makes it another row.
        harm += _missing(place, before, but=("raw_bios",))
        place.world.write()
    return _ended(place, "schema drift of sources", 4, harm, "; ".join(harm)[:200])


def poison_records(place: Scene) -> Row:
    """Put rows among a thousand that nobody could use."""
    place.world.join("NBA", 1_000)
    poison = (
        {"id": "", "name": "", "born": "", "seen": "2025-03-01"},
        {"id": "", "name": "Given0 Family0", "born": "", "country": "", "seen": "2025-03-01"},
        {"id": "p3", "name": "Given0 Family00", "seen": "the day before yesterday"},
    )
    place.world.rows["NBA"] += [{"active": "true", **row} for row in poison]
    place.world.write()
    place.bring(("raw_bios", "bios"))
    query = place.resources.warehouse.query
    rejected = query("SELECT reason FROM quarantine.athlepersona_bios")
    raw = query("SELECT reason FROM quarantine.athlepersona_raw_bios")
    reasons = pl.concat([rejected, raw])["reason"]
    people = query("SELECT count(*) AS n FROM athlepersona.bios")["n"][0]
    expected = sum(len(p) for p in place.world.playing.values())
    told = reasons.len() == len(poison) and reasons.str.len_chars().min()
    return Row("poison records among 1,022", len(poison), lost=abs(people - expected),
               torn=len(place.torn(SCORES)), green=bool(told),
               said="" if told else "; ".join(reasons)[:200])  # fmt: skip


def other_zones(place: Scene) -> Row:
    """Refresh in one zone after another; dates must not move."""
    place.bring(QUICK)
    zones = ("Pacific/Kiritimati", "America/St_Johns", "UTC")
    ends = []
    for zone in zones:
        place.live_a_day()
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(os.environ, "TZ", zone)
            with place.process(QUICK) as process:
                process.communicate()
        ends.append(process.returncode)
    row = _ended(place, "zone changes", len(zones), [])
    return row if not any(ends) else Row(row.what, len(zones), green=False, said=str(ends))


DRILLS: tuple[Callable[[Scene], Row], ...] = (
    two_at_once, full_disk, little_memory, dead_mlflow, locked_warehouse, schema_drift,
    poison_records, other_zones,
)  # fmt: skip
