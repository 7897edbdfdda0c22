"""A home in the middle of a life, what may never happen to it, and how it is looked at.

Belongs here: making the scene, and counting lost rows, torn tables and answers paid twice. Does
not belong here: the faults (`kills`, `others`).
"""

import json
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml
from PIL import Image

from personax_assets.resources import Resources
from tests.dagster_project.kit import Rater, World, rater
from tests.faults.writer import athletes, bring, resources_at
from tests.personax_assets.faces.pictures import astronaut, encoded

CANARY = "sk-canary-d7111"
BIOS = ("raw_bios", "bios")
SCORES = (*BIOS, "trait_texts_chatgpt", "trait_scores")
QUICK = (*SCORES, "text_embeddings")
FACES = (*BIOS, "face_crops", "face_embeddings")
TESTS = (*SCORES, "independence_tests")
MODEL = (*FACES, *QUICK, "crl_model", "latents")

ATOMIC = ("raw_bios", "bios", "trait_scores", "rater_quality", "independence_tests", "latents")
"""Stages whose table and record are committed together, and by nothing else."""

COMPARED = ("raw_bios", "bios", "bios_history", "face_crops", "face_embeddings",
            "trait_texts_chatgpt", "trait_scores", "text_embeddings",
            "independence_tests")  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One row of the table of drills: what was done how often, and what it did harm to."""

    what: str
    faults: int
    lost: int = 0
    torn: int = 0
    paid_twice: int = 0
    green: bool = True
    said: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing happened that must not."""
        return self.green and not (self.lost or self.torn or self.paid_twice)


def _tinted(band: Image.Image, chance: random.Random) -> Image.Image:
    factor = chance.uniform(0.5, 1.4)
    return band.point([min(255, int(value * factor)) for value in range(256)])


