"""What a description says about Wikidata.

Belongs here: its keys, typed. Does not belong here: asking (`endpoint`).
"""

from dataclasses import dataclass
from pathlib import Path

from personax_assets.bios.rosters.nodes import Node
from personax_assets.datasets import ATHLEPERSONA, LEAGUES, SubDataset
from personax_assets.web.addresses import RefusedURLError, parse

ENDPOINT = "https://query.wikidata.org/sparql"

ENDPOINT_KEYS = ("endpoint", "contact", "max_age_hours")
KEYS = (*ENDPOINT_KEYS, "leagues", "oldest", "people", "images")


@dataclass(frozen=True)
class Wikidata:
    """Where Wikidata is asked, and for whom.

    Parameters
    ----------
    endpoint : str
        A SPARQL endpoint that holds Wikidata: the public one, QLever or Oxigraph.
    contact : str
        E-mail address or page of who operates this; sent with every request.
    max_age_s : float
        For how long an answer about who there is and in which version is not asked for again.
    leagues : tuple of str
        The leagues (AthlePersona).
    oldest : int
        Age above which an open-ended membership is taken for one whose end nobody wrote down.
    people : Path, optional
        CSV file of the people to look up (CelebPersona).
    images : bool
        Whether photographs are fetched.
    """

    endpoint: str
    contact: str
    max_age_s: float = 20 * 3600.0
    leagues: tuple[str, ...] = LEAGUES
    oldest: int = 50
    people: Path | None = None
    images: bool = True


def wikidata(node: Node, sub: SubDataset, folder: Path) -> Wikidata:
    """Read a description of people from Wikidata.

    Parameters
    ----------
    node : Node
        The description.
    sub : SubDataset
        The sub-dataset that it feeds.
    folder : Path
        What its paths are relative to.

    Raises
    ------
    RosterError
        If something in it is wrong.
    """
    athletes = sub == ATHLEPERSONA
    for key in ("people",) if athletes else ("leagues", "oldest"):
        if node.has(key):
            other = "CelebPersona" if athletes else "AthlePersona"
            raise node[key].error(f"is for {other} only: leave it out")
    if not athletes and not node.has("people"):
        raise node.error("the key 'people' is missing: name a CSV file of the people to look up")
    return Wikidata(
        endpoint=_endpoint(node),
        contact=contact(node),
        max_age_s=3600.0 * (node["max_age_hours"].number() if node.has("max_age_hours") else 20),
        leagues=_leagues(node["leagues"]) if node.has("leagues") else LEAGUES,
        oldest=node["oldest"].number() if node.has("oldest") else 50,
        people=folder / node["people"].text() if node.has("people") else None,
        images=node["images"].boolean() if node.has("images") else True,
    )


def lookups(node: Node) -> Wikidata:
    """Read a part of another description that says where people are looked up."""
    node.mapping(allowed=ENDPOINT_KEYS)
    hours = node["max_age_hours"].number() if node.has("max_age_hours") else 20
    return Wikidata(_endpoint(node), contact(node), 3600.0 * hours, leagues=(), images=False)


def contact(node: Node) -> str:
    """Return the contact; public servers turn away who does not say who asks."""
    if not node.has("contact"):
        raise node.error(
            "the key 'contact' is missing: give an e-mail address or a page by which the operator "
            "of the servers can reach you; it is sent with every request"
        )
    text = node["contact"].text().strip()
    if not text.isascii() or not text.isprintable() or ("@" not in text and "://" not in text):
        raise node["contact"].error(f"{text!a} is neither an e-mail address nor a page")
    return text


def _endpoint(node: Node) -> str:
    text = node["endpoint"].text() if node.has("endpoint") else ENDPOINT
    try:
        parse(text)
    except RefusedURLError as error:
        raise node["endpoint"].error(f"{text!r} {error}") from None
    return text


def _leagues(node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(element.choice(*LEAGUES) for element in node.elements()))
