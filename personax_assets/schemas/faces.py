"""Tables of faces: crops and embeddings."""

from personax_assets.datasets import SubDataset
from personax_assets.schemas.columns import INPUT_HASH, MEASUREMENT, PERSON, PERSON_ID, key
from personax_assets.table_schema import EMBEDDING, Column, TableSchema

PHOTOGRAPH_STATUSES = (
    "ok",
    "no_face",
    "many_faces",
    "small_face",
    "blurry",
    "unreadable",
    "undecodable",
    "too_large",
)


def face_crops(sub: SubDataset) -> TableSchema:
    """Face crops with a status for every photograph."""
    return TableSchema(
        "face_crops",
        f"One photograph of one {sub.person}: the face found in it, or why there is none.",
        ("person_id", "measurement"),
        (
            PERSON_ID,
            MEASUREMENT,
            Column(
                "status",
                "VARCHAR",
                "`ok`, or the reason why there is no crop.",
                nullable=False,
                values=PHOTOGRAPH_STATUSES,
                lineage=("bios.photograph",),
            ),
            Column(
                "crop",
                "BLOB",
                "The face, 224 x 224 pixels, as PNG.",
                lineage=("bios.photograph",),
            ),
            Column("detector", "VARCHAR", "Detector and its version.", nullable=False),
            Column("box_left", "INTEGER", "Left edge of the face in the photograph, pixels."),
            Column("box_top", "INTEGER", "Upper edge of the face, pixels."),
            Column("box_size", "INTEGER", "Side of the square face box, pixels.", minimum=1),
            Column("faces", "SMALLINT", "Number of faces found.", minimum=0),
            Column("sharpness", "DOUBLE", "Variance of the Laplacian of the grey crop.", minimum=0),
            Column(
                "brightness", "DOUBLE", "Mean grey level of the crop, 0 to 1.", minimum=0, maximum=1
            ),
            Column("detail", "VARCHAR", "What is wrong with the photograph, for people."),
            Column("simulated", "BOOLEAN", "Whether the photograph is drawn.", nullable=False),
            INPUT_HASH,
        ),
    )


def face_embeddings(sub: SubDataset) -> TableSchema:
    """Face embeddings."""
    return TableSchema(
        "face_embeddings",
        f"One embedded face crop of one {sub.person}.",
        ("person_id", "measurement"),
        (
            key("person_id", PERSON, "face_crops.person_id"),
            key("measurement", "Photograph number.", "face_crops.measurement", type="SMALLINT"),
            Column(
                "embedding",
                EMBEDDING,
                "The embedding.",
                nullable=False,
                lineage=("face_crops.crop",),
            ),
            Column("encoder", "VARCHAR", "Encoder and its version.", nullable=False),
            INPUT_HASH,
        ),
    )
