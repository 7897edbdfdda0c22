"""The annotation engine: every answer kept, none asked for twice.

Belongs here: the order of things around a call (wait, reserve, enter, send, complete, settle),
retries, and when to give up on a rater. Does not belong here: the parts themselves: `client`,
`responses`, `journal`, `pace`, `budget`.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.schemas import trait_texts
from personax_assets.traits.budget import (
    Budget,
    check_budget,
    most_prompt_tokens,
    most_usd,
    real_usd,
)
from personax_assets.traits.client import RaterClient, rater_key
from personax_assets.traits.entries import Entries
from personax_assets.traits.estimate import pending
from personax_assets.traits.journal import Journal, Record
from personax_assets.traits.outcomes import Call
from personax_assets.traits.pace import WINDOW_S, Pace
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

logger = logging.getLogger("personax")

GIVE_UP_AFTER = 20
"""People in a row whose every call failed before the rater counts as down."""

LONGEST_PAUSE_S = 900.0
"""A server that asks for a longer pause than this is done for this run."""

LONGEST_BACKOFF_S = 30.0

COMMIT_EVERY_S = 0.25
"""Seconds between commits: answers younger than this can be lost, by a power cut only."""

MOST_REBUFFS = 20
"""Times that a person may meet a rate limit; these calls are no attempts at an answer."""

_DOWN = frozenset({"http_4xx", "http_5xx", "rate_limited", "timeout", "transport"})
"""Outcomes that say something about the rater rather than about a person."""


def annotate(
    requests: Sequence[Request],
    rater: RaterConfig,
    journal: Journal,
    advance: Callable[[int], None] = lambda done: None,
    *,
    budget: Budget | None = None,
    notify: Callable[[str], None] = logger.warning,
) -> pl.DataFrame:
    """Ask a rater everything that it has not answered yet, and return all its answers.

    Whatever ends the run (the end of the work, a signal, a kill), all answers that arrived are
    in the journal and the next run asks for the others only. A rater that refuses the key, has
    no credit left or fails for many people in a row is given up; so is the run when its budget
    is used up. Whoever was not asked then has the status `not_rated` with the reason.

    Parameters
    ----------
    requests : sequence of Request
        From `build_requests`, for this rater.
    rater : RaterConfig
        Who is asked.
    journal : Journal
        What is remembered.
    advance : callable
        Told the number of people just finished; answers in the journal count at once.
    budget : Budget, optional
        A limit in US dollars, to be shared by the raters of a run.
    notify : callable
        Told, in a sentence each, what a person should know about the run.

    Returns
    -------
    polars.DataFrame
        A row of `trait_texts_<rater>` per request, in the same order.

    Raises
    ------
    RaterUnavailableError
        If nothing can be asked at all: no key, no address.
    BudgetError
        If a budget is given that cannot be kept with this rater.
    """
    if budget is not None:
        check_budget(rater)
    stopped = None
    if pending(requests, journal):
        rater_key(rater)  # fail before waiting for anybody
        with journal.entries(rater, notify) as entries:
            if entries.interrupted:
                notify(
                    f"{rater.name}: {entries.interrupted} calls were under way when an earlier run "
                    "was interrupted; they are asked again and may have been charged"
                )
            wanted = pending(requests, journal)  # another run may have asked meanwhile
            advance(len(requests) - len(wanted))
            run = _Run(rater, entries, _pace(rater, journal), advance, budget)
            asyncio.run(run.ask_all(wanted))
            stopped = run.stopped
    else:
        advance(len(requests))
    if stopped:
        notify(f"{rater.name}: stopped asking: {stopped}")
    records = journal.records(request.key for request in requests)
    return _frame(rater, [_row(r, rater, records.get(r.key), stopped) for r in requests])


def not_rated(people: pl.DataFrame, sub: SubDataset, rater: RaterConfig) -> pl.DataFrame:
    """Return the rows of people about whom nobody is asked.

    Parameters
    ----------
    people : polars.DataFrame
        Rows of `bios`.
    sub : SubDataset
        Where the people belong.
    rater : RaterConfig
        Who is not asked.

    Returns
    -------
    polars.DataFrame
        A row of `trait_texts_<rater>` per person, with the status `not_rated`.
    """
    rows = [_blank(person_id) for person_id in people["person_id"]]
    return pl.DataFrame(rows, schema=trait_texts(sub, rater.name).polars)


class _Run:
    """One run over the requests that one rater has not answered."""

    def __init__(
        self,
        rater: RaterConfig,
        entries: Entries,
        pace: Pace,
        advance: Callable[[int], None],
        budget: Budget | None,
    ) -> None:
        self.stopped: str | None = None
        self._rater, self._entries, self._pace, self._advance = rater, entries, pace, advance
        self._budget = budget or Budget()
        self._failed_in_a_row = 0

    async def ask_all(self, requests: Sequence[Request]) -> None:
        """Ask everything, as many at a time as the rater takes."""
        waiting = iter(requests)

        async def work() -> None:
            for request in waiting:
                if self.stopped:
                    return
                await self._ask(client, request)
                self._advance(1)

        async with RaterClient(self._rater) as client:
            n_workers = min(self._rater.concurrency, len(requests))
            working = asyncio.gather(*(work() for _ in range(n_workers)))
            committing = asyncio.create_task(self._commit_regularly())
            try:
                ended, _ = await asyncio.wait(
                    (working, committing), return_when=asyncio.FIRST_COMPLETED
                )
                for task in ended:
                    task.result()
            finally:
                working.cancel()
                committing.cancel()
                await asyncio.gather(working, committing, return_exceptions=True)

    async def _commit_regularly(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY_S)
            self._entries.commit()

    async def _ask(self, client: RaterClient, request: Request) -> None:
        """Ask about one person until there is an answer or no hope of one."""
        attempts, put_off = 0, 0
        while True:
            call = await self._call(client, request, attempts + put_off + 1)
            if call is None:
                return
            if call.outcome == "rate_limited":  # waits in the common pause
                put_off += 1
            else:
                attempts += 1
            over = attempts >= self._rater.max_attempts or put_off >= MOST_REBUFFS
            if over or not call.retriable:
                self._judge(call)
                return
            if call.outcome != "rate_limited":
                await asyncio.sleep(self._backoff_s(attempts))

    async def _call(self, client: RaterClient, request: Request, attempt: int) -> Call | None:
        """Make one call with everything that belongs to it; None if the run has stopped."""
        rater = self._rater
        output = rater.most_output_tokens or 4 * request.prompt.expected_output_tokens
        tokens = most_prompt_tokens(request) + output
        worst_usd = most_usd(request, rater)
        async with self._budget.reserve(worst_usd or 0.0) as reservation:
            if reservation is None:
                self._stop(f"the budget of {self._budget.limit_usd:.2f} US dollars is used up")
                return None
            slot = await self._pace.turn(tokens)
            if self.stopped:
                reservation.usd = 0.0
                return None
            entry = self._entries.begin(request, attempt, tokens, worst_usd)
            started = time.monotonic()
            call = await client.ask(request)
            latency_s = time.monotonic() - started
            self._obey(call, attempt)
            cost_usd = real_usd(call, rater)
            self._entries.end(entry, call, latency_s, cost_usd)
            if call.usage.total is not None:
                self._pace.settle(slot, call.usage.total)
            if cost_usd is not None:
                reservation.usd = cost_usd
        return call

    def _obey(self, call: Call, attempt: int) -> None:
        """Stop or pause everybody as the response demands."""
        if call.hopeless:
            self._stop(call.detail or call.outcome)
        if call.outcome == "rate_limited" or call.retry_after_s is not None:
            stated = call.retry_after_s
            seconds = self._backoff_s(attempt) if stated is None else stated
            if seconds > LONGEST_PAUSE_S:
                self._stop(f"the server asks for a pause of {seconds:.0f} s")
            self._pace.pause(min(seconds, LONGEST_PAUSE_S))

    def _judge(self, call: Call) -> None:
        """Count people in a row about whom the rater could not be asked."""
        self._failed_in_a_row = self._failed_in_a_row + 1 if call.outcome in _DOWN else 0
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            self._stop(f"{self._failed_in_a_row} people in a row failed, last: {call.detail}")

    def _backoff_s(self, attempt: int) -> float:
        """Return a random wait whose mean doubles with every attempt."""
        mean = min(self._rater.backoff_s * 2.0 ** (attempt - 1), LONGEST_BACKOFF_S)
        return random.uniform(0.5, 1.5) * mean

    def _stop(self, reason: str) -> None:
        self.stopped = self.stopped or reason


def _pace(rater: RaterConfig, journal: Journal) -> Pace:
    """Return a rater's pace, with what earlier runs still weigh in it."""
    pace, now = Pace(rater.rpm, rater.tpm), time.time()
    sent = journal.sent_since(rater.name, now - WINDOW_S)
    pace.recall((now - moment, tokens) for moment, tokens in sent)
    left = journal.asked_to_wait_until(rater.name) - now
    if left > 0:
        pace.pause(min(left, LONGEST_PAUSE_S))
    return pace


