"""The engine against a real server in a process of its own, over a real socket."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA, TRAITS
from personax_assets.schemas.traits import trait_texts
from personax_assets.traits import run
from personax_assets.traits.budget import Budget, BudgetError
from personax_assets.traits.client import RaterUnavailableError
from personax_assets.traits.engine import annotate, not_rated
from personax_assets.traits.estimate import estimate, pending
from personax_assets.traits.faults import KINDS, Faults
from personax_assets.traits.journal import Journal
from personax_assets.traits.pace import Pace
from personax_assets.traits.prompts import ANSWER_KEYS, Request, build_requests
from personax_assets.traits.rater_files import load_raters
from personax_assets.traits.raters import Prices, RaterConfig
from personax_assets.traits.simulated_server import SimulatedServer
from tests.personax_assets.traits.conftest import SEED, People
from tests.personax_assets.traits.drill import OUTCOMES

CONTENT = [*ANSWER_KEYS, "status"]


class Serving:
    def __init__(self, server: SimulatedServer, rater: RaterConfig) -> None:
        self.server, self.rater = server, rater

    def log(self) -> list[dict[str, Any]]:
        address = self.server.base_url.removesuffix("/v1") + "/log"
        with urllib.request.urlopen(address, timeout=10) as response:
            entries: list[dict[str, Any]] = json.load(response)
        return entries

    def requests(self, people: pl.DataFrame) -> list[Request]:
        return build_requests(people, ATHLEPERSONA, self.rater)


@contextmanager
def serving(n: int, faults: Faults | None = None, **more: Any) -> Iterator[Serving]:
    with SimulatedServer({"athlepersona": n}, SEED, faults) as server:
        rater = replace(load_raters("simulated")[0], concurrency=8, backoff_s=0.01, **more)
        yield Serving(server, server.connect(rater))


def statuses(frame: pl.DataFrame) -> Counter[str]:
    return Counter(frame["status"])


def heard() -> tuple[list[str], Callable[[str], None]]:
    sentences: list[str] = []
    return sentences, sentences.append


def test_everybody_is_asked_once_and_the_table_is_complete(
    athletes: People, journal: Journal
) -> None:
    done: list[int] = []
    with serving(12) as s:
        requests = s.requests(athletes(12))
        assert pending(requests, journal) == requests
        frame = annotate(requests, s.rater, journal, done.append)
        again = annotate(requests, s.rater, journal, done.append)
        assert len(s.log()) == 12
    assert frame.schema == trait_texts(ATHLEPERSONA, "chatgpt").polars
    assert frame["person_id"].to_list() == athletes(12)["person_id"].to_list()
    assert statuses(frame) == {"ok": 12}
    assert frame.equals(again)
    assert sum(done) == 24
    assert pending(requests, journal) == []
    assert frame["simulated"].all()
    assert frame["attempts"].unique().to_list() == [1]
    assert frame["cost_usd"].null_count() == 12
    assert frame["input_hash"].to_list() == [request.key for request in requests]
    complete = frame.drop("detail", "cost_usd")
    assert complete.null_count().sum_horizontal()[0] == 0


def test_the_three_shipped_raters_answer_each_in_its_own_dialect(
    athletes: People, journal: Journal
) -> None:
    with SimulatedServer({"athlepersona": 6}, SEED) as server:
        for rater in map(server.connect, load_raters("simulated")):
            requests = build_requests(athletes(6), ATHLEPERSONA, rater)
            assert statuses(annotate(requests, rater, journal)) == {"ok": 6}


def test_every_fault_has_its_true_outcome(
    athletes: People, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each person meets one fault; those that concern everybody have tests of their own."""
    monkeypatch.setattr(run, "GIVE_UP_AFTER", 10**6)
    concern_all = {kind for kind in KINDS if kind.startswith("rate_limited")}
    personal = set(KINDS) - concern_all - {"unauthorized", "quota"}
    faults = Faults(rates=dict.fromkeys(sorted(personal), 1 / (len(personal) + 1)))
    with serving(150, faults, max_attempts=1, timeout_s=5.0) as s:
        people = athletes(150)
        frame = annotate(s.requests(people), s.rater, journal)
    met: set[str | None] = set()
    for name, status, detail in zip(people["name"], frame["status"], frame["detail"], strict=True):
        kind = faults.kind(SEED, "chatgpt", name, 0)
        met.add(kind)
        assert status == OUTCOMES[kind], kind
        assert (detail is None) == (status == "ok")
    assert met == personal | {None}
    failed = frame.filter(pl.col("status") != "ok")
    assert failed.select(*ANSWER_KEYS).null_count().row(0) == (failed.height,) * len(ANSWER_KEYS)
    malformed = frame.filter(pl.col("status") == "invalid_json")
    assert (malformed["completion_tokens"] > 0).all()  # failed attempts have their tokens


