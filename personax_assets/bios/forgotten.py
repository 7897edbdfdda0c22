"""People who are not to come back.

Belongs here: the list of people who were forgotten, and leaving their rows out when a source is
read. Does not belong here: erasing what is known of them (`personax_assets.forgetting`).

The list holds keyed hashes alone: whoever has it can tell that a given person is on it, and cannot
tell who is.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from personax_assets.bios.raw import RawBatch
from personax_assets.datasets import SubDataset

FILE = "forgotten.json"


@dataclass(frozen=True)
class Forgotten:
    """The list.

    Parameters
    ----------
    key : str
        Key of the hashes, drawn when the first person was forgotten.
    people : frozenset of str
        Hashes of ids of people.
    rows : frozenset of str
        Hashes of rows of sources that name such a person and belong to nobody.
    """

    key: str
    people: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()

    @classmethod
    def of_home(cls, home: Path) -> "Forgotten":
        """Return the list of a home; an empty one if nobody was forgotten."""
        path = home / FILE
        if not path.exists():
            return cls(secrets.token_hex(32))
        kept = json.loads(path.read_text())
        return cls(kept["key"], frozenset(kept["people"]), frozenset(kept["rows"]))

    def with_these(self, people: Iterable[str], rows: Iterable[str]) -> "Forgotten":
        """Return the list with more ids of people and rows."""
        return replace(
            self,
            people=self.people | {self._hash(person) for person in people},
            rows=self.rows | {self._hash(row) for row in rows},
        )

    def keep(self, home: Path) -> None:
        """Write the list into a home."""
        document = {"key": self.key, "people": sorted(self.people), "rows": sorted(self.rows)}
        path = home / FILE
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps(document, indent=1) + "\n")
        temporary.replace(path)

    def holds(self, person_id: str) -> bool:
        """Tell whether a person is on the list."""
        return self._hash(person_id) in self.people

    def left_out(self, batch: RawBatch, sub: SubDataset) -> RawBatch:
        """Return what a source says without the people on the list."""
        if not (self.people or self.rows):
            return batch
        rejected = batch.quarantine.filter(~self._listed("raw_row", self.rows))
        return replace(batch, rows=self._without(batch.rows, sub), quarantine=rejected)

    def _without(self, rows: pl.DataFrame, sub: SubDataset) -> pl.DataFrame:
        if rows.is_empty():
            return rows
        from personax_assets.bios.cleaning import person_ids

        owned = rows.with_columns(person_ids(rows, sub))
        listed = self._listed("person_id", self.people) | self._listed("raw", self.rows)
        return owned.filter(~listed).select(rows.columns)

    def _listed(self, column: str, hashes: frozenset[str]) -> pl.Expr:
        return pl.col(column).map_elements(
            lambda value: self._hash(value) in hashes, return_dtype=pl.Boolean
        ).fill_null(False)  # fmt: skip

    def _hash(self, value: str) -> str:
        return hmac.digest(bytes.fromhex(self.key), value.encode(), hashlib.sha256).hex()
