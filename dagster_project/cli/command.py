"""What a command is."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DECISIVE = ("PERSONAX_HOME", "PERSONAX_PROFILE", "PERSONAX_RATERS")
"""Environment variables without which a command would do something else."""


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


def no_options(parser: argparse.ArgumentParser) -> None:
    """Take no options."""


def command_line() -> str:
    """Return the command that was given, as it can be given again from any shell."""
    settings = [
        f"{name}={shlex.quote(value)}" for name in _DECISIVE if (value := os.environ.get(name))
    ]
    program = sys.argv[0] if Path(sys.argv[0]).name == "personax" else "personax"
    return " ".join([*settings, shlex.join([program, *sys.argv[1:]])])
