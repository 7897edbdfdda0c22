"""`personax run` and `personax refresh`: bring stages up to date.

Belongs here: from options to one Dagster run, and from its outcome to the exit status. Does not
belong here: drawing (`console`) or what stages do.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from dagster_project.build import build_resources, definitions_of
from dagster_project.cli.command import Command, command_line
from dagster_project.cli.console import Board, print_table
from dagster_project.cli.forecast import check_limit, print_forecast
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.jobs import (
    PUBLISHING,
    asset_keys,
    refresh_stages,
    run_tags,
    stages_about,
)
from dagster_project.logs import is_structured, write_json_lines
from dagster_project.profiles import DEFAULT_SEED, profile_named, sources_of, synthetic_source
from personax_assets.bios.assets import ACCEPT_LEAVERS_TAG
from personax_assets.changes import described, run_changes
from personax_assets.datasets import ATHLEPERSONA, SUB_DATASETS, SubDataset
from personax_assets.errors import PersonaXError, TermsError
from personax_assets.locking import exclusive
from personax_assets.resources import Raters, Resources, SourceConfig, check_claim, read_manifest
from personax_assets.stage import Stage, stale
from personax_assets.warehouse import StageRecord


def dataset_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that chooses sub-datasets."""
    parser.add_argument(
        "--dataset", choices=(*SUB_DATASETS, "all"),
        help="which sub-dataset (default: all; in a home of real athletes: athlepersona)",
    )  # fmt: skip


