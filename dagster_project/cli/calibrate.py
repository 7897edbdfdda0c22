"""`personax calibrate`: the job `calibrate_prompts` from the command line.

Belongs here: options, the estimate, the run and a table of what came of it. Does not belong here:
the study itself (`personax_assets.traits.calibration`).
"""

import argparse
from collections.abc import Sequence

import polars as pl

from dagster_project.build import build_resources
from dagster_project.cli.command import Command
from dagster_project.cli.console import Board, print_table
from dagster_project.cli.forecast import check_limit, print_estimates
from dagster_project.cli.run import chosen_sub_datasets, complain, dataset_option, launch
from dagster_project.graph import calibration_stages_of, layout_of
from dagster_project.home import Home
from dagster_project.profiles import profile_named
from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.resources import Raters, Resources, read_manifest
from personax_assets.stage import stale
from personax_assets.traits.calibration import ARMS, EVERYTHING, FULL, VARIANTS, questions, sample
from personax_assets.traits.figures import SIMULATED, calibration_figure
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

_PEOPLE, _REPEATS = 100, 3


def _options(parser: argparse.ArgumentParser) -> None:
    dataset_option(parser)
    parser.add_argument("--people", type=int, default=_PEOPLE, metavar="N",
                        help=f"people per sub-dataset (default: {_PEOPLE})")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=_REPEATS, metavar="N",
                        help="how often each variant of the prompt is asked "
                        f"(default: {_REPEATS})")  # fmt: skip
    parser.add_argument("--budget", type=float, metavar="USD",
                        help="the most that the raters may cost in this run")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true",
                        help="only tell how many calls, tokens, US dollars and minutes each "
                        "rater would take")  # fmt: skip


def _calibrate(arguments: argparse.Namespace) -> int:
    home = Home.from_environment()
    subs = chosen_sub_datasets(arguments.dataset, read_manifest(home.manifest))
    for option, least in (("people", 2), ("repeats", 2)):
        if getattr(arguments, option) < least:
            raise PersonaXError(f"--{option}: must be at least {least}")
    raters = Raters(
        file=str(profile_named().raters_file),
        journal=str(home.journal),
        budget_usd=arguments.budget,
        calibration_people=arguments.people,
        calibration_repeats=arguments.repeats,
    )
    resources = build_resources(home=home, overrides={"raters": raters})
    check_limit(resources)
    if arguments.dry_run:
        _forecast(resources, subs)
        return 0
    home.prepare()
    stages = [stage for stage in calibration_stages_of(resources) if stage.layout.sub in subs]
    todo = stale(stages, resources, {stage.key for stage in stages})
    if todo:
        with Board(len(todo)):
            launch(resources, todo, "calibrate_prompts")
    else:
        print("Everything is up to date.")
    for sub in subs:
        _print_result(resources, sub)
    return complain(stages, resources.warehouse.stages())


def _forecast(resources: Resources, subs: Sequence[SubDataset]) -> None:
    raters = resources.raters

    def asked(sub: SubDataset, rater: RaterConfig, people: pl.DataFrame) -> list[Request]:
        chosen = sample(people, sub, raters.calibration_people)
        return questions(chosen, sub, rater, raters.calibration_repeats)[1]

    print_estimates(resources, subs, asked)


def _print_result(resources: Resources, sub: SubDataset) -> None:
    """Print the main measures and draw them into the home's report folder."""
    schema = layout_of(sub, resources).tables["prompt_calibration"]
    table = resources.warehouse.read(sub.table(schema.name), schema)
    if table.is_empty():
        return
    raters = table["rater"].unique(maintain_order=True).to_list()
    answers = layout_of(sub, resources).tables["prompt_answers"]
    flags = resources.warehouse.read(sub.table(answers.name), answers, ("simulated",))
    about = f"{sub.title}: prompts{SIMULATED if flags['simulated'].any() else ''}"
    print(about)
    spreads = table.filter(trait=EVERYTHING, measure="spread")
    rows = [(variant, *_cells(spreads, raters, variant)) for variant in VARIANTS]
    title = f"{sub.title}: spread between repeats, in shares of the scale"
    print_table(title, ("prompt", *raters), rows)
    means = table.filter(measure="dependence").group_by("rater", "arm").agg(pl.col("value").mean())
    rows = [(arm.replace("_", " "), *_cells(means, raters, arm)) for arm in (FULL, *ARMS)]
    title = f"{sub.title}: dependence of scores on the {sub.stratum} told (eta squared)"
    print_table(title, ("prompt", *raters), rows)
    folder = resources.home / "report"
    folder.mkdir(exist_ok=True)
    path = folder / f"{sub.name}-prompts.png"
    calibration_figure(table, about).savefig(path, dpi=120, facecolor="white")
    print(f"Plot: {path}")


def _cells(table: pl.DataFrame, raters: Sequence[str], arm: str) -> list[str]:
    found = dict(table.filter(arm=arm).select("rater", "value").iter_rows())
    return ["–" if found.get(rater) is None else f"{found[rater]:.3f}" for rater in raters]


CALIBRATE = Command(
    "calibrate",
    "ask variants of the prompt about a sample: how much answers vary, what the prompt gives away",
    _options,
    _calibrate,
)
