"""Redis, PostgreSQL and Celery workers on this machine, for the tests and figures of a cluster.

Servers come from Debian's packages, listen on free ports of the loopback address, keep everything
in a temporary folder and are stopped, with all their processes, when the block ends.
"""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cluster.settings import BROKER_VARIABLE, REDELIVERY_VARIABLE
from dagster_project.home import POSTGRES_VARIABLE
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.fan_out import QUEUE

Process = subprocess.Popen[bytes]

Process = subprocess.Popen[bytes]

RATERS = Path(__file__).resolve().parent.parent / "personax_assets/traits/raters/simulated.yaml"

_PATIENCE_S = 180.0


def what_is_missing() -> str | None:
    """Say what a cluster on this machine lacks; None if nothing."""
    packages = [p for p in ("dagster_celery", "dagster_postgres", "redis") if find_spec(p) is None]
    if packages:
        return f"the extra `cluster` is not installed ({', '.join(packages)})"
    if shutil.which("redis-server") is None:
        return "there is no redis-server; apt-get install redis-server"
    if _postgres() is None:
        return "there is no PostgreSQL server; apt-get install postgresql"
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        return "PostgreSQL does not run as root, and there is no runuser"
    return None


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Run Redis and PostgreSQL for the block; yield the variables that hold their addresses."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cluster-")))
        folder.chmod(0o755)
        password = secrets.token_urlsafe(24)
        redis, postgres = _free_port(), _free_port()
        configuration = folder / "redis.conf"
        configuration.write_text(
            f"bind 127.0.0.1\nport {redis}\nsave ''\nappendonly no\ndir {folder}\n"
            f"requirepass {password}\n"
        )
        stack.enter_context(family(["redis-server", str(configuration)], folder / "redis.log"))
        stack.enter_context(_database(folder, postgres, password))
        for port in (redis, postgres):
            wait_for(lambda port=port: _answers(port), f"a server on port {port}")
        create = "CREATE DATABASE dagster"
        where = f"personax:{password}@127.0.0.1:{postgres}"
        wait_for(lambda: _sql(f"postgresql://{where}/postgres", create), "PostgreSQL")
        yield {
            POSTGRES_VARIABLE: f"postgresql+psycopg2://{where}/dagster",
            BROKER_VARIABLE: f"redis://:{password}@127.0.0.1:{redis}/0",
        }


@contextmanager
def _database(folder: Path, port: int, password: str) -> Iterator[Process]:
    """Run PostgreSQL, as the user that the package makes where this one is root."""
    binaries = _postgres()
    assert binaries is not None
    data, secret = folder / "postgres", folder / "password"
    data.mkdir()
    secret.write_text(password)
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        user = pwd.getpwnam("postgres")
        for path in (data, secret):
            os.chown(path, user.pw_uid, user.pw_gid)
    subprocess.run(
        [*as_user, str(binaries / "initdb"), "-D", str(data), "-U", "personax",
         "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, cwd="/",
    )  # fmt: skip
    command = [
        *as_user, str(binaries / "postgres"), "-D", str(data), "-p", str(port),
        "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={data}",
        "-c", "fsync=off", "-c", "max_connections=200",
    ]  # fmt: skip
    with family(command, folder / "postgres.log") as process:
        yield process


@contextmanager
def worker(name: str, environment: Mapping[str, str], log: Path) -> Iterator[Process]:
    """Run a Celery worker with one process for steps; it serves all queues."""
    command = [
        sys.executable, "-m", "celery", "-A", "dagster_project.cluster.celery_app", "worker",
        "-Q", f"dagster,{QUEUE}", "-c", "1", "-n", f"{name}@here", "--loglevel", "INFO",
    ]  # fmt: skip
    with family(command, log, environment) as process:
        wait_for(lambda: b" ready." in log.read_bytes(), f"worker {name}", process)
        yield process


def environment_of(home: Path, addresses: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a home: of a cluster if servers' addresses are given."""
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "PERSONAX_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "PERSONAX_RATERS": str(RATERS),
        "PERSONAX_PROFILE": "demo",
        "PERSONAX_EXECUTOR": "",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    if addresses is not None:
        environment |= {
            **addresses,
            "PERSONAX_PROFILE": "cluster",
            "PERSONAX_EXECUTOR": "celery",
            "PERSONAX_PART_ROWS": "100",
            REDELIVERY_VARIABLE: "90",
        }
    subprocess.run(
        [sys.executable, "-c", "from dagster_project.home import Home\n"
                               "Home.from_environment().prepare()"],
        env=environment, check=True,
    )  # fmt: skip
    return environment


def cohort(home: Path, people: Mapping[str, int]) -> None:
    """Let a home belong to invented people."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "sources.json").write_text(json.dumps({k: {"people": n} for k, n in people.items()}))


@contextmanager
def bootstrap(environment: Mapping[str, str], log: Path) -> Iterator[Process]:
    """Launch the job `bootstrap` by Dagster's own command, in a process of its own."""
    first, last = ATHLEPERSONA.partitions[0], ATHLEPERSONA.partitions[-1]
    tags = {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }
    command = [
        sys.executable, "-m", "dagster", "job", "execute", "-m", "dagster_project.definitions",
        "-j", "bootstrap", "--tags", json.dumps(tags),
    ]  # fmt: skip
    with family(command, log, environment) as process:
        yield process


@contextmanager
def instance(environment: Mapping[str, str]) -> Iterator[dg.DagsterInstance]:
    """Open the Dagster instance of a home."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (POSTGRES_VARIABLE, "DAGSTER_HOME"):
            patch.setenv(name, environment.get(name, ""))
        with dg.DagsterInstance.get() as opened:
            yield opened


@contextmanager
def family(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run a command in a session of its own; no process of it outlives the block."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=environment and dict(environment), start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        for number in (signal.SIGINT, signal.SIGKILL):
            kill_family(process, number)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                continue
        kill_family(process)


def kill_family(process: Process, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process and all that it started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def wait_for(
    happened: Callable[[], bool],
    what: str,
    process: Process | None = None,
    patience_s: float = _PATIENCE_S,
    every_s: float = 0.1,
) -> None:
    """Wait until something happened."""
    deadline = time.monotonic() + patience_s
    while not happened():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"waited for {what}: the process ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {patience_s:.0f} s for {what}")
        time.sleep(every_s)


def _postgres() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[-3])
    )
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    return Path(on_path).resolve().parent if on_path else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _sql(url: str, command: str) -> bool:
    import psycopg2

    try:
        connection = psycopg2.connect(url)
    except psycopg2.OperationalError:
        return False
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(command)
    connection.close()
    return True
