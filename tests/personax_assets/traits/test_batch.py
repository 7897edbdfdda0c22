"""The Batch API mode against the simulated raters: submit, die, come back, collect."""

import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from personax_assets.traits.batch_api import BatchApi, BatchApiError
from personax_assets.traits.budget import Budget
from personax_assets.traits.engine import annotate
from personax_assets.traits.estimate import estimate
from personax_assets.traits.faults import Faults
from personax_assets.traits.journal import Journal
from personax_assets.traits.raters import Prices
from tests.personax_assets.traits.conftest import People
from tests.personax_assets.traits.drill import OUTCOMES
from tests.personax_assets.traits.test_engine import CONTENT, Serving, heard, serving, statuses

PRICES = Prices(100.0, 400.0, "2026-01-05")


def calls_by_name(s: Serving) -> Counter[str]:
    return Counter(entry["name"] for entry in s.log())


def test_a_run_submits_and_a_later_one_collects(athletes: People, tmp_path: Path) -> None:
    n, path = 12, tmp_path / "journal.sqlite"
    sentences, notify = heard()
    with serving(n, Faults(batch_s=1.0), batch=True) as s:
        requests = s.requests(athletes(n))
        with Journal(path) as journal:
            frame = annotate(requests, s.rater, journal, notify=notify)
            assert estimate(requests, s.rater, journal).calls == 0
        assert statuses(frame) == {"not_rated": n}
        assert "12 wait in batch batch_1, which a later run collects" in frame["detail"][0]
        assert "batch_1" in sentences[-1]
        assert s.log() == []
        time.sleep(1.0)
        with Journal(path) as journal:  # as another process would
            frame = annotate(requests, s.rater, journal, notify=notify)
            again = annotate(requests, s.rater, journal, notify=notify)
        assert calls_by_name(s) == dict.fromkeys(athletes(n)["name"], 1)
    assert statuses(frame) == {"ok": n}
    assert frame["attempts"].to_list() == [1] * n  # lines that came twice count once
    assert frame["latency_s"].null_count() == n
    assert frame.equals(again)
    with serving(n) as one_by_one, Journal(tmp_path / "other.sqlite") as journal:
        expected = annotate(one_by_one.requests(athletes(n)), one_by_one.rater, journal)
    assert frame.select("person_id", *CONTENT).equals(expected.select("person_id", *CONTENT))


def test_a_run_that_waits_collects_itself_and_failures_have_their_outcomes(
    athletes: People, journal: Journal
) -> None:
    n = 80
    kinds = ("wrong_json", "out_of_range", "refusal", "server_error", "hang", "html", "duplicate")
    faults = Faults(rates=dict.fromkeys(kinds, 0.07), batch_s=0.2)
    with serving(n, faults, batch=True, batch_wait_s=30.0) as s:
        people = athletes(n)
        frame = annotate(s.requests(people), s.rater, journal)
        met = {entry["name"]: entry["fault"] for entry in s.log()}
        for name, status in zip(people["name"], frame["status"], strict=True):
            fault = met[name]
            # In a batch there is no connection to break: what never gets done has expired.
            assert status == ("timeout" if fault in ("hang", "html") else OUTCOMES[fault])
        assert set(met.values()) == {*kinds, None}
        answered = set(people.filter(frame["status"] == "ok")["name"])
        before = calls_by_name(s)
        while (frame["status"] != "ok").any():
            frame = annotate(s.requests(people), s.rater, journal)
        assert all(calls_by_name(s)[name] == before[name] == 1 for name in answered)
    assert statuses(frame) == {"ok": n}


def test_a_batch_whose_id_got_lost_is_found_again(
    athletes: People, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = BatchApi.start

    async def lost(self: BatchApi, file_id: str, tag: str) -> str:
        await start(self, file_id, tag)
        raise BatchApiError("the batch service answers nothing")

    with serving(5, batch=True, batch_wait_s=20.0) as s:
        with monkeypatch.context() as patch:
            patch.setattr(BatchApi, "start", lost)
            frame = annotate(s.requests(athletes(5)), s.rater, journal)
        assert statuses(frame) == {"not_rated": 5}
        assert "answers nothing" in frame["detail"][0]
        frame = annotate(s.requests(athletes(5)), s.rater, journal)
        assert len(s.log()) == 5
    assert statuses(frame) == {"ok": 5}


def test_a_batch_that_never_started_is_submitted_again(
    athletes: People, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: BatchApi, file_id: str, tag: str) -> str:
        raise BatchApiError("the batch service answers 503")

    with serving(5, batch=True, batch_wait_s=20.0) as s:
        with monkeypatch.context() as patch:
            patch.setattr(BatchApi, "start", refused)
            annotate(s.requests(athletes(5)), s.rater, journal)
        frame = annotate(s.requests(athletes(5)), s.rater, journal)
        assert len(s.log()) == 5
    assert statuses(frame) == {"ok": 5}


def test_collecting_twice_enters_nothing_twice(
    athletes: People, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the process had died between the last answer and closing the batch."""
    with serving(6, batch=True, batch_wait_s=20.0) as s:
        annotate(s.requests(athletes(6)), s.rater, journal)
        journal._db.execute("UPDATE batches SET collected_at = NULL")
        seventh = s.requests(athletes(7))
        frame = annotate(seventh, s.rater, journal)
    assert frame["attempts"].to_list()[:6] == [1] * 6
    assert journal._db.execute("SELECT count(*) FROM calls").fetchone()[0] == 7


def test_a_batch_stays_within_the_budget(athletes: People, journal: Journal) -> None:
    sentences, notify = heard()
    with serving(
        40, prices=PRICES, max_tokens=400, batch=True, batch_wait_s=20.0
    ) as s:  # fmt: skip
        budget = Budget(4.0)
        frame = annotate(s.requests(athletes(40)), s.rater, journal, budget=budget, notify=notify)
        usages = [entry["usage"] for entry in s.log()]
    spent = sum(PRICES.cost(u["prompt_tokens"], u["completion_tokens"]) for u in usages)
    assert 0 < spent <= budget.spent_usd <= 4.0
    assert budget.spent_usd == pytest.approx(spent)
    assert set(statuses(frame)) == {"ok", "not_rated"}
    assert "budget of 4.00 US dollars" in sentences[0]
    assert frame.filter(pl.col("status") == "ok")["cost_usd"].sum() == pytest.approx(spent)
