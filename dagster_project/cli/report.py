"""`personax report`: the report, written anew from what the home holds."""

import argparse

from dagster_project.build import build_resources
from dagster_project.cli.command import Command, no_options
from dagster_project.home import Home
from personax_assets.errors import PersonaXError


def _report(arguments: argparse.Namespace) -> int:
    from personax_assets.report.collect import collect_all, collect_comparison, run_info
    from personax_assets.report.write import write_report

    home = Home.from_environment()
    resources = build_resources(home=home)
    reports = collect_all(resources) if home.warehouse.exists() else []
    if not reports:
        raise PersonaXError(f"home {home.root}: there is nothing to report yet; `personax run`")
    comparison = collect_comparison(resources)
    print(write_report(home.report, run_info(resources), reports, comparison))
    return 0


REPORT = Command(
    "report", "write the report anew from what the home holds, and tell its path",
    no_options, _report,
)  # fmt: skip
