"""Who is asked what in a run.

Belongs here: the choice of people (all that are missing, only those that failed, everybody once
more) and their requests, for the stage and for the dry run alike. Does not belong here: asking
(`engine`), or what it would take (`estimate`).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, get_args

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.traits.journal import Journal
from personax_assets.traits.prompts import Request, build_requests
from personax_assets.traits.raters import RaterConfig
from personax_assets.traits.simulated_server import simulated_provider

Mode = Literal["missing", "failed", "again"]
"""Whom to ask: everybody who has no final answer, only those whose call failed, or everybody."""

FINAL = ("ok", "refusal", "content_filter")
"""Statuses after which the same question is not asked again by itself."""

NOBODY = (
    "simulated raters are not asked about real people; set PERSONAX_PROFILE=live and your API keys"
)


@dataclass(frozen=True)
class Asking:
    """What one rater is asked about the people of one sub-dataset.

    Parameters
    ----------
    rater : RaterConfig
        Who is asked.
    requests : tuple of Request
        The question about each person.
    asked : tuple of Request
        Those of them that are to be answered now, from the journal where it can.
    left_out : frozenset of str
        Ids of people who have no final answer and are not asked in this run.
    """

    rater: RaterConfig
    requests: tuple[Request, ...]
    asked: tuple[Request, ...]
    left_out: frozenset[str] = frozenset()


def check_mode(mode: str) -> None:
    """Refuse a mode that is none."""
    if mode not in get_args(Mode):
        raise PersonaXError(f"ask: must be one of {', '.join(get_args(Mode))}, not {mode!r}")


def round_to_ask(mode: str, journal: Journal, dataset: str, rater: str) -> int:
    """Return the round that a run asks in: a new one if everybody is to be asked again.

    A round that was interrupted goes on: nobody is asked twice because a run died.
    """
    number, finished = journal.round_of(dataset, rater)
    return number + 1 if mode == "again" and finished else number


def asking_of(
    people: pl.DataFrame,
    stored: pl.DataFrame,
    sub: SubDataset,
    rater: RaterConfig,
    mode: str,
    number: int,
    seed: int,
) -> Asking:
    """Decide what a rater is asked.

    Parameters
    ----------
    people : polars.DataFrame
        Rows of `bios`: `person_id`, `name` and the sub-dataset's stratum.
    stored : polars.DataFrame
        `person_id`, `input_hash` and `status` of the rows in `trait_texts_<rater>`.
    sub : SubDataset
        Where the people belong.
    rater : RaterConfig
        Who is asked.
    mode : {"missing", "failed", "again"}
        Whom to ask; `again` is told by the round and otherwise the same as `missing`.
    number : int
        The round, from `round_to_ask`.
    seed : int
        Which invented people a simulated rater knows.
    """
    if rater.simulated:
        rater = replace(rater, provider=simulated_provider(seed))
    requests = tuple(build_requests(people, sub, rater, repeat=number))
    done = stored.filter(pl.col("status").is_in(FINAL))
    final = set(done.select("person_id", "input_hash").iter_rows())
    missing = [r for r in requests if (r.person_id, r.key) not in final]
    if mode != "failed":
        return Asking(rater, requests, tuple(missing))
    failed: Collection[str] = set(
        stored.filter(~pl.col("status").is_in(["ok", "not_rated"]))["person_id"]
    )
    return Asking(
        rater,
        requests,
        tuple(r for r in requests if r.person_id in failed),
        frozenset(r.person_id for r in missing) - frozenset(failed),
    )
