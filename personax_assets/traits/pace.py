"""How fast a rater may be asked.

Belongs here: requests and tokens per minute, and the pause that a server asks for. Does not
belong here: what is sent, or how often one request is tried.

Both rates hold in every sliding minute, not on average: a call is let through only when the
calls and tokens of the last minute leave room for it. Tokens are reserved at the worst case
and settled when the real number is known.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

WINDOW_S = 60.5
"""A minute, and a margin for messages that overtake one another on their way."""

_POLL_S = 0.25


@dataclass
class Slot:
    """One call that was let through, and the tokens that count for it."""

    time: float
    tokens: int


class Pace:
    """Lets calls through at the allowed rate, first come, first served.

    Parameters
    ----------
    rpm, tpm : int, optional
        Most requests and tokens per minute; None for no limit.
    window_s : float
        Length of the sliding window.
    clock : callable
        Seconds since whenever.
    sleep : callable
        Waits; replaced in tests.
    """

    def __init__(
        self,
        rpm: int | None,
        tpm: int | None,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rpm, self._tpm, self._window_s = rpm, tpm, window_s
        self._clock, self._sleep = clock, sleep
        self._slots: deque[Slot] = deque()
        self._tokens = 0
        self._paused_until = float("-inf")
        self._released = False
        self._turn = asyncio.Lock()

    def recall(self, sent: Iterable[tuple[float, int]]) -> None:
        """Count calls that an earlier run sent, given as (seconds ago, tokens), oldest first."""
        now = self._clock()
        for ago, tokens in sent:
            self._enter(Slot(now - ago, tokens))

    async def turn(self, tokens: int) -> Slot:
        """Wait until a call with so many tokens may be sent, and count it as sent now."""
        needed = tokens if self._tpm is None else min(tokens, self._tpm)
        async with self._turn:
            while not self._released and (wait := self._wait(needed)) > 0:
                # Settled tokens or a longer pause can change the wait: look again soon.
                await self._sleep(min(wait, _POLL_S))
            slot = Slot(self._clock(), needed)
            self._enter(slot)
            return slot

    def settle(self, slot: Slot, tokens: int) -> None:
        """Replace a call's reserved tokens by the real number."""
        if slot.time > self._clock() - self._window_s:
            self._tokens += tokens - slot.tokens
            slot.tokens = tokens

    def pause(self, seconds: float) -> None:
        """Let nobody through for so many seconds from now."""
        # A little more, and not the same for everybody, so that not all come back at once.
        margin = random.uniform(0.01, 0.05 + min(0.05 * seconds, 1.0))
        self._paused_until = max(self._paused_until, self._clock() + seconds + margin)

    def release(self) -> None:
        """Let everybody through from now on: nothing more is going to be sent."""
        self._released = True

    def _enter(self, slot: Slot) -> None:
        if self._rpm is not None or self._tpm is not None:
            self._slots.append(slot)
            self._tokens += slot.tokens

    def _wait(self, tokens: int) -> float:
        """Return the seconds until there is room; 0 or less if there is."""
        now = self._clock()
        while self._slots and self._slots[0].time <= now - self._window_s:
            self._tokens -= self._slots.popleft().tokens
        wait = self._paused_until - now
        if self._rpm is not None and len(self._slots) >= self._rpm:
            oldest = self._slots[len(self._slots) - self._rpm]
            wait = max(wait, oldest.time + self._window_s - now)
        if self._tpm is not None and self._tokens + tokens > self._tpm:
            surplus = self._tokens + tokens - self._tpm
            for slot in self._slots:
                surplus -= slot.tokens
                if surplus <= 0:
                    wait = max(wait, slot.time + self._window_s - now)
                    break
        return wait
