"""Parses the command line and turns every expected error into one line."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dagster_project.cli import (
    backup,
    calibrate,
    doctor,
    forget,
    latents,
    models,
    person,
    release,
    report,
    run,
    ui,
)
from personax_assets.errors import PersonaXError

_COMMANDS = (
    run.RUN, run.REFRESH, ui.UI, person.PERSON, latents.LATENTS, models.MODELS, report.REPORT,
    calibrate.CALIBRATE, release.RELEASE, backup.BACKUP, backup.RESTORE, forget.FORGET,
    doctor.DOCTOR,
)  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="personax",
        description="Builds, refreshes and analyses the AthlePersona and CelebPersona data sets.",
        epilog="Everything is written below $PERSONAX_HOME (default: .personax in the project). "
        "PERSONAX_PROFILE chooses the profile: demo (default: invented people, simulated "
        "raters, no network), live (your API keys) or cluster (live, on several machines).",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    arguments = parser().parse_args(argv)
    try:
        return int(arguments.execute(arguments))
    except PersonaXError as error:
        print(f"personax {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"personax {arguments.command}: interrupted; what was finished is kept, the same "
            "command goes on from there",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # The reader of our output went away; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def entry() -> NoReturn:
    """Run a command as a program: the process ends as soon as the output is written.

    Tearing the interpreter down module by module makes DuckDB's bindings print pages of
    complaints about references that the exit would free anyway.
    """
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    logging.shutdown()
    os._exit(status)
