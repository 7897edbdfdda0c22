"""A MediaWiki on loopback with invented people's portraits."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

from personax_ml.synthetic.portraits import render_portrait
from tests.loopback import Answer, Request


def portrait(number: int) -> bytes:
    """Return a drawn portrait as a file."""
    face = {"face_presentation": 1.0, "face_beard": 0.0, "face_skin": (number % 5) / 5}
    return render_portrait(face, 1, number)


@dataclass
class Wiki:
    """Answers as a wiki does; `files` by title without `File:`."""

    files: Mapping[str, bytes]
    broken: dict[str, Answer] = field(default_factory=dict)
    host: str = ""

    def address(self, name: str) -> str:
        """Return the address of a file, as knowledge bases give it."""
        return f"{self.host}/wiki/Special:FilePath/{quote(name)}"

    def __call__(self, request: Request) -> Answer:
        url = urlsplit(request.path)
        if url.path == "/w/api.php":
            return self._described(parse_qs(url.query))
        name = unquote(url.path.removeprefix("/thumb/")).removeprefix("960px-")
        if name in self.broken:
            return self.broken[name]
        if name not in self.files:
            return 404, {}, b"no such file"
        kind = "image/png" if self.files[name].startswith(b"\x89PNG") else "image/jpeg"
        return 200, {"Content-Type": kind}, self.files[name]

    def _described(self, query: Mapping[str, list[str]]) -> Answer:
        titles = query["titles"][0].removeprefix("\x1f").split("\x1f")
        assert len(titles) <= 50
        assert query["iiurlwidth"] == ["960"]
        pages, normalized = [], []
        for title in titles:
            proper = title[:5] + title[5:6].upper() + title[6:]  # wikis capitalise
            if proper != title:
                normalized.append({"fromencoded": False, "from": title, "to": proper})
            name = proper.removeprefix("File:")
            if name not in {*self.files, *self.broken}:
                pages.append({"ns": 6, "title": proper, "missing": True})
                continue
            info = {
                "thumburl": f"{self.host}/thumb/960px-{quote(name)}",
                "descriptionurl": f"{self.host}/wiki/File:{quote(name)}",
                "extmetadata": {
                    "Artist": {"value": f'<a href="//x">Photo &amp; Co <b>{len(name)}</b></a>'},
                    "LicenseShortName": {"value": "CC BY-SA 4.0"},
                    "LicenseUrl": {"value": "https://creativecommons.org/licenses/by-sa/4.0"},
                },
            }
            pages.append({"pageid": 1, "ns": 6, "title": proper, "imageinfo": [info]})
        answer = {"batchcomplete": True, "query": {"normalized": normalized, "pages": pages}}
        return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
