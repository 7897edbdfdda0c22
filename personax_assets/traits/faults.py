"""How a simulated rater misbehaves, when asked to.

Belongs here: the kinds of faults that real endpoints show, and which call meets which, decided
by a seed. Does not belong here: the server (`simulated_app`), or how the engine takes them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Reply:
    """An HTTP response to be sent; `cut` stops in the middle of the body, `hang` before it."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    cut: bool = False
    hang: bool = False


Completion = Mapping[str, Any]
"""The body of a good response."""


def json_reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a response with a JSON body."""
    return Reply(status, json.dumps(body).encode(), headers or {})


def error_body(message: str, kind: str, code: str | int | None = None) -> dict[str, Any]:
    """Return an error as OpenAI words it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def rate_limited(retry_after: str | None) -> Reply:
    """Return a 429, with the header if there is something to put into it."""
    body = error_body("Rate limit reached for requests", "requests", "rate_limit_exceeded")
    return json_reply(body, 429, {} if retry_after is None else {"retry-after": retry_after})


def _saying(good: Completion, content: str | None, finish: str = "stop", **more: object) -> Reply:
    message = {"role": "assistant", "content": content, **more}
    return json_reply(
        {**good, "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    )


def _said(good: Completion) -> str:
    content: str = good["choices"][0]["message"]["content"]
    return content


def _out_of_range(good: Completion) -> Reply:
    answer = json.loads(_said(good))
    last = [key for key in answer if key.endswith("_score")][-1]
    return _saying(good, json.dumps({**answer, last: 7}))


def _missing_key(good: Completion) -> Reply:
    answer = json.loads(_said(good))
    return _saying(good, json.dumps(dict(list(answer.items())[:-1])))


def _error_list(good: Completion) -> Reply:
    return json_reply(
        [{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}],
        503,
    )


def _in_a_while(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


Fault = Callable[[Completion, "Faults"], Reply]

KINDS: Mapping[str, Fault] = MappingProxyType(
    {
        "rate_limited": lambda good, f: rate_limited(f"{f.retry_after_s:g}"),
        "rate_limited_date": lambda good, f: rate_limited(_in_a_while(f.retry_after_s)),
        "rate_limited_silent": lambda good, f: rate_limited(None),
        "server_error": lambda good, f: json_reply(
            error_body("The server had an error.", "server_error"), 500
        ),
        "bad_gateway": lambda good, f: Reply(
            502, b"<html><body>502 Bad Gateway</body></html>", media_type="text/html"
        ),
        "hang": lambda good, f: Reply(200, b"", hang=True),
        "cut_body": lambda good, f: Reply(200, json.dumps(good).encode(), cut=True),
        "html": lambda good, f: Reply(
            200, b"<html><body>Please log in.</body></html>", media_type="text/html"
        ),
        "broken_body": lambda good, f: Reply(200, json.dumps(good).encode()[:-20]),
        "wrong_json": lambda good, f: _saying(good, '{"openness_text": "open, "openness_sc'),
        "prose": lambda good, f: _saying(good, "They seem open and calm, on the whole."),
        "out_of_range": lambda good, f: _out_of_range(good),
        "missing_key": lambda good, f: _missing_key(good),
        "fenced": lambda good, f: _saying(good, f"Here it is:\n```json\n{_said(good)}\n```\n"),
        "refusal": lambda good, f: _saying(good, None, refusal="I can't help with that."),
        "prose_refusal": lambda good, f: _saying(good, "I'm sorry, but I can't rate a person."),
        "content_filter": lambda good, f: _saying(good, None, "content_filter"),
        "said_twice": lambda good, f: _saying(good, f"{_said(good)}\n{_said(good)}"),
        "duplicate": lambda good, f: json_reply({**good, "choices": good["choices"] * 2}),
        "truncated": lambda good, f: _saying(good, _said(good)[: len(_said(good)) // 2], "length"),
        "empty": lambda good, f: _saying(good, ""),
        "no_choices": lambda good, f: json_reply({**good, "choices": []}),
        "error_in_200": lambda good, f: json_reply(
            {"error": {"code": 502, "message": "Provider returned error"}}
        ),
        "error_list": lambda good, f: _error_list(good),
        "bad_request": lambda good, f: json_reply(
            error_body("Invalid value", "invalid_request_error", "invalid_value"), 400
        ),
        "unauthorized": lambda good, f: json_reply(
            error_body("Incorrect API key provided", "invalid_request_error", "invalid_api_key"),
            401,
        ),
        "quota": lambda good, f: json_reply(
            error_body("You exceeded your quota", "insufficient_quota", "insufficient_quota"), 429
        ),
    }
)
"""What can go wrong, each by an own name."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong.

    Parameters
    ----------
    rates : mapping of str to float
        Share of the calls that meet each kind of fault, at random but fixed by the seed.
    script : tuple of (str or None)
        What the first calls about every person meet, before `rates` apply; None is no fault.
    latency_s : float
        Seconds that every answer takes.
    retry_after_s : float
        The pause that a 429 asks for; until it is over, every call gets one.
    lasting : mapping of str to float
        Share of the people about whom every call meets the fault, as refusals often are.
    batch_s : float
        Seconds that a batch takes.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    script: tuple[str | None, ...] = ()
    latency_s: float = 0.0
    retry_after_s: float = 1.0
    lasting: Mapping[str, float] = field(default_factory=dict)
    batch_s: float = 0.0

    def __post_init__(self) -> None:
        """Refuse faults that nobody knows."""
        for kind in (*self.rates, *self.lasting, *self.script):
            if kind is not None and kind not in KINDS:
                raise ValueError(f"unknown fault {kind!r}; known are {', '.join(KINDS)}")
        if max(sum(self.rates.values()), sum(self.lasting.values())) > 1:
            raise ValueError("the rates of all faults add up to more than 1")

    @classmethod
    def from_json(cls, text: str) -> "Faults":
        """Read faults from JSON, an object with the parameters above."""
        given = json.loads(text)
        unknown = set(given) - {spec.name for spec in fields(cls)}
        if unknown:
            raise ValueError(f"unknown settings of faults: {', '.join(sorted(unknown))}")
        return cls(**{**given, "script": tuple(given.get("script", ()))})

    def to_json(self) -> str:
        """Write what `from_json` reads."""
        return json.dumps({spec.name: _plain(getattr(self, spec.name)) for spec in fields(self)})

    def kind(self, seed: int, rater: str, name: str, number: int) -> str | None:
        """Return the fault that the call with this number about a person meets, or None."""
        if number < len(self.script):
            return self.script[number]
        person = f"{seed}/{rater}/{name}"
        return _drawn(self.lasting, f"{person}/lasting") or _drawn(self.rates, f"{person}/{number}")


def _drawn(rates: Mapping[str, float], what: str) -> str | None:
    """Return the kind of fault that a seeded draw meets, or None."""
    chance = int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "big") / 2**64
    for kind, rate in rates.items():
        if chance < rate:
            return kind
        chance -= rate
    return None


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
