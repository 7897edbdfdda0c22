"""Tables of traits: what raters said, scores, agreement, calibration, embeddings of texts."""

from collections.abc import Sequence
from typing import get_args

from personax_assets.datasets import DEFAULT_RATERS, TRAITS, SubDataset
from personax_assets.schemas.columns import INPUT_HASH, PERSON_ID, TRAIT, key
from personax_assets.table_schema import EMBEDDING, Column, TableSchema
from personax_assets.traits.outcomes import Outcome

AGGREGATE = "aggregate"
"""Stands in `rater` for the median over raters."""

ANSWER_STATUSES = (*get_args(Outcome), "not_rated")
"""How a call to a rater ended, or that there was none."""


def trait_texts(sub: SubDataset, rater: str) -> TableSchema:
    """One rater's answers."""
    asked = ("bios.name", f"bios.{sub.stratum}")
    return TableSchema(
        f"trait_texts_{rater}",
        f"One rater's answer about one {sub.person}, or why there is none.",
        ("person_id",),
        (
            PERSON_ID,
            *(
                Column(
                    f"{trait}_text", "VARCHAR", f"What the rater says about {trait}.", lineage=asked
                )
                for trait in TRAITS
            ),
            *(
                Column(
                    f"{trait}_score",
                    "SMALLINT",
                    f"{trait.capitalize()}: 1 low, 2 medium, 3 high, 0 insufficient "
                    "information, NULL no answer.",
                    minimum=0,
                    maximum=3,
                    lineage=asked,
                )
                for trait in TRAITS
            ),
            Column(
                "status",
                "VARCHAR",
                "How the call ended; `not_rated` if nobody was asked.",
                nullable=False,
                values=ANSWER_STATUSES,
            ),
            Column("detail", "VARCHAR", "What went wrong, for people."),
            Column("model", "VARCHAR", "Model that answered, as it names itself."),
            Column("prompt_version", "VARCHAR", "Version of the prompt."),
            Column("simulated", "BOOLEAN", "Whether the rater is simulated."),
            Column(
                "prompt_tokens",
                "INTEGER",
                "Tokens sent, over all attempts.",
                minimum=0,
                volatile=True,
            ),
            Column(
                "completion_tokens",
                "INTEGER",
                "Tokens received, over all attempts.",
                minimum=0,
                volatile=True,
            ),
            Column(
                "cost_usd",
                "DOUBLE",
                "Cost in US dollars; NULL if the price is unknown.",
                minimum=0,
                volatile=True,
            ),
            Column("latency_s", "DOUBLE", "Seconds of the last attempt.", minimum=0, volatile=True),
            Column("attempts", "SMALLINT", "Number of calls made.", minimum=0, volatile=True),
            Column(
                "malformed",
                "SMALLINT",
                "Those whose answer could not be read.",
                minimum=0,
                volatile=True,
            ),
            Column("request_id", "VARCHAR", "The server's id of the last call.", volatile=True),
            Column("rated_at", "TIMESTAMP", "When the last call ended, UTC.", volatile=True),
            INPUT_HASH,
        ),
    )


def trait_scores(sub: SubDataset, raters: Sequence[str] = DEFAULT_RATERS) -> TableSchema:
    """Scores over raters."""
    return TableSchema(
        "trait_scores",
        f"One trait of one {sub.person}: each rater's score and their median.",
        ("person_id", "trait"),
        (
            PERSON_ID,
            TRAIT,
            *(
                Column(
                    rater,
                    "SMALLINT",
                    f"Score by {rater}; 0 insufficient information.",
                    minimum=0,
                    maximum=3,
                    lineage=tuple(f"trait_texts_{rater}.{trait}_score" for trait in TRAITS),
                )
                for rater in raters
            ),
            Column(
                "score",
                "DOUBLE",
                "Median over raters with a non-zero score: 1, 1.5, 2, 2.5 or 3; NULL if none.",
                minimum=1,
                maximum=3,
                lineage=tuple(
                    f"trait_texts_{rater}.{trait}_score" for rater in raters for trait in TRAITS
                ),
            ),
            Column(
                "n_raters", "SMALLINT", "Raters with a non-zero score.", nullable=False, minimum=0
            ),
        ),
    )


