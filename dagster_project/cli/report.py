"""`personax report`: the report, written anew from what the home holds."""

import argparse

from dagster_project.build import build_resources
from dagster_project.cli.command import Command, no_options
from dagster_project.home import Home


def _report(arguments: argparse.Namespace) -> int:
    from personax_assets.report.anew import write_anew

    index, _ = write_anew(build_resources(home=Home.from_environment()))
    print(index)
    return 0


REPORT = Command(
    "report", "write the report anew from what the home holds, and tell its path",
    no_options, _report,
)  # fmt: skip