def _row(
    request: Request, rater: RaterConfig, record: Record | None, stopped: str | None
) -> dict[str, Any]:
    """Return the table's row about one request."""
    if record is None:
        reason = f"not asked: {stopped}" if stopped else None
        return {**_blank(request.person_id), "detail": reason, "input_hash": request.key}
    # People about whom the same words are asked share a call: only one of them pays for it.
    paid = record.person_id == request.person_id
    known = rater.prices is not None
    return {
        **_blank(request.person_id),
        **(record.answer or {}),
        "status": record.outcome,
        "detail": record.detail,
        "model": record.model,
        "prompt_version": record.prompt_version,
        "simulated": record.simulated,
        "prompt_tokens": record.prompt_tokens if paid else 0,
        "completion_tokens": record.completion_tokens if paid else 0,
        "cost_usd": record.cost_usd if paid else (0.0 if known else None),
        "latency_s": record.latency_s,
        "attempts": record.calls if paid else 0,
        "request_id": record.request_id,
        "rated_at": datetime.fromtimestamp(record.ended_at, UTC).replace(tzinfo=None),
        "input_hash": request.key,
    }


def _blank(person_id: str) -> dict[str, Any]:
    """Return a row about a person of whom nobody was asked."""
    return {
        "person_id": person_id,
        "status": "not_rated",
        "attempts": 0,
        "input_hash": "not_rated",
    }


def _frame(rater: RaterConfig, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return the rows as a table; its columns are the same for every sub-dataset."""
    sub = next(iter(SUB_DATASETS.values()))
    return pl.DataFrame(rows, schema=trait_texts(sub, rater.name).polars)
