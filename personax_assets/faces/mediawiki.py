"""Files of Wikimedia Commons, or of any other MediaWiki.

Belongs here: from the address of a file to its thumbnail, who made it and under which licence.
Does not belong here: fetching the thumbnail (`fetching`).

Originals are large, and their servers turn away who asks for many. The wiki's own interface tells
of up to fifty files at once where a thumbnail lies and what its use requires.
"""

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from personax_assets.web import Polite, WebError

WIDTH = 960
"""Width of thumbnails in pixels: one of those that Commons keeps ready."""

FILES_PER_REQUEST = 50
"""As many as the interface takes."""

_FILE = re.compile(r"^(https?://[^/?#]+)/wiki/Special:FilePath/([^?#]+)")
_ATTRIBUTION = ("Artist", "LicenseShortName", "LicenseUrl")


@dataclass(frozen=True)
class WikiFile:
    """What a wiki says about a file of its own.

    Parameters
    ----------
    thumbnail : str, optional
        Address of the thumbnail; None if there is no such file.
    page : str, optional
        Address of the file's page.
    author, licence, licence_url : str, optional
        Who made it, and under which licence.
    """

    thumbnail: str | None
    page: str | None = None
    author: str | None = None
    licence: str | None = None
    licence_url: str | None = None


def is_wiki_file(url: str) -> bool:
    """Tell whether an address is that of a file in a MediaWiki."""
    return _FILE.match(url) is not None


def describe(urls: Iterable[str], web: Polite) -> dict[str, WikiFile | WebError]:
    """Ask the wikis about files.

    Parameters
    ----------
    urls : iterable of str
        Addresses that are those of files in a MediaWiki.
    web : Polite
        How wikis are asked.

    Returns
    -------
    dict
        By address what the wiki says, or why it could not be asked.
    """
    by_wiki: dict[str, dict[str, str]] = {}
    for url in dict.fromkeys(urls):
        found = _FILE.match(url)
        assert found is not None
        title = "File:" + unquote(found[2]).replace("_", " ").strip()
        by_wiki.setdefault(found[1], {})[url] = title
    answers: dict[str, WikiFile | WebError] = {}
    for wiki, titles in by_wiki.items():
        listed = list(titles.items())
        for start in range(0, len(listed), FILES_PER_REQUEST):
            batch = listed[start : start + FILES_PER_REQUEST]
            try:
                known = _ask(wiki, [title for _, title in batch], web)
            except WebError as error:
                answers |= dict.fromkeys((url for url, _ in batch), error)
            else:
                answers |= {url: known.get(title, WikiFile(None)) for url, title in batch}
    return answers


def _ask(wiki: str, titles: list[str], web: Polite) -> dict[str, WikiFile]:
    """Ask one wiki about files, by title."""
    query = {
        "action": "query",
        "format": "json",
        "formatversion": "2",
        "prop": "imageinfo",
        "iiprop": "url|extmetadata",
        "iiurlwidth": str(WIDTH),
        "iiextmetadatafilter": "|".join(_ATTRIBUTION),
        "titles": "\x1f" + "\x1f".join(titles),  # the separator that no title can hold
    }
    files: dict[str, WikiFile] = {}
    names: dict[str, str] = {}
    more: dict[str, str] = {}
    for _ in range(FILES_PER_REQUEST):
        url = f"{wiki}/w/api.php?{urlencode(query | more)}"
        response = web.get(url)
        try:
            answer = json.loads(response.body)
            names |= {each["from"]: each["to"] for each in answer["query"].get("normalized", ())}
            for page in answer["query"]["pages"]:
                if page.get("imageinfo"):
                    files[page["title"]] = _file(page["imageinfo"][0])
            more = {key: str(value) for key, value in answer.get("continue", {}).items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WebError(
                f"{wiki}/w/api.php: the answer is not that of a wiki", "wrong_answer"
            ) from None
        if not more:
            break
    return {title: files[name] for title in titles if (name := names.get(title, title)) in files}


def _file(info: Mapping[str, Any]) -> WikiFile:
    said = {
        name: _plain(value.get("value"))
        for name, value in info.get("extmetadata", {}).items()
        if name in _ATTRIBUTION
    }
    return WikiFile(
        thumbnail=info.get("thumburl") or info.get("url"),
        page=info.get("descriptionurl"),
        author=said.get("Artist"),
        licence=said.get("LicenseShortName"),
        licence_url=said.get("LicenseUrl"),
    )


def _plain(text: object) -> str | None:
    """Return a text without its HTML, in one line of bounded length."""
    without_tags = re.sub(r"<[^>]*>", " ", str(text or ""))
    return " ".join(html.unescape(without_tags).split())[:300] or None
