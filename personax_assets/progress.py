"""One seam for what a person sees while work goes on.

Belongs here: the protocol by which stages tell that they start, how far they are and how they
ended. Does not belong here: drawing (the command line installs an observer of its own).
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from personax_assets.warehouse import StageRecord

logger = logging.getLogger("personax")


class Observer(Protocol):
    """Shows what is going on."""

    def stage_started(self, asset: str) -> None:
        """Show that a stage begins."""

    def stage_ended(self, record: "StageRecord") -> None:
        """Show how a stage ended."""

    def noted(self, sentence: str) -> None:
        """Show something that a person should know, besides how the stage ends."""

    def advanced(self, label: str, done: int, total: int) -> None:
        """Show that `done` of `total` units of the work called `label` are finished."""


class LogObserver:
    """Writes the progress of long work to the log, at most a line every ten seconds."""

    interval_s = 10.0

    def __init__(self) -> None:
        self._last = time.monotonic()

    def stage_started(self, asset: str) -> None:
        """Say nothing: Dagster logs its steps itself."""

    def stage_ended(self, record: "StageRecord") -> None:
        """Say nothing: Dagster logs its steps itself."""

    def noted(self, sentence: str) -> None:
        """Say nothing: the stage logs it itself."""

    def advanced(self, label: str, done: int, total: int) -> None:
        """Log the count when the last line is old enough."""
        now = time.monotonic()
        if now - self._last >= self.interval_s:
            self._last = now
            logger.info("%s: %d/%d", label, done, total)


_observer: Observer = LogObserver()


def install(observer: Observer) -> None:
    """Show everything that follows in this process through `observer`."""
    global _observer
    _observer = observer


def observer() -> Observer:
    """Return the observer in use."""
    return _observer


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
    finished = 0

    def advance(done: int) -> None:
        nonlocal finished
        finished += done
        _observer.advanced(label, finished, total)

    if total > 0:
        _observer.advanced(label, 0, total)
    yield advance
