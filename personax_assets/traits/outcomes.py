"""How one call to a rater can end.

Belongs here: the vocabulary of outcomes and the record of one call. Does not belong here:
deciding which outcome a response is (`responses`), or what to do about it (`engine`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal[
    "ok",
    "refusal",
    "content_filter",
    "truncated",
    "invalid_json",
    "schema_violation",
    "empty",
    "http_4xx",
    "http_5xx",
    "rate_limited",
    "quota",
    "timeout",
    "transport",
]

RETRIABLE: frozenset[Outcome] = frozenset(
    {
        "truncated",
        "invalid_json",
        "schema_violation",
        "empty",
        "http_5xx",
        "rate_limited",
        "timeout",
        "transport",
    }
)
"""Outcomes after which the same question may well be answered."""

MALFORMED: frozenset[Outcome] = frozenset(
    {"truncated", "invalid_json", "schema_violation", "empty"}
)
"""Outcomes of calls that were answered in a form that cannot be read."""

UNBILLED: frozenset[Outcome] = frozenset({"http_4xx", "http_5xx", "rate_limited", "quota"})
"""Outcomes for which providers charge nothing when they report no usage."""

Answer = Mapping[str, str | int]


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, as the server counts them; None where it does not say."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    reasoning: int | None = None

    @property
    def total(self) -> int | None:
        """Tokens in both directions."""
        if self.prompt is None or self.completion is None:
            return None
        return self.prompt + self.completion


@dataclass(frozen=True)
class Call:
    """What came of one call.

    Parameters
    ----------
    outcome : str
        How it ended.
    detail : str, optional
        What went wrong, for people.
    text : str, optional
        What the model said, unchanged.
    answer : mapping, optional
        The texts and scores, when the outcome is `ok`.
    usage : Usage
        Tokens, as the server counts them.
    model, fingerprint, request_id : str, optional
        What the server says about itself and the call.
    retry_after_s : float, optional
        How long the server asks not to be called.
    hopeless : bool
        Whether every further call must fail the same way (no credit, no access).
    """

    outcome: Outcome
    detail: str | None = None
    text: str | None = None
    answer: Answer | None = None
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    fingerprint: str | None = None
    request_id: str | None = None
    retry_after_s: float | None = None
    hopeless: bool = False

    @property
    def retriable(self) -> bool:
        """Whether asking again may help."""
        return self.outcome in RETRIABLE and not self.hopeless
