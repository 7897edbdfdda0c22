"""`personax models`: what the model registry holds."""

import argparse

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
    rows = [
        (v.name, v.version, ", ".join(v.aliases), f"{v.created:%Y-%m-%d %H:%M}", v.reason)
        for v in versions
    ]
    print_table("Registered models", ("model", "version", "aliases", "created", "decision"), rows)
    return 0


MODELS = Command(
    "models",
    "list registered models with versions, aliases and why each became what it is",
    no_options,
    _models,
)
