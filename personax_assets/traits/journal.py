"""The journal of every call, in SQLite.

Belongs here: the tables, and what is read from them. Does not belong here: how entries get into
them (`entries`), calling, or deciding.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from personax_assets.erasure import INSTEAD, Words, erase_in_sqlite
from personax_assets.traits.batches import Batches
from personax_assets.traits.entries import INTERRUPTED, Entries, JournalError
from personax_assets.traits.outcomes import MALFORMED
from personax_assets.traits.raters import RaterConfig

FORMAT = 2
"""Version of the tables below, kept in the file's `user_version`; older ones are extended."""

_TABLES = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    entry TEXT NOT NULL UNIQUE,
    request_key TEXT NOT NULL,
    person_id TEXT NOT NULL,
    rater TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    simulated INTEGER NOT NULL,
    prompt_version TEXT NOT NULL,
    repeat INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    started_at REAL NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    reserved_usd REAL,
    ended_at REAL NOT NULL,
    latency_s REAL,
    outcome TEXT NOT NULL,
    retry_after_s REAL,
    detail TEXT,
    text TEXT,
    answer TEXT,
    prompt_tokens INTEGER,
    completion_tokens INTEGER,
    cached_tokens INTEGER,
    reasoning_tokens INTEGER,
    cost_usd REAL,
    model_returned TEXT,
    fingerprint TEXT,
    request_id TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS calls_by_request ON calls (request_key);
