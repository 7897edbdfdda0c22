"""`personax release`: the job `release` from the command line.

Belongs here: options, the guidelines, the run and what came of it. Does not belong here: making
the release (`personax_assets.release`).
"""

import argparse
import json

from dagster_project.build import build_resources
from dagster_project.cli.command import Command
from dagster_project.cli.console import Board, print_line, print_table
from dagster_project.cli.run import launch
from dagster_project.graph import release_stages_of
from dagster_project.home import Home
from personax_assets.datasets import SUB_DATASETS
from personax_assets.errors import PersonaXError, TermsError
from personax_assets.release.assets import ACCEPT_TAG, BAR_TAGS, EMBEDDINGS_TAG, require_accepted
from personax_assets.resources import Resources
from personax_assets.stage import ONLY_STALE_TAG, Stage


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", choices=tuple(SUB_DATASETS), required=True,
                        help="which sub-dataset")  # fmt: skip
    parser.add_argument("--accept-guidelines", action="store_true",
                        help="accept the usage guidelines, which are shown without it")  # fmt: skip
    parser.add_argument(
        "--embeddings", action="store_true",
        help="add face embeddings: truncated, noised and rotated, obfuscated but not anonymous",
    )  # fmt: skip
    parser.add_argument(
        "--most-reidentified", type=float, metavar="SHARE",
        help="the largest share of people that an attacker with the full roster may name "
        "(default: 0.01)",
    )  # fmt: skip
    parser.add_argument(
        "--least-unchanged", type=float, metavar="SHARE",
        help="the least share of Level I decisions that must stay as they are (default: 0.9)",
    )  # fmt: skip


def _release(arguments: argparse.Namespace) -> int:
    home = Home.from_environment()
    if not home.warehouse.exists():
        raise PersonaXError(f"home {home.root}: there is nothing to release yet; `personax run`")
    resources = build_resources(home=home)
    sub = SUB_DATASETS[arguments.dataset]
    (stage,) = (s for s in release_stages_of(resources) if s.layout.sub == sub)
    tags = _tags(arguments)
    try:
        require_accepted(stage.layout, _simulated(resources, stage), tags)
    except TermsError as error:
        print_line(error.terms)
        raise
    home.prepare()
    with Board(1):
        launch(resources, (stage,), "release", tags)
    record = resources.warehouse.stages()[stage.key]
    if record.status != "ok":
        raise PersonaXError(record.reason or f"{stage.key} {record.status}")
    folder = home.release / sub.name / str(record.data_version)
    found = json.loads((folder / "manifest.json").read_text("utf-8"))
    rows = [(name.replace("_", " "), f"{value:.4g}") for name, value in found["gate"].items()]
    invented = " (simulated)" if found["simulated"] else ""
    print_table(f"{sub.title}{invented}: {found['people']:,} {sub.people}", ("gate", ""), rows)
    print_line(f"Release: {folder}")
    return 0


def _tags(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the run tags that say what is wanted; it is made anew whatever was made before."""
    tags = {ONLY_STALE_TAG: "false"}
    if arguments.accept_guidelines:
        tags[ACCEPT_TAG] = "yes"
    if arguments.embeddings:
        tags[EMBEDDINGS_TAG] = "yes"
    for name, tag in BAR_TAGS.items():
        value = getattr(arguments, name)
        if value is None:
            continue
        if not 0 <= value <= 1:
            raise PersonaXError(f"--{name.replace('_', '-')}: must be a share between 0 and 1")
        tags[tag] = str(value)
    return tags


def _simulated(resources: Resources, stage: Stage) -> bool:
    """Tell whether everybody is invented, which decides the words of the guidelines."""
    layout = stage.layout
    people = resources.warehouse.read(layout.table("bios"), layout.tables["bios"], ("simulated",))
    return bool(people["simulated"].all())


RELEASE = Command(
    "release",
    "write a release of a sub-dataset that passed attacks on it; refused otherwise",
    _options,
    _release,
)
