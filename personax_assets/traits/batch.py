"""One run of the engine over one rater, through its Batch API.

Belongs here: submitting what is missing, collecting what is done, and finding again what got lost
on the way. Does not belong here: the protocol (`batch_api`), or calls one by one (`run`).

A batch is written down before it is submitted and closed after its last answer is in the journal,
so a run can die anywhere: the next one finds the batch by its tag, collects it, and collecting
twice enters nothing twice.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence

from personax_assets.traits.batch_api import BatchApi, BatchApiError, line_call
from personax_assets.traits.batches import Batch, Batches, Waiting
from personax_assets.traits.budget import Budget, most_prompt_tokens, most_usd, real_usd
from personax_assets.traits.client import RaterClient
from personax_assets.traits.entries import Entries
from personax_assets.traits.journal import Journal
from personax_assets.traits.outcomes import Call
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

MOST_REQUESTS = 20_000
"""Requests in one batch; OpenAI allows 50,000 and 200 MB, which these stay well below."""

LONGEST_POLL_S = 60.0


class BatchRun:
    """One run over the requests that one rater has not answered, in batches.

    Parameters
    ----------
    rater : RaterConfig
        Who is asked; `batch_wait_s` says how long to wait for answers.
    entries : Entries
        Where the answers are written down.
    advance : callable
        Told the number of people just finished.
    budget : Budget, optional
        A limit in US dollars: the worst case of a whole batch counts when it is submitted.

    Attributes
    ----------
    stopped : str or None
        Why somebody has no answer yet.
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
        self._budget = budget or Budget()
        self._paid_here: set[str] = set()

    def resume(self, journal: Journal) -> None:
        """Take the batches of earlier runs up."""
        self._batches: Batches = journal.batches(self._rater)

    async def ask_all(self, requests: Sequence[Request]) -> None:
        """Collect what is done, submit what is missing, and wait as long as configured."""
        async with RaterClient(self._rater) as client:
            self._api = BatchApi(client, self._rater.backoff_s)
            try:
                await self._find_lost()
                answered = await self._collect()
                under_way = self._batches.keys()
                await self._submit(
                    [r for r in requests if r.key not in under_way and r.key not in answered]
                )
                await self._wait()
            except BatchApiError as error:
                self.stopped = str(error)
        waiting = self._batches.open()
        if waiting and self.stopped is None:
            names = ", ".join(batch.id or "unknown" for batch in waiting)
            self.stopped = (
                f"{len(self._batches.keys())} wait in batch {names}, which a later run collects"
            )

    async def _find_lost(self) -> None:
        """Find batches again whose id never arrived; forget those that never reached the server."""
        for batch in self._batches.open():
            if batch.id is None:
                found = await self._api.find(batch.tag)
                if found is None:
                    self._batches.forget(batch.tag)
                else:
                    self._batches.submitted(batch.tag, found)

    async def _collect(self) -> set[str]:
        """Enter what ended batches brought; return the keys that have an answer now."""
        answered: set[str] = set()
        for batch in self._batches.open():
            if batch.id is None:
                continue
            remote = await self._api.look(batch.id)
            if remote.ended:
                lines = [line for file in remote.files for line in await self._api.read(file)]
                answered |= self._enter(batch, lines, remote.problem or f"it {remote.status}")
        return answered

    def _enter(self, batch: Batch, lines: Sequence[dict[str, object]], ended: str) -> set[str]:
        """Enter every request of a batch with its outcome; a line that comes twice counts once."""
        waiting = self._batches.waiting(batch)
        answered: set[str] = set()
        for line in lines:
            key = str(line.get("custom_id")).rpartition(".")[2]
            item = waiting.pop(key, None)
            if item is not None:
                call = line_call(line, item.request.prompt.scale)
                self._enter_call(batch, item, call)
                answered |= {key} if call.outcome == "ok" else set()
        for item in waiting.values():
            self._enter_call(batch, item, Call("transport", f"the batch has no answer: {ended}"))
        self._entries.commit()
        self._batches.collected(batch.tag)
        return answered

    def _enter_call(self, batch: Batch, item: Waiting, call: Call) -> None:
        name = uuid.uuid5(uuid.NAMESPACE_OID, f"{batch.tag}/{item.request.key}").hex
        cost_usd = real_usd(call, self._rater)
        entry = self._entries.begin(item.request, 1, item.tokens, item.usd, name=name)
        self._entries.end(entry, call, None, cost_usd)
        if batch.tag in self._paid_here and cost_usd is not None:
            self._budget.charge(cost_usd - (item.usd or 0.0))
        self._advance(1)

    async def _submit(self, requests: Sequence[Request]) -> None:
        output = self._rater.most_output_tokens
        for start in range(0, len(requests), MOST_REQUESTS):
            taken: list[tuple[Request, Waiting]] = []
            for request in requests[start : start + MOST_REQUESTS]:
                usd = most_usd(request, self._rater)
                if not self._budget.take(usd or 0.0):
                    self.stopped = (
                        f"the budget of {self._budget.limit_usd:.2f} US dollars is used up"
                    )
                    break
                tokens = most_prompt_tokens(request) + (
                    output or 4 * request.prompt.expected_output_tokens
                )
                taken.append((request, Waiting(request, tokens, usd)))
            if taken:
                lines = [
                    {
                        "custom_id": f"{request.study}.{request.repeat}.{request.key}",
                        "method": "POST",
                        "url": "/v1/chat/completions",
                        "body": request.body,
                    }
                    for request, _ in taken
                ]
                file_id = await self._api.upload(lines)
                tag = self._batches.begin([waiting for _, waiting in taken])
                self._paid_here.add(tag)
                self._batches.submitted(tag, await self._api.start(file_id, tag))
            if self.stopped:
                return

    async def _wait(self) -> None:
        """Look at open batches, ever more rarely, until they are done or the time is over."""
        deadline = time.monotonic() + self._rater.batch_wait_s
        pause = min(self._rater.backoff_s, LONGEST_POLL_S)
        while self._batches.open() and time.monotonic() < deadline:
            await asyncio.sleep(min(pause, max(deadline - time.monotonic(), 0.0)))
            pause = min(2 * pause, LONGEST_POLL_S)
            await self._collect()
