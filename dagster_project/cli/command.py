"""What a command is."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Command:
    """One command of `personax`.

    Parameters
    ----------
    name, summary : str
        As shown by `--help`.
    configure : callable
        Adds the command's options to its parser.
    execute : callable
        Does the work and returns the exit status.
    """

    name: str
    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    execute: Callable[[argparse.Namespace], int]

    def add_to(self, commands: "argparse._SubParsersAction[Any]") -> None:
        """Register the command."""
        parser = commands.add_parser(self.name, help=self.summary, description=self.summary)
        self.configure(parser)
        parser.set_defaults(execute=self.execute)