def test_the_table_of_outcomes_is_complete() -> None:
    assert {*KINDS, "closed", None} == OUTCOMES.keys()


def test_what_may_pass_is_asked_again_and_what_may_not_is_not(
    athletes: People, journal: Journal
) -> None:
    script = ("server_error", "wrong_json", "cut_body", "out_of_range", "empty")
    with serving(4, Faults(script=script)) as s:
        frame = annotate(s.requests(athletes(4)), s.rater, journal)
    assert statuses(frame) == {"ok": 4}
    assert frame["attempts"].to_list() == [6] * 4
    with serving(4, Faults(script=("refusal",), latency_s=0.01), model="simulated-llama") as s:
        frame = annotate(s.requests(athletes(4)), s.rater, journal)
        assert statuses(frame) == {"refusal": 4}
        assert frame["attempts"].to_list() == [1] * 4
        frame = annotate(s.requests(athletes(4)), s.rater, journal)  # a failure is never served
    assert statuses(frame) == {"ok": 4}
    assert frame["attempts"].to_list() == [2] * 4


@pytest.mark.parametrize("kind", ["rate_limited", "rate_limited_date"])
def test_no_call_is_sent_while_the_server_asks_for_a_pause(
    athletes: People, tmp_path: Path, kind: str
) -> None:
    n, pause = 4 if kind == "rate_limited" else 2, 0.5
    faults = Faults(script=(kind,), retry_after_s=pause)
    with serving(n, faults, max_attempts=12) as s, Journal(tmp_path / "j.sqlite") as journal:
        frame = annotate(s.requests(athletes(n)), s.rater, journal)
        log = s.log()
    assert statuses(frame) == {"ok": n}
    opened = [entry["answered"] for entry in log if entry["fault"] == kind]
    assert len(opened) == n
    for start in opened:
        # The first tenth of a second is for calls that were on their way already.
        inside = [e for e in log if start + 0.1 < e["received"] < start + pause]
        assert inside == []


def test_without_a_stated_pause_everybody_backs_off(athletes: People, journal: Journal) -> None:
    with serving(6, Faults(script=("rate_limited_silent",) * 2)) as s:
        frame = annotate(s.requests(athletes(6)), s.rater, journal)
    assert statuses(frame) == {"ok": 6}
    assert frame["attempts"].to_list() == [3] * 6


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [("quota", "quota", "quota"), ("unauthorized", "http_4xx", "API key")],
)
def test_no_credit_and_no_access_stop_everything(
    athletes: People, journal: Journal, kind: str, status: str, said: str
) -> None:
    sentences, notify = heard()
    with serving(40, Faults(script=(kind,))) as s:
        frame = annotate(s.requests(athletes(40)), s.rater, journal, notify=notify)
        asked = len(s.log())
    assert asked <= s.rater.concurrency
    assert statuses(frame) == {status: asked, "not_rated": 40 - asked}
    assert len(sentences) == 1
    assert "stopped asking with 40 people left" in sentences[0]
    assert said in sentences[0]
    rest = frame.filter(pl.col("status") == "not_rated")
    assert rest["detail"].str.contains(said).all()
    assert rest["attempts"].to_list() == [0] * rest.height


