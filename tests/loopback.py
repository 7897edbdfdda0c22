"""Servers on loopback that tests talk to."""

import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Request:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float


Answer = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


@dataclass
class Loopback:
    """A server that answers as a function says, and remembers what it was asked."""

    answer: Callable[[Request], Answer | None]
    requests: list[Request] = field(default_factory=list)
    most_at_once: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(answer: Callable[[Request], Answer | None]) -> Iterator[Loopback]:
    """Serve on a free port; an answer of None closes the connection without a word."""
    loopback = Loopback(answer)
    lock = threading.Lock()
    busy = 0

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            nonlocal busy
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {k.lower(): v for k, v in self.headers.items()}
            request = Request(self.path, headers, body, time.time())
            with lock:
                busy += 1
                loopback.most_at_once = max(loopback.most_at_once, busy)
                loopback.requests.append(request)
            try:
                found = loopback.answer(request)
            finally:
                with lock:  # before the last byte: whoever has it may rightly ask again at once
                    busy -= 1
            try:
                if found is None:
                    self.close_connection = True
                    return
                status, more, content = found
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(content))} | more).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the other side has seen enough

        do_GET = do_POST = _respond  # noqa: N815 - names of the standard library

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    loopback.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def relay(url: str) -> Callable[[Request], Answer]:
    """Return an answer that another server gives."""

    def answer(request: Request) -> Answer:
        names = ("content-type", "accept")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        forwarded = urllib.request.Request(url + request.path, request.body or None, headers)
        try:
            with urllib.request.urlopen(forwarded) as reply:
                return reply.status, {"Content-Type": reply.headers["Content-Type"]}, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, {}, error.read()

    return answer


@contextmanager
def oxigraph(turtle: str) -> Iterator[str]:
    """Start a real SPARQL server that holds a graph; yields the address of its store."""
    port = free_port()
    command = [
        *(str(Path(sys.executable).with_name("oxigraph")), "serve"),
        *("--bind", f"127.0.0.1:{port}"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process)
            load(url, turtle)
            yield url
        finally:
            process.kill()


def load(url: str, turtle: str) -> None:
    """Replace the graph of a SPARQL server."""
    request = urllib.request.Request(
        f"{url}/store?default",
        turtle.encode(),
        {"Content-Type": "text/turtle"},
        method="PUT",
    )
    with urllib.request.urlopen(request) as reply:
        assert reply.status in (200, 201, 204)


def _wait_for(url: str, process: "subprocess.Popen[str]") -> None:
    for _ in range(600):
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(f"oxigraph ended: {process.stderr.read()}")
        try:
            urllib.request.urlopen(f"{url}/", timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("oxigraph does not answer")
