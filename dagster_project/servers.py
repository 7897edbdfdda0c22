"""Web servers as processes that are started together and stopped for sure.

Belongs here: starting, waiting for an answer, stopping whole families of processes. Does not
belong here: which servers there are (`cli.ui`).
"""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagster_project.home import PROJECT_ROOT
from personax_assets.errors import PersonaXError

_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Server:
    """A web server to start.

    Parameters
    ----------
    title : str
        As a person calls it.
    url : str
        Its address on this machine.
    health : str
        Path that answers once it is up.
    command : tuple of str
        How to start it.
    """

    title: str
    url: str
    health: str
    command: tuple[str, ...]

    def answers(self) -> bool:
        """Tell whether it is up."""
        try:
            # No proxy: the address is on this machine.
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(self.url + self.health, timeout=2) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


@dataclass(frozen=True)
class Running:
    """A server and its process, the first of a family with a session of its own."""

    server: Server
    process: "subprocess.Popen[bytes]"

    @property
    def ended(self) -> bool:
        """Whether the first process of the family is gone."""
        return self.process.poll() is not None

    @property
    def alive(self) -> bool:
        """Whether any process of the family is left."""
        self.process.poll()
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole family."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


@contextmanager
def started(
    servers: Sequence[Server], environment: Mapping[str, str], logs: Path
) -> Iterator[tuple[Running, ...]]:
    """Run servers for the block; none of their processes outlives it.

    Parameters
    ----------
    servers : sequence of Server
        What to start.
    environment : mapping
        Their environment.
    logs : Path
        Folder for a log of each.
    """
    logs.mkdir(parents=True, exist_ok=True)
    running: list[Running] = []
    try:
        for server in servers:
            with (logs / f"{server.title.lower()}.log").open("wb") as log:
                # A session of its own lets the whole family of processes be stopped together.
                process = subprocess.Popen(
                    server.command, cwd=PROJECT_ROOT, env=dict(environment), stdout=log,
                    stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            running.append(Running(server, process))
        yield tuple(running)
    finally:
        _stop(running)


def wait_until_up(running: Sequence[Running], logs: Path, told: Callable[[Server], None]) -> None:
    """Wait until every server answers, telling of each as it does.

    Raises
    ------
    PersonaXError
        If one ends by itself or stays silent for too long.
    """
    waiting = list(running)
    deadline = time.monotonic() + _START_TIMEOUT_S
    while waiting:
        for one in list(waiting):
            if one.ended:
                raise PersonaXError(f"{one.server.title} did not start{_last_words(one, logs)}")
            if one.server.answers():
                told(one.server)
                waiting.remove(one)
        if waiting and time.monotonic() > deadline:
            names = ", ".join(one.server.title for one in waiting)
            raise PersonaXError(
                f"no answer from {names} within {_START_TIMEOUT_S:.0f} s; what it says is in {logs}"
            )
        time.sleep(0.1)


def wait_until_one_ends(running: Sequence[Running], logs: Path) -> None:
    """Wait for ever; a server that ends by itself is an error."""
    while True:
        for one in running:
            if one.ended:
                raise PersonaXError(f"{one.server.title} ended by itself{_last_words(one, logs)}")
        time.sleep(0.5)


def _last_words(one: Running, logs: Path) -> str:
    log = logs / f"{one.server.title.lower()}.log"
    lines = log.read_text(errors="replace").split("\n") if log.exists() else []
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({said[:200]}); its log is {log}" if said else f"; its log is {log}"


def _stop(running: Sequence[Running]) -> None:
    """Stop all families, politely first; a further Ctrl-C does not interrupt that."""
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            alive = [one for one in running if one.alive]
            for one in alive:
                one.signal(number)
            deadline = time.monotonic() + _STOP_TIMEOUT_S
            while time.monotonic() < deadline and any(one.alive for one in alive):
                time.sleep(0.05)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
