"""Columns that many tables have.

Belongs here: what is the same wherever it stands. Does not belong here: tables.
"""

from personax_assets.datasets import TRAITS
from personax_assets.table_schema import Column


def key(name: str, description: str, *lineage: str, type: str = "VARCHAR") -> Column:
    """Return a column of a primary key."""
    return Column(name, type, description, nullable=False, lineage=lineage)


PERSON = "The person: stable across refreshes and machines."

PERSON_ID = key("person_id", PERSON, "bios.person_id")

MEASUREMENT = key("measurement", "Photograph number, from 1.", type="SMALLINT")

TRAIT = Column("trait", "VARCHAR", "Big Five trait.", nullable=False, values=TRAITS)

SOURCE_ROW = (
    Column("source_file", "VARCHAR", "File or address the row is from.", nullable=False),
    Column("source_row", "BIGINT", "Row number in it, the first data row is 1."),
)

INPUT_HASH = Column(
    "input_hash", "VARCHAR", "Hash of everything the row was computed from.", nullable=False
)

PLACE = (
    Column("latitude", "DOUBLE", "Degrees north.", minimum=-90, maximum=90),
    Column("longitude", "DOUBLE", "Degrees east.", minimum=-180, maximum=180),
)
