"""Ports of this machine: which are free, and who holds the others.

Belongs here: asking the system. Does not belong here: deciding what to do about it.
"""

import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"

_LISTENING = "0A"
_SOCKETS = ("/proc/net/tcp", "/proc/net/tcp6")


def refusal(port: int, host: str = LOOPBACK) -> str | None:
    """Say why a server could not listen on a port; None if it could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


def free_port(start: int, host: str = LOOPBACK, tries: int = 100) -> int | None:
    """Return the first free port from `start` on; None if `tries` of them are taken."""
    ports = range(start, min(start + tries, 65536))
    return next((port for port in ports if refusal(port, host) is None), None)


def holder(port: int) -> str | None:
    """Return which process listens on a port, as `process 12 (name)`; None if that is hidden.

    Linux tells it of one's own processes, and of all to the administrator.
    """
    inodes = _listeners(port)
    if not inodes:
        return None
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) in inodes:
                process = link.parent.parent
                return f"process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # not ours to look into, or gone by now
            continue
    return None


def _listeners(port: int) -> set[str]:
    """Return the sockets that listen on a port, as the links in `/proc/*/fd` name them."""
    found = set()
    for table in map(Path, _SOCKETS):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in map(str.split, lines):
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
