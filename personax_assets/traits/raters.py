"""Raters as configuration.

Belongs here: what a rater is (model, address, limits, prices, parameters), and refusing what
cannot work with one clear line. Does not belong here: reading files (`rater_files`), keys (only
the name of the environment variable that holds one), prompts, or calling anybody.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from personax_assets.errors import PersonaXError

Capability = Literal["json_schema", "json_object", "text"]
ScoreType = Literal["integer", "string"]
Transport = Literal["httpx", "aiohttp"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_RESERVED = frozenset({"aggregate", "all", "n_raters", "person_id", "score", "trait"})


class RaterConfigError(PersonaXError):
    """A rater's configuration cannot work."""


@dataclass(frozen=True)
class Prices:
    """What a rater charges.

    Parameters
    ----------
    input, output : float
        US dollars per million tokens.
    date : str
        The day on which the prices were read.
    cached_input : float, optional
        US dollars per million prompt tokens served from the provider's cache; `input` if unknown.
    """

    input: float
    output: float
    date: str
    cached_input: float | None = None

    def cost(self, prompt: int, completion: int, cached: int = 0) -> float:
        """Return the US dollars for one call."""
        cheaper = self.input if self.cached_input is None else self.cached_input
        charged = (prompt - cached) * self.input + cached * cheaper + completion * self.output
        return charged / 1e6


@dataclass(frozen=True)
class RaterConfig:
    """One rater.

    Parameters
    ----------
    name : str
        A plain lower-case identifier: it names a table and a column.
    model : str
        The model as its provider names it.
    base_url : str, optional
        Address of the OpenAI-compatible endpoint; a simulated rater gets it at run time.
    key_env : str, optional
        Name of the environment variable that holds the key; None for an endpoint without keys.
    provider : str
        Part of every request's identity; the host of `base_url` unless stated.
    capability : {"json_schema", "json_object", "text"}
        How strictly the endpoint can shape its output.
    score_type : {"integer", "string"}
        Type of the scores in the JSON schema.
    transport : {"httpx", "aiohttp"}
        HTTP client underneath; aiohttp takes less of the processor per call.
    batch : bool
        Ask through the provider's Batch API: answers come within a day, often for less money.
    batch_wait_s : float
        Seconds that a run waits for a batch; what is not ready then is collected by a later run.
    concurrency : int
        Most calls at a time.
    rpm, tpm : int, optional
        Most requests and most tokens per minute.
    prices : Prices, optional
        Without them the cost is unknown and no budget can be kept.
    timeout_s : float
        Most seconds for one call, from sending to the last byte.
    max_attempts : int
        Most calls for one person in one run, those that met a rate limit left aside.
    backoff_s : float
        Mean seconds before the second attempt; doubles with each further one.
    temperature, seed, max_tokens : optional
        Sent along when given.
    extra : mapping
        Anything else to send along.
    simulated : bool
        Whether the answers are invented by this program.
    enabled : bool
        Whether to ask this rater at all.
    """

    name: str
    model: str
    base_url: str | None = None
    key_env: str | None = None
    provider: str = ""
    capability: Capability = "json_schema"
    score_type: ScoreType = "integer"
    transport: Transport = "httpx"
    batch: bool = False
    batch_wait_s: float = 0.0
    concurrency: int = 8
    rpm: int | None = None
    tpm: int | None = None
    prices: Prices | None = None
    timeout_s: float = 60.0
    max_attempts: int = 6
    backoff_s: float = 1.0
    temperature: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    simulated: bool = False
    enabled: bool = True

    def __post_init__(self) -> None:
        """Check every field and derive the provider."""
        if not _NAME.fullmatch(self.name) or self.name in _RESERVED:
            raise RaterConfigError(
                f"rater {self.name!r}: the name must be a lower-case identifier of at most 31 "
                f"characters and none of {', '.join(sorted(_RESERVED))}"
            )
        self._check("model", self.model.strip() != "", "must not be empty")
        if self.key_env is not None and not _VARIABLE.fullmatch(self.key_env):
            # The value is left out of the message: it may be the key itself.
            raise RaterConfigError(
                f"rater {self.name!r}: key_env must be the name of an environment variable, in "
                "capital letters, never a key"
            )
        self._check("capability", self.capability in get_args(Capability), _one_of(Capability))
        self._check("score_type", self.score_type in get_args(ScoreType), _one_of(ScoreType))
        self._check("transport", self.transport in get_args(Transport), _one_of(Transport))
        for name in ("concurrency", "rpm", "tpm", "max_attempts", "max_tokens"):
            value = getattr(self, name)
            self._check(name, value is None or value >= 1, "must be at least 1")
        self._check("timeout_s", self.timeout_s > 0, "must be more than 0 seconds")
        self._check("batch_wait_s", self.batch_wait_s >= 0, "must not be negative")
        self._check("backoff_s", self.backoff_s >= 0, "must not be negative")
        self._check("extra", _is_json(self.extra), "must hold plain JSON values only")
        fixed = {"messages", "model", "response_format", "stream"} & set(self.extra)
        self._check("extra", not fixed, f"must not set {', '.join(sorted(fixed))}")
        if self.base_url is None:
            self._check("base_url", self.simulated, "is missing: give the endpoint's address")
        else:
            self._check_address(self.base_url)
        if not self.provider:
            host = urlsplit(self.base_url or "").netloc
            object.__setattr__(self, "provider", "simulated" if self.simulated else host)

    @property
    def loopback(self) -> bool:
        """Whether the endpoint is on this machine."""
        host = urlsplit(self.base_url or "").hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def most_output_tokens(self) -> int | None:
        """The most tokens that one answer can have; None if nothing bounds it."""
        bound = self.max_tokens or self.extra.get("max_completion_tokens")
        return bound if isinstance(bound, int) else None

    def _check(self, name: str, holds: bool, otherwise: str) -> None:
        if not holds:
            value = getattr(self, name)
            raise RaterConfigError(f"rater {self.name!r}: {name} {otherwise} (it is {value!r})")

    def _check_address(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        if parts.username or parts.password or parts.query:
            # The value is left out of the message: it may hold a key.
            raise RaterConfigError(
                f"rater {self.name!r}: base_url must hold no user, password or query; put the "
                "key into an environment variable and name it in key_env"
            )
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
        self._check("base_url", valid, "must be an http or https address")


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _one_of(literal: Any) -> str:
    return f"must be one of {', '.join(get_args(literal))}"
