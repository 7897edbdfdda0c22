"""The questions in SPARQL.

Belongs here: query texts. Does not belong here: asking them (`endpoint`) or what the answers mean
(`facts`, `members`).

Standard SPARQL 1.1 only: the public endpoint, QLever and Oxigraph answer alike. An unknown value
is a blank node (at the public endpoint an address with `genid` in it), so every comparison with a
date asks first whether there is a literal. The version of an item hangs on the item at the public
endpoint and on its document in the dumps; the property path reads both.
"""

from collections.abc import Iterable
from datetime import date

from personax_assets.datasets import LEAGUES

_PREFIXES = """\
PREFIX wd: <http://www.wikidata.org/entity/>
PREFIX wdt: <http://www.wikidata.org/prop/direct/>
PREFIX p: <http://www.wikidata.org/prop/>
PREFIX ps: <http://www.wikidata.org/prop/statement/>
PREFIX psv: <http://www.wikidata.org/prop/statement/value/>
PREFIX pq: <http://www.wikidata.org/prop/qualifier/>
PREFIX wikibase: <http://wikiba.se/ontology#>
PREFIX schema: <http://schema.org/>
PREFIX owl: <http://www.w3.org/2002/07/owl#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
"""

LEAGUE_ITEMS = {
    "NBA": "Q155223",
    "NFL": "Q1215884",
    "NHL": "Q1215892",
    "PremierLeague": "Q9448",
    "Bundesliga": "Q82595",
}
PLAYER_IDS = {"NBA": "P3647", "NFL": "P3539", "NHL": "P3522", "ATP": "P536", "PGA": "P2811"}

PROPERTIES = {
    "P569": "birth_date",
    "P27": "citizenship",
    "P1532": "sporting_country",
    "P19": "birth_place",
    "P2048": "height",
    "P2067": "weight",
    "P21": "gender",
    "P106": "occupation",
    "P18": "image",
}
"""What is asked about a person, and what it is called here."""

LANGUAGES = ("en", "mul", "de", "fr", "es", "it", "pt", "nl")
"""Languages of a name, the preferred first; `mul` is a name that all languages share."""

_VERSION = "OPTIONAL { ?person schema:version|^schema:about/schema:version ?version }"


def members(league: str, today: date) -> str:
    """Ask who plays in a league now: `person, rank, start, version`.

    A player's id in a league's register means that the person played there at some time. Who plays
    there now is told by a club or team whose season is not over: a membership (P54) without an end
    that has passed, in a club that is in the league (P118) now. Where Wikidata records no clubs at
    all (tennis, golf, and players without any) it is told by the years of activity: begun, not
    over (P2032), and where there are dated rankings (P1352), one of the last two years.
    """
    assert league in LEAGUES
    now = f'"{today.isoformat()}T00:00:00Z"^^xsd:dateTime'
    recent = f'"{today.year - 2}-01-01T00:00:00Z"^^xsd:dateTime'
    ways = []
    if league in LEAGUE_ITEMS:
        ways.append(f"""{{
    ?team p:P118 ?season .
    ?season ps:P118 wd:{LEAGUE_ITEMS[league]} ; a wikibase:BestRank .
    {_not_over("?season", "pq:P582", now)}
    ?membership ps:P54 ?team ; wikibase:rank ?rank .
    ?person p:P54 ?membership .
    FILTER(?rank != wikibase:DeprecatedRank)
    {_not_over("?membership", "pq:P582", now)}
    FILTER NOT EXISTS {{ ?membership pq:P580 ?coming FILTER(?coming > {now}) }}
    OPTIONAL {{ ?membership pq:P580 ?start FILTER(isLiteral(?start)) }}
  }}""")
    if league in PLAYER_IDS:
        begun = "?person wdt:P2031 ?begun ." if league in LEAGUE_ITEMS else ""
        ways.append(f"""{{
    ?person wdt:{PLAYER_IDS[league]} ?id .
    {begun}
    FILTER NOT EXISTS {{ ?person p:P54 ?club }}
    FILTER(NOT EXISTS {{ ?person p:P1352/pq:P585 ?ranked }} ||
           EXISTS {{ ?person p:P1352/pq:P585 ?lately FILTER(?lately >= {recent}) }})
  }}""")
    return f"""{_PREFIXES}
SELECT DISTINCT ?person ?rank ?start ?version WHERE {{
  {" UNION ".join(ways)}
  ?person wdt:P31 wd:Q5 .
  FILTER NOT EXISTS {{ ?person wdt:P570 ?death }}
  {_not_over("?person", "wdt:P2032", now)}
  {_VERSION}
}}"""


