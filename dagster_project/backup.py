"""Backups of a home, taken while it is in use, and bringing them back.

Belongs here: in which order what is copied, and proving that a backup is whole. Does not belong
here: the command line (`cli.backup`).

Each database is copied as one moment saw it. What refers is copied before what it refers to, and
everything is written in the opposite order: an answer is in the journal before it is in a table, a
model's files are there before it is registered, a photograph before its row. So whatever a copy
names is in the backup too, and a backup is a state in which a kill could have left the home.
"""

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from dagster_project.home import Home
from personax_assets.errors import PersonaXError
from personax_assets.release import keys
from personax_assets.warehouse import Warehouse

FORMAT = 1
"""Version of what is described here."""

MANIFEST = "manifest.json"
_FILES = "home"
"""Folder of the archive in which the files of the home lie."""

_SQLITE = b"SQLite format 3\0"
_ORDER = ("warehouse.duckdb", "journal.sqlite.*.open", "journal.sqlite", "mlflow.db")
"""What is copied first, in this order; then everything else."""

_LEFT_OUT = ("locks/*", "*.tmp", "*.new", "*.wal", "*-wal", "*-shm", "*-journal",
             "warehouse.duckdb.tmp/*")  # fmt: skip
"""What lives only as long as a process, or is part of a database's copy already."""

_SECRET = (keys.FILE,)
"""What must not lie beside data: whoever has both knows who is who in every release."""

_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Kept:
    """A backup: the archive, and the files and bytes of the home in it."""

    archive: Path
    files: int
    size: int


