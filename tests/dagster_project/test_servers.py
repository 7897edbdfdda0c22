"""Processes that are started together are stopped together, whatever they do."""

import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dagster_project.servers import Running, Server, started, wait_until_one_ends, wait_until_up
from personax_assets.errors import PersonaXError

STUBBORN = """
import http.server, os, signal, subprocess, sys
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:  # a grandchild that ignores signals as well
    signal.pause()
http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]), bind="127.0.0.1")
"""
FAILING = "import sys; print('no such table: runs'); print(); sys.exit(3)"


def server(title: str, code: str, port: int = 9) -> Server:
    command = (sys.executable, "-c", code, str(port))
    return Server(title, f"http://127.0.0.1:{port}", "/", command)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def gone(running: Sequence[Running]) -> bool:
    """Tell whether no process is left; the system may take a moment to bury the dead."""
    deadline = time.monotonic() + 30
    while any(one.alive for one in running) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(one.alive for one in running)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_project.servers._STOP_TIMEOUT_S", 0.5)


def test_a_server_that_ignores_signals_is_gone_with_its_family(tmp_path: Path) -> None:
    told: list[str] = []
    with started([server("Stubborn", STUBBORN, free_port())], os.environ, tmp_path) as running:
        wait_until_up(running, tmp_path, lambda one: told.append(one.title))
        assert told == ["Stubborn"]
        assert running[0].alive
    assert gone(running)


def test_one_that_does_not_start_is_named_with_its_last_words_and_the_other_stopped(
    tmp_path: Path,
) -> None:
    servers = [server("Stubborn", STUBBORN, free_port()), server("Broken", FAILING)]
    with pytest.raises(PersonaXError) as error, started(servers, os.environ, tmp_path) as running:
        wait_until_up(running, tmp_path, lambda one: None)
    assert str(error.value) == (
        f"Broken did not start (no such table: runs); its log is {tmp_path / 'broken.log'}"
    )
    assert gone(running)


def test_one_that_ends_later_ends_the_wait(tmp_path: Path) -> None:
    with (
        pytest.raises(PersonaXError, match="Broken ended by itself"),
        started([server("Broken", FAILING)], os.environ, tmp_path) as running,
    ):
        wait_until_one_ends(running, tmp_path)


def test_silence_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_project.servers._START_TIMEOUT_S", 0.3)
    silent = server("Silent", "import time; time.sleep(60)")
    with (
        pytest.raises(PersonaXError, match=r"no answer from Silent within 0 s"),
        started([silent], os.environ, tmp_path) as running,
    ):
        wait_until_up(running, tmp_path, lambda one: None)
    assert gone(running)
