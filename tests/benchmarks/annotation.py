"""Measure the annotation engine: speed beside the bare client, paper scale, faults, kills, money.

`--quick` takes fewer calls and people. Speed is measured on one core against a server on another
that answers after 0.3 s; bare client and engine take turns in one process, and the processor time
per call is given beside the rate, for machines that others use as well.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

LATENCY_S = 0.3
CONCURRENCY = 64
TRANSPORTS = ("httpx", "aiohttp")
PAPER_PEOPLE = 13_625
SIZES = {
    True: {"calls": 320, "turns": 2, "people": 700, "storm": 60, "kills": 120, "spending": 60},
    False: {
        "calls": 1_280, "turns": 3, "people": PAPER_PEOPLE, "storm": 1_000, "kills": 1_000,
        "spending": 300,
    },
}  # fmt: skip


def _people(n: int) -> Any:
    import polars as pl

    names = [f"Person {i}" for i in range(n)]
    ids = [f"p{i}" for i in range(n)]
    return pl.DataFrame({"person_id": ids, "name": names, "league": ["NBA"] * n})


def _rater(name: str, base_url: str, transport: str) -> Any:
    from personax_assets.traits.raters import RaterConfig

    return RaterConfig(
        name, "lean", base_url, concurrency=CONCURRENCY, transport=transport  # type: ignore[arg-type]
    )  # fmt: skip


def _requests(rater: Any, people: Any) -> Any:
    from personax_assets.datasets import ATHLEPERSONA
    from personax_assets.traits.prompts import build_requests

    return build_requests(people, ATHLEPERSONA, rater)


async def _bare(base_url: str, transport: str, bodies: list[Mapping[str, Any]]) -> None:
    """Send the bodies with the client as it is, as many at a time."""
    import openai

    http = openai.DefaultAioHttpClient if transport == "aiohttp" else openai.DefaultAsyncHttpxClient
    waiting = iter(bodies)
    async with openai.AsyncOpenAI(
        api_key="none", base_url=base_url, max_retries=0, http_client=http()
    ) as client:

        async def work() -> None:
            for body in waiting:
                await client.chat.completions.create(**body)  # type: ignore[call-overload]

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


def _timed(work: Callable[[], object], calls: int) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {
        "per_s": calls / (time.perf_counter() - wall),
        "cpu_ms": 1000 * (time.process_time() - cpu) / calls,
    }


def throughput(sizes: Mapping[str, int], folder: Path) -> dict[str, Any]:
    """Compare the engine with the bare client, in turns, on one core."""
    from personax_assets.traits.engine import annotate
    from personax_assets.traits.journal import Journal
    from tests.benchmarks.lean_server import lean_server

    n = sizes["calls"]
    results: dict[str, Any] = {}

    def turn(base_url: str, transport: str, name: str) -> tuple[dict[str, float], dict[str, float]]:
        rater = _rater("lean", base_url, transport)
        requests = _requests(rater, _people(n))
        bodies = [request.body for request in requests]
        bare = _timed(lambda: asyncio.run(_bare(base_url, transport, bodies)), n)
        with Journal(folder / f"{transport}{name}.sqlite") as journal:
            return bare, _timed(lambda: annotate(requests, rater, journal), n)

    with lean_server(LATENCY_S) as base_url:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        for transport in TRANSPORTS:
            turn(base_url, transport, "warm")
            turns = [turn(base_url, transport, str(i)) for i in range(sizes["turns"])]
            results[transport] = {
                f"{who}_{what}": round(median(pair[i][what] for pair in turns), 2)
                for i, who in enumerate(("bare", "engine"))
                for what in ("per_s", "cpu_ms")
            }
            ratios = [engine["per_s"] / bare["per_s"] for bare, engine in turns]
            results[transport]["engine_to_bare"] = round(median(ratios), 3)
    return results


def scale(sizes: Mapping[str, int], folder: Path) -> dict[str, Any]:
    """Ask three raters about everybody, then once more with everything answered."""
    from personax_assets.traits.engine import annotate
    from personax_assets.traits.journal import Journal
    from tests.benchmarks.lean_server import lean_server

    people = _people(sizes["people"])
    names = ("first", "second", "third")
    with lean_server(LATENCY_S) as base_url, Journal(folder / "scale.sqlite") as journal:
        raters = [_rater(name, base_url, "aiohttp") for name in names]
        for rater in raters:  # distinct questions, as three models have
            object.__setattr__(rater, "provider", rater.name)
        annotate(_requests(raters[0], _people(CONCURRENCY)), raters[0], journal)  # warm
        with _Peak() as peak:
            started = time.perf_counter()
            for rater in raters:
                frame = annotate(_requests(rater, people), rater, journal)
                assert frame.filter(status="ok").height == people.height
            asked_s = time.perf_counter() - started
        started = time.perf_counter()
        for rater in raters:
            annotate(_requests(rater, people), rater, journal)
        again_s = time.perf_counter() - started
    size = sum(file.stat().st_size for file in folder.glob("scale.sqlite*"))
    return {
        "calls": len(names) * people.height,
        "seconds": round(asked_s, 1),
        "per_s": round(len(names) * people.height / asked_s, 1),
        "memory_growth_mb": round(peak.growth_mb, 1),
        "seconds_when_all_is_answered": round(again_s, 2),
        "journal_mb": round(size / 1e6, 1),
    }


class _Peak:
    """Samples the resident memory of this process while the block runs."""

    def __enter__(self) -> "_Peak":
        self._start = self._most = _resident_mb()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def growth_mb(self) -> float:
        return self._most - self._start

    def _sample(self) -> None:
        while not self._ended.wait(0.1):
            self._most = max(self._most, _resident_mb())


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def storm(sizes: Mapping[str, int], folder: Path) -> dict[str, Any]:
    """Ask while thirty per cent of the calls fail in every way."""
    from tests.personax_assets.traits import drill

    return drill.storm(folder, sizes["storm"], rpm=1_200)


def kills(sizes: Mapping[str, int], folder: Path) -> dict[str, Any]:
    """Kill a run twenty times."""
    from tests.personax_assets.traits import drill

    return drill.kills(folder, sizes["kills"])


def spending(sizes: Mapping[str, int], folder: Path) -> dict[str, Any]:
    """Give three raters too little money."""
    from tests.personax_assets.traits import drill

    return drill.spending(folder, sizes["spending"])


PARTS: Mapping[str, Callable[[Mapping[str, int], Path], dict[str, Any]]] = {
    "throughput": throughput,
    "scale": scale,
    "storm": storm,
    "kills": kills,
    "spending": spending,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls and people")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated")
    parser.add_argument("--here", choices=PARTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        with tempfile.TemporaryDirectory() as folder:
            found = PARTS[arguments.here](SIZES[arguments.quick], Path(folder))
        print(json.dumps(found), flush=True)
        return
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}",
        "latency_s": LATENCY_S,
        "concurrency": CONCURRENCY,
    }
    print(result["machine"])
    for part in arguments.only or PARTS:
        command = [sys.executable, "-m", "tests.benchmarks.annotation", "--here", part]
        command += ["--quick"] if arguments.quick else []
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # a fresh process each
        result[part] = json.loads(done.stdout.splitlines()[-1])
        print(f"\n{part}: {PARTS[part].__doc__}")
        for name, value in result[part].items():
            print(f"  {name:<32} {value}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
