"""Taking words out of files.

Belongs here: finding and removing words in files of any kind, so that no byte of them stays. Does
not belong here: whose words (`forgetting`), or tables whose rows are known (`warehouse`).
"""

import html
import json
import mmap
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from personax_assets.errors import PersonaXError

INSTEAD = "[forgotten]"
"""Stands where a word stood."""

SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Words:
    """Words to be taken out, in every way in which files write them.

    Parameters
    ----------
    words : tuple of str
        The words.
    """

    words: tuple[str, ...]

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The words as they are, inside JSON, and inside HTML; long ones first."""
        forms = {
            form
            for word in self.words
            for form in (word, json.dumps(word)[1:-1], html.escape(word))
        }
        return tuple(sorted(forms, key=lambda form: (-len(form), form)))

    def are_in(self, path: Path) -> bool:
        """Tell whether a file holds one of them, without reading it into memory."""
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return any(content.find(form.encode()) >= 0 for form in self.forms)

    def removed(self, content: bytes) -> bytes:
        """Return a content without them."""
        for form in self.forms:
            content = content.replace(form.encode(), INSTEAD.encode())
        return content


def files_with(words: Words, folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, or the file itself, that hold one of the words."""
    for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
        try:
            if path.is_file() and words.are_in(path):
                yield path
        except FileNotFoundError:  # gone since it was listed
            continue


def is_sqlite(path: Path) -> bool:
    """Tell whether a file is an SQLite database."""
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def erase_in_text(path: Path, words: Words) -> None:
    """Write a text file anew without the words."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_bytes(words.removed(path.read_bytes()))
    temporary.replace(path)


def erase_in_sqlite(path: Path, words: Words, *, rows: bool = False) -> None:
    """Take words out of every column of an SQLite database.

    Parameters
    ----------
    path : Path
        The database.
    words : Words
        The words.
    rows : bool
        Delete the rows that hold one, instead of writing something else in its place.
    """
    with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        for table in _tables(db):
            columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
            for column in columns:
                for form in words.forms:
                    found = f'typeof("{column}") = \'text\' AND instr("{column}", ?)'
                    if rows:
                        db.execute(f'DELETE FROM "{table}" WHERE {found}', (form,))
                    else:
                        db.execute(
                            f'UPDATE "{table}" SET "{column}" = replace("{column}", ?, ?) '
                            f"WHERE {found}",
                            (form, INSTEAD, form),
                        )
        db.execute("COMMIT")
        compact(db, path)


def compact(db: sqlite3.Connection, path: Path) -> None:
    """Write a database anew, so that what was deleted is neither in it nor in its log.

    Raises
    ------
    PersonaXError
        If another process reads it all the time.
    """
    try:
        db.execute("VACUUM")
        busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        raise PersonaXError(
            f"{path}: another process has it open ({error}); end it, then give the same command"
        ) from error
    if busy:
        raise PersonaXError(f"{path}: another process reads it; end it, then give the same command")


def _tables(db: sqlite3.Connection) -> Sequence[str]:
    listed = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    return [name for (name,) in listed.fetchall()]
