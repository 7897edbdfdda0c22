"""Descriptions of sources: what is read, and what a wrong one is told."""

from pathlib import Path

import pytest

from personax_assets.bios.descriptions import Description, load_description
from personax_assets.bios.rosters import RosterError
from personax_assets.bios.wikidata import WikidataSource
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, LEAGUES

ATHLETES = "kind: wikidata\ndataset: athlepersona\ncontact: team@example.org\n"
CELEBS = "kind: wikidata\ndataset: celebpersona\ncontact: team@example.org\n"


def described(folder: Path, text: str) -> Description:
    path = folder / "source.yaml"
    path.write_text(text, encoding="utf-8")
    return load_description(path)


def test_little_needs_to_be_said(tmp_path: Path) -> None:
    description = described(tmp_path, ATHLETES)
    source = description.source(tmp_path / "kept")
    assert isinstance(source, WikidataSource)
    assert (description.kind, description.sub, description.photographs) == (
        "wikidata", ATHLEPERSONA, "web",
    )  # fmt: skip
    assert source.partitions == LEAGUES
    assert source.description.endpoint == "https://query.wikidata.org/sparql"
    assert "team@example.org" in source.knowledge.endpoint.web.client.user_agent


def test_everything_can_be_said(tmp_path: Path) -> None:
    more = (
        "endpoint: http://127.0.0.1:7001/query\nleagues: [NHL, NBA]\noldest: 45\nimages: no\n"
        "max_age_hours: 1\n"
    )
    description = described(tmp_path, ATHLETES + more)
    source = description.source(tmp_path)
    assert isinstance(source, WikidataSource)
    assert description.photographs == ""
    assert source.partitions == ("NHL", "NBA")
    assert source.description.oldest == 45
    assert source.knowledge.max_age_s == 3600


def test_paths_are_relative_to_the_description(tmp_path: Path) -> None:
    source = described(tmp_path, CELEBS + "people: lists/people.csv\n").source(tmp_path)
    assert isinstance(source, WikidataSource)
    assert source.sub == CELEBPERSONA
    assert source.description.people == tmp_path / "lists/people.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ATHLETES + "league: NBA\n", "unknown key 'league': did you mean 'leagues'?"),
        (ATHLETES + "leagues: [NBB]\n", "leagues[0]: 'NBB' is not known: did you mean 'NBA'?"),
        (ATHLETES + "endpoint: ftp://x\n", "endpoint: 'ftp://x' is neither http nor https"),
        (ATHLETES + "people: x.csv\n", "people: is for CelebPersona only"),
        (ATHLETES.replace("team@example.org", "me"), "contact: 'me' is neither an e-mail address"),
        (ATHLETES.replace("team@example.org", '"a@b\\nX-Evil: 1"'), "contact: 'a@b"),
        (ATHLETES + "images: maybe\n", "images: expected true or false"),
        (CELEBS, "the key 'people' is missing: name a CSV file"),
        (CELEBS + "people: x.csv\nleagues: NBA\n", "leagues: is for AthlePersona only"),
        ("dataset: athlepersona\n", "the key 'kind' is missing"),
        ("- kind\n", "expected keys with values"),
    ],
)
def test_what_is_wrong_is_told_with_the_mend(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RosterError) as caught:
        described(tmp_path, text)
    assert said in str(caught.value)
    assert "source.yaml" in str(caught.value)
