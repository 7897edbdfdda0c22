"""The two sub-datasets, described as data.

Belongs here: what distinguishes AthlePersona from CelebPersona (bio columns, variables under
test, modalities, strata). Does not belong here: how any of it is computed; the asset factories
read these descriptions and build the same graph twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
"""The Big Five, in the field's usual order (OCEAN)."""

LEAGUES = ("NBA", "NFL", "NHL", "ATP", "PGA", "PremierLeague", "Bundesliga")

FACE_ATTRIBUTES = (
    "arched_eyebrows",
    "big_nose",
    "pointy_nose",
    "bushy_eyebrows",
    "big_lips",
    "oval_face",
    "double_chin",
    "receding_hairline",
    "narrow_eyes",
    "high_cheekbones",
)
"""The ten CelebA attributes that the paper tests."""

DEFAULT_RATERS = ("chatgpt", "gemini", "llama")

VariableKind = Literal["numeric", "ordinal", "nominal", "binary", "circular"]


@dataclass(frozen=True)
class Variable:
    """A structured variable that Level I tests against each trait score.

    Parameters
    ----------
    name : str
        Column of `bios`.
    kind : {"numeric", "ordinal", "nominal", "binary", "circular"}
        Scale of measurement; decides the kernel of the recommended profile.
    discrete : bool
        Whether chi-square and G-square apply.
    period : float, optional
        Length of the cycle of a circular variable, in the column's unit.
    """

    name: str
    kind: VariableKind
    discrete: bool
    period: float | None = None


@dataclass(frozen=True)
class Modality:
    """One modality of the Level II model.

    Parameters
    ----------
    name : str
        Prefix of the modality's measurement columns (`face_1`, `text_chatgpt`).
    latent_prefix : str
        Prefix of the modality's latents (`face_1`, `trait_1`, ...).
    n_latents : int
        Number of modality-specific latents z_m.
    """

    name: str
    latent_prefix: str
    n_latents: int


@dataclass(frozen=True)
class SubDataset:
    """Everything by which one sub-dataset differs from the other.

    Parameters
    ----------
    name : str
        DuckDB schema and first part of every asset key.
    title : str
        The name as printed.
    person, people : str
        What one row of `bios` is called, singular and plural.
    stratum : str
        The grouping column (`league`, `occupation`); also the confounder to condition on.
    prompt_context : str
        What the rater is told besides the name.
    bio_columns : tuple of str
        Columns of `bios` beyond those that both sub-datasets have.
    variables : tuple of Variable
        What Level I tests.
    modalities : tuple of Modality
        What Level II models.
    n_shared_latents : int
        Number of latents shared across modalities.
    photographs : int
        Photographs per person, at most.
    partitions : tuple of str
        Static partitions of `raw_bios`; empty if it has none.
    """

    name: str
    title: str
    person: str
    people: str
    stratum: str
    bio_columns: tuple[str, ...]
    variables: tuple[Variable, ...]
    modalities: tuple[Modality, ...]
    n_shared_latents: int
    photographs: int
    partitions: tuple[str, ...] = ()

    def table(self, name: str) -> str:
        """Return the qualified table name, `<sub-dataset>.<name>`."""
        return f"{self.name}.{name}"


_COMMON_VARIABLES = (
    Variable("birth_year", "numeric", discrete=True),
    Variable("birth_month", "circular", discrete=True, period=12),
    Variable("birth_day", "circular", discrete=True, period=31),
    Variable("latitude", "numeric", discrete=False),
    Variable("longitude", "circular", discrete=False, period=360),
    Variable("height_cm", "numeric", discrete=False),
    Variable("weight_kg", "numeric", discrete=False),
)

ATHLEPERSONA = SubDataset(
    name="athlepersona",
    title="AthlePersona",
    person="athlete",
    people="athletes",
    stratum="league",
    bio_columns=("league",),
    variables=(*_COMMON_VARIABLES, Variable("league", "nominal", discrete=True)),
    modalities=(Modality("face", "face", 5), Modality("text", "trait", 5)),
    n_shared_latents=2,
    photographs=1,
    partitions=LEAGUES,
)

CELEBPERSONA = SubDataset(
    name="celebpersona",
    title="CelebPersona",
    person="public figure",
    people="public figures",
    stratum="occupation",
    bio_columns=("occupation", "gender", *FACE_ATTRIBUTES),
    variables=(
        *_COMMON_VARIABLES,
        Variable("occupation", "nominal", discrete=True),
        Variable("gender", "nominal", discrete=True),
        *(Variable(name, "binary", discrete=True) for name in FACE_ATTRIBUTES),
    ),
    modalities=(Modality("face", "face", 10), Modality("text", "trait", 5)),
    n_shared_latents=3,
    photographs=3,
)

SUB_DATASETS: Mapping[str, SubDataset] = MappingProxyType(
    {sub.name: sub for sub in (ATHLEPERSONA, CELEBPERSONA)}
)
