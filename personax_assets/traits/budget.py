"""Money: what a call can cost, what it did cost, and a limit that holds.

Belongs here: bounds on a call's tokens and cost, and the budget of a run. Does not belong here:
the journal of what was spent, or estimates made for people (`estimate`).
"""

import asyncio
import json
import math
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from personax_assets.errors import PersonaXError
from personax_assets.traits.outcomes import UNBILLED, Call
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

_FRAME_TOKENS = 64
"""More than any chat format adds around a request with two messages."""

_POLL_S = 0.02


class BudgetError(PersonaXError):
    """No budget can be kept with this rater."""


@dataclass
class Reservation:
    """Money set aside for one call; `usd` is what it counts for when the call is over."""

    usd: float


class Budget:
    """A limit in US dollars over any number of raters, in one process.

    The worst case of every call is reserved before it is sent and settled at what it really
    cost, so the sum of everything spent and everything on its way never passes the limit.

    Parameters
    ----------
    limit_usd : float
        The most that may be spent.
    spent_usd : float
        What was spent before, for a run that goes on after an interruption.
    """

    def __init__(self, limit_usd: float = math.inf, spent_usd: float = 0.0) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self._reserved: list[float] = []
        self._lock = threading.Lock()

    def take(self, usd: float) -> bool:
        """Count money as spent if there is room for it; tell whether there was."""
        with self._lock:
            fits = self.spent_usd + math.fsum(self._reserved) + usd <= self.limit_usd
            if fits:
                self.spent_usd += usd
            return fits

    def charge(self, usd: float) -> None:
        """Count money that was spent without a reservation; less than 0 gives some back."""
        with self._lock:
            self.spent_usd += usd

    @asynccontextmanager
    async def reserve(self, usd: float) -> AsyncIterator[Reservation | None]:
        """Set money aside for the block, waiting for calls on their way if they may free some.

        Parameters
        ----------
        usd : float
            The worst case.

        Yields
        ------
        Reservation or None
            Settled at its `usd` when the block ends; None if the budget is used up.
        """
        while (granted := self._grant(usd)) is None:
            await asyncio.sleep(_POLL_S)
        if not granted:
            yield None
            return
        reservation = Reservation(usd)
        try:
            yield reservation
        finally:
            with self._lock:
                self._reserved.remove(usd)
                self.spent_usd += reservation.usd

    def _grant(self, usd: float) -> bool | None:
        """Reserve if there is room; None if calls on their way may still make room."""
        with self._lock:
            if self.spent_usd + math.fsum(self._reserved) + usd <= self.limit_usd:
                self._reserved.append(usd)
                return True
            hopeful = bool(self._reserved) and self.spent_usd + usd <= self.limit_usd
            return None if hopeful else False


def most_prompt_tokens(request: Request) -> int:
    """Return a bound on the tokens sent: no tokenizer makes more tokens than there are bytes."""
    text = json.dumps(request.body, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode()) + _FRAME_TOKENS


def likely_prompt_tokens(request: Request) -> int:
    """Return about how many tokens are sent: four bytes to a token, as English text has."""
    return most_prompt_tokens(request) // 4


def most_usd(request: Request, rater: RaterConfig) -> float | None:
    """Return a bound on the cost of one call; None if there is none."""
    output = rater.most_output_tokens
    if rater.prices is None or output is None:
        return None
    return rater.prices.cost(most_prompt_tokens(request), output)


def check_budget(rater: RaterConfig) -> None:
    """Refuse a rater for which no promise about money can be made."""
    for holds, missing in (
        (rater.prices is not None, "prices"),
        (rater.most_output_tokens is not None, "max_tokens"),
    ):
        if not holds:
            raise BudgetError(
                f"rater {rater.name!r}: a budget needs {missing}; give them in the rater's "
                "configuration or run without a budget"
            )


def real_usd(call: Call, rater: RaterConfig) -> float | None:
    """Return what a call cost; None if the prices or its tokens are unknown."""
    if rater.prices is None:
        return None
    usage = call.usage
    if usage.prompt is None or usage.completion is None:
        return 0.0 if call.outcome in UNBILLED else None
    return rater.prices.cost(usage.prompt, usage.completion, usage.cached or 0)
