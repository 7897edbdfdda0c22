"""Tables of Level I: counts and tests, in a sub-dataset and across both."""

from collections.abc import Sequence
from dataclasses import replace

from personax_assets.datasets import DEFAULT_RATERS, TRAITS, SubDataset
from personax_assets.schemas.columns import PERSON_ID, TRAIT, key
from personax_assets.schemas.people import bios
from personax_assets.schemas.traits import AGGREGATE
from personax_assets.table_schema import Column, TableSchema

TESTS = ("kci", "rcit", "hsic", "chi2", "gsq")
"""The five independence tests of the paper, in its order."""

TEST_KEY = ("profile", "rater", "given", "trait", "variable", "test")
"""What identifies a test of a grid."""

PAIR = ("rater", "trait", "variable")
"""What identifies a pair of columns that tests are made of."""


def score_column(trait: str, rater: str) -> str:
    """Return the name of the column of a score in `independence_people`."""
    return f"{trait}_{rater}"


def independence_people(sub: SubDataset, raters: Sequence[str] = DEFAULT_RATERS) -> TableSchema:
    """Who is in the counts of Level I, with which values."""
    columns = {c.name: c for c in bios(sub).columns}
    return TableSchema(
        "independence_people",
        f"One {sub.person} with the values under which the counts of Level I hold it.",
        ("person_id",),
        (
            PERSON_ID,
            *(
                replace(columns[v.name], nullable=True, lineage=(f"bios.{v.name}",))
                for v in sub.variables
            ),
            *(
                Column(
                    score_column(trait, rater),
                    "DOUBLE",
                    f"Score of {trait}: {rater}; NULL if there is none.",
                    minimum=1,
                    maximum=3,
                    lineage=(f"trait_scores.{'score' if rater == AGGREGATE else rater}",),
                )
                for rater in (AGGREGATE, *raters)
                for trait in TRAITS
            ),
        ),
    )


def independence_counts(sub: SubDataset) -> TableSchema:
    """Contingency tables of Level I."""
    counted = "independence_people"
    return TableSchema(
        "independence_counts",
        f"So many {sub.people} have this score and this value of a variable: one cell of a table.",
        (*PAIR, "stratum", "score", "number", "label"),
        (
            key("rater", "`aggregate`, or a rater's name."),
            TRAIT,
            key("variable", "Column of `bios`."),
            Column("stratum", "VARCHAR", f"The {sub.stratum}; NULL if unknown.",
                   lineage=(f"{counted}.{sub.stratum}",)),
            Column("score", "DOUBLE", "The score.", nullable=False, minimum=1, maximum=3),
            Column("number", "DOUBLE", "The variable's value, if it is a number or yes (1) or no."),
            Column("label", "VARCHAR", "The variable's value, if it is a word."),
            Column("people", "BIGINT", "How many.", nullable=False, minimum=1),
        ),
    )  # fmt: skip


def independence_tests(sub: SubDataset) -> TableSchema:
    """Level I."""
    data = ("trait_scores.score", *(f"bios.{v.name}" for v in sub.variables))
    return TableSchema(
        "independence_tests",
        "One independence test of one trait against one variable.",
        TEST_KEY,
        (
            Column(
                "profile",
                "VARCHAR",
                "Settings: the paper's, or the recommended ones.",
                nullable=False,
                values=("paper", "recommended"),
            ),
            Column("rater", "VARCHAR", "`aggregate`, or a rater's name.", nullable=False),
            Column("given", "VARCHAR", "Variable conditioned on; NULL for none."),
            TRAIT,
            Column("variable", "VARCHAR", "Column of `bios`.", nullable=False),
            Column("test", "VARCHAR", "The test.", nullable=False, values=TESTS),
            Column("statistic", "DOUBLE", "The test's statistic.", lineage=data),
            Column(
                "p_value",
                "DOUBLE",
                "P-value; NULL if the test could not be run.",
                minimum=0,
                maximum=1,
                lineage=data,
            ),
            Column(
                "log10_p", "DOUBLE", "Base-10 logarithm of the p-value.", maximum=0, lineage=data
            ),
            Column(
                "q_value",
                "DOUBLE",
                "Benjamini-Hochberg adjusted p-value.",
                minimum=0,
                maximum=1,
                lineage=data,
            ),
            Column("effect_size", "DOUBLE", "Strength of the dependence, 0 to 1.", lineage=data),
            Column("effect_measure", "VARCHAR", "What `effect_size` is."),
            Column("n", "BIGINT", "People with both values.", minimum=0),
            Column("dependent", "BOOLEAN", "Whether p < 0.05.", lineage=data),
            Column("null_approximation", "VARCHAR", "Where the null distribution comes from."),
            Column(
                "sparse_share", "DOUBLE", "Share of expected counts below 5.", minimum=0, maximum=1
            ),
            Column("status", "VARCHAR", "`ok`, or why there is no p-value.", nullable=False),
            Column("warning", "VARCHAR", "Assumption of the test that does not hold."),
        ),
    )


