"""What Wikidata knows, asked in batches and kept.

Belongs here: which question is asked when, and which kept answer will do. Does not belong here:
rules about the answers (`facts`), or about who is in (`source`).
"""

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from personax_assets.bios.wikidata import queries
from personax_assets.bios.wikidata.endpoint import Endpoint, EndpointError, Row, batches
from personax_assets.bios.wikidata.facts import Item, Statement, items_needed
from personax_assets.bios.wikidata.store import Kept, Store

BATCH = 200
"""Items per question, as the public endpoint's operators recommend."""

NAMES = 50
"""Names per question: looking names up is more work than looking up items."""

ITEMS_MAX_AGE_S = 30 * 86_400.0
"""For how long names and coordinates of countries, places and occupations are believed."""

_RECIPE = hashlib.sha256(
    (queries.statements(["Q1"]) + queries.labels(["Q1"])).encode()
).hexdigest()[:8]


@dataclass(frozen=True)
class Member:
    """Somebody's place in a league.

    Parameters
    ----------
    preferred : bool
        Whether the statement about it is of preferred rank.
    start : str
        When it began; empty if unknown.
    version : str, optional
        The version of the person's item.
    """

    preferred: bool
    start: str
    version: str | None


@dataclass(frozen=True)
class Person:
    """A person's names by language, and statements."""

    labels: Mapping[str, str]
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Candidate:
    """Somebody who is called by a name: item, birth years and occupations."""

    item: str
    years: tuple[str, ...]
    occupations: tuple[str, ...]