def test_a_very_long_pause_ends_the_run_and_is_remembered(
    athletes: People, journal: Journal
) -> None:
    sentences, notify = heard()
    started = time.monotonic()
    with serving(30, Faults(script=("rate_limited",), retry_after_s=3_600)) as s:
        frame = annotate(s.requests(athletes(30)), s.rater, journal, notify=notify)
        asked = len(s.log())
        annotate(s.requests(athletes(30)), s.rater, journal, notify=notify)
        assert len(s.log()) == asked <= s.rater.concurrency
    assert time.monotonic() - started < 20
    assert "pause of 3600 s" in sentences[0]
    assert "pause of 3" in sentences[1]
    assert set(statuses(frame)) == {"rate_limited", "not_rated"}
    assert journal.asked_to_wait_until("chatgpt") > time.time() + 3_500


def test_a_rater_that_always_fails_is_given_up(athletes: People, journal: Journal) -> None:
    sentences, notify = heard()
    with serving(60, Faults(rates={"server_error": 1.0}), max_attempts=2) as s:
        frame = annotate(s.requests(athletes(60)), s.rater, journal, notify=notify)
    failed = statuses(frame)["http_5xx"]
    assert run.GIVE_UP_AFTER <= failed <= run.GIVE_UP_AFTER + s.rater.concurrency
    assert statuses(frame)["not_rated"] == 60 - failed
    assert "20 people in a row failed" in sentences[0]


def test_a_server_that_is_gone_is_an_outcome(athletes: People, journal: Journal) -> None:
    with serving(3) as s:
        requests = s.requests(athletes(3))
    frame = annotate(requests, replace(s.rater, max_attempts=2), journal)
    assert statuses(frame) == {"transport": 3}
    assert frame["attempts"].to_list() == [2] * 3


def test_real_people_are_not_rated_by_simulated_raters(athletes: People, journal: Journal) -> None:
    people = athletes(2).with_columns(name=pl.Series(["Serena Williams", "Dirk Nowitzki"]))
    with serving(2) as s:
        frame = annotate(s.requests(people), s.rater, journal)
    assert statuses(frame) == {"http_4xx": 2}
    assert frame["detail"].str.contains("real people are not rated").all()
    assert frame["openness_score"].null_count() == 2


def test_people_of_one_name_share_a_call(athletes: People, journal: Journal) -> None:
    people = athletes(2)
    twin = people.head(1).with_columns(person_id=pl.lit("twin"))
    with serving(2) as s:
        frame = annotate(s.requests(pl.concat([people, twin])), s.rater, journal)
        assert len(s.log()) == 2
    assert statuses(frame) == {"ok": 3}
    first, _, last = frame.rows(named=True)
    assert [first[key] for key in CONTENT] == [last[key] for key in CONTENT]
    assert (last["attempts"], last["prompt_tokens"]) == (0, 0)


