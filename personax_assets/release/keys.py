"""The secret key of a home's releases, and what is derived from it.

Belongs here: where the key lives, ids and seeds. Does not belong here: what they are used for.

Whoever has the key can tell who is who in every release made with it, and can undo the rotation
of embeddings. Without it new releases get other ids, and nobody can find a person in an old one.
"""

import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from personax_assets.errors import PersonaXError

VARIABLE = "PERSONAX_RELEASE_KEY"
FILE = "release.key"

_LEAST_CHARACTERS = 32
_ID_CHARACTERS = 16


@dataclass(frozen=True, repr=False)
class ReleaseKey:
    """A secret that is never shown.

    Parameters
    ----------
    secret : bytes
        The key.
    """

    secret: bytes

    def derive(self, *purpose: str) -> "ReleaseKey":
        """Return a key for one purpose; other purposes say nothing about it."""
        return ReleaseKey(self._digest("/".join(purpose)))

    def ids(self, person_ids: Sequence[str]) -> list[str]:
        """Return what stands for each person in a release."""
        return [self._digest(f"person {person}").hex()[:_ID_CHARACTERS] for person in person_ids]

    def fingerprint(self, content: bytes) -> str:
        """Return what identifies some content to those who have the key."""
        return self._digest("content " + sha256(content).hexdigest()).hex()

    def generator(self, purpose: str) -> np.random.Generator:
        """Return a source of random numbers that only the key gives."""
        words = int.from_bytes(self._digest(f"generator {purpose}")[:16], "little")
        return np.random.Generator(np.random.Philox(key=words))

    def _digest(self, message: str) -> bytes:
        return hmac.digest(self.secret, message.encode(), "sha256")


def release_key(home: Path) -> ReleaseKey:
    """Return the key of `PERSONAX_RELEASE_KEY`, else the home's own, made if there is none.

    Raises
    ------
    PersonaXError
        If the key is too short to be a secret, or others can read it.
    """
    given = os.environ.get(VARIABLE)
    if given is not None:
        return _checked(given, VARIABLE)
    path = home / FILE
    if not path.exists():
        _create(path)
    if path.stat().st_mode & 0o077:
        raise PersonaXError(
            f"{path}: others can read this secret key, and with it undo every release; "
            f"chmod 600 {path}"
        )
    return _checked(path.read_text("ascii"), str(path))


def _checked(text: str, where: str) -> ReleaseKey:
    if len(text.strip()) < _LEAST_CHARACTERS:
        raise PersonaXError(
            f"{where}: a release key needs at least {_LEAST_CHARACTERS} characters; "
            "make one with: openssl rand -hex 32"
        )
    return ReleaseKey(text.strip().encode())


def _create(path: Path) -> None:
    """Put a new key in place, whole; of two that are made at once the first one stays."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
