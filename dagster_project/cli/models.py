"""`personax models`: what the model registry holds."""

import argparse
from collections.abc import Mapping

from dagster_project.build import build_resources
from dagster_project.cli.command import Command, no_options
from dagster_project.cli.console import print_table
from dagster_project.home import Home


def _models(arguments: argparse.Namespace) -> int:
    from personax_assets.analysis.registry import list_models

    home = Home.from_environment()
    if not home.root.exists():
        print(f"There is no home at {home.root} yet; `personax run` makes one.")
        return 0
    versions = list_models(build_resources(home=home).models.tracking())
    if not versions:
        print("No model is registered yet; `personax run` trains one.")
        return 0
    for name in sorted({v.name for v in versions}):
        rows = [
            (
                v.version,
                ", ".join(v.aliases),
                f"{v.created:%Y-%m-%d %H:%M}",
                _told(v.metrics),
                v.reason,
            )
            for v in versions
            if v.name == name
        ]
        columns = ("version", "alias", "created (UTC)", "held-out metrics", "last decision")
        print_table(name, columns, rows)
    return 0


def _told(metrics: Mapping[str, float]) -> str:
    from personax_assets.report.metrics import headline_metrics

    lines = headline_metrics({"metrics": metrics})
    return "\n".join(f"{name}: {value}" for name, value in lines)


MODELS = Command(
    "models",
    "list registered models with versions, aliases, metrics and why each became what it is",
    no_options,
    _models,
)
