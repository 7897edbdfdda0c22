"""The Batch API of OpenAI, and of those who copy it.

Belongs here: uploading requests, starting a batch, looking at it and reading what it brought.
Does not belong here: what is in which batch and what to do about it (`batch`).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from personax_assets.errors import PersonaXError
from personax_assets.traits.client import RaterClient
from personax_assets.traits.outcomes import Call
from personax_assets.traits.prompts import Scale
from personax_assets.traits.responses import read_response

TAG = "personax"
"""Key of a batch's metadata under which we find it again if its id was lost on the way."""

_TRIES = 3
_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_EXPIRED = frozenset({"batch_expired", "batch_cancelled"})

T = TypeVar("T")


class BatchApiError(PersonaXError):
    """The Batch API did not do what it was asked."""


@dataclass(frozen=True)
class RemoteBatch:
    """A batch as its server sees it.

    Parameters
    ----------
    id, status : str
        As the server names them.
    files : tuple of str
        Ids of the files with answers and errors.
    problem : str, optional
        Why the batch as a whole failed.
    """

    id: str
    status: str
    files: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in _ENDED


class BatchApi:
    """Batches of one rater.

    Parameters
    ----------
    client : RaterClient
        The open connection.
    pause_s : float
        Seconds before a failed call is tried again; starting a batch never is.
    """

    def __init__(self, client: RaterClient, pause_s: float) -> None:
        self._client, self._pause_s = client, pause_s

    async def upload(self, lines: Sequence[Mapping[str, Any]]) -> str:
        """Upload requests and return the file's id."""
        content = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
        file = ("requests.jsonl", content, "application/jsonl")
        files = self._client.openai.files
        return (await self._tried(lambda: files.create(file=file, purpose="batch"))).id

    async def start(self, file_id: str, tag: str) -> str:
        """Start a batch over a file and return its id."""
        batches = self._client.openai.batches
        started = await self._tried(
            lambda: batches.create(
                input_file_id=file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={TAG: tag},
            ),
            tries=1,
        )
        return started.id

    async def look(self, batch_id: str) -> RemoteBatch:
        """Return how a batch is getting on."""
        batches = self._client.openai.batches
        found = await self._tried(lambda: batches.retrieve(batch_id))
        files = tuple(f for f in (found.output_file_id, found.error_file_id) if f)
        errors = found.errors.data if found.errors and found.errors.data else []
        problem = "; ".join(str(error.message) for error in errors) or None
        return RemoteBatch(found.id, found.status, files, problem)

    async def find(self, tag: str) -> str | None:
        """Return the id of the batch that we started under a tag, if there is one."""
        batches = self._client.openai.batches

        async def search() -> str | None:
            async for batch in batches.list(limit=100):
                if (batch.metadata or {}).get(TAG) == tag:
                    return batch.id
            return None

        return await self._tried(search)

    async def read(self, file_id: str) -> list[dict[str, Any]]:
        """Return the lines of a file; one that is no JSON object is left out."""
        files = self._client.openai.files
        content = (await self._tried(lambda: files.content(file_id))).content
        return list(_objects(content))

    async def _tried(self, call: Callable[[], Awaitable[T]], tries: int = _TRIES) -> T:
        detail = ""
        for attempt in range(1, tries + 1):
            try:
                found = await call()
            except (AttributeError, TypeError, ValueError):
                detail = "something that is not its protocol"  # an HTML page, for instance
            except Exception as error:
                detail = self._client.explained(error)  # raises what is no answer of the server
            else:
                return found
            if attempt < tries:
                await asyncio.sleep(self._pause_s * 2 ** (attempt - 1))
        raise BatchApiError(f"the batch service answers {detail}")


def line_call(line: Mapping[str, Any], scale: Scale) -> Call:
    """Tell what came of a request, from its line in a batch's files."""
    response = line.get("response")
    if isinstance(response, dict):
        status = response.get("status_code")
        body = json.dumps(response.get("body")).encode()
        headers = (
            {"x-request-id": str(response["request_id"])} if response.get("request_id") else {}
        )
        return read_response(status if isinstance(status, int) else 500, headers, body, scale)
    error = line.get("error")
    error = error if isinstance(error, dict) else {}
    said = str(error.get("message") or "no explanation")
    if error.get("code") in _EXPIRED:
        return Call("timeout", f"the batch ended before this request was done: {said}")
    return Call("transport", f"the batch has no answer to this request: {said}")


def _objects(content: bytes) -> Iterator[dict[str, Any]]:
    for text in content.splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            yield line
