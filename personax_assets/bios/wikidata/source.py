"""Wikidata as a source of people.

Belongs here: who counts, and their raw rows. Does not belong here: asking (`knowledge`) or the
rules by which a field is taken (`facts`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from personax_assets.bios.people import WHO, Entry, Rejected, identify, read_people
from personax_assets.bios.raw import RawBatch, quarantined, raw_rows
from personax_assets.bios.wikidata.description import Wikidata
from personax_assets.bios.wikidata.endpoint import Endpoint, EndpointError
from personax_assets.bios.wikidata.facts import birth_year, fields_of, item_number
from personax_assets.bios.wikidata.knowledge import Knowledge, Member, Person
from personax_assets.bios.wikidata.store import Store
from personax_assets.datasets import ATHLEPERSONA, LEAGUES, SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.progress import progress
from personax_assets.web import Client, Polite

RULES = "1"
"""To be raised whenever the same statements give other rows."""


def knowledge_of(description: Wikidata, folder: Path) -> Knowledge:
    """Return what a description's endpoint knows; answers are kept in the folder."""
    from importlib.metadata import version

    agent = f"PersonaX/{version('personax')} ({description.contact})"
    client = Client(agent, allowed=None, max_bytes=200_000_000, deadline_s=90.0)
    name = hashlib.sha256(description.endpoint.encode()).hexdigest()[:8]
    return Knowledge(
        Endpoint(description.endpoint, Polite(client, folder / "hosts")),
        Store(folder / f"wikidata-{name}.sqlite"),
        description.max_age_s,
    )


