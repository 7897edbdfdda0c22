"""Photographs from the web: what is kept of each, and what is never asked for."""

import re
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.faces.fetching import (
    expected_photographs,
    fetch,
    fetched_files,
    fetcher,
)
from personax_assets.faces.photographs import PhotographFolder
from personax_assets.schemas.people import photographs
from personax_assets.web import Client, Polite
from tests.loopback import Answer, Loopback, served
from tests.wiki import Wiki, portrait

PICTURE, OTHER = portrait(1), portrait(2)


@pytest.fixture
def wiki() -> Iterator[tuple[Wiki, Loopback]]:
    wiki = Wiki({"Ann Example.jpg": PICTURE, "Bob | ; rm -rf.jpg": OTHER, "Émile x.jpg": OTHER})
    with served(wiki) as server:
        wiki.host = server.url
        yield wiki, server


@pytest.fixture
def web(tmp_path: Path) -> Polite:
    """Return a client that may go to loopback, and that does not really wait."""
    client = Client("PersonaX/test (team@example.org)", lambda ip: True, deadline_s=5)
    return Polite(client, tmp_path / "hosts", sleep=lambda seconds: None)


def fetched(urls: list[str], web: Polite, folder: Path) -> pl.DataFrame:
    people = pl.DataFrame({"person_id": [f"p{i}" for i in range(len(urls))], "photograph": urls})
    wanted = expected_photographs(people, 1)
    return pl.concat(fetch(wanted, web, folder, ATHLEPERSONA))


def test_a_photograph_is_kept_with_what_its_use_requires(
    wiki: tuple[Wiki, Loopback], web: Polite, tmp_path: Path
) -> None:
    address = wiki[0].address("Ann_Example.jpg")
    (row,) = fetched([address], web, tmp_path / "images").iter_rows(named=True)
    assert {k: row[k] for k in ("status", "url", "author", "licence", "licence_url")} == {
        "status": "ok",
        "url": address,
        "author": "Photo & Co 15",
        "licence": "CC BY-SA 4.0",
        "licence_url": "https://creativecommons.org/licenses/by-sa/4.0",
    }
    assert row["page"].endswith("/wiki/File:Ann%20Example.jpg")
    assert isinstance(row["fetched_at"], datetime)
    assert row["file"].startswith(sha256(PICTURE).hexdigest())
    assert (tmp_path / "images" / row["file"]).read_bytes() == PICTURE
    assert row["bytes"] == len(PICTURE)


def test_the_wiki_is_asked_for_many_files_at_once_and_for_thumbnails(
    wiki: tuple[Wiki, Loopback], web: Polite, tmp_path: Path
) -> None:
    urls = [wiki[0].address("Ann Example.jpg")] * 120
    rows = fetched(urls, web, tmp_path / "images")
    assert (rows["status"] == "ok").all()
    paths = [request.path for request in wiki[1].requests]
    assert sum("/w/api.php" in path for path in paths) == 3
    assert not [path for path in paths if "FilePath" in path], "never the original"
    assert wiki[1].most_at_once == 1
    assert len(list((tmp_path / "images").iterdir())) == 1, "the same content is one file"


def test_names_that_others_chose_never_reach_the_disk(
    wiki: tuple[Wiki, Loopback], web: Polite, tmp_path: Path
) -> None:
    names = ["Bob %7C ; rm -rf.jpg", "%C3%89mile x.jpg", "..%2F..%2Fetc%2Fpasswd", "%00.jpg"]
    urls = [wiki[0].address("") + name.replace(" ", "_") for name in names]
    rows = fetched(urls, web, tmp_path / "images")
    assert rows["status"].to_list() == ["ok", "ok", "not_found", "not_found"]
    for path in tmp_path.rglob("*"):
        assert re.fullmatch(
            r"images|hosts|[0-9a-f]{64}\.(png|jpg|webp)|127\.0\.0\.1_\d+\.lock", path.name
        )


HTML = b"<html>not a picture</html>"


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ((404, {}, b""), "not_found", "HTTP 404"),
        ((403, {}, b"go away"), "http_error", "HTTP 403: go away"),
        ((503, {}, b""), "http_error", "HTTP 503"),
        ((200, {"Content-Type": "text/html"}, PICTURE), "wrong_answer", "text/html"),
        ((200, {"Content-Type": "image/jpeg"}, HTML), "wrong_answer", "no JPEG, PNG or WebP"),
        ((200, {"Content-Type": "image/svg+xml"}, b"<svg/>"), "wrong_answer", "image/svg+xml"),
        ((200, {"Content-Type": "image/png", "Content-Length": "99999999"}, b""), "too_large",
         "more than 20,000,000 bytes"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "refused", "neither http nor https"),
        (None, "unreachable", ""),
    ],
)  # fmt: skip
def test_what_is_no_picture_says_why(
    web: Polite, tmp_path: Path, answer: "Answer | None", status: str, said: str
) -> None:
    with served(lambda request: answer) as server:
        (row,) = fetched([f"{server.url}/x.jpg"], web, tmp_path / "images").iter_rows(named=True)
    assert row["status"] == status
    assert said in row["detail"]
    assert row["file"] is None
    assert list((tmp_path / "images").iterdir()) == []


def test_by_default_this_machine_is_not_asked(tmp_path: Path) -> None:
    with served(lambda request: (200, {"Content-Type": "image/png"}, PICTURE)) as server:
        urls = [f"{server.url}/x.png", f"{server.url}/wiki/Special:FilePath/X.png"]
        rows = fetched(urls, fetcher(tmp_path / "hosts", "team@example.org"), tmp_path / "images")
        assert rows["status"].to_list() == ["refused", "refused"]
        assert "127.0.0.1 is not a public address" in rows["detail"][0]
        assert server.requests == []


def test_a_wiki_that_answers_nonsense_is_told(web: Polite, tmp_path: Path) -> None:
    with served(lambda request: (200, {}, b"<html>login</html>")) as server:
        url = f"{server.url}/wiki/Special:FilePath/X.jpg"
        (row,) = fetched([url], web, tmp_path / "images").iter_rows(named=True)
    assert row["status"] == "wrong_answer"
    assert "not that of a wiki" in row["detail"]


def test_photographs_keep_their_numbers(tmp_path: Path) -> None:
    people = pl.DataFrame(
        {"person_id": ["a", "b"], "source_id": ["1", "2"], "photograph": ["x|y|z", "w"]}
    )
    expected = expected_photographs(people, 2)
    assert expected.select("person_id", "measurement", "url").rows() == [
        ("a", 1, "x"), ("a", 2, "y"), ("b", 1, "w"),
    ]  # fmt: skip
    name = f"{sha256(PICTURE).hexdigest()}.png"
    (tmp_path / name).write_bytes(PICTURE)
    rows = expected.with_columns(
        pl.Series("status", ["not_found", "ok", "refused"]),
        pl.Series("file", [None, name, None]),
    )
    found = fetched_files(people, rows)
    (photograph,) = PhotographFolder(tmp_path).photographs(found)
    assert (photograph.person_id, photograph.measurement) == ("a", 2)


def test_rows_fit_the_table(wiki: tuple[Wiki, Loopback], web: Polite, tmp_path: Path) -> None:
    rows = fetched([wiki[0].address("Ann Example.jpg"), "ftp://x"], web, tmp_path / "images")
    assert dict(rows.schema) == photographs(ATHLEPERSONA).polars
