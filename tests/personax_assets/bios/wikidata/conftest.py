"""A real SPARQL server with a small Wikidata, and a source that asks it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from personax_assets.bios.wikidata import Wikidata, WikidataSource
from personax_assets.bios.wikidata.source import knowledge_of
from personax_assets.datasets import ATHLEPERSONA, SubDataset
from tests.loopback import Loopback, load, oxigraph, relay, served
from tests.personax_assets.bios.wikidata import world
from tests.personax_assets.bios.wikidata.graph import Item, turtle

NOON = datetime.fromisoformat(f"{world.TODAY}T12:00:00+00:00").timestamp()


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """Yield the address of a SPARQL server with the whole small world."""
    with oxigraph(turtle([*world.everything(), *world.crowd(450)])) as url:
        yield url


@pytest.fixture
def gate(store: str) -> Iterator[Loopback]:
    """Yield a server before the store that counts requests and can be made to misbehave."""
    with served(relay(store)) as loopback:
        yield loopback


@dataclass
class Clock:
    """A clock that tests set; waiting moves it."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ask(gate: Loopback, clock: Clock, tmp_path: Path) -> Callable[..., WikidataSource]:
    """Return a function that makes a new source, as each run does; answers are kept in between."""

    def make(sub: SubDataset = ATHLEPERSONA, **description: Any) -> WikidataSource:
        what = Wikidata(f"{gate.url}/query", "team@example.org", **description)
        knowledge = knowledge_of(what, tmp_path / "kept")
        web = replace(knowledge.endpoint.web, clock=clock, sleep=clock.sleep)
        endpoint = replace(knowledge.endpoint, web=web)
        return WikidataSource(sub, what, replace(knowledge, endpoint=endpoint, clock=clock))

    return make


@pytest.fixture
def rewrite(store: str) -> Iterator[Callable[[list[Item]], None]]:
    """Return a function that changes the world for the length of a test."""
    yield lambda items: load(store, turtle(items))
    load(store, turtle([*world.everything(), *world.crowd(450)]))
