"""The engine under fire: three raters, a server that misbehaves, kills and a budget.

The slow tests and the benchmark run the same drills; what they count comes from the server's own
log and from the journal, not from the engine.
"""

import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.traits.budget import Budget
from personax_assets.traits.engine import annotate
from personax_assets.traits.faults import KINDS, Faults
from personax_assets.traits.journal import Journal
from personax_assets.traits.prompts import ANSWER_KEYS, build_requests
from personax_assets.traits.rater_files import load_raters
from personax_assets.traits.raters import Prices, RaterConfig
from personax_assets.traits.scores import trait_scores
from personax_assets.traits.simulated_server import SimulatedServer, simulated_provider
from personax_ml.synthetic import draw_cohort

SEED = 11
CONTENT = ("person_id", *ANSWER_KEYS, "status", "model", "prompt_version", "simulated")
CONCURRENCY = 32

OUTCOMES = {
    None: "ok",
    "closed": "rate_limited",
    "rate_limited": "rate_limited",
    "rate_limited_date": "rate_limited",
    "rate_limited_silent": "rate_limited",
    "server_error": "http_5xx",
    "bad_gateway": "http_5xx",
    "hang": "timeout",
    "cut_body": "transport",
    "html": "transport",
    "broken_body": "transport",
    "wrong_json": "invalid_json",
    "prose": "invalid_json",
    "said_twice": "invalid_json",
    "out_of_range": "schema_violation",
    "missing_key": "schema_violation",
    "fenced": "ok",
    "duplicate": "ok",
    "refusal": "refusal",
    "prose_refusal": "refusal",
    "content_filter": "content_filter",
    "truncated": "truncated",
    "empty": "empty",
    "no_choices": "empty",
    "error_in_200": "http_5xx",
    "error_list": "http_5xx",
    "bad_request": "http_4xx",
    "unauthorized": "http_4xx",
    "quota": "quota",
}
"""What each fault is, to whoever meets it."""

_STOPPING = {"unauthorized": 0.0004, "quota": 0.0004}
"""Faults that end a run; rare, or nothing would ever be finished."""

_HARMLESS = ("fenced", "duplicate")
EVERY_FAULT = Faults(
    rates={
        **_STOPPING,
        **dict.fromkeys(_HARMLESS, 0.01),
        **dict.fromkeys(sorted(set(KINDS) - set(_STOPPING) - set(_HARMLESS)), 0.3 / 24),
    },
    retry_after_s=0.5,
)
"""Thirty per cent of the calls fail, in every way there is."""

PASSING_FAULTS = Faults(
    rates=dict.fromkeys(
        ("server_error", "wrong_json", "cut_body", "out_of_range", "empty", "rate_limited"), 0.045
    ),
    lasting={"refusal": 0.02, "content_filter": 0.01},
    latency_s=0.05,
    retry_after_s=0.2,
)
"""Faults that pass, and refusals that do not: the end does not depend on the order of calls."""

PRICES = Prices(100.0, 400.0, "2026-01-05")


def people(n: int) -> pl.DataFrame:
    """Return invented athletes as rows of `bios`."""
    bios = draw_cohort("athlepersona", n, SEED).bios
    return bios.select(pl.col("source_id").alias("person_id"), "name", "league")


def raters(base_url: str, **more: Any) -> list[RaterConfig]:
    """Return the three simulated raters, reached at an address."""
    fixed = {"base_url": base_url, "provider": simulated_provider(SEED)}
    fixed |= {"concurrency": CONCURRENCY, "backoff_s": 0.02, "timeout_s": 10.0}
    return [replace(rater, **{**fixed, **more}) for rater in load_raters("simulated")]


