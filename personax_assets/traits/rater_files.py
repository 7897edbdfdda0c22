"""Raters read from YAML.

Belongs here: the form of the file, and telling where it is wrong. Does not belong here: what makes
a rater work (`raters`).
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from personax_assets.traits.budget import BudgetError, check_budget
from personax_assets.traits.faults import Faults
from personax_assets.traits.raters import Prices, RaterConfig, RaterConfigError

SHIPPED = Path(__file__).parent / "raters"


@dataclass(frozen=True)
class RaterFile:
    """What a file of raters says.

    Parameters
    ----------
    raters : tuple of RaterConfig
        All raters in the file's order, disabled ones included.
    budget_usd : float, optional
        The most US dollars that one run may spend.
    simulated_faults : Faults
        How the simulated raters misbehave.
    """

    raters: tuple[RaterConfig, ...]
    budget_usd: float | None = None
    simulated_faults: Faults = field(default_factory=Faults)

    @property
    def enabled(self) -> tuple[RaterConfig, ...]:
        """The raters in use."""
        return tuple(rater for rater in self.raters if rater.enabled)


def load_raters(source: str | Path) -> tuple[RaterConfig, ...]:
    """Return the raters of a file; see `read_rater_file`."""
    return read_rater_file(source).raters


def read_rater_file(source: str | Path) -> RaterFile:
    """Read raters, and what else a run needs to know about them, from YAML.

    Parameters
    ----------
    source : str or Path
        `live`, `simulated` or `examples` for the shipped files, otherwise the path of a file.

    Returns
    -------
    RaterFile
        What it says.

    Raises
    ------
    RaterConfigError
        If something in it cannot work; the message names file, rater and field.
    """
    shipped = SHIPPED / f"{source}.yaml"
    path = shipped if shipped.is_file() else Path(source)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RaterConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise RaterConfigError(f"{path}: is not valid YAML ({reason})") from None
    entries = document.get("raters") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not entries:
        raise RaterConfigError(f"{path}: must hold a list `raters` with at least one rater")
    try:
        return _rater_file(document, entries)
    except (RaterConfigError, BudgetError) as error:
        raise RaterConfigError(f"{path}: {error}") from None


_NUMBER = (int, float)
_FILE_TYPES: Mapping[str, tuple[type, ...]] = {
    "raters": (list,),
    "budget_usd": _NUMBER,
    "simulated_faults": (dict,),
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "model": (str,),
    "base_url": (str,),
    "key_env": (str,),
    "provider": (str,),
    "capability": (str,),
    "score_type": (str,),
    "transport": (str,),
    "batch": (bool,),
    "batch_wait_s": _NUMBER,
    "concurrency": (int,),
    "rpm": (int,),
    "tpm": (int,),
    "prices": (dict,),
    "timeout_s": _NUMBER,
    "max_attempts": (int,),
    "backoff_s": _NUMBER,
    "temperature": _NUMBER,
    "seed": (int,),
    "max_tokens": (int,),
    "extra": (dict,),
    "simulated": (bool,),
    "enabled": (bool,),
}
_PRICE_TYPES: Mapping[str, tuple[type, ...]] = {
    "input": _NUMBER,
    "output": _NUMBER,
    "cached_input": _NUMBER,
    "date": (str,),
}


def _rater_file(document: Mapping[str, Any], entries: list[object]) -> RaterFile:
    values = _typed(document, RaterFile, _FILE_TYPES, "the file")
    raters = tuple(_rater(entry, number) for number, entry in enumerate(entries, start=1))
    names = [rater.name for rater in raters]
    for name in names:
        if names.count(name) > 1:
            raise RaterConfigError(f"rater {name!r}: the name is used twice")
    try:
        faults = Faults(**values.get("simulated_faults", {}))
    except (TypeError, ValueError) as error:
        raise RaterConfigError(f"simulated_faults: {error}") from None
    file = RaterFile(raters, values.get("budget_usd"), faults)
    if file.budget_usd is not None:
        if file.budget_usd <= 0:
            raise RaterConfigError("budget_usd: must be more than 0 US dollars")
        for rater in file.enabled:
            check_budget(rater)
    return file


def _rater(entry: object, number: int) -> RaterConfig:
    """Build one rater from its block of YAML."""
    label = entry.get("name") if isinstance(entry, dict) else None
    where = f"rater {label!r}" if isinstance(label, str) else f"rater number {number}"
    values = _typed(entry, RaterConfig, _TYPES, where)
    if "prices" in values:
        quoted = dict(values["prices"])
        if "date" in quoted:
            quoted["date"] = str(quoted["date"])  # YAML reads an unquoted day as a date
        prices = Prices(**_typed(quoted, Prices, _PRICE_TYPES, f"{where}, prices"))
        if min(prices.input, prices.output, prices.cached_input or 0) < 0:
            raise RaterConfigError(f"{where}: prices must not be negative")
        values["prices"] = prices
    return RaterConfig(**values)


def _typed(
    entry: object, target: type, types: Mapping[str, tuple[type, ...]], where: str
) -> dict[str, Any]:
    """Return the entry's fields that are set, all known and of the right type."""
    if not isinstance(entry, dict):
        raise RaterConfigError(f"{where}: must be a block of fields")
    for name in entry:
        if name not in types:
            raise RaterConfigError(f"{where}: unknown field {name!r}; known are {', '.join(types)}")
    values = {name: value for name, value in entry.items() if value is not None}
    for spec in fields(target):
        required = spec.default is MISSING and spec.default_factory is MISSING
        if required and spec.name not in values:
            raise RaterConfigError(f"{where}: {spec.name} is missing")
    for name, value in values.items():
        wrong_boolean = isinstance(value, bool) and bool not in types[name]
        if wrong_boolean or not isinstance(value, types[name]):
            kinds = " or ".join(kind.__name__ for kind in types[name])
            raise RaterConfigError(f"{where}: {name} must be {kinds} (it is {value!r})")
    return values
