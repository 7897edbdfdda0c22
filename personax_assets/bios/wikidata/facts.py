"""From statements about a person to the fields of a raw row.

Belongs here: the rules by which one value is taken where Wikidata has several. Does not belong
here: asking for them (`knowledge`), or units and countries as such (`cleaning`).

The query asks for statements of the best rank only. Among several of them:

- birth date: what all of the most precise dates have in common: two different days of the same
  month give the month, two different years give nothing. A date known to the year stays a year;
  less precise ones (a decade) tell nothing.
- height and weight: of those with the latest point in time, or of all, the median (the lower one
  of two), in its own unit.
- country: a citizenship without an end before one that ended; of several the one that is also the
  country represented in sport, then the one that began first, then the smaller item number.
  Without any citizenship the country represented in sport.
- place of birth, gender, occupation: without an end before one that ended, then the smaller item
  number (the older and usually more general item).
- image: all, in alphabetical order.

Unknown values (blank nodes) and values without a unit that is known here count as none; the latter
are passed on as text, so that cleaning says why the field is empty.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median_low
from typing import Any

from personax_assets.bios.cleaning.body import HEIGHT_UNITS, WEIGHT_UNITS
from personax_assets.bios.cleaning.places import resolve
from personax_assets.bios.wikidata.queries import LANGUAGES, PROPERTIES

UNITS = {
    "Q174728": "cm",
    "Q11573": "m",
    "Q174789": "mm",
    "Q218593": "in",
    "Q3710": "ft",
    "Q11570": "kg",
    "Q41803": "g",
    "Q100995": "lb",
}

_DATE = re.compile(r"^\+?(\d{4})-(\d\d)-(\d\d)")
_POINT = re.compile(r"^\s*point\s*\(\s*([-+.\deE]+)\s+([-+.\deE]+)\s*\)\s*$", re.IGNORECASE)
_PARTS_OF_PRECISION = {9: 1, 10: 2, 11: 3, 12: 3, 13: 3, 14: 3}
"""How much of year, month, day is known at a precision of Wikidata's time model."""

Statement = Mapping[str, Any]
"""One row about a statement: values by variable; a qualifier that is there but unknown is None."""


