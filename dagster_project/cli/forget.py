"""`personax forget`: erase one person from the home."""

import argparse
import sys

from dagster_project.build import build_resources
from dagster_project.cli.command import Command
from dagster_project.cli.console import print_line
from dagster_project.forgetting import Forgetting, forget, look
from dagster_project.home import Home
from personax_assets.datasets import SUB_DATASETS
from personax_assets.errors import PersonaXError
from personax_assets.report.words import clean


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("person_id", metavar="ID",
                        help="the person_id; `personax person NAME` tells it")  # fmt: skip
    parser.add_argument("--dataset", choices=tuple(SUB_DATASETS),
                        help="look in this sub-dataset alone")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true",
                        help="only tell what would be erased")  # fmt: skip


def _forget(arguments: argparse.Namespace) -> int:
    home, wanted = Home.from_environment(), arguments.person_id
    if not home.warehouse.exists():
        raise PersonaXError(f"there is nobody in {home.root} yet; `personax run` makes a home")
    resources = build_resources(home=home)
    names = [arguments.dataset] if arguments.dataset else list(SUB_DATASETS)
    subs = [SUB_DATASETS[name] for name in names]
    if arguments.dry_run:
        found = look(resources, home, subs, wanted)
    else:
        found = forget(resources, home, subs, wanted, lambda text: print(text, file=sys.stderr))
    if found.person is None and not found.known:
        raise PersonaXError(
            f"nobody in {home.root} has the person_id {wanted!r}; `personax person NAME` tells it"
        )
    _tell(found, arguments.dry_run)
    if found.left:
        raise PersonaXError(
            f"still in {', '.join(found.left)}: files that a source published or a model holds are "
            "not changed; delete them, or give the command again once no other process is at work"
        )
    return 0


def _tell(found: Forgetting, dry: bool) -> None:
    if found.person is None:
        print_line("Forgotten before; nothing was left to erase.")
        return
    verb = "Would erase" if dry else "Erased"
    for table, rows in found.traces.tables.items():
        print_line(f"{verb} {rows:,} rows of {table}")
    print_line(f"{verb} what {found.traces.calls:,} calls to raters asked and answered")
    print_line(f"{verb} {len(found.traces.photographs):,} files in images/")
    shared = sorted({clean(name) for name in found.person.namesakes})
    if shared:
        print_line(
            f"Part of somebody else's name, too, is {', '.join(shared)}: it stays in that person's "
            "rows, and where a text or a log says it"
        )
    made = [*found.models, *found.releases]
    for name in made:
        print_line(f"Made while the person was in the data, and not changed: {name}")
    if made:
        print_line("Train and release anew, and withdraw what was published, where that is due.")
    if not dry:
        print_line(
            "The person does not come back with the next refresh. `personax run` makes anew what "
            "was made from the person's data, models included; a backup taken earlier still holds "
            "everything."
        )


FORGET = Command(
    "forget", "erase one person from the home, for good, and tell where the data were used",
    _options, _forget,
)  # fmt: skip
