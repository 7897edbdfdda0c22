"""`personax backup` and `personax restore`: a home as one file, and back."""

import argparse
from pathlib import Path

from dagster_project.cli.command import Command
from dagster_project.home import Home


def _backup_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE_OR_DIR",
        help="archive to write, or a folder in which to write one named after the time",
    )  # fmt: skip


def _restore_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", type=Path, metavar="FILE", help="a backup")
    parser.add_argument(
        "--home", type=Path, metavar="DIR",
        help="where to; empty or not there yet (default: $PERSONAX_HOME)",
    )  # fmt: skip


def _backup(arguments: argparse.Namespace) -> int:
    from dagster_project.backup import back_up

    home = Home.from_environment()
    kept = back_up(home, arguments.out)
    print(f"{kept.files:,} files, {kept.size / 1e6:,.1f} MB of {home.root}: {kept.archive}")
    if not home.tracking_uri.startswith("sqlite:///"):
        print("The models are not in it: MLFLOW_TRACKING_URI keeps them on a server of its own.")
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    from dagster_project.backup import restore

    home = Home(arguments.home.absolute()) if arguments.home else Home.from_environment()
    kept = restore(arguments.archive, home)
    print(f"{kept.files:,} files, {kept.size / 1e6:,.1f} MB, each as it was: {home.root}")
    return 0


BACKUP = Command(
    "backup", "write the home to one file, while it is in use or not", _backup_options, _backup
)

RESTORE = Command(
    "restore",
    "bring a backup back as a home, after checking every file",
    _restore_options,
    _restore,
)