@dataclass(frozen=True)
class Item:
    """What is known of a thing that statements point to.

    Parameters
    ----------
    labels : mapping
        Names by language.
    codes, points : sequence of str
        ISO 3166 alpha-2 codes and coordinates, as the endpoint writes them.
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    codes: Sequence[str] = ()
    points: Sequence[str] = ()

    @property
    def label(self) -> str | None:
        """The name in the language that is preferred."""
        return next((self.labels[name] for name in LANGUAGES if name in self.labels), None)


Fields = dict[str, str | None]


def fields_of(
    labels: Mapping[str, str],
    statements: Iterable[Statement],
    items: Mapping[str, Item],
    today: date,
) -> Fields:
    """Return the fields of a raw row, but for its ids.

    Parameters
    ----------
    labels : mapping
        The person's names by language.
    statements : iterable of Statement
        What is said of the person.
    items : mapping
        The things that statements point to.
    today : date
        Decides whether an end has come.
    """
    by: dict[str, dict[str, Statement]] = {name: {} for name in PROPERTIES.values()}
    for row in sorted(statements, key=lambda row: sorted((k, str(v)) for k, v in row.items())):
        known = by[PROPERTIES[row["claim"].rpartition("/")[2]]]
        if row["value"] is not None:
            known.setdefault(row["statement"], row)
    said = {name: list(rows.values()) for name, rows in by.items()}
    height, height_unit = _measure(said["height"], HEIGHT_UNITS)
    weight, weight_unit = _measure(said["weight"], WEIGHT_UNITS)
    country = _country(said["citizenship"], said["sporting_country"], items, today)
    latitude, longitude = _coordinates(_item(said["birth_place"], today), items)
    return {
        "name": Item(labels).label,
        "birth_date": _birth_date(said["birth_date"]),
        "country": country,
        "country_basis": "nationality" if country else None,
        "latitude": latitude,
        "longitude": longitude,
        "height": height,
        "height_unit": height_unit,
        "weight": weight,
        "weight_unit": weight_unit,
        "gender": _label(_item(said["gender"], today), items),
        "occupation": _label(_item(said["occupation"], today), items),
        "photograph": "|".join(sorted({_address(row["value"]) for row in said["image"]})) or None,
    }


def items_needed(statements: Iterable[Statement]) -> set[str]:
    """Return the items that the fields will be taken from."""
    used = {"citizenship", "sporting_country", "birth_place", "gender", "occupation"}
    return {
        row["value"]
        for row in statements
        if row["value"] is not None and PROPERTIES[row["claim"].rpartition("/")[2]] in used
    }


def birth_year(birth_date: str | None) -> int | None:
    """Return the year of a birth date as written by `fields_of`."""
    return int(birth_date[:4]) if birth_date else None


def item_number(item: str) -> int:
    """Return the number of an item, by which items are ordered."""
    return int(item[1:])


def _birth_date(statements: Sequence[Statement]) -> str | None:
    dates: set[tuple[str, ...]] = set()
    for row in statements:
        found = _DATE.match(row["value"])
        known = _PARTS_OF_PRECISION.get(int(row.get("precision") or 0), 0)
        if found and known:
            dates.add(found.groups()[:known])
    precise = [d for d in dates if not any(o[: len(d)] == d for o in dates - {d})]
    common: list[str] = []
    for parts in zip(*precise, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "-".join(common) or None


def _measure(
    statements: Sequence[Statement], factors: Mapping[str, float]
) -> tuple[str | None, str | None]:
    """Return an amount and its unit."""
    usable: list[tuple[str, float, str, str]] = []
    unusable: list[str] = []
    for row in statements:
        amount = str(row.get("amount") or row["value"]).lstrip("+")
        unit = UNITS.get(str(row.get("unit")), "")
        if unit in factors:
            usable.append((row.get("at") or "", float(amount) * factors[unit], amount, unit))
        else:
            unusable.append(f"{amount} in unit {row.get('unit') or 'unknown'}")
    if not usable:
        return (min(unusable), None) if unusable else (None, None)
    latest = max(at for at, *_ in usable)
    _, _, amount, unit = median_low(sorted(each for each in usable if each[0] == latest))
    return amount, unit


def _open_first(statements: Sequence[Statement], today: date) -> list[Statement]:
    """Return the statements without an end that has come, or all if each has one."""
    lasting = [row for row in statements if not _ended(row, today)]
    return lasting or list(statements)


def _ended(row: Statement, today: date) -> bool:
    return "end" in row and (row["end"] is None or row["end"][:10] <= today.isoformat())


def _item(statements: Sequence[Statement], today: date) -> str | None:
    chosen = [row["value"] for row in _open_first(statements, today)]
    return min(chosen, key=item_number, default=None)


def _country(
    citizenships: Sequence[Statement],
    sporting: Sequence[Statement],
    items: Mapping[str, Item],
    today: date,
) -> str | None:
    candidates = _open_first(citizenships, today) or _open_first(sporting, today)
    represented = {row["value"] for row in _open_first(sporting, today)}

    def preference(row: Statement) -> tuple[bool, str, int]:
        began = row.get("start") or "9999"
        return row["value"] not in represented, began, item_number(row["value"])

    if not candidates:
        return None
    country = items.get(min(candidates, key=preference)["value"], Item())
    code = next((code for code in sorted(country.codes) if resolve(code) is not None), None)
    return code or country.label


def _coordinates(place: str | None, items: Mapping[str, Item]) -> tuple[str | None, str | None]:
    """Return latitude and longitude of a place on Earth."""
    for point in sorted(items.get(place or "", Item()).points):
        found = _POINT.match(point)  # another globe's begins with its address
        if found:
            return found[2], found[1]
    return None, None


def _label(item: str | None, items: Mapping[str, Item]) -> str | None:
    return items.get(item or "", Item()).label


def _address(image: str) -> str:
    """Return the address of an image as it is asked for."""
    secure = re.sub(r"^http://(\w+\.wikimedia\.org)/", r"https://\1/", image)
    return secure.replace("|", "%7C")
