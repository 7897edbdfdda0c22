"""One call to a rater over the network.

Belongs here: the `openai` client, the key, and turning whatever happens on the wire into an
outcome. Does not belong here: when to call, how often, or what is remembered of it.

The client's own retries are off, and the response is read as it came: what the client would
parse for us loses the raw text and the usage of malformed answers, and raises what it does not
document on HTML pages and errors inside a 200.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING

from personax_assets.errors import PersonaXError
from personax_assets.traits.answers import shorten
from personax_assets.traits.outcomes import Call
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig
from personax_assets.traits.responses import read_response

if TYPE_CHECKING:
    import openai

_TALKATIVE = ("httpcore2", "httpx2", "openai")
"""Loggers that write a line per call, and response headers when debugging: a server may have
echoed the key in them."""

CALL_ID = "X-Client-Request-Id"
"""Header for an id of our own, which OpenAI logs and others ignore."""

_NO_KEY = "no-key-needed"
"""Sent to endpoints without keys, which ignore it; the client refuses to start with none."""


class RaterUnavailableError(PersonaXError):
    """A rater cannot be asked at all."""


def rater_key(rater: RaterConfig, environment: Mapping[str, str] | None = None) -> str:
    """Return the rater's key from the environment.

    Raises
    ------
    RaterUnavailableError
        If the variable is not set or holds no key; the message names it.
    """
    if rater.key_env is None:
        return _NO_KEY
    key = (os.environ if environment is None else environment).get(rater.key_env, "").strip()
    if not key:
        raise RaterUnavailableError(
            f"rater {rater.name!r} has no key: set the environment variable {rater.key_env}"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise RaterUnavailableError(
            f"rater {rater.name!r}: {rater.key_env} holds characters that no key has; set it "
            "again, without quotes, spaces or line breaks"
        )
    return key


class RaterClient:
    """Asks one rater; an asynchronous context manager around one shared HTTP client.

    Parameters
    ----------
    rater : RaterConfig
        Whom to ask.

    Raises
    ------
    RaterUnavailableError
        If the rater has no address or no key.
    """

    def __init__(self, rater: RaterConfig) -> None:
        import httpx2
        import openai

        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        if rater.base_url is None:
            raise RaterUnavailableError(
                f"rater {rater.name!r} has no address: its server is not running"
            )
        self._rater = rater
        self._key = rater_key(rater)
        self._errors = (openai.OpenAIError, httpx2.HTTPError)
        self._response = httpx2.Response
        transport = (
            openai.DefaultAioHttpClient
            if rater.transport == "aiohttp"
            else openai.DefaultAsyncHttpxClient
        )
        self._client = openai.AsyncOpenAI(
            api_key=self._key,
            base_url=rater.base_url,
            max_retries=0,
            timeout=rater.timeout_s,
            http_client=transport(
                follow_redirects=False,
                # A proxy configured for the internet must not see calls to this machine.
                trust_env=not rater.loopback,
                limits=httpx2.Limits(
                    max_connections=rater.concurrency, max_keepalive_connections=rater.concurrency
                ),
            ),
        )

        if not self._client.base_url.host.endswith("openai.com"):
            # The client takes these from the environment; they are nobody else's business.
            self._client.organization = self._client.project = None

    async def __aenter__(self) -> "RaterClient":
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._client.close()

    @property
    def openai(self) -> "openai.AsyncOpenAI":
        """The client underneath."""
        return self._client

    def explained(self, error: Exception) -> str:
        """Describe an error of the server or of the network, without the key.

        Raises
        ------
        Exception
            The error itself, if it is neither.
        """
        if not isinstance(error, self._errors):
            raise error
        return shorten(str(error) or type(error).__name__).replace(self._key, "[key]")

    async def ask(self, request: Request, entry: str) -> Call:
        """Send one request once and tell what came of it.

        Parameters
        ----------
        request : Request
            What is asked.
        entry : str
            The call's id in the journal; the provider is told it, so that its support can find
            the call.
        """
        import openai

        try:
            async with asyncio.timeout(self._rater.timeout_s):
                response = await self._client.post(
                    "/chat/completions",
                    cast_to=self._response,
                    body=request.body,
                    options={"headers": {CALL_ID: f"{request.study}.{request.repeat}.{entry}"}},
                )
        except openai.APIStatusError as error:
            response = error.response
        except (TimeoutError, openai.APITimeoutError):
            return Call("timeout", f"no complete response within {self._rater.timeout_s:g} s")
        except self._errors as error:
            cause = error.__cause__ or error
            said = str(cause) or "no explanation"
            return self._without_key(Call("transport", shorten(f"{type(cause).__name__}: {said}")))
        call = read_response(
            response.status_code, response.headers, response.content, request.prompt.scale
        )
        return self._without_key(call)

    def _without_key(self, call: Call) -> Call:
        """Return the call with the key struck out wherever a server echoed it."""
        if self._key == _NO_KEY:
            return call
        return replace(
            call,
            **{
                name: value.replace(self._key, "[key]")
                for name in ("detail", "text", "model", "fingerprint", "request_id")
                if (value := getattr(call, name)) is not None
            },
            answer=call.answer
            and {
                name: value.replace(self._key, "[key]") if isinstance(value, str) else value
                for name, value in call.answer.items()
            },
        )
