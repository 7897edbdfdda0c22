"""What the journal knows about batches.

Belongs here: which requests wait in which batch. Does not belong here: the Batch API, or answers,
which are calls like any other.
"""

import json
import sqlite3
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from personax_assets.traits.prompts import Prompt, Request
from personax_assets.traits.raters import RaterConfig


@dataclass(frozen=True)
class Batch:
    """A batch that was submitted and not collected.

    Parameters
    ----------
    tag : str
        Our own name for it.
    id : str, optional
        The server's; None if the process died, or the reply got lost, while it was submitted.
    submitted_at : float
        Seconds since the epoch.
    """

    tag: str
    id: str | None
    submitted_at: float


@dataclass(frozen=True)
class Waiting:
    """A request in a batch, with the worst case that was reserved for it."""

    request: Request
    tokens: int
    usd: float | None


class Batches:
    """The open batches of one rater.

    Parameters
    ----------
    db : sqlite3.Connection
        The journal's database.
    rater : RaterConfig
        Whose batches.
    """

    def __init__(self, db: sqlite3.Connection, rater: RaterConfig) -> None:
        self._db, self._rater = db, rater

    def open(self) -> list[Batch]:
        """Return the batches that were not collected yet, oldest first."""
        rows = self._db.execute(
            "SELECT tag, id, submitted_at FROM batches WHERE rater = ? AND provider = ? "
            "AND collected_at IS NULL ORDER BY submitted_at",
            (self._rater.name, self._rater.provider),
        )
        return [Batch(*row) for row in rows]

    def keys(self) -> set[str]:
        """Return the keys of all requests that wait in open batches."""
        rows = self._db.execute(
            "SELECT request_key FROM batch_requests JOIN batches USING (tag) "
            "WHERE rater = ? AND provider = ? AND collected_at IS NULL",
            (self._rater.name, self._rater.provider),
        )
        return {key for (key,) in rows}

    def waiting(self, batch: Batch) -> dict[str, Waiting]:
        """Return the requests of a batch by their keys."""
        rows = self._db.execute(
            "SELECT request_key, request, reserved_tokens, reserved_usd FROM batch_requests "
            "WHERE tag = ?",
            (batch.tag,),
        )
        return {key: Waiting(_read(key, text), tokens, usd) for key, text, tokens, usd in rows}

    def begin(self, waiting: Sequence[Waiting]) -> str:
        """Write down what is about to be submitted, and return the batch's tag."""
        tag = uuid.uuid4().hex
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "INSERT INTO batches (tag, rater, provider, submitted_at) VALUES (?, ?, ?, ?)",
                (tag, self._rater.name, self._rater.provider, time.time()),
            )
            self._db.executemany(
                "INSERT INTO batch_requests VALUES (?, ?, ?, ?, ?)",
                [(tag, w.request.key, _written(w.request), w.tokens, w.usd) for w in waiting],
            )
        return tag

    def submitted(self, tag: str, batch_id: str) -> None:
        """Write down the server's id of a batch."""
        self._db.execute("UPDATE batches SET id = ? WHERE tag = ?", (batch_id, tag))

    def forget(self, tag: str) -> None:
        """Forget a batch that the server never got."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM batch_requests WHERE tag = ?", (tag,))
            self._db.execute("DELETE FROM batches WHERE tag = ?", (tag,))

    def collected(self, tag: str) -> None:
        """Write down that everything that a batch brought is in the journal."""
        self._db.execute("UPDATE batches SET collected_at = ? WHERE tag = ?", (time.time(), tag))


def _written(request: Request) -> str:
    """Return what is needed to read the answer, whatever has become of the prompt by then."""
    prompt = request.prompt
    return json.dumps(
        {
            "person_id": request.person_id,
            "version": prompt.version,
            "levels": prompt.levels,
            "textual": prompt.textual,
            "repeat": request.repeat,
            "study": request.study,
        }
    )


def _read(key: str, text: str) -> Request:
    kept = json.loads(text)
    prompt = Prompt(kept["version"], tuple(kept["levels"]), kept["textual"], "", {}, 0)
    return Request(key, kept["person_id"], {}, prompt, kept["repeat"], kept["study"])
