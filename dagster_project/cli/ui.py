"""`personax ui`: the Dagster UI and the MLflow UI over a home.

Belongs here: starting both servers, waiting until they answer, and stopping them for sure.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from types import FrameType

from dagster_project.cli.command import Command
from dagster_project.home import PROJECT_ROOT, Home
from personax_assets.errors import PersonaXError

_HOST = "127.0.0.1"
_START_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class _Server:
    """A web server to start."""

    title: str
    option: str
    port: int
    command: tuple[str, ...]
    path: str

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dagster-port", type=int, default=3000, metavar="PORT",
                        help="port of the Dagster UI (default: 3000)")  # fmt: skip
    parser.add_argument("--mlflow-port", type=int, default=5000, metavar="PORT",
                        help="port of the MLflow UI (default: 5000)")  # fmt: skip


def _servers(arguments: argparse.Namespace, home: Home) -> tuple[_Server, _Server]:
    python = sys.executable
    dagster = _Server(
        "Dagster", "--dagster-port", arguments.dagster_port,
        (python, "-m", "dagster", "dev", "-m", "dagster_project.definitions",
         "--host", _HOST, "--port", str(arguments.dagster_port)),
        "/server_info",
    )  # fmt: skip
    mlflow = _Server(
        "MLflow", "--mlflow-port", arguments.mlflow_port,
        (python, "-m", "mlflow", "server", "--host", _HOST, "--port", str(arguments.mlflow_port),
         "--workers", "1", "--backend-store-uri", home.tracking_uri,
         "--default-artifact-root", str(home.artifacts)),
        "/health",
    )  # fmt: skip
    return dagster, mlflow


def _require_free(server: _Server) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, server.port))
        except OSError as error:
            raise PersonaXError(
                f"port {server.port} for {server.title} cannot be had ({error.strerror}); stop "
                f"what uses it or choose another with {server.option} PORT"
            ) from error


def _answers(server: _Server) -> bool:
    try:
        with urllib.request.urlopen(server.url + server.path, timeout=2) as reply:  # noqa: S310
            return bool(reply.status == 200)
    except OSError:
        return False


def _ui(arguments: argparse.Namespace) -> int:
    home = Home.from_environment()
    home.prepare()
    servers = _servers(arguments, home)
    for server in servers:
        _require_free(server)
    environment = os.environ | {
        "PERSONAX_HOME": str(home.root),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # A look at a live source asks politely, so it may take minutes.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "900",
        "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "900",
    }
    logs = home.root / "logs"
    logs.mkdir(exist_ok=True)
    processes: list[subprocess.Popen[bytes]] = []
    signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        for server in servers:
            with (logs / f"{server.title.lower()}.log").open("ab") as log:
                # A session of its own lets the whole family of processes be stopped together.
                processes.append(subprocess.Popen(
                    server.command, cwd=PROJECT_ROOT, env=environment, stdout=log,
                    stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
                ))  # fmt: skip
        _wait_until_up(servers, processes, str(logs))
        print("Press Ctrl-C to stop both.", flush=True)
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        raise PersonaXError(f"a server ended by itself; its log is in {logs}")
    except KeyboardInterrupt:
        print("Stopping.", flush=True)
        return 0
    finally:
        _stop(processes)


def _raise_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _wait_until_up(
    servers: tuple[_Server, ...], processes: list["subprocess.Popen[bytes]"], logs: str
) -> None:
    waiting = list(zip(servers, processes, strict=True))
    deadline = time.monotonic() + _START_TIMEOUT_S
    while waiting:
        for server, process in list(waiting):
            if process.poll() is not None:
                raise PersonaXError(f"{server.title} did not start; its log is in {logs}")
            if _answers(server):
                print(f"{server.title:<8} {server.url}", flush=True)
                waiting.remove((server, process))
        if time.monotonic() > deadline:
            names = ", ".join(server.title for server, _ in waiting)
            raise PersonaXError(f"no answer from {names} in {_START_TIMEOUT_S:.0f} s; see {logs}")
        time.sleep(0.2)


def _stop(processes: list["subprocess.Popen[bytes]"]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        alive = [process for process in processes if _family_alive(process)]
        for process in alive:
            os.killpg(process.pid, number)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while time.monotonic() < deadline and any(_family_alive(p) for p in alive):
            time.sleep(0.1)


def _family_alive(process: "subprocess.Popen[bytes]") -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


UI = Command("ui", "start the Dagster UI and the MLflow UI on this machine", _options, _ui)
