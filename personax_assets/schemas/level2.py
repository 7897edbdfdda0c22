"""Tables of Level II: latents, their graph, and the benchmark."""

from personax_assets.datasets import SubDataset
from personax_assets.schemas.columns import INPUT_HASH, PERSON_ID, key
from personax_assets.table_schema import Column, TableSchema


def latent_names(sub: SubDataset) -> tuple[str, ...]:
    """Names of the latents: modality by modality, then the shared ones."""
    return (
        *(f"{m.latent_prefix}_{i + 1}" for m in sub.modalities for i in range(m.n_latents)),
        *(f"shared_{i + 1}" for i in range(sub.n_shared_latents)),
    )


def latents(sub: SubDataset) -> TableSchema:
    """Level II latents."""
    return TableSchema(
        "latents",
        f"The latents of one {sub.person} by the registered champion model.",
        ("person_id",),
        (
            PERSON_ID,
            *(
                Column(
                    name,
                    "DOUBLE",
                    "Latent variable, arbitrary unit.",
                    lineage=("face_embeddings.embedding", "text_embeddings.embedding"),
                )
                for name in latent_names(sub)
            ),
            Column("model_version", "VARCHAR", "Version in the model registry.", nullable=False),
        ),
    )


def latent_graph(sub: SubDataset) -> TableSchema:
    """Edges between latents."""
    return TableSchema(
        "latent_graph",
        "One edge of the estimated graph over latents.",
        ("source", "target"),
        (
            key("source", "Latent at the tail of the edge.", "latents.shared_1"),
            key("target", "Latent at its head.", "latents.shared_1"),
            Column(
                "kind",
                "VARCHAR",
                "`directed`, or `undirected` where the data cannot tell.",
                nullable=False,
                values=("directed", "undirected"),
            ),
            Column(
                "strength",
                "DOUBLE",
                "Absolute partial correlation given all other latents.",
                minimum=0,
                maximum=1,
            ),
            Column("method", "VARCHAR", "How the graph was estimated.", nullable=False),
            Column(
                "frequency",
                "DOUBLE",
                "Share of bootstrap samples of the people whose graph joins "
                "the two, in either direction.",
                minimum=0,
                maximum=1,
            ),
        ),
    )


def crl_benchmark() -> TableSchema:
    """Scores of Level II and of other methods where the truth is known."""
    from personax_ml.synthetic.variant_mnist import LATENTS

    scores = {"mcc": "mean absolute Spearman correlation, assignment fixed on training rows",
              "r2": "R2 of a nonlinear regression fitted on training rows"}  # fmt: skip
    return TableSchema(
        "crl_benchmark",
        "The scores of one method on one invented data set of images, on rows it never saw.",
        ("world", "seed", "method"),
        (
            key("world", "The pool of shapes: `class`, all sixes and shoes; `one`, one of each."),
            key("seed", "Which data set, from 0.", type="INTEGER"),
            key("method", "The method."),
            Column(
                "kind", "VARCHAR", "What it is in the comparison.", nullable=False,
                values=("ours", "baseline", "control", "ceiling", "ablation"),
            ),
            *(
                Column(f"{score}_held_out", "DOUBLE", f"{what.capitalize()}; mean over latents.")
                for score, what in scores.items()
            ),
            *(
                Column(f"{score}_{name}", "DOUBLE", f"{what.capitalize()}: {name}.")
                for score, what in scores.items()
                for name in LATENTS
            ),
            INPUT_HASH,
        ),
    )  # fmt: skip
