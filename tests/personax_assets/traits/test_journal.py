import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.traits.entries import INTERRUPTED, JournalError
from personax_assets.traits.journal import Journal
from personax_assets.traits.outcomes import Call, Usage
from personax_assets.traits.prompts import ANSWER_KEYS, Request, build_requests
from personax_assets.traits.raters import RaterConfig

RATER = RaterConfig("chatgpt", "m", "https://api.example.org/v1")
OK = Call(
    "ok",
    answer={key: 3 if key.endswith("_score") else "é" for key in ANSWER_KEYS},
    usage=Usage(100, 50, 10, 5),
    model="m-2026",
    request_id="req_1",
)


def requests(n: int) -> list[Request]:
    people = pl.DataFrame(
        {
            "person_id": [f"p{i}" for i in range(n)],
            "name": [f"Person {i}" for i in range(n)],
            "league": ["NBA"] * n,
        }
    )
    return build_requests(people, ATHLEPERSONA, RATER)


def silent(sentence: str) -> None:
    raise AssertionError(sentence)


def enter(
    journal: Journal,
    request: Request,
    *calls: Call,
    cost: float | None = 0.5,
    on_wait: Callable[[str], None] = silent,
) -> None:
    with journal.entries(RATER, on_wait) as entries:
        for attempt, call in enumerate(calls, start=1):
            entries.end(entries.begin(request, attempt, 900, 2.0), call, 0.25, cost)


def die(journal: Journal, script: str) -> None:
    """Run a script with the journal's entries in a process that kills itself at the end."""
    opening = (
        "import os, sys, time; from pathlib import Path\n"
        "from tests.personax_assets.traits.test_journal import *\n"
        "a, b, c = requests(3)\n"
        "with Journal(Path(sys.argv[1])) as j, j.entries(RATER, print) as entries:\n"
    )
    body = "".join(f"    {line}\n" for line in [*script.splitlines(), "os.kill(os.getpid(), 9)"])
    run = subprocess.run([sys.executable, "-c", opening + body, str(journal.path)], check=False)
    assert run.returncode == -signal.SIGKILL


def test_a_success_is_served_for_ever_and_a_failure_never(journal: Journal) -> None:
    a, b, c = requests(3)
    enter(journal, a, Call("refusal"), OK, Call("timeout"))
    enter(journal, b, Call("refusal", "no"))
    keys = [a.key, b.key, c.key]
    assert journal.answered(keys) == {a.key}
    records = journal.records(keys)
    assert records.keys() == {a.key, b.key}
    assert records[a.key].outcome == "ok"
    assert records[a.key].answer == OK.answer
    assert records[a.key].calls == 3
    assert (records[b.key].outcome, records[b.key].detail) == ("refusal", "no")


def test_tokens_and_cost_are_summed_over_all_attempts(journal: Journal) -> None:
    (a,) = requests(1)
    enter(journal, a, Call("invalid_json", usage=Usage(100, 7)), Call("timeout"), OK)
    record = journal.records([a.key])[a.key]
    assert (record.prompt_tokens, record.completion_tokens) == (200, 57)
    assert record.cost_usd == 1.5


def test_an_unknown_cost_stays_unknown(journal: Journal) -> None:
    (a,) = requests(1)
    enter(journal, a, OK, cost=None)
    assert journal.records([a.key])[a.key].cost_usd is None


def test_everything_survives_reopening(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.sqlite"
    (a,) = requests(1)
    with Journal(path) as journal:
        enter(journal, a, OK)
    with Journal(path) as journal:
        assert journal.answered([a.key]) == {a.key}


def test_what_a_dead_process_left_is_carried_over(journal: Journal) -> None:
    """Ended calls that were not committed are kept, the others counted as interrupted."""
    a, b, c = requests(3)
    die(
        journal,
        "entries.end(entries.begin(a, 1, 900, 2.0), Call('http_5xx', 'oops'), 0.25, 0.5)\n"
        "entries.begin(a, 2, 900, 2.0); entries.begin(b, 1, 900, 2.0)\n"
        "entries.end(entries.begin(c, 1, 900, 2.0), OK, 0.25, 0.5)",
    )
    assert journal.answered([c.key]) == set()
    with journal.entries(replace(RATER, name="gemini"), silent) as entries:
        assert entries.interrupted == 0
    with journal.entries(RATER, silent) as entries:
        assert entries.interrupted == 2
    with journal.entries(RATER, silent) as entries:
        assert entries.interrupted == 0
    records = journal.records([a.key, b.key, c.key])
    assert records.keys() == {a.key, c.key}  # nothing is known about the other's outcome
    assert (records[a.key].outcome, records[a.key].calls) == ("http_5xx", 2)
    assert records[c.key].answer == OK.answer
    assert journal.spent_usd() == 0.5 + 2.0 + 2.0 + 0.5


def test_a_process_that_died_after_its_commit_leaves_nothing_twice(journal: Journal) -> None:
    (a, *_) = requests(3)
    die(
        journal,
        "entries.end(entries.begin(a, 1, 900, 2.0), OK, 0.25, 0.5)\n"
        "entries.commit()\n"
        'os.write(entries._list, b\'{"entry": "half a li\')',
    )
    assert journal.answered([a.key]) == {a.key}
    with journal.entries(RATER, silent) as entries:
        assert entries.interrupted == 0
    assert journal.records([a.key])[a.key].calls == 1


def test_a_call_under_way_when_the_run_is_stopped_is_told_to_the_next(journal: Journal) -> None:
    (a,) = requests(1)
    with suppress(KeyboardInterrupt), journal.entries(RATER, silent) as entries:
        entries.begin(a, 1, 900, 2.0)
        raise KeyboardInterrupt
    with journal.entries(RATER, silent) as entries:
        assert entries.interrupted == 1


def test_a_full_disk_is_an_error_in_one_line(journal: Journal) -> None:
    (a,) = requests(1)

    def run() -> None:
        with journal.entries(RATER, silent) as entries:
            entries.begin(a, 1, 900, 2.0)
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, entries._list)
            os.close(full)
            entries.begin(a, 2, 900, 2.0)

    with pytest.raises(JournalError, match="cannot be written") as refusal:
        run()
    assert "\n" not in str(refusal.value)


