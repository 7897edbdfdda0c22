"""One HTTP exchange under limits.

Belongs here: connecting to an address that was judged, redirects, and limits of size and time.
Does not belong here: when to ask and whether to ask again (`polite`).

Everything is bounded: bytes, redirects, and the time of the whole exchange, so that neither an
endless nor a slow answer holds anybody up. Proxies of the environment are not used: a proxy would
connect to addresses that nobody judged.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO
from urllib.parse import urljoin

from personax_assets.errors import PersonaXError
from personax_assets.web.addresses import (
    Address,
    RefusedURLError,
    Target,
    is_public,
    parse,
    resolve,
)

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
_CHUNK = 1 << 16

Places = list[tuple[int, tuple[str, int]]]
"""Addresses of a host: pairs of family and (address, port)."""


class WebError(PersonaXError):
    """Something could not be had from the network.

    Parameters
    ----------
    message : str
        For people.
    reason : {"refused", "unreachable", "timeout", "too_large", "wrong_answer", "http"}
        What kind of trouble it is. `refused`: nothing was connected to.
    status : int
        The HTTP status, for `http`.
    """

    def __init__(self, message: str, reason: str, status: int = 0) -> None:
        super().__init__(message)
        self.reason, self.status = reason, status


@dataclass(frozen=True)
class Response:
    """An answer.

    Parameters
    ----------
    url : str
        Where it came from, after redirects.
    status : int
        HTTP status.
    headers : mapping
        By name in lower case.
    body : bytes
        The content; empty if it went to a file.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Client:
    """What the exchanges with the network have in common.

    Parameters
    ----------
    user_agent : str
        Who asks.
    allowed : callable, optional
        Tells of an address whether it may be connected to: by default only public ones. None for
        addresses that the operator has configured.
    max_bytes : int
        Largest answer.
    deadline_s : float
        Longest time of an exchange, redirects included.
    """

    user_agent: str
    allowed: Callable[[Address], bool] | None = is_public
    max_bytes: int = 20_000_000
    deadline_s: float = 60.0

    def get(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        sink: BinaryIO | None = None,
    ) -> Response:
        """Ask for a URL; with `data`, post it.

        Parameters
        ----------
        url : str
            The address.
        headers : mapping, optional
            Further headers. `Authorization` is not passed on to another host.
        data : bytes, optional
            What is sent along.
        sink : file, optional
            Takes the content of a 200 in place of `Response.body`.

        Raises
        ------
        WebError
            If there is no answer within the limits. An HTTP error status is an answer.
        """
        sent = {"User-Agent": self.user_agent, "Accept-Encoding": "identity", **(headers or {})}
        with _Deadline(self.deadline_s) as deadline:
            for _ in range(_MOST_REDIRECTS + 1):
                target = self._parsed(url)
                response = self._exchange(target, sent, data, sink, deadline)
                location = response.headers.get("location")
                if response.status not in _REDIRECTS or location is None:
                    return response
                url = _joined(target.url, location)
                if response.status in (301, 302, 303):
                    data = None
                    sent = {k: v for k, v in sent.items() if k != "Content-Type"}
                if self._parsed(url).host != target.host:
                    sent = {k: v for k, v in sent.items() if k != "Authorization"}
        raise WebError(f"{url}: more than {_MOST_REDIRECTS} redirects", "wrong_answer")

    def _parsed(self, url: str) -> Target:
        try:
            return parse(url)
        except RefusedURLError as error:
            raise WebError(f"{url!a}: {error}", "refused") from None

    def _exchange(
        self,
        target: Target,
        headers: Mapping[str, str],
        data: bytes | None,
        sink: BinaryIO | None,
        deadline: "_Deadline",
    ) -> Response:
        connection = _connection(target, self._judged(target), deadline)
        try:
            method = "GET" if data is None else "POST"
            connection.request(method, target.path, body=data, headers=dict(headers))
            with connection.getresponse() as answer:
                found = {name.lower(): value for name, value in answer.getheaders()}
                body = BytesIO()
                if answer.status not in _REDIRECTS:
                    into = sink if sink is not None and answer.status == 200 else body
                    into.seek(0)  # an attempt before may have left something
                    into.truncate()
                    self._receive(answer, found, into, target)
                deadline.check(target)
                return Response(target.url, answer.status, found, body.getvalue())
        except (OSError, http.client.HTTPException, ValueError) as error:
            deadline.check(target)
            late = isinstance(error, TimeoutError)
            what = f"no answer in {self.deadline_s:.0f} s" if late else _said(error)
            reason = "timeout" if late else "unreachable"
            raise WebError(f"{target.url}: {what}", reason) from None
        finally:
            connection.close()

    def _judged(self, target: Target) -> Places:
        """Return the addresses of the host, if every one of them may be connected to."""
        try:
            places = resolve(target)
        except (OSError, UnicodeError) as error:
            raise WebError(
                f"{target.url}: the host cannot be found ({_said(error)})", "unreachable"
            ) from None
        for _, (address, _) in places:
            ip = ipaddress.ip_address(address.partition("%")[0])
            if self.allowed is not None and not self.allowed(ip):
                raise WebError(f"{target.url}: {ip} is not a public address", "refused")
        return places

    def _receive(
        self,
        answer: http.client.HTTPResponse,
        headers: Mapping[str, str],
        into: BinaryIO,
        target: Target,
    ) -> None:
        too_large = WebError(f"{target.url}: more than {self.max_bytes:,} bytes", "too_large")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise WebError(
                f"{target.url}: the answer is compressed, which nobody asked for", "wrong_answer"
            )
        stated = headers.get("content-length", "")
        if stated.isdecimal() and int(stated) > self.max_bytes:
            raise too_large
        received = 0
        while chunk := answer.read(_CHUNK):
            received += len(chunk)
            if received > self.max_bytes:
                raise too_large
            into.write(chunk)
        if answer.length:  # the connection ended before the stated length
            raise http.client.IncompleteRead(b"", answer.length)