COMPARED = (
    *("effect_size", "n", "p_value", "log10_p", "q_value", "dependent", "status", "warning"),
)
"""Columns of a test that the comparison has twice, once per sub-dataset."""

STRATUM = "stratum"
"""Stands in `given` for each sub-dataset's own stratum: league here, occupation there."""

BOTH, NEITHER = "both", "neither"


def shared_variables(subs: Sequence[SubDataset]) -> list[str]:
    """Return the variables that all sub-datasets have, in the first one's order."""
    return [v.name for v in subs[0].variables if all(v in sub.variables for sub in subs)]


def level1_comparison(subs: Sequence[SubDataset]) -> TableSchema:
    """Level I across two sub-datasets."""
    places = (BOTH, *(sub.name for sub in subs), NEITHER)
    tests = [f"{sub.name}/independence_tests" for sub in subs]
    counts = tuple(f"{sub.name}/independence_counts.people" for sub in subs)
    columns = {c.name: c for c in independence_tests(subs[0]).columns}
    keys = [
        replace(columns[name], lineage=tuple(f"{table}.{name}" for table in tests))
        for name in TEST_KEY
    ]
    given = f"`{STRATUM}`: given {' or '.join(sub.stratum for sub in subs)}; NULL: given nothing."
    return TableSchema(
        "level1",
        "One independence test of a variable that both sub-datasets have, in one and the other.",
        TEST_KEY,
        (
            *(replace(c, description=given) if c.name == "given" else c for c in keys),
            Column(
                "dependent_in",
                "VARCHAR",
                "Where p < 0.05; NULL if one of the two tests could not be made.",
                values=places,
                lineage=tuple(f"{table}.dependent" for table in tests),
            ),
            Column(
                "discovered_in",
                "VARCHAR",
                "Where q < 0.05; NULL if one of the two tests could not be made.",
                values=places,
                lineage=tuple(f"{table}.q_value" for table in tests),
            ),
            columns["effect_measure"],
            Column(
                "difference",
                "DOUBLE",
                f"Strength in {subs[0].title} less that in {subs[1].title}; for the median score "
                "and the recommended settings.",
                lineage=counts,
            ),
            Column("difference_low", "DOUBLE", "Lower end of its 95 % interval.", lineage=counts),
            Column("difference_high", "DOUBLE", "Upper end of its 95 % interval.", lineage=counts),
            Column(
                "difference_p_value",
                "DOUBLE",
                "P-value of the strengths being equal.",
                minimum=0,
                maximum=1,
                lineage=counts,
            ),
            Column(
                "difference_q_value",
                "DOUBLE",
                "Benjamini-Hochberg adjusted, over traits and variables of the same condition and "
                "test.",
                minimum=0,
                maximum=1,
                lineage=counts,
            ),
            *(
                Column(
                    f"{sub.name}_{name}",
                    "DOUBLE",
                    f"{sub.title}: {what}",
                    lineage=(f"{sub.name}/independence_counts.people",),
                )
                for sub in subs
                for name, what in (
                    (
                        "strength",
                        "squared effect size (cka: itself) less its mean under "
                        "independence; comparable between groups of different sizes.",
                    ),
                    ("error", "standard error of the strength."),
                )
            ),
            *(
                replace(
                    columns[name],
                    name=f"{sub.name}_{name}",
                    description=f"{sub.title}: {columns[name].description}",
                    lineage=(f"{table}.{name}",),
                )
                for sub, table in zip(subs, tests, strict=True)
                for name in COMPARED
            ),
        ),
    )
