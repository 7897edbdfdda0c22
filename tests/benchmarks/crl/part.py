"""What a part of the benchmark hands back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """Figures of one part: rows of tables, by title.

    Parameters
    ----------
    tables : mapping of str to sequence of mappings
        Printed one after the other; the JSON object holds them as they are.
    """

    tables: Mapping[str, Sequence[Mapping[str, Any]]]
