"""What a description says about a copy of CelebA.

Belongs here: its keys, typed. Does not belong here: reading the files (`files`).
"""

from dataclasses import dataclass
from pathlib import Path

from personax_assets.bios.rosters.nodes import Node
from personax_assets.bios.wikidata.description import Wikidata, lookups
from personax_assets.datasets import CELEBPERSONA, SubDataset

KEYS = ("attributes", "identities", "images", "people", "wikidata")


@dataclass(frozen=True)
class Celeba:
    """A copy of CelebA.

    Parameters
    ----------
    attributes : Path
        `list_attr_celeba.txt`, also as CSV, and zipped.
    identities : Path
        `identity_CelebA.txt`, likewise.
    images : Path, optional
        Folder with the aligned images.
    people : Path, optional
        List of who the identities are; without it they stay nameless.
    wikidata : Wikidata, optional
        Where the people are looked up.
    """

    attributes: Path
    identities: Path
    images: Path | None = None
    people: Path | None = None
    wikidata: Wikidata | None = None


def celeba(node: Node, sub: SubDataset, folder: Path) -> Celeba:
    """Read a description of a copy of CelebA; paths are relative to `folder`.

    Raises
    ------
    RosterError
        If something in it is wrong.
    """
    if sub != CELEBPERSONA:
        raise node["dataset"].error(f"CelebA feeds {CELEBPERSONA.name}")
    node.mapping((), required=("attributes", "identities"))
    if node.has("wikidata") and not node.has("people"):
        raise node["wikidata"].error("needs 'people': a file that says who the identities are")
    images = folder / node["images"].text() if node.has("images") else None
    if images is not None and not images.is_dir():
        raise node["images"].error(f"there is no folder {images}")
    return Celeba(
        folder / node["attributes"].text(),
        folder / node["identities"].text(),
        images,
        folder / node["people"].text() if node.has("people") else None,
        lookups(node["wikidata"]) if node.has("wikidata") else None,
    )
