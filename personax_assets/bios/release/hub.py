"""Fetching a release from Hugging Face.

Belongs here: listing a repository at a commit, and fetching its files, each checked against its
hash. Does not belong here: what is in them (`source`).
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from personax_assets.bios.release.description import HUB
from personax_assets.errors import PersonaXError
from personax_assets.web import Client, Polite, WebError
from personax_assets.web.addresses import is_public

_LARGEST = 20_000_000_000
_CHUNK = 1 << 20


@dataclass(frozen=True)
class HubFile:
    """A file of a repository: path, size, and a hash of its content (SHA-256, or git's)."""

    path: str
    size: int
    sha256: str | None
    blob: str | None


@dataclass(frozen=True)
class Hub:
    """A repository at a commit.

    Parameters
    ----------
    address : str
        The hub.
    repository, revision : str
        Which data set, and the commit.
    folder : Path
        Where files are kept.
    web : Polite
        How the hub is asked.
    """

    address: str
    repository: str
    revision: str
    folder: Path
    web: Polite

    def files(self) -> list[HubFile]:
        """Return the files of the commit; they never change, so the hub is asked once."""
        listing = self.folder.with_name(f"{self.revision}.json")
        url = f"{self.address}/api/datasets/{self.repository}/tree/{self.revision}?recursive=true"
        try:
            if listing.is_file():
                body = listing.read_bytes()
            else:
                body = self.web.get(url, headers=_token()).body
            files = [_file(entry) for entry in json.loads(body) if entry["type"] == "file"]
            if not listing.is_file():
                listing.parent.mkdir(parents=True, exist_ok=True)
                temporary = listing.with_name(f"{listing.name}.{os.getpid()}.tmp")
                temporary.write_bytes(body)
                temporary.replace(listing)
            return files
        except WebError as error:
            raise self._mended(error) from None
        except (ValueError, KeyError, TypeError) as error:
            raise PersonaXError(f"{url}: the answer is not that of a hub ({error})") from None

    def fetch(self, file: HubFile) -> Path:
        """Return where a file is kept, fetched if need be."""
        path = self.folder / file.path
        if path.is_file() and path.stat().st_size == file.size:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        url = (
            f"{self.address}/datasets/{self.repository}/resolve/{self.revision}/{quote(file.path)}"
        )
        try:
            with temporary.open("wb") as sink:
                self.web.get(url, headers=_token(), sink=sink)
            _check(temporary, file, url)
            temporary.replace(path)
        except WebError as error:
            raise self._mended(error) from None
        finally:
            temporary.unlink(missing_ok=True)
        return path

    def _mended(self, error: WebError) -> PersonaXError:
        if error.status in (401, 403):
            return PersonaXError(
                f"{self.repository}: the hub asks for permission: ask for access on its page, and "
                "set HF_TOKEN to a token that may read it"
            )
        if error.status == 404:
            return PersonaXError(
                f"{self.repository}: the hub has no such data set at commit {self.revision}: check "
                "'repository' and 'revision'"
            )
        return PersonaXError(str(error))


def hub_of(address: str, repository: str, revision: str, kept: Path) -> Hub:
    """Return a repository at a commit; files are kept below the folder `kept`."""
    from importlib.metadata import version

    allowed = is_public if address == HUB else None
    agent = f"PersonaX/{version('personax')}"
    client = Client(agent, allowed, max_bytes=_LARGEST, deadline_s=3_600.0)
    folder = kept / "releases" / repository.replace("/", "--") / revision
    return Hub(address, repository, revision, folder, Polite(client, kept / "hosts"))


def _token() -> dict[str, str]:
    token = os.environ.get("HF_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _file(entry: dict[str, Any]) -> HubFile:
    path = PurePosixPath(entry["path"])
    if path.is_absolute() or ".." in path.parts or "\\" in str(path) or not path.parts:
        raise ValueError(f"a file is called {entry['path']!r}")
    large = entry.get("lfs") or {}
    size = int(large.get("size", entry["size"]))
    return HubFile(str(path), size, large.get("oid"), None if large else entry.get("oid"))


def _check(path: Path, file: HubFile, url: str) -> None:
    """Compare what arrived with what was announced."""
    size = path.stat().st_size
    hashed: Callable[[], str] = (
        (lambda: _digest(path, hashlib.sha256()))
        if file.sha256
        else (lambda: _digest(path, hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)))
    )
    wanted = file.sha256 or file.blob
    if size != file.size or (wanted and hashed() != wanted):
        raise PersonaXError(f"{url}: what arrived is not what the hub announced; try again")


def _digest(path: Path, digest: Any) -> str:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return str(digest.hexdigest())