def test_spending_has_a_beginning(journal: Journal) -> None:
    a, b = requests(2)
    enter(journal, a, OK)
    moment = time.time()
    enter(journal, b, OK, OK)
    assert journal.spent_usd() == 1.5
    assert journal.spent_usd(moment) == 1.0


def test_recent_calls_count_their_real_or_reserved_tokens(journal: Journal) -> None:
    a, _, c = requests(3)
    enter(journal, a, OK)
    die(journal, "entries.begin(b, 1, 900, None)")
    enter(journal, c, OK)
    sent = journal.sent_since("chatgpt", time.time() - 60)
    assert [tokens for _, tokens in sent] == [150, 900, 150]
    assert journal.sent_since("gemini", 0) == []
    assert journal.sent_since("chatgpt", time.time() + 1) == []


def test_a_pause_is_remembered(journal: Journal) -> None:
    (a,) = requests(1)
    assert journal.asked_to_wait_until("chatgpt") == 0
    enter(journal, a, Call("rate_limited", retry_after_s=30.0), OK)
    assert journal.asked_to_wait_until("chatgpt") == pytest.approx(time.time() + 30, abs=5)
    assert journal.asked_to_wait_until("gemini") == 0


def test_the_lock_holds_between_processes_and_goes_with_them(journal: Journal) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from tests.personax_assets.traits.test_journal import *\n"
        "with Journal(Path(sys.argv[1])) as j, j.entries(RATER, print):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(journal.path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    told: list[str] = []

    def wait_for_it() -> int:
        with journal.entries(RATER, told.append) as entries:
            return entries.interrupted

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_it)
        time.sleep(0.4)
        assert not waiting.done()
        os.kill(holder.pid, signal.SIGKILL)
        assert waiting.result(timeout=10) == 0
    holder.wait()
    holder.stdout.close()
    assert told == ["waiting for another run that is asking chatgpt"]


def test_many_processes_may_write_one_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    script = (
        "import sys; from pathlib import Path\n"
        "from personax_assets.traits.journal import Journal\n"
        "from tests.personax_assets.traits.test_journal import *\n"
        "with Journal(Path(sys.argv[1])) as j:\n"
        "    for r in requests(40): enter(j, r, OK, on_wait=lambda sentence: None)"
    )
    command = [sys.executable, "-c", script, str(path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        assert process.communicate(timeout=60)[1] == b""
    with Journal(path) as journal:
        records = journal.records(r.key for r in requests(40))
    assert {record.calls for record in records.values()} == {3}


def test_unusable_files_are_named_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"this is no database, it is far too long for that" * 99)
    with pytest.raises(JournalError, match=r"broken\.sqlite") as refusal:
        Journal(broken)
    assert "\n" not in str(refusal.value)
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(JournalError, match="format 9"):
        Journal(newer)
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(occupied / "journal.sqlite")


def test_asking_for_nothing_gives_nothing(journal: Journal) -> None:
    assert journal.answered([]) == set()
    assert journal.records([]) == {}


def test_typical_answers_are_those_of_the_model_and_prompt(journal: Journal) -> None:
    a, b = requests(2)
    assert journal.typical(RATER, a.prompt.version) == {}
    enter(journal, a, OK, Call("invalid_json", usage=Usage(1, 1)))
    enter(journal, b, OK)
    expected = {"prompt_tokens": 100.0, "completion_tokens": 50.0, "latency_s": 0.25}
    assert journal.typical(RATER, a.prompt.version) == expected
    assert journal.typical(RATER, "other") == {}
    assert INTERRUPTED not in {r.outcome for r in journal.records([a.key]).values()}
