"""Asking a SPARQL endpoint.

Belongs here: from a query to rows. Does not belong here: query texts (`queries`), manners (`web`).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from personax_assets.errors import PersonaXError
from personax_assets.web import Polite, WebError

Row = dict[str, str | None]
"""Values by variable; None where there is none or it is unknown."""

_ENTITY = re.compile(r"^https?://www\.wikidata\.org/entity/([A-Z]\d+)$")


class EndpointError(PersonaXError):
    """An endpoint did not answer, or not as a SPARQL endpoint does."""


@dataclass(frozen=True)
class Endpoint:
    """A SPARQL endpoint.

    Parameters
    ----------
    url : str
        Its address.
    web : Polite
        How it is asked.
    """

    url: str
    web: Polite

    def select(self, query: str) -> list[Row]:
        """Ask a query; unknown values (blank nodes) come back as None.

        Raises
        ------
        EndpointError
            If there is no answer.
        """
        try:
            response = self.web.get(
                self.url,
                headers={
                    "Accept": "application/sparql-results+json",
                    "Content-Type": "application/x-www-form-urlencoded",
                },
                data=urlencode({"query": query}).encode(),
            )
        except WebError as error:
            raise EndpointError(f"SPARQL endpoint {error}") from None
        try:
            bindings = json.loads(response.body)["results"]["bindings"]
            return [{name: _value(term) for name, term in row.items()} for row in bindings]
        except (ValueError, KeyError, TypeError, AttributeError):
            shown = " ".join(response.body[:120].decode(errors="replace").split())
            raise EndpointError(
                f"SPARQL endpoint {self.url}: the answer is no SPARQL result in JSON but "
                f"{shown!r}: check 'endpoint'"
            ) from None


def _value(term: dict[str, str]) -> str | None:
    value = term["value"]
    if term["type"] == "bnode" or "/.well-known/genid/" in value:
        return None
    if term["type"] == "uri":
        entity = _ENTITY.match(value)
        return entity[1] if entity else value
    return value


def batches(items: list[str], size: int) -> Iterator[list[str]]:
    """Yield the items, so many at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
