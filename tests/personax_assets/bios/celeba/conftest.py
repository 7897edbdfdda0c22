"""A real SPARQL server, for lists of people that are looked up."""

from tests.personax_assets.bios.wikidata.conftest import store

__all__ = ["store"]
