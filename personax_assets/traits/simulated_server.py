"""The simulated raters as a process of their own.

Belongs here: starting, finding and stopping the server. Does not belong here: what it answers
(`simulated_app`).

The server listens on the loopback interface alone and ends when its standard input does, so it
never outlives whoever started it, however that ends.
"""

import argparse
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType

from personax_assets.errors import PersonaXError
from personax_assets.traits.faults import Faults
from personax_assets.traits.raters import RaterConfig

START_TIMEOUT_S = 180.0


class SimulatedServerError(PersonaXError):
    """The simulated raters could not be started."""


def simulated_provider(seed: int) -> str:
    """Return the part of a request's identity that says which invented people it is about."""
    return f"simulated-{seed}"


class SimulatedServer:
    """A running server of simulated raters, usable as a context manager.

    Parameters
    ----------
    datasets : mapping of str to int
        The sub-datasets to answer for, and the size of each one's cohort.
    seed : int
        Seed of the cohorts and of the raters.
    faults : Faults, optional
        What goes wrong; nothing by default.
    """

    def __init__(
        self, datasets: Mapping[str, int], seed: int, faults: Faults | None = None
    ) -> None:
        self.datasets, self.seed, self.faults = dict(datasets), seed, faults or Faults()
        self._process: subprocess.Popen[bytes] | None = None
        self._base_url: str | None = None

    def __enter__(self) -> "SimulatedServer":
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    @property
    def base_url(self) -> str:
        """Address for an OpenAI-compatible client."""
        if self._base_url is None:
            raise SimulatedServerError("the simulated raters are not running: start them first")
        return self._base_url

    def connect(self, rater: RaterConfig) -> RaterConfig:
        """Return a simulated rater with this server's address and identity.

        The identity names the seed, which decides the answers, and not the port, which does not.
        """
        if not rater.simulated:
            raise SimulatedServerError(f"rater {rater.name!r} is not simulated")
        return replace(rater, base_url=self.base_url, provider=simulated_provider(self.seed))

    def start(self) -> None:
        """Start the process and wait until it answers."""
        command = [sys.executable, "-m", "personax_assets.traits.simulated_server"]
        for dataset, n in self.datasets.items():
            command += ["--dataset", dataset, "--n", str(n)]
        command += ["--seed", str(self.seed), "--faults", self.faults.to_json()]
        with tempfile.TemporaryFile() as complaints:
            # In a session of its own, an interrupt at the keyboard reaches the parent alone.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,
            )
            line = self._first_line()
            if line:
                self._base_url = json.loads(line)["base_url"]
                return
            self.stop()
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"no answer within {START_TIMEOUT_S:g} s"
        raise SimulatedServerError(f"the simulated raters did not start: {reason}")

    def stop(self) -> None:
        """End the process."""
        process, self._process, self._base_url = self._process, None, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _first_line(self) -> bytes:
        """Return the process's first line; nothing if it ends or takes too long."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = b""
        deadline = time.monotonic() + START_TIMEOUT_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(deadline - time.monotonic()):
                    return b""
                chunk = os.read(self._process.stdout.fileno(), 4096)
                if not chunk:
                    return b""
                line += chunk
        return line


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(
        prog="python -m personax_assets.traits.simulated_server",
        description="Serve simulated raters on this machine; ends with its standard input.",
    )
    parser.add_argument("--dataset", action="append", required=True, help="may be repeated")
    parser.add_argument("--n", action="append", type=int, required=True, help="one per --dataset")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    parser.add_argument("--faults", type=Faults.from_json, default=Faults(), help="JSON")
    given = parser.parse_args(arguments)
    if len(given.dataset) != len(given.n):
        parser.error("give one --n for every --dataset")

    import uvicorn

    from personax_assets.traits.simulated_app import SimulatedRaters, build_app

    datasets = dict(zip(given.dataset, given.n, strict=True))
    app = build_app(SimulatedRaters(datasets, given.seed, given.faults), given.faults)
    listener = socket.create_server(("127.0.0.1", given.port), backlog=2048)
    threading.Thread(target=_end_with_input, daemon=True).start()
    port = listener.getsockname()[1]
    print(json.dumps({"base_url": f"http://127.0.0.1:{port}/v1", "pid": os.getpid()}), flush=True)
    # Idle connections stay open: a client that reuses one must not find it closed.
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=3600
    )
    uvicorn.Server(config).run(sockets=[listener])


def _end_with_input() -> None:
    """End the process as soon as standard input does; there is nothing to save."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
