"""People from Wikidata, or from any SPARQL endpoint that holds its data."""

from personax_assets.bios.wikidata.description import Wikidata
from personax_assets.bios.wikidata.source import WikidataSource

__all__ = ["Wikidata", "WikidataSource"]