CREATE INDEX IF NOT EXISTS calls_by_time ON calls (rater, started_at);
CREATE TABLE IF NOT EXISTS rounds (
    dataset TEXT NOT NULL,
    rater TEXT NOT NULL,
    round INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    PRIMARY KEY (dataset, rater)
) STRICT;
CREATE TABLE IF NOT EXISTS batches (
    tag TEXT PRIMARY KEY,
    rater TEXT NOT NULL,
    provider TEXT NOT NULL,
    id TEXT,
    submitted_at REAL NOT NULL,
    collected_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS batch_requests (
    tag TEXT NOT NULL REFERENCES batches (tag),
    request_key TEXT NOT NULL,
    request TEXT NOT NULL,
    reserved_tokens INTEGER NOT NULL,
    reserved_usd REAL,
    PRIMARY KEY (tag, request_key)
) STRICT;
"""


@dataclass(frozen=True)
class Record:
    """Everything that the journal knows about one request.

    Parameters
    ----------
    person_id : str
        For whom it was asked first.
    outcome, detail, answer : optional
        How it ended: the answer if there ever was one, else the last failure.
    model, request_id, prompt_version, simulated, latency_s, ended_at
        Of that call.
    calls : int
        Number of calls made.
    malformed : int
        Those of them whose answer could not be read.
    prompt_tokens, completion_tokens, cost_usd : optional
        Over all calls, failed ones included; None where nothing is known.
    """

    person_id: str
    outcome: str
    detail: str | None
    answer: dict[str, str | int] | None
    model: str | None
    request_id: str | None
    prompt_version: str
    simulated: bool
    latency_s: float | None
    ended_at: float
    calls: int
    malformed: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None


class Journal:
    """The journal in one SQLite file, usable as a context manager.

    Parameters
    ----------
    path : Path
        The file; it is made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Dagster may run the steps that share a journal in different threads.
            self._db = sqlite3.connect(
                path, timeout=60, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            # An answer that was paid for must outlive a power cut, too.
            self._db.execute("PRAGMA synchronous = FULL")
            # What is deleted is overwritten: a person may want to be forgotten.
            self._db.execute("PRAGMA secure_delete = ON")
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found < FORMAT:
                self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT")
                self._db.execute(f"PRAGMA user_version = {FORMAT}")
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"the journal {path} cannot be opened: {error}") from None
        if found > FORMAT:
            raise JournalError(
                f"the journal {path} has format {found}, this program writes format {FORMAT}: "
                "use another home or the program that wrote it"
            )

    def __enter__(self) -> "Journal":
        """Return the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; everything entered is in it already."""
        self._db.close()

    @contextmanager
    def entries(self, rater: RaterConfig, on_wait: Callable[[str], None]) -> Iterator[Entries]:
        """Be the only process that asks a rater, and write down its calls.

        Parameters
        ----------
        rater : RaterConfig
            Who is asked.
        on_wait : callable
            Told once, in a sentence, when another process is in the way.

        Yields
        ------
        Entries
            Where the calls are entered; everything is in the database when the block ends.
        """
        path = self.path.with_name(f"{self.path.name}.{rater.name}.open")
        entries = Entries(self._db, path, rater, on_wait)
        try:
            yield entries
        finally:
            entries.close()

    def batches(self, rater: RaterConfig) -> Batches:
        """Return what is known about a rater's batches."""
        return Batches(self._db, rater)

    def answered(self, keys: Iterable[str]) -> set[str]:
        """Return those of the keys that have an answer."""
        rows = self._db.execute(
            "SELECT DISTINCT request_key FROM json_each(?) AS asked "
            "JOIN calls ON request_key = asked.value WHERE outcome = 'ok'",
            (json.dumps(list(keys)),),
        )
        return {key for (key,) in rows}

    def records(self, keys: Iterable[str]) -> dict[str, Record]:
        """Return what is known about requests; keys of which nothing is known are left out."""
        rows = self._db.execute(
            """
            WITH known AS (
                SELECT request_key,
                       coalesce(
                           max(id) FILTER (WHERE outcome = 'ok'),
                           max(id) FILTER (WHERE outcome <> ?)
                       ) AS id,
                       count(*) AS calls,
                       count(*) FILTER (WHERE outcome IN (SELECT value FROM json_each(?))),
                       sum(prompt_tokens), sum(completion_tokens), sum(cost_usd)
                FROM (SELECT DISTINCT value FROM json_each(?)) AS asked
                JOIN calls ON request_key = asked.value
                GROUP BY request_key
            )
            SELECT known.request_key, person_id, outcome, detail, answer, model_returned,
                   request_id, prompt_version, simulated, latency_s, ended_at, known.*
            FROM known JOIN calls USING (id)
            """,
            (INTERRUPTED, json.dumps(sorted(MALFORMED)), json.dumps(list(keys))),
        )
        return {key: _record(values) for key, *values in rows}

    def round_of(self, dataset: str, rater: str) -> tuple[int, bool]:
        """Return how often people were to be asked again, and whether the last time is over."""
        row = self._db.execute(
            "SELECT round, finished FROM rounds WHERE dataset = ? AND rater = ?", (dataset, rater)
        ).fetchone()
        return (0, True) if row is None else (row[0], bool(row[1]))

    def enter_round(self, dataset: str, rater: str, number: int, *, finished: bool) -> None:
        """Write down which round of asking goes on or is over."""
        self._db.execute(
            "INSERT OR REPLACE INTO rounds (dataset, rater, round, finished) VALUES (?, ?, ?, ?)",
            (dataset, rater, number, finished),
        )

    def sent_since(self, rater: str, moment: float) -> list[tuple[float, int]]:
        """Return when calls to a rater were sent since a moment, and the tokens they count for."""
        return self._db.execute(
            "SELECT started_at, coalesce(prompt_tokens + completion_tokens, reserved_tokens) "
            "FROM calls WHERE rater = ? AND started_at > ? ORDER BY started_at",
            (rater, moment),
        ).fetchall()

    def asked_to_wait_until(self, rater: str) -> float:
        """Return the end of the longest pause that a rater has asked for; 0 if it never did."""
        row = self._db.execute(
            "SELECT coalesce(max(ended_at + retry_after_s), 0.0) FROM calls WHERE rater = ?",
            (rater,),
        ).fetchone()
        return float(row[0])

    def last_call(self) -> int:
        """Return the number of the last call; later ones have higher numbers."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()[0])

    def calls_after(self, last: int, keys: Iterable[str]) -> tuple[int, float | None]:
        """Return the calls about some requests after call number `last`, and what they cost.

        The cost is None if no price is known.
        """
        row = self._db.execute(
            "SELECT count(*), sum(cost_usd) FROM json_each(?) AS asked "
            "JOIN calls ON request_key = asked.value WHERE calls.id > ?",
            (json.dumps(list(keys)), last),
        ).fetchone()
        return int(row[0]), row[1]

    def spent_usd(self, since: float = 0.0) -> float:
        """Return the US dollars spent since a moment; the worst case where usage is unknown."""
        row = self._db.execute(
            "SELECT coalesce(sum(coalesce(cost_usd, reserved_usd)), 0.0) FROM calls "
            "WHERE started_at >= ?",
            (since,),
        ).fetchone()
        return float(row[0])

    def calls_about(self, person_id: str) -> int:
        """Return the number of calls about a person."""
        row = self._db.execute(
            "SELECT count(*) FROM calls WHERE person_id = ?", (person_id,)
        ).fetchone()
        return int(row[0])

    def forget(self, person_id: str, words: Words) -> None:
        """Take a person out: what was asked and answered goes, when and at what cost stays.

        Parameters
        ----------
        person_id : str
            The person.
        words : Words
            Words that may stand in no answer about anybody else, either.
        """
        for path in sorted(self.path.parent.glob(f"{self.path.name}.*.open")):
            name = path.name.removeprefix(f"{self.path.name}.").removesuffix(".open")
            # What a dead process left on an open list is in the database afterwards.
            with self.entries(RaterConfig(name, name, simulated=True), lambda sentence: None):
                pass
        # The key of a request is made of the name, so it would tell whoever guesses it.
        self._db.execute(
            "UPDATE calls SET person_id = ?, request_key = hex(randomblob(16)), "
            "entry = hex(randomblob(16)), text = NULL, answer = NULL, detail = NULL, "
            "request_id = NULL, fingerprint = NULL WHERE person_id = ?",
            (INSTEAD, person_id),
        )
        self._db.execute(
            "DELETE FROM batch_requests WHERE json_extract(request, '$.person_id') = ?",
            (person_id,),
        )
        erase_in_sqlite(self.path, words)

    def typical(self, rater: RaterConfig, prompt_version: str) -> dict[str, float]:
        """Return mean tokens and latency of a rater's answers; empty if it gave none yet."""
        row = self._db.execute(
            "SELECT avg(prompt_tokens), avg(completion_tokens), avg(latency_s) FROM calls "
            "WHERE outcome = 'ok' AND rater = ? AND model = ? AND prompt_version = ?",
            (rater.name, rater.model, prompt_version),
        ).fetchone()
        names = ("prompt_tokens", "completion_tokens", "latency_s")
        return {name: value for name, value in zip(names, row, strict=True) if value is not None}


def _record(values: list[Any]) -> Record:
    person_id, outcome, detail, answer, model, request_id, version, simulated = values[:8]
    latency_s, ended_at, _, _, calls, malformed, prompt_tokens, completion_tokens = values[8:16]
    return Record(
        person_id=person_id,
        outcome=outcome,
        detail=detail,
        answer=None if answer is None else json.loads(answer),
        model=model,
        request_id=request_id,
        prompt_version=version,
        simulated=bool(simulated),
        latency_s=latency_s,
        ended_at=ended_at,
        calls=calls,
        malformed=malformed,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cost_usd=values[16],
    )
