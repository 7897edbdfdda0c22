"""The Batch API of the simulated raters.

Belongs here: files, batches, and how a fault shows in a batch. Does not belong here: answers
(`simulated_app`) or sockets (`simulated_server`).
"""

import json
import time
from collections.abc import Callable, Mapping
from email import message_from_bytes
from email.message import Message
from typing import TYPE_CHECKING, Any

from personax_assets.traits.faults import Faults, Reply

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

_FILE_PART = ("name", None, "content-disposition")
"""Parameter, default and header by which a part of a form is known."""

Answer = Callable[[Mapping[str, Any], int, float, str], Reply]


class SimulatedBatches:
    """Files and batches, in memory.

    Parameters
    ----------
    answer : callable
        Answers one request: body, size, time and id.
    faults : Faults
        `batch_s` is how long a batch takes.
    """

    def __init__(self, answer: Answer, faults: Faults) -> None:
        self._answer, self._faults = answer, faults
        self._files: dict[str, bytes] = {}
        self._batches: dict[str, dict[str, Any]] = {}

    def routes(self) -> "list[Route]":
        """Return the routes of an application."""
        from starlette.routing import Route

        return [
            Route("/v1/files", self._upload, methods=["POST"]),
            Route("/v1/files/{id}/content", self._content),
            Route("/v1/batches", self._create, methods=["POST"]),
            Route("/v1/batches", self._list),
            Route("/v1/batches/{id}", self._retrieve),
        ]

    async def _upload(self, request: "Request") -> "Response":
        kind = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
        parts = message_from_bytes(kind + await request.body()).get_payload()
        for part in parts if isinstance(parts, list) else []:
            if isinstance(part, Message) and part.get_param(*_FILE_PART) == "file":
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                return self._json(self._file(content, "batch"))
        raise ValueError("the form holds no file")

    async def _content(self, request: "Request") -> "Response":
        from starlette.responses import Response

        return Response(self._files[request.path_params["id"]], media_type="application/jsonl")

    async def _create(self, request: "Request") -> "Response":
        asked = await request.json()
        batch = {
            "id": f"batch_{len(self._batches) + 1}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "metadata": asked.get("metadata"),
            "status": "in_progress",
            "created_at": int(time.time()),
        }
        self._batches[batch["id"]] = {**batch, "due": time.monotonic() + self._faults.batch_s}
        return self._json(batch)

    async def _list(self, request: "Request") -> "Response":
        found = [self._public(batch) for batch in reversed(self._batches.values())]
        return self._json({"object": "list", "data": found, "has_more": False})

    async def _retrieve(self, request: "Request") -> "Response":
        batch = self._batches[request.path_params["id"]]
        if batch["status"] == "in_progress" and time.monotonic() >= batch["due"]:
            self._complete(batch)
        return self._json(self._public(batch))

    def _complete(self, batch: dict[str, Any]) -> None:
        answers: list[str] = []
        errors: list[str] = []
        for text in self._files[batch["input_file_id"]].splitlines():
            line = json.loads(text)
            body, name = line["body"], line["custom_id"]
            reply = self._answer(body, len(json.dumps(body)), time.time(), name)
            said = _parsed(reply)
            told: dict[str, Any] = {"id": f"req_{len(answers)}", "custom_id": name}
            if said is None:  # there is no connection that could break: it never gets done
                error = {"code": "batch_expired", "message": "This request was not done in time."}
                errors.append(json.dumps({**told, "response": None, "error": error}))
                continue
            told["response"] = {"status_code": reply.status, "request_id": name, "body": said}
            into = answers if reply.status == 200 else errors
            # Lines come in no order, and some of them twice.
            into.insert(len(into) // 2, json.dumps({**told, "error": None}))
            if len(answers) % 5 == 1:
                into.append(into[len(into) // 2])
        batch["status"] = "completed"
        for name, lines in (("output_file_id", answers), ("error_file_id", errors)):
            batch[name] = self._file("\n".join(lines).encode(), name)["id"] if lines else None

    def _file(self, content: bytes, purpose: str) -> dict[str, Any]:
        name = f"file-{len(self._files) + 1}"
        self._files[name] = content
        return {
            "id": name, "object": "file", "bytes": len(content), "created_at": int(time.time()),
            "filename": f"{name}.jsonl", "purpose": purpose, "status": "processed",
        }  # fmt: skip

    @staticmethod
    def _public(batch: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in batch.items() if key != "due"}

    @staticmethod
    def _json(body: object) -> "Response":
        from starlette.responses import JSONResponse

        return JSONResponse(body)


def _parsed(reply: Reply) -> object:
    """Return the body of a reply that arrives whole and is JSON, else None."""
    if reply.hang or reply.cut:
        return None
    try:
        return json.loads(reply.body)
    except ValueError:
        return None
