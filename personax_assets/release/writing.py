"""Releases appear whole or not at all.

Belongs here: the folder in which a release is made, and putting it in place. Does not belong here:
its files.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

_PREFIX = ".making-"
_VERSION_CHARACTERS = 12


@contextmanager
def staged(releases: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder beside the releases; whatever is in it afterwards is removed.

    Two releases of one sub-dataset are never made at once: its stage holds a lock.
    """
    folder = releases / f"{_PREFIX}{name}"
    shutil.rmtree(folder, ignore_errors=True)  # of a release that was killed
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for empty in (releases / name, releases):
            if empty.exists() and not any(empty.iterdir()):
                empty.rmdir()


def version_of(folder: Path) -> str:
    """Return what a release is called: a digest of its files."""
    digest = sha256()
    for path in sorted(folder.iterdir()):
        digest.update(f"{path.name}\n{sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:_VERSION_CHARACTERS]


def put_in_place(folder: Path, parent: Path) -> Path:
    """Move a finished release to where it stays; one with the same bytes is there already."""
    place = parent / version_of(folder)
    parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        folder.rename(place)
    return place