def ask_all(
    journal: Path,
    n: int,
    configs: Sequence[RaterConfig],
    budget: Budget | None = None,
    notify: Any = lambda sentence: None,
) -> dict[str, pl.DataFrame]:
    """Let all raters be asked at once, each in a thread of its own; return their tables."""
    tables: dict[str, pl.DataFrame] = {}
    asked = people(n)

    def ask(rater: RaterConfig) -> None:
        with Journal(journal) as own:
            requests = build_requests(asked, ATHLEPERSONA, rater)
            tables[rater.name] = annotate(requests, rater, own, budget=budget, notify=notify)

    threads = [threading.Thread(target=ask, args=(rater,)) for rater in configs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {rater.name: tables[rater.name] for rater in configs}


def server_log(server: SimulatedServer) -> list[dict[str, Any]]:
    """Return every call that the server has seen."""
    address = server.base_url.removesuffix("/v1") + "/log"
    with urllib.request.urlopen(address, timeout=60) as response:
        entries: list[dict[str, Any]] = json.load(response)
    return entries


def storm(folder: Path, n: int, rpm: int) -> dict[str, Any]:
    """Ask about n people while every third call fails; return what was counted."""
    path = folder / "storm.sqlite"
    runs = 0
    with SimulatedServer({"athlepersona": n}, SEED, EVERY_FAULT) as server:
        configs = raters(server.base_url, rpm=rpm)
        while True:
            runs += 1
            tables = ask_all(path, n, configs)
            stopped = sum((t["status"] == "not_rated").sum() for t in tables.values())
            if not stopped:
                break
        log = server_log(server)
    faults: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for entry in log:
        faults[entry["rater"], entry["name"]].append(entry["fault"])
    names = dict(people(n).select("person_id", "name").iter_rows())
    untrue = [
        (rater, person)
        for rater, table in tables.items()
        for person, status in table.select("person_id", "status").iter_rows()
        if OUTCOMES[faults[rater, names[person]][-1]] != status
    ]
    with closing(sqlite3.connect(path)) as db:
        calls = db.execute(
            "SELECT rater, started_at, ended_at, retry_after_s FROM calls ORDER BY started_at"
        ).fetchall()
        (again,) = db.execute(
            "SELECT count(*) FROM calls AS later WHERE EXISTS (SELECT 1 FROM calls AS ok WHERE "
            "ok.outcome = 'ok' AND ok.request_key = later.request_key "
            "AND ok.ended_at < later.started_at)"
        ).fetchone()
    statuses = Counter(status for table in tables.values() for status in table["status"])
    failed = sum(OUTCOMES[entry["fault"]] != "ok" for entry in log)
    return {
        "people": n,
        "raters": len(configs),
        "runs_until_done": runs,
        "calls": len(log),
        "failed_calls_share": round(failed / len(log), 3),
        "faults_met": len({entry["fault"] for entry in log} - {None, "closed"}),
        "statuses": dict(statuses),
        "without_outcome": n * len(configs) - sum(statuses.values()) + statuses["not_rated"],
        "untrue_outcomes": len(untrue),
        "received_answers_requested_again": again,
        "sent_inside_a_retry_after": _inside_pauses(calls),
        "sent_above_the_rate": _above_rate(calls, rpm),
        "calls_not_in_journal": max(len(log) - len(calls), 0),
    }


def _inside_pauses(calls: Sequence[tuple[str, float, float, float | None]]) -> int:
    """Count calls sent between a rater's Retry-After and its end, from its receipt on."""
    pauses = [(r, end, end + pause) for r, _, end, pause in calls if pause is not None]
    return sum(
        any(rater == r and start < sent < end for r, start, end in pauses)
        for rater, sent, _, _ in calls
    )


def _above_rate(calls: Sequence[tuple[str, float, float, float | None]], rpm: int) -> int:
    """Count calls that were the one too many of the 60 seconds before them."""
    sent: dict[str, list[float]] = defaultdict(list)
    too_many = 0
    for rater, moment, _, _ in calls:
        times = sent[rater]
        times.append(moment)
        too_many += len(times) > rpm and moment - times[-rpm - 1] < 60.0
    return too_many


def kills(folder: Path, n: int, times: int = 20) -> dict[str, Any]:
    """Kill a run at random moments, let it end, and compare with one that nobody disturbed."""
    path = folder / "killed.sqlite"
    chance = random.Random(SEED)
    with SimulatedServer({"athlepersona": n}, SEED, PASSING_FAULTS) as server:
        # Kills are spread over three quarters of the calls that the work takes.
        moments = sorted(chance.uniform(0.0, 0.75) * 3 * n for _ in range(times))
        in_flight: list[int] = []
        for moment in moments:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(path), server.base_url, str(n)],
                stdout=subprocess.DEVNULL,
            )
            while process.poll() is None and len(server_log(server)) < moment:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 0.1))
            process.kill()
            process.wait()
            in_flight.append(_under_way(path))
        tables = ask_all(path, n, raters(server.base_url))
        log = server_log(server)
    with closing(sqlite3.connect(path)) as db:
        lost = {
            (rater, person): count
            for rater, person, count in db.execute(
                "SELECT rater, person_id, count(*) FROM calls WHERE outcome = 'interrupted' "
                "GROUP BY rater, person_id"
            )
        }
        entered = db.execute("SELECT count(*) FROM calls").fetchone()[0]
    with SimulatedServer({"athlepersona": n}, SEED, PASSING_FAULTS) as server:
        expected = ask_all(folder / "undisturbed.sqlite", n, raters(server.base_url))
    names = dict(people(n).select("person_id", "name").iter_rows())
    good = Counter((entry["rater"], entry["name"]) for entry in log if entry["fault"] is None)
    return {
        "people": n,
        "raters": len(tables),
        "kills": times,
        "calls": len(log),
        "most_in_flight_at_a_kill": max(in_flight),
        "concurrency_of_all_raters": CONCURRENCY * len(tables),
        "interrupted_calls": sum(lost.values()),
        "received_answers_asked_again": sum(
            max(good[rater, name] - 1 - lost.get((rater, person), 0), 0)
            for rater in tables
            for person, name in names.items()
        ),
        "calls_not_in_journal": max(len(log) - entered, 0),
        "rows_lost": sum(n - table.height for table in tables.values()),
        "texts_differ": sum(
            not table.select(CONTENT).equals(expected[rater].select(CONTENT))
            for rater, table in tables.items()
        ),
        "scores_differ": int(not trait_scores(tables).equals(trait_scores(expected))),
    }


