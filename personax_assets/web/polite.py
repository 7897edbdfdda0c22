"""Asking public servers as their operators wish.

Belongs here: one request at a time, waiting as told, asking again, and giving up. Does not belong
here: the exchange itself (`client`).

A server that says `Retry-After` is not asked again before that time, by any process of this home:
the times are kept in a file. A short wait is waited; a long one ends the work with the time from
which it can go on. A server that fails again and again is left alone for some minutes, so that
thousands of addresses do not each wait for it.
"""

import email.utils
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from personax_assets.locking import exclusive
from personax_assets.web.client import Client, Response, WebError

PATIENCE_S = 120.0
"""Longest wait for a server; what takes longer is left to a later run."""

BACKOFF_S = (2.0, 10.0, 30.0)
"""Waits before asking again where the server does not say how long."""

FAILURES = 3
"""Addresses in a row that may fail for good before their server is left alone."""

REST_S = 300.0
"""For how long it then is."""

_TRANSIENT = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Polite:
    """A client with manners.

    Parameters
    ----------
    client : Client
        Does the exchange.
    folder : Path
        Where the times are kept until which a host is left in peace.
    clock, sleep : callable
        The time in seconds since 1970, and waiting.
    """

    client: Client
    folder: Path
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    _failures: Counter[str] = field(default_factory=Counter)

    def get(self, url: str, **exchange: Any) -> Response:
        """Ask for a URL, again if need be; see `Client.get`.

        Raises
        ------
        WebError
            If there is no answer with a status below 400 within the limits of patience.
        """
        host = _host(url)
        with exclusive(self.folder / f"{_file_name(host)}.lock"):
            for backoff in (*BACKOFF_S, None):
                self._wait(host)
                response, trouble = self._try(url, exchange)
                if response is not None and response.status < 400:
                    self._failures[host] = 0
                    return response
                trouble = trouble or _complaint(response, url)
                if not _may_pass(trouble):
                    raise trouble
                pause = self._pause(response, backoff)
                if pause is not None:
                    self._remember(host, pause)
                if backoff is None:
                    self._give_up(host, trouble)
        raise AssertionError("the last try either returns or raises")

    def _give_up(self, host: str, trouble: WebError) -> NoReturn:
        self._failures[host] += 1
        if trouble.status == 429 or self._failures[host] >= FAILURES:
            self._remember(host, max(REST_S, self._until(host) - self.clock()))
        raise trouble

    def _try(self, url: str, exchange: dict[str, Any]) -> tuple[Response | None, WebError | None]:
        try:
            return self.client.get(url, **exchange), None
        except WebError as error:
            return None, error

    def _pause(self, response: Response | None, backoff: float | None) -> float | None:
        """Return for how long the host wants to be left alone."""
        header = response.headers.get("retry-after") if response else None
        stated = _retry_after(header, self.clock())
        return backoff if stated is None else max(stated, backoff or 0)

    def _wait(self, host: str) -> None:
        left = self._until(host) - self.clock()
        if left > PATIENCE_S:
            when = datetime.fromtimestamp(self._until(host), UTC)
            raise WebError(
                f"{host} is to be left alone until {when:%Y-%m-%d %H:%M:%S} UTC; run the same "
                "command again after that, it goes on from here",
                "http",
                429,
            )
        if left > 0:
            self.sleep(left)

    def _until(self, host: str) -> float:
        try:
            return float(json.loads(self._file(host).read_text())["until"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0.0

    def _remember(self, host: str, seconds: float) -> None:
        file = self._file(host)
        temporary = file.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"host": host, "until": self.clock() + seconds}))
        temporary.replace(file)

    def _file(self, host: str) -> Path:
        return self.folder / f"{_file_name(host)}.json"


def _may_pass(trouble: WebError) -> bool:
    return trouble.reason == "timeout" or trouble.status in _TRANSIENT


def _host(url: str) -> str:
    """Return the host and port of a URL; what is none will be refused by the client."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _file_name(host: str) -> str:
    return re.sub(r"[^a-z0-9.-]", "_", host.lower())[:100] or "_"


def _retry_after(value: str | None, now: float) -> float | None:
    """Read a `Retry-After`: seconds, or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - now, 0.0)
    except ValueError:
        return None


def _complaint(response: Response | None, url: str) -> WebError:
    status = response.status if response else 0
    said = " ".join((response.body if response else b"")[:300].decode(errors="replace").split())
    shown = url if len(url) <= 120 else url[:119] + "…"
    return WebError(f"{shown}: HTTP {status}{': ' + said if said else ''}", "http", status)
