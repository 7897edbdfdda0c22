"""Spreading work over processes so that no item can take more than itself down.

Belongs here: processes, and what happens when one dies. Does not belong here: what the work is.

A hostile picture may crash a decoder outright, and a process may be killed for its memory. Either
breaks a whole pool. The items that were in flight are then worked on one at a time in a process
of their own, which tells the culprit from its neighbours.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TypeVar

logger = logging.getLogger("personax")

T = TypeVar("T")
R = TypeVar("R")

_CHUNK = 16
"""Items sent to a process at once: little is lost with it, and sending costs little."""

_WORTH_A_POOL = 64
"""Fewer items are done before other processes have started."""

_TRIES = 2
"""How often an item that is alone in a process may lose it: the first may be an accident."""


@dataclass(frozen=True)
class Lost:
    """In place of the result of an item that took its process down, with the reason."""

    detail: str


def isolated_map(
    function: Callable[[T], R], items: Sequence[T], workers: int
) -> Iterator[R | Lost]:
    """Apply a function to each item on several processes.

    Parameters
    ----------
    function : callable
        Importable by name, as are the types of items and results. What it raises is raised here.
    items : sequence
        What to apply it to.
    workers : int
        Number of processes; with one, or with few items, everything is done in this process.

    Yields
    ------
    object or Lost
        The results in the order of the items.
    """
    if workers < 2 or len(items) < _WORTH_A_POOL or not _processes_start(function.__module__):
        yield from map(function, items)
        return
    ahead = deque(items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
    while ahead:
        in_flight: deque[tuple[Sequence[T], Future[list[R]]]] = deque()
        pool = _pool(workers)
        try:
            while ahead or in_flight:
                while ahead and len(in_flight) < 2 * workers:
                    in_flight.append((ahead[0], pool.submit(_each, function, ahead[0])))
                    ahead.popleft()
                yield from in_flight[0][1].result()
                in_flight.popleft()
        except BrokenProcessPool:
            suspects = sum(len(chunk) for chunk, _ in in_flight)
            logger.warning("a worker process died; %d items are looked at singly", suspects)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        for chunk, future in in_flight:
            if future.exception() is None:
                yield from future.result()
            else:
                yield from _singly(function, chunk)


def _singly(function: Callable[[T], R], items: Sequence[T]) -> Iterator[R | Lost]:
    """Apply a function to one item at a time, in a process that may die of it."""
    pool = _pool(1)
    try:
        for item in items:
            for _ in range(_TRIES):
                try:
                    yield pool.submit(function, item).result()
                    break
                except BrokenProcessPool:
                    pool.shutdown(wait=False)
                    pool = _pool(1)
            else:
                yield Lost(f"the process that looked at it died, {_TRIES} times")
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _each(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [function(item) for item in items]


def _pool(workers: int) -> ProcessPoolExecutor:
    # Forking this process would copy the locks that its threads hold (Dagster, polars); the fork
    # server has none, and has imported what the workers need once for all of them.
    context = multiprocessing.get_context("forkserver")
    return ProcessPoolExecutor(workers, context, initializer=_initialise)


def _initialise() -> None:
    """Leave interruptions to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _processes_start(module: str) -> bool:
    """Tell whether other processes can be had, after preparing them to import `module`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", module])
    try:
        with _pool(1) as pool:
            pool.submit(os.getpid).result()
    except (BrokenProcessPool, EOFError, OSError) as error:
        logger.warning("no other processes can be started (%s); using this one alone", error)
        return False
    return True
