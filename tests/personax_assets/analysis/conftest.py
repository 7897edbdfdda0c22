"""A migrated MLflow store to copy, and a small sub-dataset with a trained champion."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from personax_assets.analysis.measurements import MeasuredPeople, measured_people
from personax_assets.analysis.publishing import Published, TrainingData, train_and_register
from personax_assets.analysis.tracking import Tracking
from personax_assets.datasets import ATHLEPERSONA, TRAITS

RATERS = ("chatgpt", "gemini", "llama")
FACE_WIDTH, TEXT_WIDTH = 24, 20


@dataclass(frozen=True)
class Tables:
    """What the stages before the analysis leave behind."""

    faces: pl.DataFrame
    texts: pl.DataFrame
    scores: pl.DataFrame
    planted: pl.DataFrame


def embedded(ids: list[str], column: str, value: int | str, x: np.ndarray) -> pl.DataFrame:
    width = x.shape[1]
    return pl.DataFrame(
        {"person_id": ids, column: [value] * len(ids)},
        schema_overrides={column: pl.Int16} if isinstance(value, int) else None,
    ).with_columns(pl.Series("embedding", x.astype(np.float32), dtype=pl.Array(pl.Float32, width)))


def make_tables(n: int = 320, seed: int = 0) -> Tables:
    rng = np.random.default_rng(seed)
    ids = [f"a-{i:04d}" for i in range(n)]
    shared = rng.standard_normal((n, 2))
    traits = 0.7 * shared @ rng.standard_normal((2, 5)) + 0.7 * rng.standard_normal((n, 5))
    face = np.hstack([shared, rng.standard_normal((n, 3))])
    x = np.tanh(face @ rng.standard_normal((5, FACE_WIDTH)) / 2)
    texts = [
        embedded(
            ids, "rater", rater,
            (traits + 0.4 * rng.standard_normal((n, 5))) @ rng.standard_normal((5, TEXT_WIDTH)),
        )
        for rater in RATERS
    ]  # fmt: skip
    factors = {f"trait_{t}": traits[:, i] for i, t in enumerate(TRAITS)}
    scores = [
        pl.DataFrame({"person_id": ids, "score": np.clip(np.round(2 + traits[:, i]), 1, 3)})
        .with_columns(trait=pl.lit(trait))
        for i, trait in enumerate(TRAITS)
    ]  # fmt: skip
    return Tables(
        faces=embedded(ids, "measurement", 1, x + 0.1 * rng.standard_normal(x.shape)),
        texts=pl.concat(texts),
        scores=pl.concat(scores),
        planted=pl.DataFrame({"person_id": ids, **factors}),
    )


@pytest.fixture(scope="session")
def tables() -> Tables:
    return make_tables()


@pytest.fixture(scope="session")
def people(tables: Tables) -> MeasuredPeople:
    return measured_people(tables.faces, tables.texts, ATHLEPERSONA, RATERS)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store whose tables exist: making them takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    assert Tracking(f"sqlite:///{path}", path.parent / "artifacts").client.search_experiments()
    return path


@pytest.fixture
def store(migrated: Path, tmp_path: Path) -> Tracking:
    """An empty store."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    return Tracking(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "artifacts")


def portraits(ids: list[str], n: int = 40) -> pl.DataFrame:
    """Grey squares in the place of crops."""
    rows = []
    for i, person in enumerate(ids[:n]):
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), (4 * i, 4 * i, 128)).save(buffer, format="PNG")
        rows.append({"person_id": person, "crop": buffer.getvalue()})
    return pl.DataFrame(rows)


def publish(
    tracking: Tracking,
    tables: Tables,
    people: MeasuredPeople,
    seed: int = 0,
    latents: pl.DataFrame | None = None,
) -> Published:
    empty = {"person_id": pl.String, "model_version": pl.String}
    data = TrainingData(
        people=people,
        scores=tables.scores,
        latents=pl.DataFrame(schema=empty) if latents is None else latents,
        planted=tables.planted,
        crops=portraits(tables.scores["person_id"].unique().sort().to_list()),
        source="warehouse.duckdb#athlepersona",
    )
    return train_and_register(
        tracking, ATHLEPERSONA, RATERS, data, seed=seed, dagster_run="dagster-run-1",
        checkpoints=tracking.artifacts / "checkpoints",
    )  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A store with one champion."""

    database: Path
    artifacts: Path
    published: Published


@pytest.fixture(scope="session")
def trained(
    migrated: Path,
    tmp_path_factory: pytest.TempPathFactory,
    tables: Tables,
    people: MeasuredPeople,
) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    shutil.copy(migrated, folder / "mlflow.db")
    tracking = Tracking(f"sqlite:///{folder}/mlflow.db", folder / "artifacts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-canary-4711")
        published = publish(tracking, tables, people)
    return Trained(folder / "mlflow.db", folder / "artifacts", published)


@pytest.fixture
def with_champion(trained: Trained, tmp_path: Path) -> Tracking:
    """A copy of the store with one champion; its artifacts are shared and only added to."""
    shutil.copy(trained.database, tmp_path / "mlflow.db")
    return Tracking(f"sqlite:///{tmp_path}/mlflow.db", trained.artifacts)
