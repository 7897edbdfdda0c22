"""What `personax run` shows while it works and at its end.

Belongs here: drawing with rich. Does not belong here: deciding what happens.
"""

import os
import sys
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from personax_assets.progress import install
from personax_assets.warehouse import StageRecord

_MARKS = {"ok": "[green]✓[/]", "skipped": "[yellow]–[/]", "degraded": "[red]![/]",
          "failed": "[red]✗[/]"}  # fmt: skip


class _RateColumn(ProgressColumn):
    """Units per second or minute of a piece of work; nothing for the bar of all stages."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not task.fields["even"] or not speed:
            return Text("")
        rate = f"{speed:,.3g}/s" if speed >= 1 else f"{60 * speed:,.2g}/min"
        return Text(rate, style="progress.data.speed")


class _TimeLeftColumn(TimeRemainingColumn):
    """Time left of a piece of work; stages are too unlike each other to tell it of them all."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.fields["even"] else Text("")


class Board:
    """Shows stages as they end, and a bar for the work that is going on.

    When the output is no terminal, only the lines of ended stages are written.
    """

    def __init__(self, n_stages: int) -> None:
        # Dagster redirects the standard streams while a step runs, so draw on a copy.
        self._stream = os.fdopen(os.dup(sys.stderr.fileno()), "w")
        self.console = Console(file=self._stream, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            _TimeLeftColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._all = self._progress.add_task("all stages", total=n_stages, even=False)
        self._work: dict[str, TaskID] = {}

    def __enter__(self) -> "Board":
        """Start drawing."""
        install(self)
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop drawing."""
        self._progress.stop()
        self._stream.flush()

    def stage_started(self, asset: str) -> None:
        """Name the stage that is going on."""
        self._progress.update(self._all, description=asset)

    def stage_ended(self, record: StageRecord) -> None:
        """Write the stage's line."""
        for task in self._work.values():
            self._progress.remove_task(task)
        self._work.clear()
        rows = "" if record.rows is None else f"{record.rows:>9,} rows"
        reason = f"  {record.reason}" if record.reason else ""
        self.console.print(
            f"{_MARKS[record.status]} {record.asset:<38}{rows:>14}{record.seconds:>8.1f} s{reason}",
            soft_wrap=True,
        )
        self._progress.advance(self._all)

    def noted(self, sentence: str) -> None:
        """Write a sentence above the bars."""
        self.console.print(f"  {sentence}", markup=False, soft_wrap=True)

    def advanced(self, label: str, done: int, total: int) -> None:
        """Move the bar of a piece of work."""
        if label not in self._work:
            self._work[label] = self._progress.add_task(label, total=total, even=True)
        self._progress.update(self._work[label], completed=done, total=total)


def print_heading(text: str) -> None:
    """Print a line that stands out on standard output."""
    Console(highlight=False).print(Text(f"\n{text}", "bold"))


def print_line(text: str) -> None:
    """Print a line on standard output, without reading anything into it."""
    Console(highlight=False).print(Text(text), soft_wrap=True)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output."""
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
