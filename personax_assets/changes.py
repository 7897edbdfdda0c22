"""What a run changed, in figures.

Belongs here: adding up what the stages of a run counted, and saying it in a line. Does not belong
here: counting; every stage counts its own.
"""

from collections.abc import Iterable

from personax_assets.warehouse import StageRecord

PEOPLE = ("new", "changed", "unchanged", "retired", "quarantined", "held")
"""Counts of people (rows, where quarantined), in the order in which they are told."""


def run_changes(records: Iterable[StageRecord], sub_name: str, run_id: str) -> dict[str, float]:
    """Add up what the stages of one sub-dataset counted in a run; empty if they did nothing."""
    total: dict[str, float] = {}
    for record in records:
        if record.run_id == run_id and record.asset.startswith(f"{sub_name}/"):
            for name, value in record.counts.items():
                total[name] = total.get(name, 0) + value
    return total


def described(changes: dict[str, float]) -> str:
    """Say what changed: `18 new, 3 changed, ...; 54 calls, 0 failed, cost 0.12 USD`."""
    if not changes:
        return "nothing changed"
    people = [f"{changes[name]:,.0f} {name}" for name in PEOPLE if name in changes]
    calls = [f"{changes[name]:,.0f} {name}" for name in ("calls", "failed") if name in changes]
    if changes.get("calls"):
        cost = changes.get("cost_usd")
        calls.append("cost unknown" if cost is None else f"cost {cost:.4f} USD")
    return "; ".join(", ".join(part) for part in (people, calls) if part)