def _under_way(path: Path) -> int:
    """Count the calls on the open lists of a dead process that have no end."""
    ends: dict[str, bool] = {}
    for file in path.parent.glob(f"{path.name}.*.open"):
        for line in file.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            ends[entry["entry"]] = entry["outcome"] is not None
    return sum(not ended for ended in ends.values())


def spending(folder: Path, n: int, share: float = 0.4) -> dict[str, Any]:
    """Let all raters share a budget that is too small; count the money by the server's log."""
    more: dict[str, Any] = {"prices": PRICES, "max_tokens": 400}
    limit = round(share * n * 3 * 0.12, 2)
    sentences: list[str] = []
    with SimulatedServer({"athlepersona": n}, SEED, EVERY_FAULT) as server:
        configs = raters(server.base_url, **more)
        budget = Budget(limit)
        tables: dict[str, pl.DataFrame] = {}
        while not any("budget" in sentence for sentence in sentences):
            tables = ask_all(folder / "spent.sqlite", n, configs, budget, sentences.append)
        usages = [entry["usage"] for entry in server_log(server) if entry["usage"]]
    spent = sum(PRICES.cost(u["prompt_tokens"], u["completion_tokens"]) for u in usages)
    return {
        "limit_usd": limit,
        "spent_by_the_servers_log_usd": round(spent, 4),
        "spent_by_the_engine_usd": round(budget.spent_usd, 4),
        "over_the_limit": int(spent > limit),
        "people_left": sum(int((t["status"] == "not_rated").sum()) for t in tables.values()),
        "said": next(sentence for sentence in sentences if "budget" in sentence),
    }


if __name__ == "__main__":
    ask_all(Path(sys.argv[1]), int(sys.argv[3]), raters(sys.argv[2]))
