"""All tables by name, in the order of the data flow."""

from collections.abc import Sequence

from personax_assets.datasets import DEFAULT_RATERS, SubDataset
from personax_assets.schemas.faces import face_crops, face_embeddings
from personax_assets.schemas.level1 import (
    independence_counts,
    independence_people,
    independence_tests,
    level1_comparison,
)
from personax_assets.schemas.level2 import latent_graph, latents
from personax_assets.schemas.people import bios, bios_history, photographs, raw_bios
from personax_assets.schemas.traits import (
    prompt_answers,
    prompt_calibration,
    rater_quality,
    text_embeddings,
    trait_scores,
    trait_texts,
)
from personax_assets.table_schema import TableSchema


def sub_dataset_tables(
    sub: SubDataset,
    raters: Sequence[str] = DEFAULT_RATERS,
    face_dimension: int = 256,
    text_dimension: int = 256,
) -> dict[str, TableSchema]:
    """Return every table of a sub-dataset by name, in the order of the data flow.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    raters : sequence of str
        Names of the configured raters.
    face_dimension, text_dimension : int
        Width of the embeddings, which the configured encoders decide.
    """
    tables = (
        raw_bios(sub),
        bios(sub),
        bios_history(sub),
        photographs(sub),
        face_crops(sub),
        face_embeddings(sub).with_dimension(face_dimension),
        *(trait_texts(sub, rater) for rater in raters),
        trait_scores(sub, raters),
        rater_quality(sub, raters),
        prompt_answers(sub),
        prompt_calibration(sub),
        text_embeddings(sub, raters).with_dimension(text_dimension),
        independence_people(sub, raters),
        independence_counts(sub),
        independence_tests(sub),
        latents(sub),
        latent_graph(sub),
    )
    return {table.name: table for table in tables}


def comparison_tables(subs: Sequence[SubDataset]) -> dict[str, TableSchema]:
    """Return every table across sub-datasets by name."""
    return {table.name: table for table in (level1_comparison(subs),)}
