"""Real rosters: a YAML description of files, and their rows as raw bios."""

from personax_assets.bios.rosters.description import RosterError, RosterList
from personax_assets.bios.rosters.loading import bundled_example, load_rosters
from personax_assets.bios.rosters.reading import fingerprint, read_league

__all__ = [
    "RosterError",
    "RosterList",
    "bundled_example",
    "fingerprint",
    "load_rosters",
    "read_league",
]
