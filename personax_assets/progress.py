"""One seam for progress on long work.

Belongs here: the protocol by which a stage tells how far it is. Does not belong here: drawing
(the command line installs a bar, everything else keeps the log lines).
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

logger = logging.getLogger("personax")


class Reporter(Protocol):
    """Shows the progress of one piece of work."""

    def advance(self, done: int) -> None:
        """Tell that `done` more units are finished."""

    def close(self) -> None:
        """Tell that the work ended, finished or not."""


class LogReporter:
    """Writes a line to the log, at most one every ten seconds."""

    interval_s = 10.0

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total, self._done = label, total, 0
        self._started = self._last = time.monotonic()

    def advance(self, done: int) -> None:
        """Add to the count and log it when the last line is old enough."""
        self._done += done
        now = time.monotonic()
        if now - self._last >= self.interval_s:
            self._last = now
            rate = self._done / max(now - self._started, 1e-9)
            logger.info("%s: %d/%d (%.1f/s)", self._label, self._done, self._total, rate)

    def close(self) -> None:
        """Nothing to release."""


ReporterFactory = Callable[[str, int], Reporter]
_factory: ContextVar[ReporterFactory] = ContextVar("personax_progress", default=LogReporter)


def install(factory: ReporterFactory) -> None:
    """Send the progress of everything that follows in this context to `factory`."""
    _factory.set(factory)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Report the progress of the work in the block.

    Parameters
    ----------
    label : str
        What is being done, as a person would say it.
    total : int
        Number of units; with none nothing is shown.

    Yields
    ------
    callable
        `advance(done)`: call it with the number of units just finished.
    """
    if total <= 0:
        yield lambda done: None
        return
    reporter = _factory.get()(label, total)
    try:
        yield reporter.advance
    finally:
        reporter.close()