@dataclass(frozen=True)
class Knowledge:
    """Wikidata, as far as it was asked.

    Parameters
    ----------
    endpoint : Endpoint
        Where it is asked.
    store : Store
        Where answers are kept.
    max_age_s : float
        For how long an answer about who there is, and in which version, will do.
    clock : callable
        The time in seconds since 1970.
    """

    endpoint: Endpoint
    store: Store
    max_age_s: float
    clock: Callable[[], float] = time.time

    @property
    def today(self) -> date:
        """The date, in UTC wherever this runs."""
        return datetime.fromtimestamp(self.clock(), UTC).date()

    def members(self, league: str, stale: bool = False) -> dict[str, Member]:
        """Return who plays in a league now, by item.

        Parameters
        ----------
        league : str
            The league.
        stale : bool
            Take the last answer, however old, if there is no newer one to be had.
        """
        kept = self.store.get("members", (league,)).get(league)
        if kept is None or not self._young(kept, self.max_age_s):
            try:
                rows = self.endpoint.select(queries.members(league, self.today))
            except EndpointError:
                if not stale:
                    raise
                rows = kept.value if kept else []
            else:
                self.store.put("members", {league: (None, rows)}, self.clock())
        else:
            rows = kept.value
        return _members(rows)

    def versions(self, items: Iterable[str]) -> dict[str, tuple[str, str | None]]:
        """Return what each item is now called (itself, or what it was merged into) and its version.

        Items that do not exist are left out.
        """
        wanted = list(dict.fromkeys(items))
        found = self._asked("version", wanted, self.max_age_s, self._versions)
        merged = sorted({item["target"] for item in found.values() if item.get("target")})
        targets = self._asked("version", merged, self.max_age_s, self._versions)
        now = {key: str(item.get("target") or key) for key, item in found.items() if item}
        return {key: (item, {**found, **targets}[item].get("version")) for key, item in now.items()}

    def people(
        self, versions: Mapping[str, str | None], advance: Callable[[int], None] = lambda n: None
    ) -> dict[str, Person]:
        """Return what is known of people; asked are those that are new or of another version."""
        wanted = {item: f"{version or '?'}/{_RECIPE}" for item, version in versions.items()}
        kept = self.store.get("person", wanted)
        current = {
            item: answer
            for item, answer in kept.items()
            if answer.version == wanted[item]
            and (versions[item] is not None or self._young(answer, self.max_age_s))
        }
        advance(len(current))
        values = {item: answer.value for item, answer in current.items()}
        for batch in batches([item for item in wanted if item not in current], BATCH):
            answers = self._people(batch)
            self.store.put("person", {i: (wanted[i], answers[i]) for i in batch}, self.clock())
            values |= answers
            advance(len(batch))
        return {i: Person(v["labels"], tuple(v["statements"])) for i, v in values.items()}

    def items_of(self, people: Iterable[Person]) -> dict[str, Item]:
        """Return the things that statements about people point to."""
        needed = {item for person in people for item in items_needed(person.statements)}
        found = self._asked("item", sorted(needed), ITEMS_MAX_AGE_S, self._items)
        return {key: Item(v["labels"], v["codes"], v["points"]) for key, v in found.items()}

    def candidates(self, names: Iterable[str]) -> dict[str, list[Candidate]]:
        """Return the people who are called by names, by name."""
        wanted = list(dict.fromkeys(names))
        found = self._asked("name", wanted, self.max_age_s, self._candidates, NAMES)
        return {
            name: [Candidate(c[0], tuple(c[1]), tuple(c[2])) for c in people]
            for name, people in found.items()
        }

    def _young(self, kept: Kept, max_age_s: float) -> bool:
        return 0 <= self.clock() - kept.at < max_age_s

    def _asked(
        self,
        kind: str,
        keys: list[str],
        max_age_s: float,
        ask: Callable[[list[str]], dict[str, Any]],
        size: int = BATCH,
    ) -> dict[str, Any]:
        """Return answers by key: kept ones that are young enough, and new ones."""
        kept = self.store.get(kind, keys)
        values = {key: k.value for key, k in kept.items() if self._young(k, max_age_s)}
        for batch in batches([key for key in keys if key not in values], size):
            answers = ask(batch)
            self.store.put(kind, {k: (None, v) for k, v in answers.items()}, self.clock())
            values |= answers
        return values

    def _select(self, query: str, about: str, asked: Collection[str]) -> Iterator[Row]:
        """Ask a query, and yield the rows that are about what was asked."""
        for row in self.endpoint.select(query):
            if row.get(about) not in asked:
                shown = str(row.get(about))[:60]
                raise EndpointError(
                    f"SPARQL endpoint {self.endpoint.url}: the answer is about {shown!r}, which "
                    "nobody asked about: check 'endpoint'"
                )
            yield row

    def _versions(self, batch: list[str]) -> dict[str, Any]:
        answers: dict[str, Any] = {item: {} for item in batch}
        for row in self._select(queries.versions(batch), "person", answers):
            answer = answers[str(row["person"])]
            answer["exists"] = True
            for name in ("target", "version"):
                if row.get(name):
                    known = (str(row[name]), answer.get(name, ""))
                    answer[name] = max(known, key=lambda text: (len(text), text))
        return answers

    def _people(self, batch: list[str]) -> dict[str, Any]:
        answers: dict[str, Any] = {i: {"labels": {}, "statements": []} for i in batch}
        for row in self._select(queries.labels(batch), "item", answers):
            _add_label(answers[str(row["item"])]["labels"], row)
        for row in self._select(queries.statements(batch), "person", answers):
            row = dict(sorted(row.items()))
            answers[str(row.pop("person"))]["statements"].append(row)
        for answer in answers.values():  # engines answer in any order
            answer["statements"].sort(key=json.dumps)
        return answers

    def _items(self, batch: list[str]) -> dict[str, Any]:
        answers: dict[str, Any] = {i: {"labels": {}, "codes": [], "points": []} for i in batch}
        for row in self._select(queries.labels(batch), "item", answers):
            _add_label(answers[str(row["item"])]["labels"], row)
        for row in self._select(queries.places(batch), "item", answers):
            for name in ("code", "point"):
                if row.get(name):
                    answers[str(row["item"])][f"{name}s"].append(row[name])
        return answers

    def _candidates(self, batch: list[str]) -> dict[str, Any]:
        people: dict[str, dict[str, tuple[set[str], set[str]]]] = {name: {} for name in batch}
        for row in self._select(queries.named(batch), "name", people):
            named = people[str(row["name"])]
            years, occupations = named.setdefault(str(row["person"]), (set(), set()))
            if row.get("birth"):
                years.add(str(row["birth"])[:4])
            if row.get("occupation"):
                occupations.add(str(row["occupation"]))
        return {
            name: [[item, sorted(found[0]), sorted(found[1])] for item, found in known.items()]
            for name, known in people.items()
        }


def _add_label(labels: dict[str, str], row: Row) -> None:
    labels[str(row["language"])] = str(row["label"])


def _members(rows: Iterable[Row]) -> dict[str, Member]:
    """Reduce rows to one a person: the preferred and latest membership, the highest version."""
    members: dict[str, Member] = {}
    for row in rows:
        item, version = row["person"], row.get("version")
        if item is None:
            continue
        here = Member(
            str(row.get("rank")).endswith("PreferredRank"), row.get("start") or "", version
        )
        known = members.get(item, here)
        best = max(here, known, key=lambda member: (member.preferred, member.start))
        newest = max(here.version or "", known.version or "", key=lambda v: (len(v), v))
        members[item] = Member(best.preferred, best.start, newest or None)
    return members
