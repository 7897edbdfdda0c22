"""Photographs from the web.

Belongs here: fetching each address once, checking what arrives, and keeping it with what its use
requires. Does not belong here: which addresses may be asked (`web`), or decoding (`decoding`).

A file is named after the hash of its content and nothing else, so no name that anybody else chose
touches the disk. What was fetched is not fetched again; what could not be had for a reason that
may pass is tried again by the next run.
"""

import os
from collections.abc import Callable, Iterator
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.faces.decoding import MAX_BYTES
from personax_assets.faces.mediawiki import WikiFile, describe, is_wiki_file
from personax_assets.faces.photographs import SEPARATOR
from personax_assets.schemas.people import photographs as photographs_schema
from personax_assets.web import Client, Polite, Response, WebError

TRANSIENT = ("unreachable", "http_error")
"""Statuses after which the next run tries again."""

BATCH = 50
"""Photographs that are committed together."""

_SIGNATURES = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"))
_MISSING = "-"
"""Stands for a photograph that is not there, so that the others keep their numbers."""

_VERSION = "1"
"""To be raised whenever the same address would give another file."""


def fetcher(folder: Path, contact: str | None) -> Polite:
    """Return how photographs are fetched: from public addresses only, one at a time.

    Parameters
    ----------
    folder : Path
        Where it is kept which hosts want to be left alone.
    contact : str, optional
        Who asks.
    """
    from importlib.metadata import version

    agent = f"PersonaX/{version('personax')}" + (f" ({contact})" if contact else "")
    return Polite(Client(agent, max_bytes=MAX_BYTES, deadline_s=60.0), folder)


def expected_photographs(people: pl.DataFrame, per_person: int) -> pl.DataFrame:
    """Return the photographs there should be: `person_id, measurement, url, input_hash`.

    Parameters
    ----------
    people : DataFrame
        With `person_id` and `photograph`: addresses separated by '|'.
    per_person : int
        Photographs per person, at most.
    """
    rows = [
        (person_id, number, url, blake2b(f"{_VERSION}/{url}".encode(), digest_size=16).hexdigest())
        for person_id, listed in people.select("person_id", "photograph").iter_rows()
        for number, url in enumerate((listed or "").split(SEPARATOR)[:per_person], start=1)
        if url.strip()
    ]
    schema = {
        "person_id": pl.String,
        "measurement": pl.Int16,
        "url": pl.String,
        "input_hash": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def fetch(
    wanted: pl.DataFrame,
    web: Polite,
    folder: Path,
    sub: SubDataset,
    advance: Callable[[int], None] = lambda n: None,
) -> Iterator[pl.DataFrame]:
    """Fetch photographs.

    Parameters
    ----------
    wanted : DataFrame
        Output of `expected_photographs`.
    web : Polite
        How addresses are asked.
    folder : Path
        Where files are kept.
    sub : SubDataset
        Where the people belong.
    advance : callable
        Told of each photograph that is done with.

    Yields
    ------
    DataFrame
        Rows of the table `photographs`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    schema = photographs_schema(sub).polars
    for batch in wanted.iter_slices(BATCH):
        files = describe(filter(is_wiki_file, batch["url"]), web)
        rows = []
        for row in batch.iter_rows(named=True):
            rows.append({**row, **_fetched(row["url"], files, web, folder)})
            advance(1)
        yield pl.DataFrame(
            {name: [row.get(name) for row in rows] for name in schema}, schema=schema
        )


def fetched_files(people: pl.DataFrame, photographs: pl.DataFrame) -> pl.DataFrame:
    """Replace addresses in `photograph` by the names of the files that were fetched."""
    names = pl.when(pl.col("status") == "ok").then("file").otherwise(pl.lit(_MISSING))
    by_person = (
        photographs.sort("person_id", "measurement")
        .group_by("person_id", maintain_order=True)
        .agg(names.str.join(SEPARATOR).alias("photograph"))
    )
    with_file = photographs.filter(pl.col("status") == "ok")["person_id"]
    found = by_person.filter(pl.col("person_id").is_in(with_file.unique().to_list()))
    return people.drop("photograph").join(found, on="person_id", how="inner", maintain_order="left")


def _fetched(
    url: str, files: "dict[str, WikiFile | WebError]", web: Polite, folder: Path
) -> dict[str, Any]:
    """Fetch one photograph; whatever is wrong ends up in the status."""
    from datetime import UTC, datetime

    known = files.get(url, WikiFile(url))
    if isinstance(known, WebError):
        return _failed(known)
    row: dict[str, Any] = {
        "page": known.page,
        "author": known.author,
        "licence": known.licence,
        "licence_url": known.licence_url,
        "fetched_at": datetime.now(UTC).replace(tzinfo=None),
    }
    if known.thumbnail is None:
        return {**row, "status": "not_found", "detail": "the wiki has no such file"}
    try:
        response = web.get(known.thumbnail)
        return {**row, "status": "ok", **_kept(response, folder)}
    except WebError as error:
        return {**row, **_failed(error)}


def _failed(error: WebError) -> dict[str, Any]:
    if error.reason == "http":
        status = "not_found" if error.status in (404, 410) else "http_error"
    else:
        status = {"timeout": "unreachable"}.get(error.reason, error.reason)
    return {"status": status, "detail": str(error)[:300]}


def _kept(response: Response, folder: Path) -> dict[str, Any]:
    """Keep what arrived, if it is a picture."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    suffix = _suffix(response.body)
    if not kind.startswith("image/") or suffix is None:
        shown = "".join(c if c.isprintable() else "·" for c in kind[:60]) or "of no stated type"
        raise WebError(f"the answer is no JPEG, PNG or WebP picture ({shown})", "wrong_answer")
    digest = sha256(response.body).hexdigest()
    path = folder / f"{digest}.{suffix}"
    if not path.exists():
        temporary = folder / f"{digest}.{os.getpid()}.tmp"
        temporary.write_bytes(response.body)
        temporary.replace(path)
    return {"file": path.name, "bytes": len(response.body)}


def _suffix(data: bytes) -> str | None:
    """Return what the first bytes say that a file is."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((suffix for start, suffix in _SIGNATURES if data.startswith(start)), None)
