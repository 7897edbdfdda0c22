"""Writing the journal.

Belongs here: what happens to a call's entry from before the call until it is safely in the
database, and the lock that lets one process at a time ask a rater. Does not belong here: the
tables and what is read from them (`journal`).

An entry is first appended to an open list beside the database, once before the call is sent and
once more with its end. That costs microseconds and survives the death of the process. The
database takes ended entries in batches, each made safe against a power cut before it counts as
committed; a commit for every call would leave the engine waiting for the disk most of the time.
Whoever opens the list next carries over what a dead process left in it.
"""

import fcntl
import json
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from personax_assets.errors import PersonaXError
from personax_assets.traits.outcomes import Call
from personax_assets.traits.prompts import Request
from personax_assets.traits.raters import RaterConfig

INTERRUPTED = "interrupted"
"""Outcome of a call whose process died: the answer, if there was one, is lost."""

COLUMNS = (
    *("entry", "request_key", "person_id", "rater", "provider", "model", "simulated"),
    *("prompt_version", "repeat", "attempt", "started_at", "reserved_tokens", "reserved_usd"),
    *("ended_at", "latency_s", "outcome", "retry_after_s", "detail", "text", "answer"),
    *("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens", "cost_usd"),
    *("model_returned", "fingerprint", "request_id"),
)

_INSERT = (
    f"INSERT OR IGNORE INTO calls ({', '.join(COLUMNS)}) "
    f"VALUES ({', '.join(f':{column}' for column in COLUMNS)})"
)

Entry = dict[str, Any]


class JournalError(PersonaXError):
    """The journal cannot be used."""


class Entries:
    """The entries of one rater's calls, written by this process alone until closed.

    Parameters
    ----------
    db : sqlite3.Connection
        The journal's database.
    path : Path
        The open list, which is also the lock.
    rater : RaterConfig
        Who is called.
    on_wait : callable
        Told once, in a sentence, when another process is in the way.

    Attributes
    ----------
    interrupted : int
        Calls that were under way when an earlier process died.
    interrupted_usd : float
        The most that they can have cost, in US dollars, where prices are known.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        rater: RaterConfig,
        on_wait: Callable[[str], None],
    ) -> None:
        self._db, self._path, self._rater = db, path, rater
        self._under_way: set[str] = set()
        self._ended: list[Entry] = []
        self._list = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            self._lock(on_wait)
            lost = self._carry_over()
            self.interrupted = len(lost)
            self.interrupted_usd = sum(entry["reserved_usd"] or 0.0 for entry in lost)
        except BaseException:
            os.close(self._list)
            raise

    def begin(
        self,
        request: Request,
        attempt: int,
        reserved_tokens: int,
        reserved_usd: float | None,
        name: str | None = None,
    ) -> Entry:
        """Enter a call that is about to be sent.

        Parameters
        ----------
        request : Request
            What is asked.
        attempt : int
            The how manieth call for it in this run, from 1.
        reserved_tokens : int
            The most tokens that it can take.
        reserved_usd : float, optional
            The most US dollars that it can cost, if known.
        name : str, optional
            Makes entering the same call twice enter it once.
        """
        entry: Entry = dict.fromkeys(COLUMNS)
        entry |= {
            "entry": name or uuid.uuid4().hex,
            "request_key": request.key,
            "person_id": request.person_id,
            "rater": self._rater.name,
            "provider": self._rater.provider,
            "model": self._rater.model,
            "simulated": self._rater.simulated,
            "prompt_version": request.prompt.version,
            "repeat": request.repeat,
            "attempt": attempt,
            "started_at": time.time(),
            "reserved_tokens": reserved_tokens,
            "reserved_usd": reserved_usd,
        }
        self._append(entry)
        self._under_way.add(entry["entry"])
        return entry

    def end(
        self, entry: Entry, call: Call, latency_s: float | None, cost_usd: float | None
    ) -> None:
        """Complete a call as it ended; `commit` brings it into the database."""
        answer = None if call.answer is None else json.dumps(dict(call.answer), ensure_ascii=False)
        ended = entry | {
            "ended_at": time.time(),
            "latency_s": latency_s,
            "outcome": call.outcome,
            "retry_after_s": call.retry_after_s,
            "detail": call.detail,
            "text": call.text,
            "answer": answer,
            "prompt_tokens": call.usage.prompt,
            "completion_tokens": call.usage.completion,
            "cached_tokens": call.usage.cached,
            "reasoning_tokens": call.usage.reasoning,
            "cost_usd": cost_usd,
            "model_returned": call.model,
            "fingerprint": call.fingerprint,
            "request_id": call.request_id,
        }
        self._append(ended)
        self._under_way.discard(entry["entry"])
        self._ended.append(ended)

    def commit(self) -> None:
        """Bring all ended entries into the database, safe against a power cut."""
        if self._ended:
            self._insert(self._ended)
            self._ended.clear()

    def close(self) -> None:
        """Commit, and let other processes in; calls still under way stay on the open list."""
        try:
            self.commit()
            if not self._under_way:
                os.ftruncate(self._list, 0)
        finally:
            os.close(self._list)

    def _lock(self, on_wait: Callable[[str], None]) -> None:
        """Wait for the kernel's lock on the list: it goes with its process, however that ends."""
        told = False
        while True:
            try:
                fcntl.flock(self._list, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    on_wait(f"waiting for another run that is asking {self._rater.name}")
                    told = True
                time.sleep(0.1)
            else:
                return

    def _carry_over(self) -> list[Entry]:
        """Bring what a dead process left into the database; return its calls without an end."""
        entries: dict[str, Entry] = {}
        with self._path.open("rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # the process died while writing it, so before the call was sent
                entries[entry["entry"]] = entry
        lost = [entry for entry in entries.values() if entry["outcome"] is None]
        for entry in lost:
            entry |= {"outcome": INTERRUPTED, "ended_at": time.time()}
        self._insert(entries.values())
        os.ftruncate(self._list, 0)
        return lost

    def _append(self, entry: Entry) -> None:
        line = json.dumps(entry).encode() + b"\n"
        try:
            written = os.write(self._list, line)
        except OSError as error:
            raise JournalError(f"{self._path} cannot be written: {error.strerror}") from None
        if written < len(line):
            raise JournalError(f"{self._path} cannot be written: the disk is full")

    def _insert(self, entries: Iterable[Entry]) -> None:
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(_INSERT, entries)
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal beside {self._path} cannot be written: {error}"
            ) from None