@dataclass
class _Deadline:
    """Ends the exchange when its time is up, whatever the other side is doing."""

    seconds: float
    passed: threading.Event = field(default_factory=threading.Event)
    _socket: socket.socket | None = None

    def __enter__(self) -> "_Deadline":
        self._timer = threading.Timer(self.seconds, self._end)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def guard(self, connected: socket.socket) -> None:
        self._socket = connected
        if self.passed.is_set():
            self._end()

    def check(self, target: Target) -> None:
        if self.passed.is_set():
            raise WebError(f"{target.url}: no answer in {self.seconds:.0f} s", "timeout")

    def _end(self) -> None:
        self.passed.set()
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                # of the connection itself: that of TLS would wait for the other side's consent
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    """A connection to an address that was judged, whatever the name may resolve to by now."""

    def __init__(self, target: Target, places: Places, deadline: "_Deadline") -> None:
        super().__init__(target.host, target.port, timeout=deadline.seconds)
        self._places, self._deadline = places, deadline

    def connect(self) -> None:
        trouble: OSError | None = None
        for family, place in self._places:
            if self._deadline.passed.is_set():
                break
            self.sock = socket.socket(family, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            try:
                self.sock.connect(place)
            except OSError as error:
                self.sock.close()
                trouble = error
                continue
            self._deadline.guard(self.sock)
            return
        raise trouble or OSError("the host has no address")


class _SecureConnection(_Connection):
    default_port = 443

    def connect(self) -> None:
        super().connect()
        secure = ssl.create_default_context().wrap_socket(
            self.sock, server_hostname=self.host, do_handshake_on_connect=False
        )
        self.sock = secure
        self._deadline.guard(secure)
        secure.do_handshake()


def _connection(target: Target, places: Places, deadline: "_Deadline") -> _Connection:
    kind = _SecureConnection if target.scheme == "https" else _Connection
    return kind(target, places, deadline)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # what is no URL is left as it is, to be refused
        return location


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
