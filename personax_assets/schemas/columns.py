"""Columns that many tables have.

Belongs here: what is the same wherever it stands. Does not belong here: tables.
"""

from personax_assets.table_schema import Column


def key(name: str, description: str, *lineage: str, type: str = "VARCHAR") -> Column:
    """Return a column of a primary key."""
    return Column(name, type, description, nullable=False, lineage=lineage)


PERSON = "The person: stable across refreshes and machines."

INPUT_HASH = Column(
    "input_hash", "VARCHAR", "Hash of everything the row was computed from.", nullable=False
)

PLACE = (
    Column("latitude", "DOUBLE", "Degrees north.", minimum=-90, maximum=90),
    Column("longitude", "DOUBLE", "Degrees east.", minimum=-180, maximum=180),
)
