"""Writing Wikidata-shaped RDF: items, statements with ranks, values and qualifiers.

The shape is that of Wikidata's own export: a direct triple (wdt:) for each best value, a statement
node (p:, ps:) with rank and qualifiers, a value node (psv:) for dates and quantities, a blank node
for an unknown value, and the item's version either on the item (public endpoint) or on its
document (dumps).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

PREFIXES = """\
@prefix wd: <http://www.wikidata.org/entity/> .
@prefix wdt: <http://www.wikidata.org/prop/direct/> .
@prefix p: <http://www.wikidata.org/prop/> .
@prefix ps: <http://www.wikidata.org/prop/statement/> .
@prefix psv: <http://www.wikidata.org/prop/statement/value/> .
@prefix pq: <http://www.wikidata.org/prop/qualifier/> .
@prefix s: <http://www.wikidata.org/entity/statement/> .
@prefix v: <http://www.wikidata.org/value/> .
@prefix data: <https://www.wikidata.org/wiki/Special:EntityData/> .
@prefix wikibase: <http://wikiba.se/ontology#> .
@prefix schema: <http://schema.org/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""

UNKNOWN = "_:unknown"
"""A value that exists but that nobody knows."""

NONE = "none"
"""There is no value: nothing but the statement itself says so."""


@dataclass(frozen=True)
class Time:
    """A point in time; precision 11 is a day, 10 a month, 9 a year, 8 a decade."""

    text: str
    precision: int = 11

    @property
    def literal(self) -> str:
        return f'"{self.text}T00:00:00Z"^^xsd:dateTime'


@dataclass(frozen=True)
class Quantity:
    """An amount and the item of its unit."""

    amount: str
    unit: str


def text(value: str, language: str | None = None) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"' + (f"@{language}" if language else "")


def point(latitude: float, longitude: float, globe: str = "") -> str:
    return f'"{globe}Point({longitude} {latitude})"^^geo:wktLiteral'


Value = str | Time | Quantity


@dataclass
class Statement:
    claim: str
    value: Value
    rank: str = "Normal"
    qualifiers: Mapping[str, Value] = field(default_factory=dict)


@dataclass
class Item:
    """An item; `version` None: the endpoint does not know versions."""

    id: str
    labels: Mapping[str, str] = field(default_factory=dict)
    version: int | None = 1
    version_on_document: bool = False
    aliases: tuple[str, ...] = ()
    merged_into: str | None = None
    statements: list[Statement] = field(default_factory=list)

    def says(self, claim: str, value: Value, rank: str = "Normal", **qualifiers: Value) -> "Item":
        """Add a statement and return the item."""
        self.statements.append(Statement(claim, value, rank, qualifiers))
        return self


def turtle(items: list[Item]) -> str:
    """Return the graph."""
    numbers = count(1)
    lines = [PREFIXES]
    for item in items:
        lines += _item(item, numbers)
    return "\n".join(lines)


def _item(item: Item, numbers: "count[int]") -> list[str]:
    subject = f"wd:{item.id}"
    if item.merged_into:
        return [f"{subject} owl:sameAs wd:{item.merged_into} ."]
    lines = [f"{subject} rdfs:label {text(label, lang)} ." for lang, label in item.labels.items()]
    lines += [f"{subject} skos:altLabel {text(alias, 'en')} ." for alias in item.aliases]
    article = f"<https://en.wikipedia.org/wiki/{item.id}>"
    lines.append(f'{article} schema:about {subject} ; schema:inLanguage "en" .')
    if item.version is not None and item.version_on_document:
        lines.append(f"data:{item.id} schema:about {subject} ; schema:version {item.version} .")
    elif item.version is not None:
        lines.append(f"{subject} schema:version {item.version} .")
    ranks: dict[str, set[str]] = {}
    for statement in item.statements:
        ranks.setdefault(statement.claim, set()).add(statement.rank)
    for statement in item.statements:
        best = "Preferred" if "Preferred" in ranks[statement.claim] else "Normal"
        lines += _statement(item.id, statement, statement.rank == best, numbers)
    return lines


def _statement(item: str, statement: Statement, best: bool, numbers: "count[int]") -> list[str]:
    number, claim = next(numbers), statement.claim
    node = f"s:{item}-{number}"
    lines = [
        f"wd:{item} p:{claim} {node} .",
        f"{node} wikibase:rank wikibase:{statement.rank}Rank .",
    ]
    if best:
        lines.append(f"{node} a wikibase:BestRank .")
    value = statement.value
    if value == NONE:
        return [*lines, f"{node} a <http://www.wikidata.org/prop/novalue/{claim}> ."]
    written = _written(value, number)
    lines.append(f"{node} ps:{claim} {written} .")
    if best:
        lines.append(f"wd:{item} wdt:{claim} {written} .")
    if isinstance(value, Time):
        lines += [
            f"{node} psv:{claim} v:{number} .",
            f"v:{number} a wikibase:TimeValue ; wikibase:timeValue {value.literal} ; "
            f"wikibase:timePrecision {value.precision} ; wikibase:timeCalendarModel wd:Q1985727 .",
        ]
    if isinstance(value, Quantity):
        lines += [
            f"{node} psv:{claim} v:{number} .",
            f"v:{number} a wikibase:QuantityValue ; wikibase:quantityAmount "
            f'"+{value.amount}"^^xsd:decimal ; wikibase:quantityUnit wd:{value.unit} .',
        ]
    for i, (qualifier, qualified) in enumerate(statement.qualifiers.items()):
        lines.append(f"{node} pq:{qualifier} {_written(qualified, f'{number}q{i}')} .")
    return lines


def _written(value: Value, number: object) -> str:
    if value == UNKNOWN:
        return f"_:u{number}"
    if isinstance(value, Time):
        return value.literal
    if isinstance(value, Quantity):
        return f'"+{value.amount}"^^xsd:decimal'
    return value if value[0] in '"<' else f"wd:{value}"
