"""What a run would ask, told before anything is asked.

Belongs here: the table of a dry run. Does not belong here: how calls are estimated (`traits`).

Nothing is written: people are read from their source and cleaned in memory. People who come from
the web are those of the last run.
"""

import os
from collections.abc import Callable, Sequence

import polars as pl

from dagster_project.cli.console import print_table
from personax_assets.bios.cleaning import clean_bios
from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.resources import Resources
from personax_assets.schemas.people import bios as bios_schema
from personax_assets.schemas.traits import trait_texts
from personax_assets.traits.asking import NOBODY, asking_of, identified, round_to_ask
from personax_assets.traits.estimate import ASSUMED_LATENCY_S, Estimate, estimate
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

Asked = Callable[[SubDataset, RaterConfig, pl.DataFrame], Sequence[Request]]

_AT_HAND = ("synthetic", "rosters")
"""Kinds of sources that can be read without fetching anything."""

_COLUMNS = ("rater", "people", "calls", "tokens sent", "received", "USD", "minutes", "basis")


def print_forecast(resources: Resources, subs: Sequence[SubDataset]) -> None:
    """Print, per sub-dataset and rater, what asking about everybody would take."""
    with resources.raters.look_at_journal() as journal:

        def asked(sub: SubDataset, rater: RaterConfig, people: pl.DataFrame) -> tuple[Request, ...]:
            schema, mode = trait_texts(sub, rater.name), resources.raters.ask
            stored = resources.warehouse.read(
                sub.table(schema.name), schema, ("person_id", "input_hash", "status")
            )
            number = round_to_ask(mode, journal, sub.name, rater.name)
            return asking_of(people, stored, sub, rater, mode, number).asked

        print_estimates(resources, subs, asked)


def print_estimates(resources: Resources, subs: Sequence[SubDataset], asked: Asked) -> None:
    """Print what some questions would take.

    Parameters
    ----------
    resources : Resources
        The raters, the journal, and where people come from.
    subs : sequence of SubDataset
        A table is printed for each.
    asked : callable
        Returns what a rater would be asked about the people of a sub-dataset.
    """
    raters = resources.raters
    print("What would be asked now. Nothing was asked and nothing was written.")
    remarks: list[str] = []
    total = 0.0
    with raters.look_at_journal() as journal:
        for sub in subs:
            rows = []
            people, source = _people(resources, sub), resources.sources.config(sub)
            if people.is_empty():
                remarks.append(
                    f"{sub.title}: the people were not fetched yet; materialise {sub.name}/bios "
                    "in the Dagster UI (`personax ui`), then look again"
                )
            for config in raters.configs():
                if config.simulated and source.kind != "synthetic":
                    rows.append((config.name, f"{people.height:,}", *["–"] * 5, "not asked"))
                    remarks.append(f"{config.name}: {NOBODY}")
                    continue
                rater = identified(config, source.seed)
                found = estimate(asked(sub, rater, people), rater, journal)
                rows.append(_row(rater, people.height, found))
                remarks += _remarks(rater, found)
                total += found.cost_usd or 0.0
            print_table(sub.title, _COLUMNS, rows)
    limit = raters.limit_usd()
    if limit is not None:
        enough = "covers" if total <= limit else "does not cover"
        remarks.append(
            f"the budget of {limit:.2f} US dollars {enough} the likely cost of {total:.2f}; "
            "whatever happens, no call is sent whose worst case would pass it"
        )
    for remark in dict.fromkeys(remarks):
        print(f"- {remark}")


def _people(resources: Resources, sub: SubDataset) -> pl.DataFrame:
    """Return the people as their source states them now; those of the web as last fetched."""
    columns = ("person_id", "name", sub.stratum)
    if resources.sources.config(sub).kind not in _AT_HAND:
        bios = bios_schema(sub)
        return resources.warehouse.read(sub.table(bios.name), bios, columns).drop_nulls("name")
    source = resources.sources.bios(sub)
    batches = [source.read(partition).rows for partition in sub.partitions or (None,)]
    return clean_bios(pl.concat(batches), sub).bios.select(columns).drop_nulls("name")


def _row(rater: RaterConfig, people: int, found: Estimate) -> tuple[str, ...]:
    unpriced = "none" if rater.simulated else "unknown"
    cost = unpriced if found.cost_usd is None else f"{found.cost_usd:,.2f}"
    basis = "measured" if found.measured else "assumed"
    return (
        rater.name, f"{people:,}", f"{found.calls:,}", _rounded(found.prompt_tokens),
        _rounded(found.completion_tokens), cost, f"{found.minutes:,.1f}",
        basis if found.calls else "–",
    )  # fmt: skip


def _rounded(tokens: int) -> str:
    """Return a number of tokens in three digits: it is an estimate."""
    if tokens < 10_000:
        return f"{tokens:,}"
    return f"{tokens / 1e3:.0f} k" if tokens < 999_500 else f"{tokens / 1e6:,.2f} M"


def _remarks(rater: RaterConfig, found: Estimate) -> list[str]:
    """Return what a person should know about the numbers."""
    if not found.calls:
        return []
    remarks = []
    if not found.measured:
        remarks.append(
            "assumed: the journal holds no answers of this rater yet, so tokens are counted from "
            "the words sent (4 bytes each) and the prompt's expected length, and a call takes "
            f"{ASSUMED_LATENCY_S:g} s; measured: means of its earlier answers"
        )
    if found.cost_usd is None:
        without = "is simulated and costs nothing" if rater.simulated else "has no prices"
        remarks.append(f"{rater.name}: {without}")
    if rater.key_env is not None and not os.environ.get(rater.key_env):
        remarks.append(f"{rater.name}: has no key: set the environment variable {rater.key_env}")
    return remarks


def check_limit(resources: Resources) -> None:
    """Refuse a budget that cannot be kept, before anything happens.

    Raises
    ------
    PersonaXError
        If the limit makes no sense or a rater has no prices.
    """
    from personax_assets.traits.budget import check_budget

    limit = resources.raters.limit_usd()
    if limit is None:
        return
    if limit <= 0:
        raise PersonaXError("--budget: must be more than 0 US dollars")
    for rater in resources.raters.configs():
        check_budget(rater)
