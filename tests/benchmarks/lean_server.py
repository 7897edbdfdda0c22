"""A chat endpoint that costs next to nothing, so that a client can be measured.

Every request gets the same good answer after a fixed time. `python -m tests.benchmarks.lean_server
SECONDS` prints its address and ends with its standard input.
"""

import asyncio
import json
import sys
import threading
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING

from personax_assets.traits.prompts import ANSWER_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT = "Documented behaviour over many seasons points the same way, in public and in private."


def _response() -> bytes:
    answer = {key: 2 if key.endswith("_score") else _TEXT for key in ANSWER_KEYS}
    message = {"role": "assistant", "content": json.dumps(answer), "refusal": None}
    body = json.dumps(
        {
            "id": "chatcmpl-lean",
            "object": "chat.completion",
            "created": 0,
            "model": "lean",
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 400, "completion_tokens": 250, "total_tokens": 650},
        }
    ).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class _Connection(asyncio.Protocol):
    def __init__(self, seconds: float, response: bytes) -> None:
        self._seconds, self._response = seconds, response
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, rest = self._received.partition(b"\r\n\r\n")
            length = next(
                (int(line.partition(b":")[2]) for line in head.lower().split(b"\r\n")
                 if line.startswith(b"content-length:")), 0,
            )  # fmt: skip
            if len(rest) < length:
                return
            self._received = rest[length:]
            asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._response)  # type: ignore[attr-defined]


async def _serve(seconds: float) -> None:
    response = _response()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(seconds, response), "127.0.0.1", 0, backlog=1024
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    ended = asyncio.Event()

    def watch() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    await ended.wait()


@contextmanager
def lean_server(seconds: float) -> "Iterator[str]":
    """Run the server as a process of its own; yield its address."""
    command = [sys.executable, "-m", __name__, str(seconds)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
