"""The one registry of table schemas.

Belongs here: what each table holds, column by column. DDL, Dagster's column metadata, generic
asset checks and the documentation are all derived from it. Does not belong here: what a schema is
(`table_schema`), reading or writing tables (`warehouse`), or checks of a single stage.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from personax_assets.datasets import DEFAULT_RATERS, LEAGUES, TRAITS, SubDataset
from personax_assets.table_schema import EMBEDDING, Column, TableSchema
from personax_assets.traits.outcomes import Outcome

TESTS = ("kci", "rcit", "hsic", "chi2", "gsq")
"""The five independence tests of the paper, in its order."""

TEST_KEY = ("profile", "rater", "given", "trait", "variable", "test")
"""What identifies a test of a grid."""

PAIR = ("rater", "trait", "variable")
"""What identifies a pair of columns that tests are made of."""

AGGREGATE = "aggregate"
"""Stands in `rater` for the median over raters."""

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

FETCH_STATUSES = (
    *("ok", "refused", "not_found", "wrong_answer", "too_large", "unreachable", "http_error"),
)
"""How fetching a photograph ended."""

ANSWER_STATUSES = (*get_args(Outcome), "not_rated")
"""How a call to a rater ended, or that there was none."""


def _key(name: str, description: str, *lineage: str, type: str = "VARCHAR") -> Column:
    return Column(name, type, description, nullable=False, lineage=lineage)


PERSON = "The person: stable across refreshes and machines."

_INPUT_HASH = Column(
    "input_hash", "VARCHAR", "Hash of everything the row was computed from.", nullable=False
)

_PLACE = (
    Column("latitude", "DOUBLE", "Degrees north.", minimum=-90, maximum=90),
    Column("longitude", "DOUBLE", "Degrees east.", minimum=-180, maximum=180),
)

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
            _key("record_id", "Hash of source, file, row number and content."),
            Column("source", "VARCHAR", "Name of the source.", nullable=False),
            Column("source_file", "VARCHAR", "File or address the row is from.", nullable=False),
            Column("source_row", "BIGINT", "Row number in it, the first data row is 1."),
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
            _key("person_id", PERSON, raw + "source", raw + "source_id"),
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
            *(replace(c, lineage=(raw + c.name, raw + "country")) for c in _PLACE),
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
            Column("source_file", "VARCHAR", "File or address the row is from.", nullable=False),
            Column("source_row", "BIGINT", "Row number in it, the first data row is 1."),
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
            _key("person_id", PERSON, "bios.person_id"),
            _key("measurement", "Photograph number, from 1.", type="SMALLINT"),
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
            _INPUT_HASH,
        ),
    )


def face_crops(sub: SubDataset) -> TableSchema:
    """Face crops with a status for every photograph."""
    return TableSchema(
        "face_crops",
        f"One photograph of one {sub.person}: the face found in it, or why there is none.",
        ("person_id", "measurement"),
        (
            _key("person_id", PERSON, "bios.person_id"),
            _key("measurement", "Photograph number, from 1.", type="SMALLINT"),
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
            _INPUT_HASH,
        ),
    )


def face_embeddings(sub: SubDataset) -> TableSchema:
    """Face embeddings."""
    return TableSchema(
        "face_embeddings",
        f"One embedded face crop of one {sub.person}.",
        ("person_id", "measurement"),
        (
            _key("person_id", PERSON, "face_crops.person_id"),
            _key("measurement", "Photograph number.", "face_crops.measurement", type="SMALLINT"),
            Column(
                "embedding",
                EMBEDDING,
                "The embedding.",
                nullable=False,
                lineage=("face_crops.crop",),
            ),
            Column("encoder", "VARCHAR", "Encoder and its version.", nullable=False),
            _INPUT_HASH,
        ),
    )


def trait_texts(sub: SubDataset, rater: str) -> TableSchema:
    """One rater's answers."""
    asked = ("bios.name", f"bios.{sub.stratum}")
    return TableSchema(
        f"trait_texts_{rater}",
        f"One rater's answer about one {sub.person}, or why there is none.",
        ("person_id",),
        (
            _key("person_id", PERSON, "bios.person_id"),
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
            _INPUT_HASH,
        ),
    )


def trait_scores(sub: SubDataset, raters: Sequence[str] = DEFAULT_RATERS) -> TableSchema:
    """Scores over raters."""
    return TableSchema(
        "trait_scores",
        f"One trait of one {sub.person}: each rater's score and their median.",
        ("person_id", "trait"),
        (
            _key("person_id", PERSON, "bios.person_id"),
            Column("trait", "VARCHAR", "Big Five trait.", nullable=False, values=TRAITS),
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
            _key("rater", "The rater; `all` for agreement between raters."),
            _key("trait", "The trait; `all` for measures that do not depend on one."),
            _key("measure", "What is measured."),
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
            _key("person_id", PERSON, "bios.person_id"),
            _key("rater", "The rater."),
            _key("arm", "The prompt: a variant, or what it leaves out or swaps."),
            _key("repeat", "Which repetition of the question, from 0.", type="SMALLINT"),
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
            _INPUT_HASH,
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
            _key("rater", "The rater."),
            _key("arm", "A variant or arm of the prompt; `main` for the main tables."),
            _key("trait", "The trait; `all` for all together."),
            _key("variable", "What the measure is a dependence on; `all` for none."),
            _key("measure", "What is measured."),
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
            _key("person_id", PERSON, "bios.person_id"),
            _key("rater", "Who wrote the text."),
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
            _INPUT_HASH,
        ),
    )


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
            _key("person_id", PERSON, "bios.person_id"),
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
            _key("rater", "`aggregate`, or a rater's name."),
            Column("trait", "VARCHAR", "Big Five trait.", nullable=False, values=TRAITS),
            _key("variable", "Column of `bios`."),
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
            Column("trait", "VARCHAR", "Big Five trait.", nullable=False, values=TRAITS),
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
            _key("person_id", PERSON, "bios.person_id"),
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
            _key("source", "Latent at the tail of the edge.", "latents.shared_1"),
            _key("target", "Latent at its head.", "latents.shared_1"),
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
            _key("world", "The pool of shapes: `class`, all sixes and shoes; `one`, one of each."),
            _key("seed", "Which data set, from 0.", type="INTEGER"),
            _key("method", "The method."),
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
            _INPUT_HASH,
        ),
    )  # fmt: skip
