"""What a description says about a published release.

Belongs here: its keys, typed. Does not belong here: fetching (`hub`) or reading it (`source`).

The public columns are not known to this project, so a description says which column is which, in
the words of the lists of rosters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from personax_assets.bios.rosters.description import FIELDS, Field
from personax_assets.bios.rosters.loading import read_field
from personax_assets.bios.rosters.nodes import Node
from personax_assets.datasets import SubDataset

HUB = "https://huggingface.co"

KEYS = (
    *("folder", "repository", "revision", "hub", "files", "columns", "images", "nulls"),
    "accepted_terms",
)

_REVISION = re.compile(r"^[0-9a-f]{40}$")
_REPOSITORY = re.compile(r"^[\w.-]+/[\w.-]+$", re.ASCII)


@dataclass(frozen=True)
class Release:
    """A published release.

    Parameters
    ----------
    name : str
        What it is called, for messages.
    columns : mapping of str to Field
        Which column is which field of `raw_bios`.
    accepted_terms : str
        Digest of the terms that the user accepted; empty for none.
    folder : Path, optional
        Where it lies.
    repository, revision : str, optional
        Where it is on the hub, and the commit.
    hub : str
        The hub.
    files : tuple of str
        Patterns of the files that are read.
    nulls : tuple of str
        Markers that stand for unknown.
    images : Path, optional
        Folder with photographs.
    """

    name: str
    columns: Mapping[str, Field]
    accepted_terms: str = ""
    folder: Path | None = None
    repository: str | None = None
    revision: str | None = None
    hub: str = HUB
    files: tuple[str, ...] = ("*.parquet", "*.csv")
    nulls: tuple[str, ...] = ()
    images: Path | None = None


def release(node: Node, sub: SubDataset, folder: Path) -> Release:
    """Read the description of a release; paths are relative to `folder`.

    Raises
    ------
    RosterError
        If something in it is wrong.
    """
    if node.has("folder") == node.has("repository"):
        raise node.error("give either 'folder', or 'repository' and 'revision'")
    repository = revision = None
    if node.has("repository"):
        repository, revision = _pinned(node)
    fields = (*FIELDS, *sub.bio_columns)
    node["columns"].mapping(allowed=fields)
    columns = {name: read_field(name, part) for name, part in node["columns"].items() if part.value}
    if not columns.keys() & {"source_id", "name"}:
        raise node["columns"].error("say which column is the 'source_id' or the 'name'")
    if "league" in sub.bio_columns and "league" not in columns:
        raise node["columns"].error("say which column is the 'league'")
    where = folder / node["folder"].text() if node.has("folder") else None
    return Release(
        name=repository or str(where),
        columns=columns,
        accepted_terms=node["accepted_terms"].text() if node.has("accepted_terms") else "",
        folder=where,
        repository=repository,
        revision=revision,
        hub=node["hub"].text().rstrip("/") if node.has("hub") else HUB,
        files=node["files"].texts() or Release.files,
        nulls=node["nulls"].texts(),
        images=folder / node["images"].text() if node.has("images") else None,
    )


def _pinned(node: Node) -> tuple[str, str]:
    repository = node["repository"].text()
    if not _REPOSITORY.match(repository) or ".." in repository:
        raise node["repository"].error(f"{repository!r} is not of the form owner/name")
    revision = node["revision"].text() if node.has("revision") else ""
    if not _REVISION.match(revision):
        raise node.error(
            "'revision' must be a commit in full (40 hexadecimal digits): a branch or tag may "
            "become something else tomorrow"
        )
    return repository, revision
