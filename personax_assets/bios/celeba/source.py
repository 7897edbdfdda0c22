"""CelebA as a source of public figures.

Belongs here: raw rows from identities and from the user's list of who they are. Does not belong
here: the files (`files`), aggregation (`identities`), or Wikidata (`wikidata`).

CelebA does not say who its identities are. Without a list they are nameless: faces and attributes,
no bio, and nobody is asked about their traits.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from personax_assets.bios.celeba.description import Celeba
from personax_assets.bios.celeba.files import read_attributes, read_identities
from personax_assets.bios.celeba.identities import put_together
from personax_assets.bios.people import WHO, Entry, People, Rejected, identify, read_people
from personax_assets.bios.raw import RawBatch, quarantined, raw_rows
from personax_assets.bios.wikidata.facts import fields_of
from personax_assets.bios.wikidata.knowledge import Knowledge
from personax_assets.datasets import CELEBPERSONA, FACE_ATTRIBUTES

BIO = ("name", "birth_date", "country", "latitude", "longitude", "occupation", "gender")
BODY = {"height_cm": ("height", "cm"), "weight_kg": ("weight", "kg")}
"""Columns of the list in a stated unit, and where they go."""

COLUMNS = tuple(dict.fromkeys(("identity", *WHO, *BIO, *BODY)))
"""What a list of people may say."""

RULES = "1"
"""To be raised whenever the same files give other rows."""


@dataclass(frozen=True)
class CelebaSource:
    """The identities of a copy of CelebA.

    Parameters
    ----------
    description : Celeba
        Where its files are.
    knowledge : Knowledge, optional
        Wikidata, where people are looked up.
    """

    description: Celeba
    knowledge: Knowledge | None = None

    name: str = field(default="celeba", init=False)
    simulated: bool = field(default=False, init=False)
    partitions: tuple[str, ...] = field(default=(), init=False)

    def fingerprint(self, partition: str | None) -> str:
        """Return a hash of the files, of which images there are, and of versions of people."""
        what = self.description
        digest = hashlib.sha256(RULES.encode())
        for file in (what.attributes, what.identities, what.people):
            digest.update(_digest(file))
        if what.images is not None:
            digest.update(repr(sorted(path.name for path in what.images.iterdir())).encode())
        if self.knowledge is not None and what.people is not None and what.people.is_file():
            from personax_assets.bios.wikidata.endpoint import EndpointError

            try:
                versions = self.knowledge.versions(self._looked_up(self._people())[0].values())
            except EndpointError:
                versions = {}
            digest.update(repr(sorted(versions.items())).encode())
        return digest.hexdigest()[:32]

    def read(self, partition: str | None) -> RawBatch:
        """Return a row per identity.

        Raises
        ------
        PersonaXError
            If a file is wrong as a whole, or Wikidata does not answer.
        """
        what = self.description
        identities = put_together(
            read_attributes(what.attributes),
            read_identities(what.identities),
            what.attributes.name,
            what.identities.name,
        )
        people = self._people()
        rejected = [*identities.rejected, *people.rejected]
        known, bad = self._bios(people, set(identities.frame["identity"]))
        rejected += bad
        present = None if what.images is None else {path.name for path in what.images.iterdir()}
        file = {"source_file": what.attributes.name}
        rows = [
            {**file, **_row(row, present), **known.get(row["identity"], {})}
            for row in identities.frame.iter_rows(named=True)
        ]
        return RawBatch(
            rows=raw_rows(CELEBPERSONA, rows),
            quarantine=quarantined(rejected),
            counts={
                **dict.fromkeys(("rows_in", "rows_out", "people_in"), len(rows)),
                **dict.fromkeys(("quarantined", "out_of_scope"), 0),
                "images": identities.n_images,
                "rows_without_use": len(rejected),
                "named": sum(row.get("name") is not None for row in rows),
            },
        )

    def _people(self) -> People:
        if self.description.people is None:
            return People([])
        return read_people(self.description.people, COLUMNS, required=("identity",))

    def _looked_up(self, people: People) -> tuple[dict[int, str], list[Rejected]]:
        """Return the item of each row's number, for rows that are looked up."""
        if self.knowledge is None or self.description.people is None:
            return {}, []
        entries = [e for e in people.entries if "qid" in e.values or "name" in e.values]
        found: dict[int, str] = {}
        rejected: list[Rejected] = []
        for entry, who in zip(entries, identify(entries, self.knowledge), strict=True):
            if who.item is not None:
                found[entry.row] = who.item
            else:
                file = self.description.people.name
                rejected.append((file, entry.row, who.field, str(who.reason), entry.raw))
        return found, rejected

    def _bios(
        self, people: People, identities: set[int]
    ) -> tuple[dict[int, dict[str, Any]], list[Rejected]]:
        """Return what is known of the people behind identities."""
        file = self.description.people.name if self.description.people else ""
        items, rejected = self._looked_up(people)
        wikidata = self._facts(items)
        unusable = {row for _, row, *_ in rejected}
        bios: dict[int, dict[str, Any]] = {}
        for entry in people.entries:
            if entry.row in unusable:
                continue
            identity, problem = _identity(entry, identities, bios)
            if identity is None:
                rejected.append((file, entry.row, "identity", problem, entry.raw))
                continue
            facts = dict(wikidata.get(items.get(entry.row, ""), {}))
            bio = {**facts, **_stated(entry)}
            if bio.get("name") is None:
                reason = "no name: give one" + (
                    "" if self.knowledge else ", or describe 'wikidata'"
                )
                rejected.append((file, entry.row, "name", reason, entry.raw))
                continue
            bio.pop("photograph", None)  # CelebA has its own
            bios[identity] = {k: v for k, v in bio.items() if v is not None}
        return bios, rejected

    def _facts(self, items: Mapping[int, str]) -> dict[str, Mapping[str, Any]]:
        """Return what Wikidata says, by item as listed."""
        if self.knowledge is None or not items:
            return {}
        versions = self.knowledge.versions(items.values())
        people = self.knowledge.people(dict(versions.values()))
        things = self.knowledge.items_of(people.values())
        today = self.knowledge.today
        facts = {i: fields_of(p.labels, p.statements, things, today) for i, p in people.items()}
        return {listed: facts[now] for listed, (now, _) in versions.items()}


