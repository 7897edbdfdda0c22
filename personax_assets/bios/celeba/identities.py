"""From annotations of images to identities.

Belongs here: putting the two files together, and the rule by which an identity gets one value from
its images. Does not belong here: reading them (`files`), or who the identities are (`source`).

An attribute of an identity is what more than half of its images say. If as many say yes as no,
it is unknown: nothing tells which half is right.
"""

from dataclasses import dataclass, field

import polars as pl

from personax_assets.bios.celeba.files import ATTRIBUTES, Annotations
from personax_assets.bios.people import Rejected
from personax_assets.bios.rosters.description import RosterError


@dataclass
class Identities:
    """The identities of a copy of CelebA.

    Parameters
    ----------
    frame : polars.DataFrame
        A row per identity in order: `identity`, `images` (their names in order), `n_images`, per
        attribute its value and the number of images that say so (`<attribute>_yes`).
    rejected : list of Rejected
        Rows of the files that count for no identity.
    n_images : int
        Images that count for one.
    """

    frame: pl.DataFrame
    rejected: list[Rejected] = field(default_factory=list)
    n_images: int = 0


def put_together(
    attributes: Annotations, identities: Annotations, attributes_file: str, identities_file: str
) -> Identities:
    """Aggregate the attributes of images per identity.

    Parameters
    ----------
    attributes, identities : Annotations
        The two files.
    attributes_file, identities_file : str
        Their names, for messages.

    Raises
    ------
    RosterError
        If less than half of the images are in both files.
    """
    rejected = [*attributes.rejected, *identities.rejected]
    marked, bad = _single(attributes.frame, attributes_file, "attributes")
    rejected += bad
    known, bad = _single(identities.frame, identities_file, "identities")
    rejected += bad
    joined = known.join(marked.drop("row"), on="image", how="inner", maintain_order="left")
    if 2 * joined.height < max(known.height, marked.height):
        raise RosterError(
            f"{identities_file} and {attributes_file}: only {joined.height} of "
            f"{max(known.height, marked.height)} images are in both: they do not belong together"
        )
    for frame, other, file, mend in (
        (known, marked, identities_file, f"the image is not in {attributes_file}"),
        (marked, known, attributes_file, f"the image is not in {identities_file}"),
    ):
        lonely = frame.join(other, on="image", how="anti", maintain_order="left")
        rejected += [
            (file, row, "image", f"{mend}: it counts for nobody", image)
            for row, image in lonely.select("row", "image").iter_rows()
        ]
    names = list(ATTRIBUTES.values())
    counted = (
        joined.sort("identity", "image")
        .group_by("identity", maintain_order=True)
        .agg(
            pl.col("image").alias("images"),
            pl.len().alias("n_images"),
            *(pl.col(name).sum().cast(pl.Int64).alias(f"{name}_yes") for name in names),
        )
    )
    doubled = {name: 2 * pl.col(f"{name}_yes") for name in names}
    frame = counted.with_columns(
        pl.when(doubled[name] > pl.col("n_images"))
        .then(True)
        .when(doubled[name] < pl.col("n_images"))
        .then(False)
        .alias(name)
        for name in names
    )
    return Identities(frame, rejected, joined.height)


def _single(frame: pl.DataFrame, file: str, what: str) -> tuple[pl.DataFrame, list[Rejected]]:
    """Keep images that the file has once, or several times with the same content."""
    content = frame.drop("row").unique(maintain_order=True)
    contradicted = content.filter(pl.len().over("image") > 1)["image"].unique()
    clash = pl.col("image").is_in(contradicted.to_list())
    rejected: list[Rejected] = [
        (file, row, "image", f"the file has this image with different {what}: keep one row", image)
        for row, image in frame.filter(clash).select("row", "image").iter_rows()
    ]
    kept = frame.filter(~clash).unique("image", keep="first", maintain_order=True)
    return kept, rejected
