"""Who is asked what in a run.

Belongs here: the choice of people (all that are missing, only those that failed, everybody once
more) and their requests, for the stage and for the dry run alike. Does not belong here: asking
(`engine`), or what it would take (`estimate`).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.traits.journal import Journal
from personax_assets.traits.prompts import Request, build_requests
from personax_assets.traits.raters import RaterConfig
from personax_assets.traits.simulated_server import simulated_provider

MODES = ("missing", "failed", "again")
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
    asked : tuple of Request
        The questions that are to be answered now, from the journal where it can.
    left_out : frozenset of str
        Ids of people who have no final answer and are not asked in this run.
    """

    asked: tuple[Request, ...]
    left_out: frozenset[str] = frozenset()


def identified(rater: RaterConfig, seed: int) -> RaterConfig:
    """Return a rater; a simulated one with the invented people that it knows."""
    return replace(rater, provider=simulated_provider(seed)) if rater.simulated else rater


def round_to_ask(mode: str, journal: Journal, dataset: str, rater: str) -> int:
    """Return the round that a run asks in: a new one if everybody is to be asked again.

    A round that was interrupted goes on: nobody is asked twice because a run died.
    """
    if mode not in MODES:
        raise PersonaXError(f"raters: ask must be one of {', '.join(MODES)}, not {mode!r}")
    number, finished = journal.round_of(dataset, rater)
    return number + 1 if mode == "again" and finished else number


def asking_of(
    people: pl.DataFrame,
    stored: pl.DataFrame,
    sub: SubDataset,
    rater: RaterConfig,
    mode: str,
    number: int,
) -> Asking:
    """Decide what a rater is asked.

    Parameters
    ----------
    people : polars.DataFrame
        Rows of `bios`: `person_id`, `name` and the sub-dataset's stratum. Nobody can be asked
        about people without a name.
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
    """
    named = people.filter(pl.col("name").is_not_null())
    requests = build_requests(named, sub, rater, repeat=number)
    done = stored.filter(pl.col("status").is_in(FINAL))
    final = set(done.select("person_id", "input_hash").iter_rows())
    missing = [r for r in requests if (r.person_id, r.key) not in final]
    if mode != "failed":
        return Asking(tuple(missing))
    failed: Collection[str] = set(
        stored.filter(~pl.col("status").is_in(["ok", "not_rated"]))["person_id"]
    )
    return Asking(
        tuple(r for r in requests if r.person_id in failed),
        frozenset(r.person_id for r in missing) - frozenset(failed),
    )