def back_up(home: Home, out: Path) -> Kept:
    """Write a backup of a home.

    Parameters
    ----------
    home : Home
        The home; work in it may go on.
    out : Path
        The archive to write, or a folder for it.

    Raises
    ------
    PersonaXError
        If there is no home, or the archive cannot be written.
    """
    if not home.warehouse.exists():
        raise PersonaXError(f"home {home.root}: there is nothing to back up yet; `personax run`")
    if out.is_dir():
        out = out / f"personax-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar"
    if out.resolve().is_relative_to(home.root.resolve()):
        raise PersonaXError(f"--out {out}: lies in the home itself; name a place outside of it")
    if out.exists():
        raise PersonaXError(f"--out {out}: is there already; name another file")
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        # Answers and names are in it: nobody else may read it.
        with (
            os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as sink,
            tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive,
            TemporaryDirectory(prefix=".personax-", dir=out.parent) as folder,
        ):
            entries = list(_added(archive, home, Path(folder)))
            _add_manifest(archive, home, entries)
        temporary.replace(out)
    except OSError as error:
        raise PersonaXError(
            f"--out {out}: cannot be written ({error.strerror or error}); name a file in a folder "
            "that exists, is writable and has room"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return Kept(out, len(entries), sum(entry["size"] for entry in entries))


def _added(archive: tarfile.TarFile, home: Home, scratch: Path) -> Iterator[dict[str, Any]]:
    """Add every file, each from a copy that does not change; yield what the manifest says of it."""
    for name in _names(home.root):
        copy = scratch / "copy"
        try:
            _copy(home.root / name, copy)
        except FileNotFoundError:
            continue  # it was deleted since it was listed
        archive.add(copy, f"{_FILES}/{name}", recursive=False, filter=_impersonal)
        yield {"path": name, "size": copy.stat().st_size, "sha256": _sha256(copy)}
        copy.unlink()


def _names(root: Path) -> Iterator[str]:
    """Yield the files to copy, relative to the home, in the order in which to copy them.

    What comes later is listed later, too, so that nothing is missed that an earlier copy names.
    """
    done: set[str] = set()
    for pattern in (*_ORDER, "**/*"):
        for path in sorted(root.glob(pattern)):
            name = path.relative_to(root).as_posix()
            if name in done or path.is_symlink() or not path.is_file():
                continue
            done.add(name)
            if not any(PurePosixPath(name).match(left) for left in (*_LEFT_OUT, *_SECRET)):
                yield name


def _copy(path: Path, copy: Path) -> None:
    """Copy a file as one moment saw it."""
    if path.suffix == ".duckdb":
        Warehouse(database=str(path)).copy_to(copy)
        return
    with path.open("rb") as source:
        if source.read(len(_SQLITE)) != _SQLITE:
            source.seek(0)
            with copy.open("wb") as sink:
                shutil.copyfileobj(source, sink, _CHUNK)
            return
    with closing(sqlite3.connect(path, timeout=60)) as db, closing(sqlite3.connect(copy)) as target:
        db.backup(target)
        # A copy in WAL mode would want a log beside it.
        target.execute("PRAGMA journal_mode = DELETE")


def _impersonal(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made the file, and when."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode, member.mtime = 0o600, 0
    return member


def _add_manifest(
    archive: tarfile.TarFile, home: Home, entries: Iterable[Mapping[str, Any]]
) -> None:
    document = {
        "format": FORMAT,
        "program": version("personax"),
        "taken_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "artifacts": home.artifacts.resolve().as_uri(),
        "files": list(entries),
    }
    content = json.dumps(document, indent=1).encode()
    member = tarfile.TarInfo(MANIFEST)
    member.size = len(content)
    archive.addfile(_impersonal(member), BytesIO(content))


def restore(archive: Path, home: Home) -> Kept:
    """Bring a backup back as a home.

    Parameters
    ----------
    archive : Path
        The backup.
    home : Home
        Where to; it must be empty or not there.

    Raises
    ------
    PersonaXError
        If the home holds something, or the backup is not, byte for byte, what was written.
    """
    if home.root.exists() and (not home.root.is_dir() or any(home.root.iterdir())):
        raise PersonaXError(
            f"home {home.root}: is not empty, and nothing is ever overwritten; name another folder "
            "with --home"
        )
    home.root.parent.mkdir(parents=True, exist_ok=True)
    with _beside(home.root) as scratch:
        manifest = _unpacked(archive, scratch)
        _verify(archive, scratch, manifest)
        _rebase(scratch / _FILES / "mlflow.db", manifest["artifacts"], home.artifacts)
        (scratch / _FILES).replace(home.root)
    files = manifest["files"]
    return Kept(archive, len(files), sum(entry["size"] for entry in files))


@contextmanager
def _beside(root: Path) -> Iterator[Path]:
    """Make a folder on the same disk, gone afterwards."""
    with TemporaryDirectory(prefix=f".{root.name}.", dir=root.parent) as folder:
        yield Path(folder)


def _unpacked(archive: Path, folder: Path) -> dict[str, Any]:
    """Unpack plain files below the folder, and nothing else; return the manifest."""
    try:
        with tarfile.open(archive, "r:") as source:
            for member in source:
                name = PurePosixPath(member.name)
                known = name.parts[0] == _FILES or member.name == MANIFEST
                if not member.isreg() or name.is_absolute() or ".." in name.parts or not known:
                    raise PersonaXError(
                        f"{archive}: holds {member.name!r}, which no backup does; it is not "
                        "unpacked"
                    )
                content = source.extractfile(member)
                assert content is not None, "it is a regular file"
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as sink:
                    shutil.copyfileobj(content, sink, _CHUNK)
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except (tarfile.TarError, OSError, ValueError) as error:
        raise PersonaXError(
            f"{archive}: cannot be read as a backup ({error}); it is damaged, cut off or something "
            "else: use another one"
        ) from error
    if manifest.get("format") != FORMAT:
        raise PersonaXError(
            f"{archive}: has format {manifest.get('format')}, this program reads format {FORMAT}: "
            "use the program that wrote it"
        )
    return manifest


def _verify(archive: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Hold every file against its hash in the manifest."""
    root = folder / _FILES
    stated = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    found = {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}
    wrong = sorted(
        {*(stated.keys() ^ found.keys())}
        | {name for name in stated.keys() & found.keys() if _sha256(found[name]) != stated[name]}
    )
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise PersonaXError(
            f"{archive}: {wrong[0]}{more} is not what was backed up (its SHA-256 differs, or it is "
            "missing or was added); nothing was restored: use another backup"
        )


def _rebase(database: Path, old: str, artifacts: Path) -> None:
    """Let MLflow look for artifacts where they are now: it keeps full paths."""
    new = artifacts.resolve().as_uri()
    if not database.exists() or new == old:
        return
    with closing(sqlite3.connect(database)) as db, db:
        for (table,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall():
            for _, column, kind, *_ in db.execute(f'PRAGMA table_info("{table}")').fetchall():
                if kind.upper().startswith(("VARCHAR", "TEXT")):
                    db.execute(
                        f'UPDATE "{table}" SET "{column}" = ? || substr("{column}", ?) '
                        f'WHERE substr("{column}", 1, ?) = ?',
                        (new, len(old) + 1, len(old), old),
                    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
