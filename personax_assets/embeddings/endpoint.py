"""Texts embedded by an OpenAI-compatible `/embeddings` endpoint.

Belongs here: the calls, the key, and the distrust of what comes back. Does not belong here: which
endpoint (`encoders.EndpointConfig`).
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from personax_assets.embeddings.encoders import EndpointConfig
from personax_assets.errors import PersonaXError

if TYPE_CHECKING:
    from openai import OpenAI

_TALKATIVE = ("httpx2", "httpcore2", "openai")
"""Loggers that write a line per call, and headers when debugging."""

_NO_KEY = "no-key-needed"
"""Sent to endpoints without keys; the client refuses to start with none."""

_RETRIES = 5
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class EndpointEncoder:
    """Asks an endpoint for vectors; the client retries what can be retried.

    Parameters
    ----------
    config : EndpointConfig
        The endpoint.

    Raises
    ------
    PersonaXError
        If the address is none, or holds a password.
    """

    name = "endpoint"
    modality = "text"

    def __init__(self, config: EndpointConfig) -> None:
        address = urlsplit(config.base_url)
        self._host = address.hostname or ""
        if address.scheme not in ("http", "https") or not self._host:
            raise PersonaXError(
                f"encoder {config.model!r}: base_url is no http address; "
                "give one like https://api.openai.com/v1"
            )
        if "@" in address.netloc:
            raise PersonaXError(
                f"encoder {config.model!r}: base_url holds a user or password; "
                "put the key into an environment variable and name it as key_env"
            )
        self._config = config
        self.version = f"{config.model}@{self._host}"
        self.dim = config.dim

    def embed(self, batch: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts.

        Returns
        -------
        array of shape (len(batch), dim)
            As the endpoint gives them.

        Raises
        ------
        PersonaXError
            If it has no key, cannot be reached, refuses, or answers something else.
        """
        vectors = np.empty((len(batch), self.dim), dtype=np.float32)
        if len(batch) == 0:
            return vectors
        key = self._key()
        with self._client(key) as client:
            for first in range(0, len(batch), self._config.batch):
                texts = list(batch[first : first + self._config.batch])
                body = self._ask(client, texts, key)
                for i, vector in enumerate(self._vectors(body, len(texts)), start=first):
                    vectors[i] = vector
        return vectors

    def _key(self) -> str:
        if self._config.key_env is None:
            return _NO_KEY
        key = os.environ.get(self._config.key_env, "").strip()
        if not key:
            raise self._error(f"has no key; set the environment variable {self._config.key_env}")
        if not key.isascii() or not key.isprintable() or " " in key:
            raise self._error(
                f"has no usable key; set {self._config.key_env} again, without quotes or spaces"
            )
        return key

    def _client(self, key: str) -> "OpenAI":
        import openai

        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        client = openai.OpenAI(
            api_key=key,
            base_url=self._config.base_url,
            max_retries=_RETRIES,
            timeout=self._config.timeout_s,
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False,
                # A proxy configured for the internet must not see calls to this machine.
                trust_env=self._host not in _LOOPBACK,
            ),
        )
        if not self._host.endswith("openai.com"):
            # The client takes these from the environment; they are nobody else's business.
            client.organization = client.project = None
        return client

    def _ask(self, client: "OpenAI", texts: list[str], key: str) -> str:
        """Return the answer as it came: the client's own reading of it is too trusting."""
        import openai

        try:
            answer = client.embeddings.with_raw_response.create(
                model=self._config.model, input=texts, encoding_format="float"
            )
            return answer.text
        except openai.APIStatusError as error:
            said = " ".join(str(error.message).replace(key, "***").split())[:200]
            raise self._error(f"answers HTTP {error.status_code}: {said}") from None
        except openai.OpenAIError as error:
            raise self._error(
                f"cannot be reached ({type(error).__name__}); check base_url and the network"
            ) from None

    def _vectors(self, body: str, count: int) -> Iterator[NDArray[np.float32]]:
        """Return the vectors of an answer in the order of the texts."""
        try:
            data: list[dict[str, Any]] = sorted(json.loads(body)["data"], key=lambda d: d["index"])
            with np.errstate(over="ignore"):  # told below
                vectors = [np.asarray(item["embedding"], dtype=np.float32) for item in data]
            numbers = [item["index"] for item in data]
        except (ValueError, TypeError, KeyError) as error:
            raise self._error(f"answers something else than embeddings ({error!r})"[:200]) from None
        if numbers != list(range(count)):
            raise self._error(f"answers {len(data)} vectors where {count} texts were sent")
        for vector in vectors:
            if vector.shape != (self.dim,):
                raise self._error(
                    f"answers vectors of shape {vector.shape}, not {self.dim} numbers; "
                    "set dim to what the model gives"
                )
            if not np.isfinite(vector).all():
                raise self._error("answers vectors with numbers that are not finite")
            yield vector

    def _error(self, problem: str) -> PersonaXError:
        return PersonaXError(f"encoder {self._config.model!r} at {self._host} {problem}")