def _not_over(what: str, end: str, now: str) -> str:
    """Return a filter: no end that is unknown or has passed."""
    return f"FILTER NOT EXISTS {{ {what} {end} ?end FILTER(!isLiteral(?end) || ?end <= {now}) }}"


def statements(people: Iterable[str]) -> str:
    """Ask for the best statements about people, one row each (or per qualifier)."""
    properties = " ".join(f"(p:{p} ps:{p} psv:{p})" for p in PROPERTIES)
    return f"""{_PREFIXES}
SELECT ?person ?claim ?statement ?value ?precision ?amount ?unit ?start ?end ?at WHERE {{
  {_values("person", people)}
  VALUES (?claim ?main ?deep) {{ {properties} }}
  ?person ?claim ?statement .
  ?statement a wikibase:BestRank ; ?main ?value .
  OPTIONAL {{ ?statement ?deep ?node . ?node wikibase:timePrecision ?precision }}
  OPTIONAL {{ ?statement ?deep ?node2 . ?node2 wikibase:quantityAmount ?amount ;
              wikibase:quantityUnit ?unit }}
  OPTIONAL {{ ?statement pq:P580 ?start }}
  OPTIONAL {{ ?statement pq:P582 ?end }}
  OPTIONAL {{ ?statement pq:P585 ?at }}
}}"""


def labels(items: Iterable[str]) -> str:
    """Ask for what items are called: `item, label, language`."""
    languages = ", ".join(f'"{language}"' for language in LANGUAGES)
    return f"""{_PREFIXES}
SELECT ?item ?label (LANG(?label) AS ?language) WHERE {{
  {_values("item", items)}
  ?item rdfs:label ?label .
  FILTER(LANG(?label) IN ({languages}))
}}"""


def places(items: Iterable[str]) -> str:
    """Ask for codes and coordinates of countries and places: `item, code, point`."""
    return f"""{_PREFIXES}
SELECT ?item ?code ?point WHERE {{
  {_values("item", items)}
  {{ ?item wdt:P297 ?code }} UNION {{ ?item wdt:P625 ?point }}
}}"""


def versions(people: Iterable[str]) -> str:
    """Ask which version items are in, and what they were merged into: `person, target, version`.

    An item that does not exist has no row.
    """
    return f"""{_PREFIXES}
SELECT ?person ?target ?version WHERE {{
  {_values("person", people)}
  {{ ?person owl:sameAs ?target }} UNION {{ ?person wdt:P31 ?kind . {_VERSION} }}
}}"""


def named(names: Iterable[str]) -> str:
    """Ask who is called by names: `name, person, birth, occupation`."""
    wanted = " ".join(
        f'("{_escaped(name)}"@{language})' for name in names for language in ("en", "mul")
    )
    return f"""{_PREFIXES}
SELECT DISTINCT ?name ?person ?birth ?occupation WHERE {{
  VALUES (?name) {{ {wanted} }}
  ?person rdfs:label|skos:altLabel ?name .
  ?person wdt:P31 wd:Q5 .
  OPTIONAL {{ ?person wdt:P569 ?birth }}
  OPTIONAL {{ ?person wdt:P106 ?job . ?job rdfs:label ?occupation
              FILTER(LANG(?occupation) IN ("en", "mul")) }}
}}"""


def _values(variable: str, items: Iterable[str]) -> str:
    return f"VALUES ?{variable} {{ {' '.join(f'wd:{item}' for item in items)} }}"


def _escaped(text: str) -> str:
    """Write a text as the inside of a SPARQL string."""
    return "".join(
        f"\\u{ord(c):04X}" if ord(c) < 32 or ord(c) == 127 else {"\\": "\\\\", '"': '\\"'}.get(c, c)
        for c in text
    )
