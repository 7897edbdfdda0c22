import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.traits.journal import INTERRUPTED, Journal, JournalError
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


def enter(journal: Journal, request: Request, *calls: Call, cost: float | None = 0.5) -> None:
    for attempt, call in enumerate(calls, start=1):
        journal.end(journal.begin(request, RATER, attempt, 900, 2.0), call, 0.25, cost)


def silent(sentence: str) -> None:
    raise AssertionError(sentence)


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


def test_calls_that_never_ended_are_found_and_counted(journal: Journal) -> None:
    a, b = requests(2)
    enter(journal, a, Call("http_5xx", "oops"))
    journal.begin(a, RATER, 2, 900, 2.0)
    journal.begin(b, RATER, 1, 900, 2.0)
    with journal.exclusive("gemini", silent) as interrupted:
        assert interrupted == 0
    with journal.exclusive("chatgpt", silent) as interrupted:
        assert interrupted == 2
    with journal.exclusive("chatgpt", silent) as interrupted:
        assert interrupted == 0
    records = journal.records([a.key, b.key])
    assert records.keys() == {a.key}  # nothing is known about the other's outcome
    assert (records[a.key].outcome, records[a.key].calls) == ("http_5xx", 2)
    assert journal.spent_usd() == 0.5 + 2.0 + 2.0


def test_spending_has_a_beginning(journal: Journal) -> None:
    a, b = requests(2)
    enter(journal, a, OK)
    moment = time.time()
    enter(journal, b, OK, OK)
    assert journal.spent_usd() == 1.5
    assert journal.spent_usd(moment) == 1.0


def test_recent_calls_count_their_real_or_reserved_tokens(journal: Journal) -> None:
    a, b = requests(2)
    enter(journal, a, OK)
    journal.begin(b, RATER, 1, 900, None)
    sent = journal.sent_since("chatgpt", time.time() - 60)
    assert [tokens for _, tokens in sent] == [150, 900]
    assert journal.sent_since("gemini", 0) == []
    assert journal.sent_since("chatgpt", time.time() + 1) == []


def test_the_lock_holds_between_processes_and_goes_with_them(journal: Journal) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from personax_assets.traits.journal import Journal\n"
        "with Journal(Path(sys.argv[1])) as j, j.exclusive('chatgpt', print):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(journal.path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    told: list[str] = []

    def wait_for_it() -> int:
        with journal.exclusive("chatgpt", told.append) as interrupted:
            return interrupted

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
        "from tests.personax_assets.traits.test_journal import OK, enter, requests\n"
        "with Journal(Path(sys.argv[1])) as j:\n"
        "    for r in requests(40): enter(j, r, OK)"
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
