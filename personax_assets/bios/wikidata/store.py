"""What was asked already.

Belongs here: keeping answers over runs. Does not belong here: when they are too old to be used.

Each batch is kept as soon as it arrives, so an interrupted run goes on where it was, and a person
whose item did not change is never asked for again.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CREATE = """CREATE TABLE IF NOT EXISTS kept (
  kind TEXT, key TEXT, version TEXT, at REAL NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (kind, key)) WITHOUT ROWID"""


@dataclass(frozen=True)
class Kept:
    """An answer.

    Parameters
    ----------
    version : str, optional
        The version of what it is about.
    at : float
        When it arrived, in seconds since 1970.
    value : object
        The answer, as JSON holds it.
    """

    version: str | None
    at: float
    value: Any


@dataclass(frozen=True)
class Store:
    """Answers by kind and key, in a SQLite file.

    Parameters
    ----------
    path : Path
        The file.
    """

    path: Path

    def get(self, kind: str, keys: Iterable[str]) -> dict[str, Kept]:
        """Return what is kept of a kind, by key."""
        wanted = set(keys)
        with self._open() as db:
            rows = db.execute("SELECT key, version, at, value FROM kept WHERE kind = ?", (kind,))
            return {
                key: Kept(version, at, json.loads(value))
                for key, version, at, value in rows
                if key in wanted
            }

    def put(self, kind: str, answers: Mapping[str, tuple[str | None, Any]], at: float) -> None:
        """Keep answers: version and value by key."""
        rows = [
            (kind, k, version, at, json.dumps(value)) for k, (version, value) in answers.items()
        ]
        with self._open() as db, db:
            db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=60)) as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(_CREATE)
            yield db