@dataclass(frozen=True)
class WikidataSource:
    """People from Wikidata: the players of leagues, or those of a list.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    description : Wikidata
        Where Wikidata is asked, and for whom.
    knowledge : Knowledge
        What it knows.
    """

    sub: SubDataset
    description: Wikidata
    knowledge: Knowledge

    name = "wikidata"
    simulated = False

    @property
    def partitions(self) -> tuple[str, ...]:
        """The leagues that are asked for."""
        return self.description.leagues if self.sub == ATHLEPERSONA else ()

    def fingerprint(self, partition: str | None) -> str:
        """Return a hash of who there is and in which version.

        An endpoint that does not answer counts as one with nobody: reading it will say so.
        """
        found: list[object] = []
        try:
            for selected in self._selected(partition):
                found.append(sorted((i, *place) for i, place in self._wanted(selected).items()))
        except EndpointError:
            found.append("no answer")
        parts = [RULES, self.description.endpoint, self.knowledge.today.year, self._listed, found]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]

    def read(self, partition: str | None) -> RawBatch:
        """Return the rows of a league, or of everybody who is looked up.

        Raises
        ------
        PersonaXError
            If the endpoint does not answer; what it answered before is kept.
        """
        batches = [
            self._read_league(p) if p is not None else self._read_list()
            for p in self._selected(partition)
        ]
        if not batches:
            batches = [_batch(self.sub, [], [], 0, 0)]
        return RawBatch(
            rows=pl.concat([batch.rows for batch in batches]),
            quarantine=pl.concat([batch.quarantine for batch in batches]),
            counts={key: sum(b.counts[key] for b in batches) for key in batches[0].counts},
        )

    def _selected(self, partition: str | None) -> tuple[str | None, ...]:
        if self.sub != ATHLEPERSONA:
            return (None,)
        return tuple(p for p in self.partitions if partition in (None, p))

    @cached_property
    def _listed(self) -> str:
        """A hash of the list of people, if there is one; an absent file is told by reading it."""
        if self.description.people is None or not self.description.people.is_file():
            return ""
        return hashlib.sha256(self.description.people.read_bytes()).hexdigest()

    def _wanted(self, partition: str | None) -> Mapping[str, tuple[str, str | None]]:
        """Return what decides the rows of a partition: by item, its present name and version."""
        if partition is not None:
            return {i: (i, m.version) for i, m in self._players(partition).items()}
        if not self._listed:
            return {}
        entries, _, _ = self._people()
        return self.knowledge.versions(entries)

    def _players(self, league: str) -> dict[str, Member]:
        """Return the players of a league who are in no other league rather than in this.

        Somebody with open places in two leagues (a player on loan whose old contract has no end)
        is where the preferred, then the latest place is, then in the first league in order.
        """
        own = self.knowledge.members(league)
        others = {o: self.knowledge.members(o, stale=True) for o in self.partitions if o != league}

        def elsewhere(item: str, here: Member) -> bool:
            mine = (here.preferred, here.start, -LEAGUES.index(league))
            return any(
                (there.preferred, there.start, -LEAGUES.index(name)) > mine
                for name, members in others.items()
                if (there := members.get(item)) is not None
            )

        return {item: member for item, member in own.items() if not elsewhere(item, member)}

    def _read_league(self, league: str) -> RawBatch:
        everyone = self.knowledge.members(league)
        players = self._players(league)
        people = self._known({item: member.version for item, member in players.items()}, league)
        rows, rejected, too_old = [], [], 0
        this_year = self.knowledge.today.year
        for item, row in self._rows(people):
            born = birth_year(row["birth_date"])
            if born is not None and this_year - born > self.description.oldest:
                too_old += 1
            elif row["name"] is None:
                rejected.append(self._nameless(item, row))
            else:
                rows.append({**row, "league": league})
        out_of_scope = len(everyone) - len(players) + too_old
        return _batch(self.sub, rows, rejected, len(everyone), out_of_scope)

    def _read_list(self) -> RawBatch:
        entries, rejected, n_rows = self._people()
        versions = self.knowledge.versions(entries)
        people = self._known(dict(versions.values()), self.sub.people)
        known = dict(self._rows(people))
        assert self.description.people is not None
        file = self.description.people.name
        rows = []
        for item, entry in entries.items():
            if item not in versions:
                reason = f"Wikidata has no item {item}: check the qid"
                rejected.append((file, entry.row, "qid", reason, entry.raw))
                continue
            row = {**known[versions[item][0]], "source_id": item, "source_row": entry.row}
            row["name"] = entry.values.get("name") or row["name"]
            if row["name"] is None:
                rejected.append((file, entry.row, "name", "no name: add one", entry.raw))
            else:
                rows.append(row)
        return _batch(self.sub, rows, rejected, n_rows, 0)

    def _people(self) -> tuple[dict[str, Entry], list[Rejected], int]:
        """Return whom the list means, by item; the rows that mean nobody; the number of rows."""
        path = self.description.people
        if path is None:
            raise PersonaXError("the description names no list of people")
        people = read_people(path, WHO)
        rejected = list(people.rejected)
        found: dict[str, Entry] = {}
        for entry, who in zip(
            people.entries, identify(people.entries, self.knowledge), strict=True
        ):
            if who.item is None:
                rejected.append((path.name, entry.row, who.field, str(who.reason), entry.raw))
            elif who.item in found:
                reason = f"{who.item} is in row {found[who.item].row} already: remove one of them"
                rejected.append((path.name, entry.row, "qid", reason, entry.raw))
            else:
                found[who.item] = entry
        return found, rejected, len(people.entries) + len(people.rejected)

    def _known(self, versions: Mapping[str, str | None], label: str) -> dict[str, Person]:
        with progress(f"Wikidata: {label}", len(versions)) as advance:
            return self.knowledge.people(versions, advance)

    def _rows(self, people: Mapping[str, Person]) -> Iterable[tuple[str, dict[str, Any]]]:
        """Yield raw rows in the order of the items' numbers."""
        items = self.knowledge.items_of(people.values())
        today = self.knowledge.today
        for item in sorted(people, key=item_number):
            person = people[item]
            raw = {"item": item, "labels": person.labels, "statements": person.statements}
            yield (
                item,
                {
                    **fields_of(person.labels, person.statements, items, today),
                    "source": self.name,
                    "source_file": self.description.endpoint,
                    "source_id": item,
                    "raw": json.dumps(raw, ensure_ascii=False, sort_keys=True),
                },
            )

    def _nameless(self, item: str, row: Mapping[str, Any]) -> Rejected:
        reason = f"{item} has no name in a language that is read: add an English label to the item"
        return (str(row["source_file"]), item_number(item), "name", reason, str(row["raw"]))


def _batch(
    sub: SubDataset,
    rows: list[dict[str, Any]],
    rejected: list[Rejected],
    n_rows: int,
    out_of_scope: int,
) -> RawBatch:
    return RawBatch(
        rows=raw_rows(sub, rows),
        quarantine=quarantined(rejected),
        counts={
            "rows_in": n_rows,
            "rows_out": len(rows),
            "quarantined": len(rejected),
            "out_of_scope": out_of_scope,
            "people_in": n_rows - out_of_scope,
        },
    )
