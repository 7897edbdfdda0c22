"""Tables of people: as the sources give them, cleaned, their history, and photographs."""

from dataclasses import replace

from personax_assets.datasets import LEAGUES, SubDataset
from personax_assets.schemas.columns import (
    INPUT_HASH,
    MEASUREMENT,
    PERSON,
    PERSON_ID,
    PLACE,
    SOURCE_ROW,
    key,
)
from personax_assets.table_schema import Column, TableSchema

FETCH_STATUSES = (
    *("ok", "refused", "not_found", "wrong_answer", "too_large", "unreachable", "http_error"),
)
"""How fetching a photograph ended."""

_STRATUM = {
    "league": Column("league", "VARCHAR", "The league.", values=LEAGUES),
    "occupation": Column("occupation", "VARCHAR", "Main occupation."),
    "gender": Column("gender", "VARCHAR", "Gender as the source states it."),
}


def _bio_extras(sub: SubDataset) -> tuple[Column, ...]:
    return tuple(
        replace(
            _STRATUM.get(name)
            or Column(name, "BOOLEAN", f"CelebA attribute: {name.replace('_', ' ')}."),
            lineage=(f"raw_bios.{name}",),
        )
        for name in sub.bio_columns
    )


def raw_bios(sub: SubDataset) -> TableSchema:
    """Rows as the sources give them, every value a string."""
    extras = tuple(
        Column(
            name,
            "VARCHAR",
            f"{name.replace('_', ' ').capitalize()} as the source gives it.",
            nullable=name != "league",
            values=LEAGUES if name == "league" else (),
        )
        for name in sub.bio_columns
    )
    return TableSchema(
        "raw_bios",
        f"One row of a source about one {sub.person}, as read and before any cleaning.",
        ("record_id",),
        (
            key("record_id", "Hash of source, file, row number and content."),
            Column("source", "VARCHAR", "Name of the source.", nullable=False),
            *SOURCE_ROW,
            Column("source_id", "VARCHAR", "The source's own id of the person."),
            Column("name", "VARCHAR", "Full name."),
            Column("birth_date", "VARCHAR", "Birth date as the source writes it."),
            Column("birth_date_format", "VARCHAR", "How to read it: a strptime format."),
            Column("country", "VARCHAR", "Country as the source writes it: a name or a code."),
            Column(
                "country_basis",
                "VARCHAR",
                "Whether the country is of nationality or of birth.",
                values=("nationality", "birth"),
            ),
            Column("latitude", "VARCHAR", "Degrees north, where the source states a place."),
            Column("longitude", "VARCHAR", "Degrees east, where the source states a place."),
            Column("height", "VARCHAR", "Height as the source writes it."),
            Column("height_unit", "VARCHAR", "Unit of a bare number in `height`."),
            Column("weight", "VARCHAR", "Weight as the source writes it."),
            Column("weight_unit", "VARCHAR", "Unit of a bare number in `weight`."),
            Column("snapshot", "VARCHAR", "When the source observed the row, ISO 8601."),
            Column(
                "photograph", "VARCHAR", "File names or addresses of photographs, separated by '|'."
            ),
            *extras,
            Column(
                "in_scope",
                "BOOLEAN",
                "Whether the source counts the person in (active, in the league) at that time.",
                nullable=False,
            ),
            Column("raw", "VARCHAR", "The source row as JSON, unchanged."),
            Column("simulated", "BOOLEAN", "Whether the person is invented.", nullable=False),
        ),
    )


