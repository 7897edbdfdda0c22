"""Small frames that are true to the schemas, made without running any stage."""

import io
from collections.abc import Callable
from datetime import datetime

import numpy as np
import polars as pl
import pytest
from PIL import Image

from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, LEAGUES, TRAITS, SubDataset
from personax_assets.report.model import PlantedTruth, RunInfo, SubDatasetReport, Training
from personax_assets.schemas.level1 import TESTS
from personax_assets.schemas.level2 import latent_names
from personax_assets.schemas.tables import sub_dataset_tables

RATERS = ("chatgpt", "gemini", "llama")
OCCUPATIONS = ("actor", "singer", "writer")

STAGES = pl.DataFrame(
    {
        "asset": ["s/bios", "s/trait_texts_llama", "s/crl_model"],
        "status": ["ok", "degraded", "ok"],
        "reason": [None, "llama has no answer for 3 people; run the same command again", None],
        "rows": [60, 60, None],
        "seconds": [0.5, 2.25, 12.0],
    },
    schema_overrides={"rows": pl.Int64},
)


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (224, 224), (shade, 90, 120)).save(file, "PNG")
    return file.getvalue()


def bios(sub: SubDataset, n: int, rng: np.random.Generator) -> pl.DataFrame:
    groups = LEAGUES if sub == ATHLEPERSONA else OCCUPATIONS
    columns: dict[str, object] = {
        "person_id": [f"p{i:04d}" for i in range(n)],
        "name": [f"Person {i}" for i in range(n)],
        "birth_year": [None, *rng.integers(1970, 2006, n - 1).tolist()],
        "birth_month": rng.integers(1, 13, n),
        "birth_day": rng.integers(1, 29, n),
        "country": ["US"] * n,
        "country_basis": ["birth"] * n,
        "latitude": rng.uniform(-40, 65, n),
        "longitude": rng.uniform(-120, 150, n),
        "height_cm": rng.normal(186, 8, n).round(),
        "weight_kg": rng.normal(88, 12, n).round(),
        sub.stratum: rng.choice(groups, n),
        "simulated": [True] * n,
    }
    for name in sub.bio_columns:
        if name == "gender":
            columns[name] = rng.choice(["female", "male"], n)
        elif name != sub.stratum:
            columns[name] = rng.random(n) < 0.3
    return typed(sub, "bios", pl.DataFrame(columns))


