"""One run of the engine over one rater.

Belongs here: the order of things around a call (reserve, wait, enter, send, complete, settle),
retries, and when to give up on a rater. Does not belong here: what is asked, and the table that
comes of it (`engine`), or the parts themselves: `client`, `entries`, `pace`, `budget`.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from personax_assets.traits.budget import Budget, most_prompt_tokens, most_usd, real_usd
from personax_assets.traits.client import RaterClient
from personax_assets.traits.entries import Entries
from personax_assets.traits.journal import Journal
from personax_assets.traits.outcomes import Call
from personax_assets.traits.pace import WINDOW_S, Pace
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

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


class Run:
    """One run over the requests that one rater has not answered.

    Parameters
    ----------
    rater : RaterConfig
        Who is asked.
    entries : Entries
        Where the calls are written down.
    advance : callable
        Told the number of people just finished.
    budget : Budget, optional
        A limit in US dollars.

    Attributes
    ----------
    stopped : str or None
        Why the run ended before everybody was asked.
    """

    def __init__(
        self,
        rater: RaterConfig,
        entries: Entries,
        advance: Callable[[int], None],
        budget: Budget | None,
    ) -> None:
        self.stopped: str | None = None
        self._rater, self._entries, self._advance = rater, entries, advance
        self._pace = Pace(rater.rpm, rater.tpm)
        self._budget = budget or Budget()
        self._failed_in_a_row = 0
        self._halted = asyncio.Event()

    def resume(self, journal: Journal) -> None:
        """Go on at the pace of earlier runs: their calls and the pauses they were told count."""
        now = time.time()
        sent = journal.sent_since(self._rater.name, now - WINDOW_S)
        self._pace.recall((now - moment, tokens) for moment, tokens in sent)
        self._pause(journal.asked_to_wait_until(self._rater.name) - now)

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
                await self._rest(self._backoff_s(attempts))

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
            call = await client.ask(request, entry["entry"])
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
            self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        """Let nobody call for a while, or at all in this run if that is too long to wait."""
        if seconds > LONGEST_PAUSE_S:
            self._stop(f"the server asks for a pause of {seconds:.0f} s")
        if seconds > 0:
            self._pace.pause(seconds)

    def _judge(self, call: Call) -> None:
        """Count people in a row about whom the rater could not be asked."""
        self._failed_in_a_row = self._failed_in_a_row + 1 if call.outcome in _DOWN else 0
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            self._stop(f"{self._failed_in_a_row} people in a row failed, last: {call.detail}")

    def _backoff_s(self, attempt: int) -> float:
        """Return a random wait whose mean doubles with every attempt."""
        mean = min(self._rater.backoff_s * 2.0 ** (attempt - 1), LONGEST_BACKOFF_S)
        return random.uniform(0.5, 1.5) * mean

    async def _rest(self, seconds: float) -> None:
        """Sleep, unless the run is stopped meanwhile."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._halted.wait()

    def _stop(self, reason: str) -> None:
        self.stopped = self.stopped or reason
        self._halted.set()
        self._pace.release()
