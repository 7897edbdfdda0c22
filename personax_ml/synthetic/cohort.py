"""People drawn from a planted world.

Belongs here: sampling and recording. Does not belong here: the worlds' coefficients (`worlds`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_ml.synthetic.model import Effect, Model, Scale
from personax_ml.synthetic.names import names
from personax_ml.synthetic.streams import Floats, normals, uniforms
from personax_ml.synthetic.worlds import WORLDS

SCALES: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "demo": MappingProxyType({"athlepersona": 420, "celebpersona": 480}),
        "paper": MappingProxyType({"athlepersona": 4_181, "celebpersona": 9_444}),
    }
)
"""Number of people per sub-dataset."""

MISSING_SHARE = 0.015
"""Share of people of whom a source does not know a value, completely at random."""

_KNOWN_TOGETHER = (("birth_year", "birth_month", "birth_day"), ("latitude", "longitude"))
_ALWAYS_KNOWN = ("country", "league", "occupation")
_BIO_COLUMNS = (
    *("birth_year", "birth_month", "birth_day", "country", "latitude", "longitude"),
    *("height_cm", "weight_kg", "league", "occupation", "gender"),
)
_SOURCE_ID_PREFIX = {"athlepersona": "SA", "celebpersona": "SC"}
_NEW_YEAR = date(2001, 1, 1)  # of a year without a leap day, so that the day says nothing of it


@dataclass(frozen=True)
class Cohort:
    """People who do not exist.

    Parameters
    ----------
    dataset : str
        The sub-dataset they are for.
    seed : int
        What they were drawn with.
    bios : polars.DataFrame
        What a source would know, one row per person; a missing value is null.
    factors : polars.DataFrame
        What nobody knows: `source_id`, the shared, trait and face factors.
    """

    dataset: str
    seed: int
    bios: pl.DataFrame
    factors: pl.DataFrame


def draw_cohort(dataset: str, n: int, seed: int) -> Cohort:
    """Draw `n` people from the planted world of a sub-dataset.

    Person i depends on `seed`, `dataset` and i alone: a larger cohort begins with the smaller
    one, and the same call gives the same bytes on every machine (values are rounded to far fewer
    digits than differ between mathematical libraries).

    Parameters
    ----------
    dataset : {"athlepersona", "celebpersona"}
        Which world.
    n : int
        Number of people.
    seed : int
        Which draw.
    """
    if dataset not in WORLDS:
        raise ValueError(f"dataset is {dataset!r}: there is a world for {' and '.join(WORLDS)}")
    model = WORLDS[dataset]
    prefix = _SOURCE_ID_PREFIX[dataset]
    half = list(WORLDS).index(dataset)
    people = {
        "source_id": pl.Series([f"{prefix}-{i:06d}" for i in range(n)], dtype=pl.String),
        "name": pl.Series(names(seed, half, n), dtype=pl.String),
    }
    recorded = _recorded(model, n, seed, dataset)
    bios = [name for name in _BIO_COLUMNS if name in recorded]
    bios += [name for name, column in recorded.items() if column.dtype == pl.Boolean]
    factors = [*model.named("shared_"), *model.named("trait_"), *model.named("face_")]
    return Cohort(
        dataset=dataset,
        seed=seed,
        bios=pl.DataFrame(
            people | {name: _forget(recorded[name], seed, dataset, n) for name in bios}
        ),
        factors=pl.DataFrame(
            {"source_id": people["source_id"]} | {name: recorded[name] for name in factors}
        ),
    )


def _recorded(model: Model, n: int, seed: int, dataset: str) -> dict[str, pl.Series]:
    """Draw everything about `n` people, as it is recorded and with nothing missing."""
    categories: dict[str, NDArray[np.object_]] = {}
    for name, nominal in model.nominals.items():
        chance = uniforms(seed, dataset, name, count=n)
        drawn = np.empty(n, dtype=object)
        for parent, shares in nominal.given.items():
            rows = categories[nominal.parent] == parent if nominal.parent else np.full(n, True)
            drawn[rows] = _pick(shares, chance[rows])
        categories[name] = drawn
    variables: dict[str, Floats] = {}
    for name, parents in model.equations.items():
        x = model.noise(name) * normals(seed, dataset, name, count=n)
        for parent, effect in parents.items():
            if isinstance(effect, Effect):
                levels = model.standardised(parent, effect)
                x += effect.weight * np.array([levels[c] for c in categories[parent]])
            else:
                x += effect * variables[parent]
        variables[name] = x
    days = uniforms(seed, dataset, "birthday", count=n)
    birthdays = [_NEW_YEAR + timedelta(days=int(365 * day)) for day in days]
    return {
        **{name: pl.Series(name, list(c), dtype=pl.String) for name, c in categories.items()},
        **{name: _record(model, name, x) for name, x in variables.items()},
        "birth_month": pl.Series("birth_month", [d.month for d in birthdays], dtype=pl.Int16),
        "birth_day": pl.Series("birth_day", [d.day for d in birthdays], dtype=pl.Int16),
    }


def _pick(shares: Mapping[str, float], chance: Floats) -> NDArray[np.object_]:
    bounds = np.cumsum(list(shares.values()))
    chosen = np.searchsorted(bounds, chance * bounds[-1], side="right")
    drawn: NDArray[np.object_] = np.array(list(shares), dtype=object).take(chosen, mode="clip")
    return drawn


def _record(model: Model, name: str, x: Floats) -> pl.Series:
    record = model.record(name)
    if isinstance(record, Scale):
        value = np.clip(record.mean + record.sd * x, record.low, record.high)
        dtype = pl.Int16 if name == "birth_year" else pl.Float64
        return pl.Series(name, np.round(value, record.decimals)).cast(dtype)
    return pl.Series(name, x > record.cut)


def _forget(column: pl.Series, seed: int, dataset: str, n: int) -> pl.Series:
    """Put nulls in place of what the source happens not to know."""
    if column.name in _ALWAYS_KNOWN:
        return column
    fact = next((group[0] for group in _KNOWN_TOGETHER if column.name in group), column.name)
    missing = uniforms(seed, dataset, fact, "missing", count=n) < MISSING_SHARE
    return pl.select(pl.when(~pl.Series(missing)).then(column).alias(column.name)).to_series()