def typed(sub: SubDataset, table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame in the types of its schema; nothing may be there that the schema lacks."""
    schema = sub_dataset_tables(sub, RATERS)[table].polars
    return frame.select(pl.col(name).cast(schema[name]) for name in frame.columns)


def scores(sub: SubDataset, people: list[str], rng: np.random.Generator) -> pl.DataFrame:
    n = len(people) * len(TRAITS)
    rated = {rater: rng.integers(0, 4, n) for rater in RATERS}
    stacked = np.stack(list(rated.values())).astype(float)
    stacked[stacked == 0] = np.nan
    known = ~np.isnan(stacked).all(axis=0)
    median = np.full(n, np.nan)
    median[known] = np.nanmedian(stacked[:, known], axis=0)
    frame = pl.DataFrame(
        {
            "person_id": [person for person in people for _ in TRAITS],
            "trait": list(TRAITS) * len(people),
            **rated,
            "score": pl.Series(median).fill_nan(None),
            "n_raters": (~np.isnan(stacked)).sum(axis=0),
        }
    )
    return typed(sub, "trait_scores", frame)


def quality(sub: SubDataset, n: int) -> pl.DataFrame:
    rows = []
    for rater in RATERS:
        rows += [
            (rater, "all", "missing", 0.05, n),
            (rater, "all", "hesitation", None, n),
            (rater, "all", "latency_p50_s", 0.02, n),
            (rater, "all", "prompt_tokens", 1234.0, n),
        ]
        rows += [(rater, trait, "abstention", 0.1, n) for trait in TRAITS]
    for i, trait in enumerate(TRAITS):
        rows += [
            ("all", trait, m, 0.6 + 0.03 * i + d, n)
            for m, d in (("alpha", 0.0), ("alpha_low", -0.05), ("alpha_high", 0.05))
        ]
        rows += [("all", trait, "kappa_chatgpt_gemini", 0.7, n)]
    schema = sub_dataset_tables(sub, RATERS)["rater_quality"].polars
    return pl.DataFrame(rows, schema=schema, orient="row")  # fmt: skip


def tests(sub: SubDataset, n: int, rng: np.random.Generator) -> pl.DataFrame:
    rows = []
    for given in (None, sub.stratum):
        for trait in TRAITS:
            for variable in sub.variables:
                strong = variable.name in (sub.stratum, "birth_year") and trait != "openness"
                for test in TESTS:
                    if test in ("chi2", "gsq") and not variable.discrete:
                        continue
                    log10_p = -float(rng.uniform(6, 30) if strong else rng.uniform(0, 1.2))
                    rows.append({
                        "profile": "paper", "rater": "aggregate", "given": given, "trait": trait,
                        "variable": variable.name, "test": test, "statistic": 1.0,
                        "p_value": 10**log10_p, "log10_p": log10_p,
                        "q_value": min(1.0, 3 * 10**log10_p),
                        "effect_size": 0.4 if strong else 0.05,
                        "effect_measure": {"hsic": "dcor", "kci": "cka", "rcit": "cka"}.get(
                            test, "cramers_v"),
                        "n": n, "dependent": log10_p < np.log10(0.05),
                        "null_approximation": "gamma", "sparse_share": 0.4, "status": "ok",
                        "warning": "40% of expected counts below 5" if test == "chi2" else None,
                    })  # fmt: skip
    schema = sub_dataset_tables(sub, RATERS)["independence_tests"].polars
    frame = pl.DataFrame(rows, schema=schema)
    broken = (pl.col("test") == "gsq") & (pl.col("trait") == "openness")
    nothing = {c: pl.when(broken).then(None).otherwise(pl.col(c)).alias(c)
               for c in ("p_value", "log10_p", "q_value", "effect_size", "dependent")}  # fmt: skip
    status = pl.when(broken).then(pl.lit("constant")).otherwise(pl.col("status")).alias("status")
    return frame.with_columns(*nothing.values(), status)


def pairs(sub: SubDataset) -> pl.DataFrame:
    rows = []
    for trait in TRAITS:
        for variable in sub.variables:
            strong = variable.name in (sub.stratum, "birth_year") and trait != "openness"
            effect = "strong" if strong else "weak" if variable.name == "height_cm" else "none"
            rows.append((trait, variable.name, effect, effect != "none", 0.5 if strong else 0.05))
    columns = ["trait", "variable", "effect", "dependent", "effect_size"]
    return pl.DataFrame(rows, schema=columns, orient="row")


def latents(sub: SubDataset, people: list[str], values: np.ndarray) -> pl.DataFrame:
    names = latent_names(sub)
    columns = {name: values[:, i] for i, name in enumerate(names)}
    return typed(
        sub,
        "latents",
        pl.DataFrame({"person_id": people, **columns, "model_version": ["3"] * len(people)}),
    )


def make_report(sub: SubDataset, n: int = 60, seed: int = 0) -> SubDatasetReport:
    """Return a complete report of an invented cohort."""
    rng = np.random.default_rng(seed)
    cohort = bios(sub, n, rng)
    people = cohort["person_id"].to_list()
    names = latent_names(sub)
    values = rng.standard_normal((n, len(names)))
    factors = {name: values[:, i] for i, name in enumerate(("trait_openness", "shared_1"))}
    crops = pl.DataFrame(
        {
            "person_id": people,
            "measurement": [1] * n,
            "status": ["no_face", *["ok"] * (n - 1)],
            "simulated": [True] * n,
        }
    )
    edges = {
        "source": ["shared_1", "trait_1"],
        "target": ["trait_2", "face_1"],
        "kind": ["directed", "undirected"],
        "strength": [0.5, 0.2],
        "method": ["PC, Fisher z, alpha 0.05"] * 2,
        "frequency": [0.97, 0.41],
    }
    return SubDatasetReport(
        sub=sub,
        frames={
            "bios": cohort,
            "face_crops": typed(sub, "face_crops", crops),
            "crop_sample": pl.DataFrame(
                {
                    "person_id": people[:3],
                    "measurement": [1, 1, 1],
                    "crop": [png(40), png(140), png(220)],
                    "simulated": [True] * 3,
                }
            ),
            "trait_scores": scores(sub, people, rng),
            "rater_quality": quality(sub, n),
            "independence_tests": tests(sub, n, rng),
            "latents": latents(sub, people, values),
            "latent_graph": typed(sub, "latent_graph", pl.DataFrame(edges)),
        },
        stages=STAGES,
        simulated=True,
        source=f"synthetic cohort of {n} (seed {seed})",
        training=Training(
            model_name=f"personax-crl-{sub.name}",
            model_version="3",
            metrics={
                "planted_mcc_held_out": 0.812,
                "planted_r2_held_out_shared_1": 0.5,
                "planted_r_held_out_shared_1": 0.72,
                "planted_supervised_r_held_out_shared_1": 0.8,
                "planted_mcc_chance": 0.1,
                "latents_identified": 4.0,
                "link_correlation_held_out_1": 0.5,
                "link_p_value_1": 0.001,
                "something_else_r2": 0.25,
                "training_seconds": 9.0,
            },
            protocol="70 % of the people train.",
            curves={
                "train_loss": [(1, 0.9), (2, 0.8)],
                "held_out_loss": [(0, 1.0), (1, 0.95), (2, float("nan"))],
            },
            config={"epochs": 150},
            identified={"shared_1": "identified: link 0.93"},
        ),
        planted=PlantedTruth(pairs(sub), pl.DataFrame({"person_id": people, **factors})),
    )


@pytest.fixture(scope="session")
def athletes() -> SubDatasetReport:
    return make_report(ATHLEPERSONA)


@pytest.fixture(scope="session")
def celebs() -> SubDatasetReport:
    return make_report(CELEBPERSONA)


@pytest.fixture(scope="session")
def run_info() -> RunInfo:
    return RunInfo(
        when=datetime(2026, 3, 1, 12, 30),
        versions={"personax": "0.1.0", "polars": "2.1.0"},
        seed=7,
        home="/somewhere/.personax",
        raters=dict.fromkeys(RATERS, "simulated"),
    )


@pytest.fixture(scope="session")
def report_of() -> Callable[..., SubDatasetReport]:
    return make_report