class Scene:
    """A home of athletes whose rosters change, with photographs and a rater that counts.

    Parameters
    ----------
    root : Path
        Folder for everything.
    asked : Rater
        The rater.
    people : tuple of int
        Players of each league on the first day.
    """

    def __init__(self, root: Path, asked: Rater, people: tuple[int, int]) -> None:
        self.root, self.rater = root, asked
        self.home, self.photographs = root / "home", root / "photographs"
        self.world = World(root / "rosters", people)
        (self.photographs / "NBA").mkdir(parents=True)
        (self.photographs / "NHL").mkdir()
        self.picture = astronaut().resize((256, 256))
        self._portray()

    @property
    def resources(self) -> Resources:
        """The home's resources."""
        return resources_at(self.home, self.world.list, self.photographs)

    def live_a_day(self) -> None:
        """Let somebody join, and others change."""
        self.world.day = self.world.day % 27 + 1
        self.world.join("NBA", 1)
        self.world.correct("NBA", 2)
        self.world.correct("NHL", 2)
        self.world.write()
        self._portray()

    def _portray(self) -> None:
        for league in ("NBA", "NHL"):
            for key in self.world.playing[league]:
                path = self.photographs / league / f"{key}.png"
                if not path.exists():
                    # Everybody has another look, or there would be nothing to learn from.
                    chance = random.Random(key)
                    tinted = [_tinted(band, chance) for band in self.picture.split()]
                    path.write_bytes(encoded(Image.merge("RGB", tinted)))

    def process(self, names: Collection[str], *limits: str) -> "subprocess.Popen[str]":
        """Start a process that brings stages up to date."""
        place = (str(self.home), str(self.world.list), str(self.photographs))
        command = [sys.executable, "-m", "tests.faults.writer", *place, ",".join(names), *limits]
        log = (self.root / "log").open("a")
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)

    def bring(self, names: Collection[str]) -> bool:
        """Bring stages up to date in this process; tell whether all ended well."""
        return bring(self.resources, names)

    def status(self, stage: str) -> str:
        """Return how a stage ended last."""
        return self.resources.warehouse.stages()[f"athlepersona/{stage}"].status

    def keys(self, names: Collection[str]) -> dict[str, set[object]]:
        """Return the keys of all rows of the tables of some stages."""
        resources = self.resources
        found: dict[str, set[object]] = {}
        tables = athletes(resources)[0].layout.tables
        for name in (*names, "bios_history"):
            if name in tables:
                key = tables[name].key
                frame = resources.warehouse.read(f"athlepersona.{name}", tables[name], key)
                found[name] = set(frame.select(pl.col(key).cast(pl.String)).iter_rows())
                assert len(found[name]) == frame.height, f"{name}: a key twice"
        return found

    def torn(self, names: Collection[str]) -> list[str]:
        """Return what does not fit together: tables and records, bios and history."""
        resources, wrong = self.resources, []
        records = resources.warehouse.stages()
        for stage in athletes(resources):
            record = records.get(stage.key)
            if record is None or stage.name not in ATOMIC or record.data_version in (None, "none"):
                continue
            with resources.warehouse.transaction() as transaction:
                assert stage.schema is not None
                n, version = transaction.version(stage.schema, stage.layout.table(stage.name))
            if (n, version) != (record.rows, record.data_version):
                wrong.append(stage.name)
        if "athlepersona/bios" in records:
            differ = resources.warehouse.query(
                "(SELECT person_id FROM athlepersona.bios EXCEPT SELECT person_id FROM "
                "athlepersona.bios_history WHERE valid_to IS NULL) UNION (SELECT person_id FROM "
                "athlepersona.bios_history WHERE valid_to IS NULL EXCEPT SELECT person_id FROM "
                "athlepersona.bios)"
            )
            wrong += ["bios_history"] if differ.height else []
        return wrong

    def paid_twice(self) -> int:
        """Count answers that arrived and were asked for again, by the rater's own count."""
        asked = Counter(re.findall(r"Given\d+ Family\d+", " | ".join(self.rater.asked)))
        path = self.home / "journal.sqlite"
        if not path.exists():
            return 0
        names = dict(
            self.resources.warehouse.query(
                "SELECT DISTINCT person_id, name FROM athlepersona.bios_history"
            ).iter_rows()
        )
        interrupted: Counter[str] = Counter()
        with closing(sqlite3.connect(path)) as db:
            for person, n in db.execute(
                "SELECT person_id, count(*) FROM calls WHERE outcome = 'interrupted' GROUP BY 1"
            ):
                interrupted[names.get(person, "")] += n
        for file in path.parent.glob("journal.sqlite.*.open"):
            ends: dict[str, tuple[str, bool]] = {}
            for line in file.read_bytes().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                ends[entry["entry"]] = names.get(entry["person_id"], ""), bool(entry["outcome"])
            interrupted.update(name for name, ended in ends.values() if not ended)
        return sum(max(n - 1 - interrupted[name], 0) for name, n in asked.items())

    def differs_from_scratch(self, names: Sequence[str]) -> list[str]:
        """Return the tables that are not as if nothing had ever happened."""
        scratch = self.root / "scratch"
        asked = list(self.rater.asked)
        other = resources_at(scratch, self.world.list, self.photographs)
        assert bring(other, names)
        self.rater.asked[:] = asked
        tables = athletes(other)[0].layout.tables
        differ = []
        for name in COMPARED:
            if name in names or (name == "bios_history" and "bios" in names):
                schema = tables[name]
                left_out = [c.name for c in schema.columns if c.volatile or c.name == "notes"]
                one, two = (
                    r.warehouse.read(f"athlepersona.{name}", schema).drop(left_out)
                    for r in (self.resources, other)
                )
                differ += [] if one.equals(two) else [name]
        shutil.rmtree(scratch)
        return differ

    def canaries(self) -> int:
        """Count the files of all homes, and the logs, that hold the key."""
        return sum(
            CANARY.encode() in path.read_bytes() for path in self.root.rglob("*") if path.is_file()
        )


@contextmanager
def scene(root: Path, people: tuple[int, int] = (14, 8)) -> Iterator[Scene]:
    """Make a scene whose rater wants a key."""
    root.mkdir(parents=True, exist_ok=True)
    with rater() as made, pytest.MonkeyPatch.context() as patch:
        file = made.configured(root, ["chatgpt"])
        described = yaml.safe_load(file.read_text())
        described["raters"][0]["key_env"] = "DRILL_KEY"
        file.write_text(yaml.safe_dump(described))
        patch.setenv("DRILL_KEY", CANARY)
        patch.setenv("PERSONAX_RATERS", str(file))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield Scene(root, made, people)
