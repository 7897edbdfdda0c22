"""Descriptions of sources, in YAML.

Belongs here: which kind of source a file describes, and for which sub-dataset. Does not belong
here: what each kind says (its own folder), or lists of roster files (`rosters`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from personax_assets.bios.rosters.nodes import Node, read_yaml
from personax_assets.datasets import SUB_DATASETS, SubDataset

if TYPE_CHECKING:
    from personax_assets.bios.sources import BioSource

WEB = "web"
"""In place of a folder: photographs are fetched from the addresses that the source gives."""


@dataclass(frozen=True)
class Description:
    """A source of people, as described.

    Parameters
    ----------
    kind : str
        What kind of source it is.
    sub : SubDataset
        The sub-dataset that it feeds.
    photographs : str
        A folder, `web` if they are fetched, or empty for none.
    source : callable
        Makes the source; takes the folder in which it may keep what it fetched.
    contact : str, optional
        Who asks, when servers are asked.
    admit : callable
        Raises a `TermsError` unless the terms of the source were accepted; takes the same folder.
    """

    kind: str
    sub: SubDataset
    photographs: str
    source: "Callable[[Path], BioSource]"
    contact: str | None = None
    admit: Callable[[Path], None] = lambda kept: None


def load_description(path: Path) -> Description:
    """Read the description of a source.

    Raises
    ------
    RosterError
        If it is wrong: names the key and the mend.
    """
    node = Node(read_yaml(path, path.name), path.name)
    for key in ("kind", "dataset"):
        if key not in node.mapping():
            raise node.error(f"the key {key!r} is missing: add it")
    sub = SUB_DATASETS[node["dataset"].choice(*SUB_DATASETS)]
    return _KINDS[node["kind"].choice(*_KINDS)](node, sub, path.absolute().parent)


def _wikidata(node: Node, sub: SubDataset, folder: Path) -> Description:
    from personax_assets.bios.wikidata.description import KEYS, wikidata
    from personax_assets.bios.wikidata.source import WikidataSource, knowledge_of

    node.mapping(allowed=("kind", "dataset", *KEYS))
    what = wikidata(node, sub, folder)
    return Description(
        "wikidata",
        sub,
        WEB if what.images else "",
        lambda kept: WikidataSource(sub, what, knowledge_of(what, kept)),
        what.contact,
    )


def _celeba(node: Node, sub: SubDataset, folder: Path) -> Description:
    from personax_assets.bios.celeba.description import KEYS, celeba
    from personax_assets.bios.celeba.source import CelebaSource
    from personax_assets.bios.wikidata.source import knowledge_of

    node.mapping(allowed=("kind", "dataset", *KEYS))
    what = celeba(node, sub, folder)

    def source(kept: Path) -> CelebaSource:
        return CelebaSource(what, knowledge_of(what.wikidata, kept) if what.wikidata else None)

    return Description("celeba", sub, str(what.images or ""), source)


def _release(node: Node, sub: SubDataset, folder: Path) -> Description:
    from personax_assets.bios.release.description import KEYS, release
    from personax_assets.bios.release.source import ReleaseSource

    node.mapping(allowed=("kind", "dataset", *KEYS))
    what = release(node, sub, folder)

    def admit(kept: Path) -> None:
        ReleaseSource(sub, what, kept).terms()

    return Description(
        "release",
        sub,
        str(what.images or ""),
        lambda kept: ReleaseSource(sub, what, kept),
        admit=admit,
    )


_KINDS: dict[str, Callable[[Node, SubDataset, Path], Description]] = {
    "wikidata": _wikidata,
    "celeba": _celeba,
    "release": _release,
}
