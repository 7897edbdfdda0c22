"""Terms of a release.

Belongs here: finding them, and whether they were accepted. Does not belong here: showing them.
"""

import hashlib
from collections.abc import Mapping
from fnmatch import fnmatch

from personax_assets.errors import TermsError

FILES = ("README*", "LICENSE*", "LICENCE*", "TERMS*", "*USAGE*", "DATASHEET*")
"""Files at the top of a release that may hold terms."""

ALWAYS = (
    "The published PersonaX data are for non-commercial research. They must not be used for "
    "automated profiling of personalities, nor to find out who somebody is.\n"
)
"""What is known of the terms of every published release."""


def holds_terms(name: str) -> bool:
    """Tell whether a file at the top of a release may hold its terms."""
    return "/" not in name and any(fnmatch(name.upper(), pattern) for pattern in FILES)


def terms_of(name: str, texts: Mapping[str, str]) -> str:
    """Put the terms together: what is always so, and what the release itself says."""
    parts = [f"Terms of {name}\n\n{ALWAYS}"]
    parts += [f"--- {file} ---\n{text.strip()}\n" for file, text in sorted(texts.items())]
    return "\n".join(parts)


def digest(terms: str) -> str:
    """Return what is written down to accept exactly these terms."""
    return hashlib.sha256(terms.encode()).hexdigest()[:16]


def require_accepted(terms: str, accepted: str, name: str) -> None:
    """Raise a `TermsError` unless exactly these terms were accepted."""
    if accepted == digest(terms):
        return
    changed = "have changed since they were accepted" if accepted else "are not accepted yet"
    raise TermsError(
        f"the terms of {name} {changed}; read them, and if you accept them add the line "
        f"'accepted_terms: {digest(terms)}' to the description of the source",
        terms,
    )