def _run_options(parser: argparse.ArgumentParser) -> None:
    dataset_option(parser)
    parser.add_argument(
        "--scale", choices=("demo", "paper"),
        help="size of the invented cohort: demo (420 athletes, 480 public figures; default) or "
        "paper (4,181 and 9,444)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, help=f"seed of the cohort (default: {DEFAULT_SEED})")
    parser.add_argument(
        "--rosters", type=Path, metavar="FILE",
        help="real athletes: YAML that lists roster files and how to read them",
    )  # fmt: skip
    parser.add_argument(
        "--rosters-dir", type=Path, metavar="DIR",
        help="folder that the paths in FILE are relative to (default: FILE's folder)",
    )  # fmt: skip
    parser.add_argument(
        "--source", type=Path, metavar="FILE", action="append", default=[],
        help="real people from elsewhere: YAML that describes the source (Wikidata, CelebA, a "
        "published release); may be given once per sub-dataset",
    )  # fmt: skip
    parser.add_argument(
        "--photographs", type=Path, metavar="DIR",
        help="folder with photographs of the people in the rosters, named after their ids",
    )  # fmt: skip
    _asking_options(parser)


def _refresh_options(parser: argparse.ArgumentParser) -> None:
    dataset_option(parser)
    parser.add_argument(
        "--accept-leavers", metavar="GROUPS",
        help="leagues, separated by commas, that really lost more than a tenth of their people "
        "(all: the public figures); without it such a league is left as it was",
    )  # fmt: skip
    _asking_options(parser)


def _asking_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides whom the raters are asked about, and for how much money."""
    parser.add_argument(
        "--budget", type=float, metavar="USD",
        help="the most that the raters may cost in this run, failed calls included; asking stops "
        "cleanly when it is used up (default: budget_usd in the raters' file, else no limit)",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true",
        help="only tell how many calls, tokens, US dollars and minutes each rater would take",
    )  # fmt: skip
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument(
        "--only-failed", action="store_const", dest="ask", const="failed", default="missing",
        help="ask only about people whose last call failed or was refused, not about new ones",
    )  # fmt: skip
    whom.add_argument(
        "--ask-again", action="store_const", dest="ask", const="again",
        help="ask about everybody once more, answered or not; earlier answers stay in the journal",
    )  # fmt: skip


def chosen_sub_datasets(
    dataset: str | None, sources: Mapping[str, SourceConfig]
) -> tuple[SubDataset, ...]:
    """Return the sub-datasets asked for; unasked, no invented people come to a home of real ones.

    Parameters
    ----------
    dataset : str, optional
        The option's value.
    sources : mapping
        The sources that the home belongs to or that are asked for, by sub-dataset.
    """
    real = any(source.kind != "synthetic" for source in sources.values())
    names = sources if dataset is None and real else SUB_DATASETS
    wanted = (dataset,) if dataset in SUB_DATASETS else names
    return tuple(sub for name, sub in SUB_DATASETS.items() if name in wanted)


def _wanted(
    arguments: argparse.Namespace, claimed: Mapping[str, SourceConfig], kept: Path
) -> tuple[tuple[SubDataset, ...], dict[str, SourceConfig]]:
    """Return the sub-datasets asked for and the sources that were asked for explicitly."""
    real = _real_sources(arguments, kept)
    subs = chosen_sub_datasets(arguments.dataset, {**claimed, **real})
    invented = bool(arguments.scale) or arguments.seed is not None
    for name in real:
        if arguments.dataset not in (None, "all", name):
            raise PersonaXError(f"--dataset {arguments.dataset}: the source given is for {name}")
    if real and invented:
        raise PersonaXError(
            "--rosters and --source bring real people; leave out --scale and --seed"
        )
    if not invented:
        return subs, real
    seed = DEFAULT_SEED if arguments.seed is None else arguments.seed
    scale = arguments.scale or "demo"
    return subs, {sub.name: synthetic_source(sub.name, scale, seed) for sub in subs}


def _real_sources(arguments: argparse.Namespace, kept: Path) -> dict[str, SourceConfig]:
    """Return the sources of real people that the options name, by sub-dataset.

    Terms of a source are shown until they are accepted.
    """
    from personax_assets.bios.descriptions import load_description

    sources: dict[str, SourceConfig] = {}
    if arguments.rosters is None:
        for option in ("rosters_dir", "photographs"):
            if getattr(arguments, option) is not None:
                raise PersonaXError(f"--{option.replace('_', '-')} needs --rosters FILE")
    else:
        sources[ATHLEPERSONA.name] = SourceConfig(
            kind="rosters",
            rosters=_existing(arguments.rosters, "--rosters"),
            rosters_dir=_existing(arguments.rosters_dir, "--rosters-dir"),
            photographs=_existing(arguments.photographs, "--photographs"),
        )
    for file in arguments.source:
        path = _existing(file, "--source")
        description = load_description(Path(path))
        try:
            description.admit(kept)
        except TermsError as error:
            print(error.terms)
            raise
        name = description.sub.name
        if name in sources:
            raise PersonaXError(
                f"--source {file}: there is another source for {name}; leave one out"
            )
        sources[name] = SourceConfig(
            kind=description.kind, file=path, photographs=description.photographs
        )
    return sources


def _existing(path: Path | None, option: str) -> str:
    """Return the full path of what an option names; empty if it was not given."""
    if path is not None and not path.exists():
        raise PersonaXError(f"{option} {path}: there is no such file or folder")
    return str(path.absolute()) if path else ""


def _home(arguments: argparse.Namespace) -> Home:
    """Return the home, made ready unless it is only looked at."""
    home = Home.from_environment()
    if not arguments.dry_run:
        home.prepare()
    return home


def _resources(
    arguments: argparse.Namespace, home: Home, wanted: Mapping[str, SourceConfig] | None = None
) -> Resources:
    """Return the resources of the profile, with the options about asking."""
    sources = sources_of(home, wanted)
    raters = Raters(
        file=str(profile_named().raters_file),
        journal=str(home.journal),
        ask=arguments.ask,
        budget_usd=arguments.budget,
    )
    resources = build_resources(home=home, sources=sources, overrides={"raters": raters})
    check_limit(resources)
    return resources


def _run(arguments: argparse.Namespace) -> int:
    home = _home(arguments)
    claimed = read_manifest(home.manifest)
    subs, wanted = _wanted(arguments, claimed, home.sources)
    for sub in subs:
        if sub.name in wanted:
            check_claim(home.manifest, claimed, sub, wanted[sub.name])
    resources = _resources(arguments, home, wanted)
    if arguments.dry_run:
        print_forecast(resources, subs)
        return 0
    stages = stages_about(stages_of(resources), subs)
    return _conclude(resources, subs, stages, {})


def _refresh(arguments: argparse.Namespace) -> int:
    home = _home(arguments)
    subs = chosen_sub_datasets(arguments.dataset, read_manifest(home.manifest))
    resources = _resources(arguments, home)
    if arguments.dry_run:
        print_forecast(resources, subs)
        return 0
    everything = stages_of(resources)
    stages = refresh_stages(everything, subs)
    accepted = arguments.accept_leavers
    return _conclude(resources, subs, stages, {ACCEPT_LEAVERS_TAG: accepted} if accepted else {})


def _conclude(
    resources: Resources,
    subs: Sequence[SubDataset],
    stages: Sequence[Stage],
    tags: Mapping[str, str],
) -> int:
    """Bring the stages up to date, say how that went, and return the exit status."""
    from personax_assets.report import FOLDER
    from personax_assets.report.anew import write_anew
    from personax_assets.report.write import INDEX

    todo = stale(stages, resources, {stage.key for stage in stages})
    if todo:
        with _shown(len(todo)):
            run_id = launch(resources, todo, tags=tags)
    else:
        print("Everything is up to date.")
    records = resources.warehouse.stages()
    report_is_older = bool(todo) and not any(stage.name in PUBLISHING for stage in todo)
    for sub in subs if todo else ():
        print(f"{sub.title}: {described(run_changes(records.values(), sub.name, run_id))}")
    failed = {
        stage.name
        for stage in todo
        if (record := records.get(stage.key)) and record.status == "failed"
    }
    if failed and "report" not in failed:
        # The report stage does not run after a failure, but the report should tell of it.
        write_anew(resources)
        report_is_older = False
    _print_summary(resources, subs)
    index = resources.home / FOLDER / INDEX
    if index.exists():
        older = " (from before this; `personax report` writes it anew)" if report_is_older else ""
        print(f"Report: {index}{older}")
    return complain(stages, records)


def _shown(n_stages: int) -> AbstractContextManager[object]:
    """Return what shows the work: lines for machines if they are asked for, else the board."""
    if not is_structured():
        return Board(n_stages)
    write_json_lines()
    return nullcontext()


def launch(
    resources: Resources,
    todo: Sequence[Stage],
    job: str = "bootstrap",
    tags: Mapping[str, str] | None = None,
) -> str:
    """Run stages as one Dagster run of the home's instance, in this process; return its id."""
    import logging

    import dagster as dg

    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    # Two first runs at once would both try to create the instance's tables.
    with exclusive(resources.home / "locks" / "instance.lock"):
        instance = dg.DagsterInstance.get()
        instance.get_runs_count()
        instance.get_latest_materialization_event(dg.AssetKey("none"))
    with instance:
        done = (
            definitions_of(resources)
            .resolve_job_def(job)
            .execute_in_process(
                instance=instance,
                asset_selection=asset_keys(todo),
                tags=run_tags(todo) | {"personax/launched_by": "command line"} | dict(tags or {}),
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        )
    return done.run_id


def complain(stages: Sequence[Stage], records: dict[str, StageRecord]) -> int:
    """Say what did not succeed, what is safe and how to go on; return the exit status."""
    bad = [
        record
        for stage in stages
        if (record := records.get(stage.key)) and record.status in ("failed", "degraded")
    ]
    missing = [stage.key for stage in stages if stage.key not in records]
    if not bad and not missing:
        return 0
    lines = [f"{record.asset} {record.status}: {record.reason}" for record in bad]
    if missing:
        lines.append(f"not run{' for that reason' if bad else ''}: {', '.join(missing)}")
    good = len(stages) - len(bad) - len(missing)
    lines += [
        f"safe: what was made by {good} of {len(stages)} stages, and every answer of a rater; "
        "a stage that failed left its table as it was",
        f"to go on: {command_line()}",
    ]
    print(*(f"personax: {line}" for line in lines), sep="\n", file=sys.stderr)
    return 1


def _print_summary(resources: Resources, subs: Sequence[SubDataset]) -> None:
    from personax_assets.report.collect import collect, collect_comparison
    from personax_assets.report.summary import comparison_rows, summary_rows

    for sub in subs:
        rows = summary_rows(collect(resources, sub))
        print_table(sub.title, ("", "value"), rows)
    compared = resources.warehouse.stages().get("comparison/level1")
    if compared is not None:
        frame = collect_comparison(resources)
        rows = comparison_rows(tuple(SUB_DATASETS.values()), frame, compared)
        print_table("Across sub-datasets", ("", "value"), rows)


RUN = Command(
    "run",
    "bring everything up to date: all of it on an empty home, later only what is new or stale",
    _run_options,
    _run,
)

REFRESH = Command(
    "refresh",
    "bring sources, traits, tests and latents up to date, without training",
    _refresh_options,
    _refresh,
)
