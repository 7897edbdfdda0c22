"""The annotation engine: every answer kept, none asked for twice.

Belongs here: what is asked of a rater and what is served from the journal, and the table of
answers. Does not belong here: the calls themselves (`run`).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.schemas.traits import trait_texts
from personax_assets.traits.batch import BatchRun
from personax_assets.traits.budget import Budget, check_budget
from personax_assets.traits.client import rater_key
from personax_assets.traits.estimate import pending
from personax_assets.traits.journal import Journal, Record
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig
from personax_assets.traits.run import Run

logger = logging.getLogger("personax")


def annotate(
    requests: Sequence[Request],
    rater: RaterConfig,
    journal: Journal,
    advance: Callable[[int], None] = lambda done: None,
    *,
    budget: Budget | None = None,
    notify: Callable[[str], None] = logger.warning,
) -> pl.DataFrame:
    """Ask a rater everything that it has not answered yet, and return all its answers.

    Whatever ends the run (the end of the work, a signal, a kill), all answers that arrived are
    in the journal and the next run asks for the others only. A rater that refuses the key, has
    no credit left or fails for many people in a row is given up; so is the run when its budget
    is used up. Whoever was not asked then has the status `not_rated` with the reason.

    Parameters
    ----------
    requests : sequence of Request
        From `build_requests`, for this rater.
    rater : RaterConfig
        Who is asked.
    journal : Journal
        What is remembered.
    advance : callable
        Told the number of people just finished; answers in the journal count at once.
    budget : Budget, optional
        A limit in US dollars, to be shared by the raters of a run.
    notify : callable
        Told, in a sentence each, what a person should know about the run.

    Returns
    -------
    polars.DataFrame
        A row of `trait_texts_<rater>` per request, in the same order.

    Raises
    ------
    RaterUnavailableError
        If nothing can be asked at all: no key, no address.
    BudgetError
        If a budget is given that cannot be kept with this rater.
    """
    if budget is not None:
        check_budget(rater)
    stopped = None
    if pending(requests, journal):
        rater_key(rater)  # fail before waiting for anybody
        with journal.entries(rater, notify) as entries:
            if entries.interrupted:
                notify(
                    f"{rater.name}: {entries.interrupted} calls were under way when an earlier run "
                    "was interrupted; they are asked again, may have been charged"
                    f"{' and count against the budget' if budget else ''}"
                )
                if budget is not None:
                    budget.charge(entries.interrupted_usd)
            wanted = pending(requests, journal)  # another run may have asked meanwhile
            advance(len(requests) - len(wanted))
            run = (BatchRun if rater.batch else Run)(rater, entries, advance, budget)
            run.resume(journal)
            asyncio.run(run.ask_all(wanted))
            stopped = run.stopped
    else:
        advance(len(requests))
    if stopped:
        left = len(pending(requests, journal))
        notify(f"{rater.name}: stopped asking with {left} people left: {stopped}")
    records = journal.records(request.key for request in requests)
    return _frame(rater, [_row(r, rater, records.get(r.key), stopped) for r in requests])


def not_rated(people: pl.DataFrame, sub: SubDataset, rater: RaterConfig) -> pl.DataFrame:
    """Return the rows of people about whom nobody is asked.

    Parameters
    ----------
    people : polars.DataFrame
        Rows of `bios`.
    sub : SubDataset
        Where the people belong.
    rater : RaterConfig
        Who is not asked.

    Returns
    -------
    polars.DataFrame
        A row of `trait_texts_<rater>` per person, with the status `not_rated`.
    """
    rows = [_blank(person_id) for person_id in people["person_id"]]
    return pl.DataFrame(rows, schema=trait_texts(sub, rater.name).polars)


def _row(
    request: Request, rater: RaterConfig, record: Record | None, stopped: str | None
) -> dict[str, Any]:
    """Return the table's row about one request."""
    if record is None:
        reason = f"no answer yet: {stopped}" if stopped else None
        return {**_blank(request.person_id), "detail": reason, "input_hash": request.key}
    # People about whom the same words are asked share a call: only one of them pays for it.
    paid = record.person_id == request.person_id
    known = rater.prices is not None
    return {
        **_blank(request.person_id),
        **(record.answer or {}),
        "status": record.outcome,
        "detail": record.detail,
        "model": record.model,
        "prompt_version": record.prompt_version,
        "simulated": record.simulated,
        "prompt_tokens": record.prompt_tokens if paid else 0,
        "completion_tokens": record.completion_tokens if paid else 0,
        "cost_usd": record.cost_usd if paid else (0.0 if known else None),
        "latency_s": record.latency_s,
        "attempts": record.calls if paid else 0,
        "malformed": record.malformed if paid else 0,
        "request_id": record.request_id,
        "rated_at": datetime.fromtimestamp(record.ended_at, UTC).replace(tzinfo=None),
        "input_hash": request.key,
    }


def _blank(person_id: str) -> dict[str, Any]:
    """Return a row about a person of whom nobody was asked."""
    return {
        "person_id": person_id,
        "status": "not_rated",
        "attempts": 0,
        "malformed": 0,
        "input_hash": "not_rated",
    }


def _frame(rater: RaterConfig, rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return the rows as a table; its columns are the same for every sub-dataset."""
    sub = next(iter(SUB_DATASETS.values()))
    return pl.DataFrame(rows, schema=trait_texts(sub, rater.name).polars)