def _row(row: Mapping[str, Any], present: set[str] | None) -> dict[str, Any]:
    """Return the raw row of a nameless identity."""
    images = row["images"] if present is None else [i for i in row["images"] if i in present]
    votes = {name: [row[f"{name}_yes"], row["n_images"]] for name in (*FACE_ATTRIBUTES, "male")}
    genders = {True: "male", False: "female", None: None}
    return {
        "source": "celeba",
        "source_row": row["identity"],
        "source_id": str(row["identity"]),
        "gender": genders[row["male"]],
        **{name: None if row[name] is None else str(row[name]).lower() for name in FACE_ATTRIBUTES},
        "photograph": "|".join(images[: CELEBPERSONA.photographs]) or None,
        "raw": json.dumps({"images": row["n_images"], "yes_of_images": votes}),
    }


def _identity(
    entry: Entry, identities: set[int], taken: Mapping[int, object]
) -> tuple[int | None, str]:
    text = entry.values.get("identity", "")
    if not text.isdecimal():
        return None, "expected the number of an identity"
    identity = int(text)
    if identity not in identities:
        return None, f"CelebA has no identity {identity}: check the number"
    if identity in taken:
        return None, f"identity {identity} is in an earlier row already: remove one of them"
    return identity, ""


def _stated(entry: Entry) -> dict[str, Any]:
    """Return what the list itself says about a person."""
    bio: dict[str, Any] = {name: entry.values[name] for name in BIO if name in entry.values}
    for column, (name, unit) in BODY.items():
        if column in entry.values:
            bio |= {name: entry.values[column], f"{name}_unit": unit}
    if "country" in bio:
        bio["country_basis"] = "nationality"
    return bio


def _digest(file: Path | None) -> bytes:
    """Return a hash of a file; one that cannot be read counts as absent."""
    if file is None:
        return b"none"
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return b"absent"