def bios(sub: SubDataset) -> TableSchema:
    """Typed, cleaned, current bios."""
    raw = "raw_bios."
    return TableSchema(
        "bios",
        f"One {sub.person} as currently known; unknown is NULL.",
        ("person_id",),
        (
            key("person_id", PERSON, raw + "source", raw + "source_id"),
            Column(
                "name",
                "VARCHAR",
                "Full name; NULL where a source knows an id and nothing that names the person.",
                lineage=(raw + "name",),
            ),
            *(
                Column(
                    f"birth_{part}",
                    "SMALLINT",
                    f"{part.capitalize()} of birth.",
                    minimum=low,
                    maximum=high,
                    lineage=(raw + "birth_date",),
                )
                for part, low, high in (("year", 1850, 2030), ("month", 1, 12), ("day", 1, 31))
            ),
            Column("country", "VARCHAR", "ISO 3166 alpha-2 code.", lineage=(raw + "country",)),
            Column(
                "country_basis",
                "VARCHAR",
                "Whether `country` is of nationality or of birth.",
                values=("nationality", "birth"),
                lineage=(raw + "country_basis",),
            ),
            *(replace(c, lineage=(raw + c.name, raw + "country")) for c in PLACE),
            Column(
                "height_cm",
                "DOUBLE",
                "Height in centimetres.",
                minimum=100,
                maximum=260,
                lineage=(raw + "height",),
            ),
            Column(
                "weight_kg",
                "DOUBLE",
                "Weight in kilograms.",
                minimum=30,
                maximum=260,
                lineage=(raw + "weight",),
            ),
            *_bio_extras(sub),
            Column(
                "photograph",
                "VARCHAR",
                "File names or addresses of photographs, separated by '|'.",
                lineage=(raw + "photograph",),
            ),
            Column("source", "VARCHAR", "Name of the source.", nullable=False),
            Column("source_id", "VARCHAR", "The source's own id, if it has one."),
            Column("simulated", "BOOLEAN", "Whether the person is invented.", nullable=False),
            Column(
                "notes",
                "VARCHAR",
                "What cleaning set to NULL and why, as JSON: field to reason.",
            ),
        ),
    )


def bios_history(sub: SubDataset) -> TableSchema:
    """Every version of every bio."""
    current = bios(sub)
    return TableSchema(
        "bios_history",
        f"One version of one {sub.person}'s bio and the time in which it held.",
        ("person_id", "valid_from"),
        (
            current["person_id"],
            Column("valid_from", "TIMESTAMP", "Start of validity, UTC.", nullable=False),
            Column("valid_to", "TIMESTAMP", "End of validity, UTC; NULL while current."),
            Column(
                "retired_at",
                "TIMESTAMP",
                "When the person left, UTC; NULL if the version still holds or another follows.",
            ),
            *current.columns[1:],
            Column("row_hash", "VARCHAR", "Hash of the bio's values.", nullable=False),
        ),
        permanent=True,
    )


def quarantine(table: str, partitioned: bool = False) -> TableSchema:
    """Rows that could not be used, kept whole with the reason."""
    partition = Column("partition", "VARCHAR", "Partition of the source that was being read.")
    return TableSchema(
        table,
        "One source row that could not be used, with the reason.",
        (*(("partition",) if partitioned else ()), "source_file", "source_row", "field", "reason"),
        (
            *SOURCE_ROW,
            Column("field", "VARCHAR", "The field at fault; NULL for the row as a whole."),
            Column("reason", "VARCHAR", "What is wrong and what would mend it.", nullable=False),
            Column("raw_row", "VARCHAR", "The row as read."),
            *((partition,) if partitioned else ()),
        ),
    )


def photographs(sub: SubDataset) -> TableSchema:
    """Photographs fetched from the web, with what their use requires."""
    return TableSchema(
        "photographs",
        f"One photograph of one {sub.person} on the web: the file, or why there is none.",
        ("person_id", "measurement"),
        (
            PERSON_ID,
            MEASUREMENT,
            Column(
                "status",
                "VARCHAR",
                "`ok`, or the reason why there is no file; `refused`: not connected to.",
                nullable=False,
                values=FETCH_STATUSES,
            ),
            Column(
                "url",
                "VARCHAR",
                "Address as the source gives it.",
                nullable=False,
                lineage=("bios.photograph",),
            ),
            Column("page", "VARCHAR", "Address of the page that describes it."),
            Column("author", "VARCHAR", "Photographer, as the page says."),
            Column("licence", "VARCHAR", "Licence, as the page says."),
            Column("licence_url", "VARCHAR", "Address of the licence."),
            Column("file", "VARCHAR", "SHA-256 of the file and its type: its name in `images/`."),
            Column("bytes", "BIGINT", "Size of the file.", minimum=0),
            Column("detail", "VARCHAR", "What is wrong, for people."),
            Column("fetched_at", "TIMESTAMP", "When it was asked for, UTC.", volatile=True),
            INPUT_HASH,
        ),
    )