def test_the_rate_is_kept(
    athletes: People, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With minutes of one second, and half of the calls failing."""
    monkeypatch.setattr(run, "Pace", partial(Pace, window_s=1.0))
    faults = Faults(rates={"server_error": 0.5})
    with serving(25, faults, rpm=20, max_attempts=20) as s:
        frame = annotate(s.requests(athletes(25)), s.rater, journal)
        received = len(s.log())
    sent = [moment for moment, _ in journal.sent_since("chatgpt", 0)]
    assert statuses(frame) == {"ok": 25}
    assert len(sent) == received > 30
    for moment in sent:
        assert sum(moment - 0.95 < other <= moment for other in sent) <= 20


ANNOTATING = """
import sys
from dataclasses import replace
from pathlib import Path
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.traits.engine import annotate
from personax_assets.traits.journal import Journal
from personax_assets.traits.prompts import build_requests
from personax_assets.traits.rater_files import load_raters
from personax_ml.synthetic import draw_cohort
import polars as pl

path, base_url, seed, n = sys.argv[1:]
rater = replace(load_raters("simulated")[0], base_url=base_url, provider=f"simulated-{seed}",
                concurrency=8, backoff_s=0.01)
bios = draw_cohort("athlepersona", int(n), int(seed)).bios
people = bios.select(pl.col("source_id").alias("person_id"), "name", "league")
with Journal(Path(path)) as journal:
    print("ready", flush=True)
    frame = annotate(build_requests(people, ATHLEPERSONA, rater), rater, journal)
print(frame["status"].value_counts(), flush=True)
"""


def annotating(s: Serving, path: Path, n: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", ANNOTATING, str(path), s.server.base_url, str(SEED), str(n)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_goes_on_and_asks_for_no_answer_twice(
    athletes: People, tmp_path: Path, how: signal.Signals
) -> None:
    n, path = 150, tmp_path / "journal.sqlite"
    faults = Faults(rates={"server_error": 0.1, "wrong_json": 0.1}, latency_s=0.05)
    with serving(n, faults) as s:
        requests = s.requests(athletes(n))
        for calls in (40, 90):
            process = annotating(s, path, n)
            while len(s.log()) < calls:
                time.sleep(0.01)
            os.kill(process.pid, how)
            process.communicate(timeout=20)
            assert process.returncode != 0
        time.sleep(0.2)  # let the server finish what was on its way
        before = s.log()
        with Journal(path) as journal:
            answered = journal.answered(request.key for request in requests)
            assert 0 < len(answered) < n
            sentences, notify = heard()
            frame = annotate(requests, s.rater, journal, notify=notify)
            under_way = journal._db.execute(
                "SELECT count(*) FROM calls WHERE outcome = 'interrupted'"
            ).fetchone()[0]
        after = s.log()[len(before) :]
    names = dict(zip((r.key for r in requests), athletes(n)["name"], strict=True))
    received = {names[key] for key in answered}
    assert not received & {entry["name"] for entry in after}
    good = Counter(e["name"] for e in [*before, *after] if e["fault"] is None)
    assert good.keys() == set(names.values())
    # Whoever was answered twice was on the way when a process died.
    assert sum(good.values()) - n <= under_way <= 2 * s.rater.concurrency
    assert bool(under_way) == any("interrupted" in sentence for sentence in sentences)
    assert statuses(frame) == {"ok": n}
    with serving(n) as undisturbed, Journal(tmp_path / "other.sqlite") as journal:
        expected = annotate(undisturbed.requests(athletes(n)), undisturbed.rater, journal)
    assert frame.select("person_id", *CONTENT).equals(expected.select("person_id", *CONTENT))


def test_two_runs_at_once_share_the_work(athletes: People, tmp_path: Path) -> None:
    n, path = 60, tmp_path / "journal.sqlite"
    with serving(n, Faults(latency_s=0.03)) as s:
        runs = [annotating(s, path, n) for _ in range(2)]
        outputs = [process.communicate(timeout=60) for process in runs]
        assert len(s.log()) == n
    assert [process.returncode for process in runs] == [0, 0]
    assert all("60" in out for out, _ in outputs)
    assert any("waiting for another run" in err for _, err in outputs)


def test_the_budget_holds_by_the_count_of_the_server(athletes: People, journal: Journal) -> None:
    prices = Prices(100.0, 400.0, "2026-01-05")
    faults = Faults(rates={"wrong_json": 0.2, "cut_body": 0.1, "refusal": 0.1})
    sentences, notify = heard()
    with serving(80, faults, prices=prices, max_tokens=400) as s:
        requests = s.requests(athletes(80))
        budget = Budget(4.0)
        frame = annotate(requests, s.rater, journal, budget=budget, notify=notify)
        usages = [entry["usage"] for entry in s.log() if entry["usage"]]
        spent = sum(prices.cost(u["prompt_tokens"], u["completion_tokens"]) for u in usages)
        assert 2.0 < spent <= budget.spent_usd <= 4.0
        assert budget.spent_usd == pytest.approx(journal.spent_usd())
        assert "budget of 4.00 US dollars" in sentences[0]
        left = statuses(frame)["not_rated"]
        assert 0 < left < 80
        assert len(pending(requests, journal)) >= left
        frame = annotate(requests, s.rater, journal)
    assert "not_rated" not in statuses(frame)
    assert frame["cost_usd"].min() > 0  # type: ignore[operator]


def test_calls_under_way_at_a_crash_count_against_the_next_budget(
    athletes: People, journal: Journal
) -> None:
    sentences, notify = heard()
    with serving(2, prices=Prices(1.0, 4.0, "2026-01-05"), max_tokens=400) as s:
        requests = s.requests(athletes(2))
        with journal.entries(s.rater, notify) as entries:  # as a process that dies leaves it
            entries.begin(requests[0], 1, 1_000, 0.75)
        budget = Budget(10.0)
        frame = annotate(requests, s.rater, journal, budget=budget, notify=notify)
    assert statuses(frame) == {"ok": 2}
    assert "1 calls were under way" in sentences[0]
    assert "count against the budget" in sentences[0]
    assert budget.spent_usd == pytest.approx(0.75 + frame["cost_usd"].sum())
    assert budget.spent_usd == pytest.approx(journal.spent_usd())


def test_a_budget_needs_prices(athletes: People, journal: Journal) -> None:
    with serving(1) as s, pytest.raises(BudgetError, match="prices"):
        annotate(s.requests(athletes(1)), s.rater, journal, budget=Budget(1.0))


def test_the_estimate_comes_before_and_learns_from_answers(
    athletes: People, journal: Journal
) -> None:
    prices = Prices(1.0, 4.0, "2026-01-05")
    with serving(20, prices=prices, rpm=10_000) as s:
        requests = s.requests(athletes(20))
        before = estimate(requests, s.rater, journal)
        assert s.log() == []
        assert (before.calls, before.measured) == (20, False)
        annotate(requests[:10], s.rater, journal)
        half = estimate(requests, s.rater, journal)
        frame = annotate(requests, s.rater, journal)
        rest = estimate(requests, s.rater, journal)
    assert (half.calls, half.measured, rest.calls, rest.cost_usd) == (10, True, 0, 0.0)
    real = frame[10:]
    assert half.prompt_tokens == pytest.approx(real["prompt_tokens"].sum(), rel=0.1)
    assert half.completion_tokens == pytest.approx(real["completion_tokens"].sum(), rel=0.1)
    assert half.cost_usd == pytest.approx(real["cost_usd"].sum(), rel=0.1)
    assert before.prompt_tokens == pytest.approx(2 * half.prompt_tokens, rel=0.2)


CANARY = "sk-canary-5f0c7a"


class Echo(BaseHTTPRequestHandler):
    """A server that tells the key back in every way it can."""

    headers_seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        Echo.headers_seen.append(str(self.headers))
        asked = self.rfile.read(int(self.headers["content-length"])).decode()
        key = self.headers["authorization"].removeprefix("Bearer ")
        score_or_key = {k: 1 if k.endswith("_score") else f"Says {key}" for k in ANSWER_KEYS}
        message = {"content": json.dumps(score_or_key)}
        body: object = {
            "model": key,
            "system_fingerprint": key,
            "id": key,
            "choices": [{"message": message, "finish_reason": "stop"}],
        }
        status = 200
        if "Name: B" in asked:
            status, body = 400, {"error": {"message": f"Incorrect API key provided: {key}"}}
        if "Name: R" in asked:
            status, body = 307, {}
        if "Name: C" in asked:
            body = {"choices": [{"message": {"content": f"{{ {key}"}}]}
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(sent)))
        self.send_header("x-request-id", key)
        self.send_header("location", "http://127.0.0.1:9/elsewhere")
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


def test_the_key_is_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-somebody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # must not be used on this machine
    caplog.set_level(logging.DEBUG)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    sentences, notify = heard()
    rater = RaterConfig(
        "chatgpt",
        "m",
        f"http://127.0.0.1:{httpd.server_port}/v1",
        "CANARY_KEY",
        max_attempts=1,
        rpm=1_000,
    )
    people = pl.DataFrame({"person_id": list("abcr"), "name": list("ABCR"), "league": ["NBA"] * 4})
    requests = build_requests(people, ATHLEPERSONA, rater)
    with Journal(tmp_path / "journal.sqlite") as journal:
        frame = annotate(requests, rater, journal, notify=notify)
        files = [path.read_bytes() for path in tmp_path.iterdir()]
    httpd.shutdown()
    httpd.server_close()
    assert frame["status"].to_list() == ["ok", "http_4xx", "invalid_json", "transport"]
    assert frame["detail"].to_list()[3] == "the endpoint redirects (status 307): check base_url"
    assert frame["openness_text"][0] == "Says [key]"
    assert len(Echo.headers_seen) == 4
    assert "somebody" not in "".join(Echo.headers_seen)
    assert not any(CANARY.encode() in content for content in files)
    assert CANARY not in frame.write_json()
    assert CANARY not in caplog.text
    assert CANARY not in repr(rater) + "".join(sentences)


def test_a_missing_key_is_named_before_anything_happens(
    athletes: People, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rater = RaterConfig("chatgpt", "m", "https://api.example.org/v1", "SOME_UNSET_KEY")
    requests = build_requests(athletes(2), ATHLEPERSONA, rater)
    for value in (None, "", "  ", "sk-“quoted”", "two words", "two\nlines"):
        if value is not None:
            monkeypatch.setenv("SOME_UNSET_KEY", value)
        with pytest.raises(RaterUnavailableError, match="SOME_UNSET_KEY") as refusal:
            annotate(requests, rater, journal)
        assert "\n" not in str(refusal.value)
        assert "quoted" not in str(refusal.value)
    assert journal.records(request.key for request in requests) == {}


def test_answers_in_the_journal_need_neither_key_nor_server(
    athletes: People, journal: Journal
) -> None:
    with serving(3) as s:
        requests = s.requests(athletes(3))
        frame = annotate(requests, s.rater, journal)
    offline = replace(s.rater, key_env="SOME_UNSET_KEY", base_url=None)
    assert annotate(requests, offline, journal).equals(frame)


def test_a_simulated_rater_without_its_server_says_so(athletes: People, journal: Journal) -> None:
    rater = load_raters("simulated")[0]
    requests = build_requests(athletes(1), ATHLEPERSONA, rater)
    with pytest.raises(RaterUnavailableError, match="server is not running"):
        annotate(requests, rater, journal)


def test_nobody_to_ask_gives_an_empty_table(journal: Journal, chatgpt: RaterConfig) -> None:
    frame = annotate([], chatgpt, journal)
    assert frame.height == 0
    assert frame.schema == trait_texts(ATHLEPERSONA, "chatgpt").polars


def test_people_nobody_is_asked_about(athletes: People, chatgpt: RaterConfig) -> None:
    frame = not_rated(athletes(3), ATHLEPERSONA, chatgpt)
    assert frame.schema == trait_texts(ATHLEPERSONA, "chatgpt").polars
    assert frame["person_id"].to_list() == athletes(3)["person_id"].to_list()
    assert statuses(frame) == {"not_rated": 3}
    needed = [c.name for c in trait_texts(ATHLEPERSONA, "chatgpt").columns if not c.nullable]
    assert sum(frame.select(needed).null_count().row(0)) == 0
    assert frame.select(f"{trait}_score" for trait in TRAITS).null_count().row(0) == (3,) * 5