def rater_quality(sub: SubDataset, raters: Sequence[str] = DEFAULT_RATERS) -> TableSchema:
    """How well the raters do."""
    return TableSchema(
        "rater_quality",
        f"One measure of one rater (or of all raters together) over the {sub.people}.",
        ("rater", "trait", "measure"),
        (
            key("rater", "The rater; `all` for agreement between raters."),
            key("trait", "The trait; `all` for measures that do not depend on one."),
            key("measure", "What is measured."),
            Column(
                "value",
                "DOUBLE",
                "The value; a share, seconds, tokens or alpha.",
                lineage=tuple(f"trait_texts_{rater}.status" for rater in raters),
            ),
            Column("n", "BIGINT", "Number of answers or people behind it.", minimum=0),
        ),
    )


def prompt_answers(sub: SubDataset) -> TableSchema:
    """Answers of the calibration of prompts; they never enter the tables above."""
    return TableSchema(
        "prompt_answers",
        f"One rater's answer to one wording of the question about one {sub.person}.",
        ("person_id", "rater", "arm", "repeat"),
        (
            PERSON_ID,
            key("rater", "The rater."),
            key("arm", "The prompt: a variant, or what it leaves out or swaps."),
            key("repeat", "Which repetition of the question, from 0.", type="SMALLINT"),
            Column("told", "VARCHAR", f"The {sub.stratum} told, or the person's own if none is."),
            Column("named", "VARCHAR", "Id of the person whose name is told; NULL for none."),
            *(
                Column(
                    f"{trait}_score", "SMALLINT",
                    f"{trait.capitalize()}: from 1 low; 0 insufficient information.",
                    minimum=0, maximum=5,
                )
                for trait in TRAITS
            ),
            Column(
                "status", "VARCHAR", "How the call ended.", nullable=False, values=ANSWER_STATUSES
            ),
            Column("prompt_version", "VARCHAR", "Version of the prompt."),
            Column("model", "VARCHAR", "Model that answered, as it names itself."),
            Column("simulated", "BOOLEAN", "Whether the rater is simulated."),
            Column("cost_usd", "DOUBLE", "Cost in US dollars; NULL if the price is unknown.",
                   minimum=0, volatile=True),
            INPUT_HASH,
        ),
    )  # fmt: skip


def prompt_calibration(sub: SubDataset) -> TableSchema:
    """Measures of what the prompts do to the answers."""
    score = tuple(f"prompt_answers.{trait}_score" for trait in TRAITS)
    return TableSchema(
        "prompt_calibration",
        f"One measure of what a prompt does to one rater's answers about the {sub.people}.",
        ("rater", "arm", "trait", "variable", "measure"),
        (
            key("rater", "The rater."),
            key("arm", "A variant or arm of the prompt; `main` for the main tables."),
            key("trait", "The trait; `all` for all together."),
            key("variable", "What the measure is a dependence on; `all` for none."),
            key("measure", "What is measured."),
            Column("value", "DOUBLE", "The value; a share, or eta squared of ranks.",
                   lineage=score),
            Column("low", "DOUBLE", "Lower end of the 95 % bootstrap interval."),
            Column("high", "DOUBLE", "Upper end of the 95 % bootstrap interval."),
            Column("p_value", "DOUBLE", "Of the Kruskal-Wallis test.", minimum=0, maximum=1),
            Column("n", "BIGINT", "Number of answers, pairs or people behind it.", minimum=0),
        ),
    )  # fmt: skip


def text_embeddings(sub: SubDataset, raters: Sequence[str] = DEFAULT_RATERS) -> TableSchema:
    """Embeddings of the trait texts."""
    return TableSchema(
        "text_embeddings",
        f"One rater's text about one {sub.person}, embedded with the name masked.",
        ("person_id", "rater"),
        (
            PERSON_ID,
            key("rater", "Who wrote the text."),
            Column(
                "embedding",
                EMBEDDING,
                "The embedding.",
                nullable=False,
                lineage=tuple(
                    f"trait_texts_{rater}.{trait}_text" for rater in raters for trait in TRAITS
                ),
            ),
            Column("encoder", "VARCHAR", "Encoder and its version.", nullable=False),
            INPUT_HASH,
        ),
    )
