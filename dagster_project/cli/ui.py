"""`personax ui`: the Dagster UI and the MLflow UI over a home.

Belongs here: which servers, on which addresses, and what a person is told. Does not belong here:
starting and stopping processes (`servers`).
"""

import argparse
import ipaddress
import os
import signal
import sys
from types import FrameType

from dagster_project.cli.command import Command
from dagster_project.home import Home
from dagster_project.ports import LOOPBACK, free_port, holder, refusal
from dagster_project.servers import Server, started, wait_until_one_ends, wait_until_up
from personax_assets.errors import PersonaXError

_DAGSTER_PORT, _MLFLOW_PORT = 3000, 5000

_EXPOSED = (
    "personax ui: WARNING: neither interface has a login. Whoever reaches {host} on these ports "
    "can read all data, launch runs and delete models. Put an authenticating proxy in front."
)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dagster-port", type=int, metavar="PORT",
        help=f"port of the Dagster UI (default: {_DAGSTER_PORT}, or the next free one)",
    )  # fmt: skip
    parser.add_argument(
        "--mlflow-port", type=int, metavar="PORT",
        help=f"port of the MLflow UI (default: {_MLFLOW_PORT}, or the next free one)",
    )  # fmt: skip
    parser.add_argument(
        "--host", default=LOOPBACK, metavar="ADDRESS",
        help=f"address to listen on (default: {LOOPBACK}, this machine alone)",
    )  # fmt: skip
    parser.add_argument(
        "--allow-remote", action="store_true",
        help="let --host be an address that other machines reach; neither UI has a login",
    )  # fmt: skip


def _ui(arguments: argparse.Namespace) -> int:
    _check_host(arguments.host, arguments.allow_remote)
    home = Home.from_environment()
    home.prepare()
    servers = [_dagster(arguments)]
    remote = _remote_tracking(home)
    if remote is None:
        servers.append(_mlflow(arguments, home, taken=_port_of(servers[0])))
    environment = os.environ | {
        "PERSONAX_HOME": str(home.root),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # A look at a live source asks politely, so it may take minutes.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "900",
        "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "900",
    }
    logs = home.root / "logs"
    # Set explicitly: a shell that starts us in the background has SIGINT ignored, for all heirs.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _say(f"Starting over {home.root}; this takes about half a minute.")
        with started(servers, environment, logs) as running:
            wait_until_up(running, logs, lambda server: _say(f"{server.title:<8} {server.url}"))
            if remote is not None:
                _say(f"{'MLflow':<8} {remote} (MLFLOW_TRACKING_URI)")
            _say("Press Ctrl-C to stop.")
            wait_until_one_ends(running, logs)
    except KeyboardInterrupt:
        _say("Stopped.")
    return 0


def _say(line: str) -> None:
    print(line, flush=True)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _check_host(host: str, allow_remote: bool) -> None:
    """Refuse an address that other machines reach, unless that is wanted."""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise PersonaXError(
            f"--host {host}: is not an IP address; use {LOOPBACK}, or one of this machine's"
        ) from None
    if local:
        return
    if not allow_remote:
        raise PersonaXError(
            f"--host {host}: other machines would reach it, and neither interface has a login; "
            f"leave it out, or add --allow-remote if that is what you want"
        )
    print(_EXPOSED.format(host=host), file=sys.stderr, flush=True)


def _remote_tracking(home: Home) -> str | None:
    """Return the address of an MLflow server that runs elsewhere; None if there is none."""
    uri = home.tracking_uri
    return uri if uri.startswith(("http:", "https:", "databricks")) else None


def _dagster(arguments: argparse.Namespace) -> Server:
    port = _port("Dagster", "--dagster-port", arguments, _DAGSTER_PORT)
    return Server(
        "Dagster", _url(arguments.host, port), "/server_info",
        (sys.executable, "-m", "dagster", "dev", "-m", "dagster_project.definitions",
         "--host", arguments.host, "--port", str(port)),
    )  # fmt: skip


def _mlflow(arguments: argparse.Namespace, home: Home, taken: int) -> Server:
    port = _port("MLflow", "--mlflow-port", arguments, _MLFLOW_PORT, taken)
    return Server(
        "MLflow", _url(arguments.host, port), "/health",
        (sys.executable, "-m", "mlflow", "server", "--host", arguments.host, "--port", str(port),
         "--workers", "1", "--backend-store-uri", home.tracking_uri,
         "--default-artifact-root", str(home.artifacts)),
    )  # fmt: skip


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])


def _port(
    title: str, option: str, arguments: argparse.Namespace, default: int, taken: int | None = None
) -> int:
    """Return the port asked for, or the default, or else the next free one."""
    asked: int | None = getattr(arguments, option.removeprefix("--").replace("-", "_"))
    wanted = default if asked is None else asked
    refused = "taken by the other interface" if wanted == taken else refusal(wanted, arguments.host)
    if refused is None:
        return wanted
    by = f"held by {who}" if (who := holder(wanted)) else refused
    other = None if asked is not None else free_port(wanted + 1, arguments.host)
    if other is None:
        raise PersonaXError(
            f"port {wanted} for {title} cannot be had ({by}); stop what uses it or choose another "
            f"with {option} PORT"
        )
    _say(f"Port {wanted} is {by}; {title} takes {other}.")
    return other


UI = Command("ui", "start the Dagster UI and the MLflow UI on this machine", _options, _ui)
