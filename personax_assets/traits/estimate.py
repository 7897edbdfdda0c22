"""What a run would take, told before it starts.

Belongs here: the number of calls that the journal does not spare, and their likely tokens, cost
and time. Does not belong here: bounds that must hold (`budget`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from personax_assets.traits.budget import likely_prompt_tokens
from personax_assets.traits.journal import Journal
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

ASSUMED_LATENCY_S = 8.0
"""Seconds per call, as long as the journal holds no answer of the rater."""

BATCH_MINUTES = 24 * 60.0
"""Most minutes that a batch takes."""


@dataclass(frozen=True)
class Estimate:
    """What asking would take, if every call succeeds at once.

    Parameters
    ----------
    calls : int
        Requests without an answer in the journal that wait in no batch.
    prompt_tokens, completion_tokens : int
        Tokens in both directions.
    cost_usd : float, optional
        Their price; None if the rater's prices are unknown.
    minutes : float
        Time, by the slowest of concurrency, requests and tokens per minute.
    measured : bool
        Whether tokens and latency come from earlier answers of this rater.
    """

    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    minutes: float
    measured: bool

    def described(self) -> dict[str, int | float | str | None]:
        """Return the estimate by name, for people who look at metadata."""
        return {**asdict(self), "minutes": round(self.minutes, 2)}

    def in_words(self) -> str:
        """Say in a few words what is to be done."""
        cost = "unknown cost" if self.cost_usd is None else f"about {self.cost_usd:.2f} US dollars"
        return f"{self.calls} calls, {cost}, about {self.minutes:.0f} minutes"


def pending(requests: Sequence[Request], journal: Journal) -> list[Request]:
    """Return the requests that the journal has no answer for, each key once."""
    answered = journal.answered(request.key for request in requests)
    wanted: dict[str, Request] = {}
    for request in requests:
        if request.key not in answered:
            wanted.setdefault(request.key, request)
    return list(wanted.values())


def estimate(requests: Sequence[Request], rater: RaterConfig, journal: Journal) -> Estimate:
    """Tell what asking for the missing answers would take.

    Parameters
    ----------
    requests : sequence of Request
        Everything that is wanted.
    rater : RaterConfig
        Who would be asked.
    journal : Journal
        What is there already.

    Returns
    -------
    Estimate
        Calls, tokens, cost and minutes.
    """
    waiting = journal.batches(rater).keys()
    wanted = [request for request in pending(requests, journal) if request.key not in waiting]
    calls = len(wanted)
    if not calls:
        return Estimate(0, 0, 0, None if rater.prices is None else 0.0, 0.0, measured=True)
    prompt = wanted[0].prompt
    typical = journal.typical(rater, prompt.version)
    sent = round(
        calls * typical["prompt_tokens"]
        if "prompt_tokens" in typical
        else sum(likely_prompt_tokens(request) for request in wanted)
    )
    received = round(calls * typical.get("completion_tokens", prompt.expected_output_tokens))
    latency_s = typical.get("latency_s", ASSUMED_LATENCY_S)
    minutes = max(
        calls * latency_s / rater.concurrency / 60,
        calls / rater.rpm if rater.rpm else 0.0,
        (sent + received) / rater.tpm if rater.tpm else 0.0,
        BATCH_MINUTES if rater.batch else 0.0,
    )
    cost = None if rater.prices is None else rater.prices.cost(sent, received)
    return Estimate(calls, sent, received, cost, minutes, measured=bool(typical))
