"""Where a request may go.

Belongs here: which addresses are public, and what an honest URL looks like. Does not belong here:
connecting (`client`).

A URL that somebody else wrote (an image in a knowledge base, a redirect) can name the machine
itself, its neighbours or a cloud's metadata service. Names say nothing: the addresses that a name
resolves to are judged, all of them, and the connection goes to an address that was judged.
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_EMBEDDING = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "::/96")))
"""NAT64, and the abandoned way to write an IPv4 address as an IPv6 one: the last four bytes."""

_RELAYS = ipaddress.ip_network("192.88.99.0/24")
_NUMERIC = re.compile(r"^(?:0[xX][0-9a-fA-F]*|[0-9]+)$")
_PORTS = {"http": 80, "https": 443}


class RefusedURLError(ValueError):
    """A URL that is not asked for, with the reason."""


@dataclass(frozen=True)
class Target:
    """A URL in its parts, each in the form in which it is sent."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        """The whole again."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def is_public(address: Address) -> bool:
    """Tell whether an address is a public one: of no private, local or special network.

    An IPv6 address that stands for an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) is as
    public as that one.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and address not in _RELAYS
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _EMBEDDING):
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    embedded = [each for each in inner if each is not None]
    if embedded:
        return all(map(is_public, embedded))
    return address.is_global and not address.is_multicast and not address.is_site_local


def parse(url: str) -> Target:
    """Take a URL apart.

    Raises
    ------
    RefusedURLError
        If it is no plain http or https URL: another scheme, a password, a host in disguise.
    """
    if any(c.isspace() or not c.isprintable() or c == "\\" for c in url):
        raise RefusedURLError("has a blank, a control character or a backslash in it")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise RefusedURLError(f"is no URL ({error})") from None
    if parts.scheme not in _PORTS:
        raise RefusedURLError("is neither http nor https")
    if "@" in parts.netloc:
        raise RefusedURLError("carries a user name")
    if port == 0:
        raise RefusedURLError("names port 0")
    path = parts.path or "/"
    path = f"{path}?{parts.query}" if parts.query else path
    if not path.isascii():
        raise RefusedURLError("has letters that must be written with % signs")
    return Target(parts.scheme, _host(host), port or _PORTS[parts.scheme], path)


def _host(host: str) -> str:
    """Return a host name as it is looked up; a number must be a plain address."""
    if not host:
        raise RefusedURLError("names no host")
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise RefusedURLError("is no IPv6 address") from None
        if address.scope_id is not None:
            raise RefusedURLError("names an interface of this machine")
        return str(address)
    try:
        plain = host.encode("idna").decode("ascii").lower().rstrip(".")
    except UnicodeError:
        raise RefusedURLError("is no host name") from None
    if not plain:
        raise RefusedURLError("names no host")
    if _NUMERIC.match(plain.rpartition(".")[2]):
        try:
            return str(ipaddress.IPv4Address(plain))
        except ValueError:
            raise RefusedURLError("writes an address as no honest page does") from None
    return plain


def resolve(target: Target) -> list[tuple[int, tuple[str, int]]]:
    """Return the addresses of a host, as pairs of family and (address, port).

    Raises
    ------
    OSError
        If the name is unknown.
    """
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return [(family, (str(place[0]), target.port)) for family, _, _, _, place in found]
