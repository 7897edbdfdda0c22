"""From crops or texts to rows of an embedding table.

Belongs here: the rows, a batch at a time. Does not belong here: which rows there should be, or
how an encoder works.
"""

from collections.abc import Iterator

import polars as pl

from personax_assets.resources import Encoders
from personax_assets.table_schema import TableSchema


def embedded(
    rows: pl.DataFrame, content: str, schema: TableSchema, encoders: Encoders, batch: int
) -> Iterator[pl.DataFrame]:
    """Embed the contents of rows.

    Parameters
    ----------
    rows : DataFrame
        Key and `input_hash` of each row, and what is embedded.
    content : str
        The column that holds it, `crop` or `text`.
    schema : TableSchema
        The embedding table.
    encoders : Encoders
        What embeds.
    batch : int
        Rows at a time.

    Yields
    ------
    DataFrame
        Up to `batch` finished rows.
    """
    modality = "face" if content == "crop" else content
    encoder, identity = encoders.encoder(modality), encoders.identity(modality)
    for some in rows.iter_slices(batch):
        vectors = encoder.embed(some[content].to_list())
        yield some.drop(content).with_columns(
            pl.Series("embedding", vectors, schema["embedding"].polars),
            pl.lit(identity).alias("encoder"),
        )
