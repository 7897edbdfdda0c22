"""Countries in any coding to ISO 3166 alpha-2 codes and coordinates.

Belongs here: resolving names, demonyms and codes. Does not belong here: the facts themselves:

- `countries.csv`: the countries and territories of ISO 3166-1, and Kosovo (user-assigned XK).
  Codes by ISO, the International Olympic Committee and FIFA; `codes` holds withdrawn codes and
  those of the International Tennis Federation. Coordinates are the approximate centres that the
  CIA World Factbook states.
- `places.csv`: what is or was a country to a sports federation and is none to ISO 3166: the home
  nations of the United Kingdom, former states, joint teams.
- `states.csv`: states and provinces of the United States, Canada and Australia (ISO 3166-2).

Rules. A code that IOC, FIFA and ISO use differently is read in that order (`BRN` is Bahrain, not
Brunei) unless the source's coding is stated. A home nation is GB with coordinates of its own. A
former state with one successor is that successor (East Germany is DE, Zaire is CD), with the
former territory's coordinates. A former state with several successors has no present country:
the country stays unknown, with the reason, and the coordinates are those of its territory.
A name shared by several countries (`Dominican`) stays unknown, with the reason.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from csv import DictReader
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

CODINGS = {"ioc": "ioc", "fifa": "fifa", "iso": "alpha3"}
"""Codings that a source can state, and their column of `countries.csv`."""

UNKNOWN_COUNTRY = "unknown country: give its ISO code or English name"


@dataclass(frozen=True)
class Place:
    """What a name or code stands for."""

    name: str
    country: str | None
    latitude: float | None
    longitude: float | None
    successors: tuple[str, ...] = ()

    @property
    def problem(self) -> str | None:
        """Why there is no country, for people."""
        if self.country is not None:
            return None
        today = ", ".join(self.successors)
        return f"{self.name} stands for several present-day countries ({today})"


def fold(text: str) -> str:
    """Reduce a place name to what identifies it: no accents, case, punctuation or article."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    plain = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    words = ["saint" if word in ("st", "ste") else word for word in plain.split()]
    return " ".join(words[1:] if len(words) > 1 and words[0] == "the" else words)


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(DictReader(text.splitlines()))


def _place(row: Mapping[str, str]) -> Place:
    return Place(
        row["name"],
        row.get("alpha2") or row.get("country") or None,
        float(row["latitude"]) if row["latitude"] else None,
        float(row["longitude"]) if row["longitude"] else None,
        tuple(filter(None, row.get("successors", "").split(";"))),
    )


def _names(row: Mapping[str, str]) -> Iterable[str]:
    return filter(None, [row["name"], *row["demonyms"].split(";"), *row["aliases"].split(";")])


@cache
def _gazetteer() -> tuple[dict[str, Place], dict[str, Place]]:
    """Return places by code and by folded name."""
    countries, others = _rows("countries.csv"), _rows("places.csv")
    codes: dict[str, Place] = {}
    for system in ("alpha2", "ioc", "fifa", "alpha3"):
        for row in countries:
            if row[system]:
                codes.setdefault(row[system], _place(row))
    names: dict[str, dict[str, Place]] = {}
    for row in (*countries, *others):
        place = _place(row)
        for code in filter(None, row["codes"].split(";")):
            codes.setdefault(code, place)
        for name in _names(row):
            names.setdefault(fold(name), {})[place.name] = place
    return codes, {name: _one(name, tuple(found.values())) for name, found in names.items()}


def _one(name: str, places: tuple[Place, ...]) -> Place:
    if len(places) == 1:
        return places[0]
    successors = sorted({place.country for place in places if place.country})
    return Place(f"“{name}”", None, None, None, tuple(successors))


def resolve(value: str) -> Place | None:
    """Return the place that a name, demonym or code stands for; None if it is unknown."""
    codes, names = _gazetteer()
    code = value.strip().replace(".", "").upper()
    if code in codes:
        return codes[code]
    country, dash, part = code.partition("-")
    if dash and len(country) == 2 and 1 <= len(part) <= 3 and country in codes:
        return codes[country]
    return names.get(fold(value))


def read_countries(values: pl.Series) -> pl.DataFrame:
    """Resolve countries.

    Returns
    -------
    polars.DataFrame
        The distinct values (`country_as_written`) with `country`, `country_latitude`,
        `country_longitude` and `why_country`, which says why there is none.
    """
    written = values.drop_nulls().unique(maintain_order=True).to_list()
    rows: list[tuple[str, str | None, float | None, float | None, str | None]] = []
    for value in written:
        place = resolve(value)
        if place is None:
            rows.append((value, None, None, None, UNKNOWN_COUNTRY))
        else:
            rows.append((value, place.country, place.latitude, place.longitude, place.problem))
    schema = {
        "country_as_written": pl.String,
        "country": pl.String,
        "country_latitude": pl.Float64,
        "country_longitude": pl.Float64,
        "why_country": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


@cache
def _states() -> dict[str, str]:
    return {
        fold(name): row["code"]
        for row in _rows("states.csv")
        for name in (row["name"], *filter(None, row["aliases"].split(";")))
    }


def state_code(value: str) -> str | None:
    """Return the ISO 3166-2 code of a state or province; None if it is none."""
    return _states().get(fold(value))


@cache
def _coding(system: str) -> dict[str, str]:
    column = CODINGS[system]
    return {row[column]: row["alpha2"] for row in _rows("countries.csv") if row[column]}


def country_of_code(value: str, system: str) -> str | None:
    """Return the alpha-2 code of a country code in a stated coding; None if it is none."""
    return _coding(system).get(value.strip().upper())
