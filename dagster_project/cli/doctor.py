"""`personax doctor`: what is wrong, and how to mend it."""

import argparse

from rich.console import Console
from rich.text import Text

from dagster_project.cli.command import Command, no_options
from dagster_project.diagnosis import Finding, diagnose
from dagster_project.home import Home

_MARKS = {"good": ("✓", "green"), "note": ("!", "yellow"), "problem": ("✗", "red")}


def _doctor(arguments: argparse.Namespace) -> int:
    console = Console(highlight=False, soft_wrap=True)
    problems = 0
    for finding in diagnose(Home.from_environment()):
        problems += finding.level == "problem"
        console.print(_line(finding))
        if finding.mend:
            console.print(Text(f"{'':<13}→ {finding.mend}"))
    noun = "problem" if problems == 1 else "problems"
    console.print(f"{problems} {noun}." if problems else "No problem found.")
    return 1 if problems else 0


def _line(finding: Finding) -> Text:
    mark, colour = _MARKS[finding.level]
    return Text.assemble((mark, colour), f" {finding.subject:<11}{finding.told}")


DOCTOR = Command(
    "doctor",
    "check Python, packages, home, disk, locks, ports, keys, raters and models; say what to mend",
    no_options,
    _doctor,
)
