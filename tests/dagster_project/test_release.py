"""Releasing as a user does it: by command, on a home with bios and scores."""

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.graph import release_stages_of, stages_of
from dagster_project.home import Home
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.errors import PersonaXError
from personax_assets.execution import execute
from personax_assets.release.assets import ACCEPT_TAG, BAR_TAGS, EMBEDDINGS_TAG
from personax_assets.resources import Resources
from personax_assets.schemas.tables import sub_dataset_tables
from personax_assets.stage import StageRun
from tests.personax_assets.release.conftest import material, quick_level1

RATERS = ("chatgpt", "gemini", "llama")
__all__ = ["quick_level1"]

LENIENT = {ACCEPT_TAG: "yes", BAR_TAGS["most_reidentified"]: "0.2",
           BAR_TAGS["least_unchanged"]: "0.3"}  # fmt: skip


@pytest.fixture
def resources(tmp_path: Path) -> Resources:
    """A home of 200 planted athletes with scores, and nothing else."""
    home = Home(tmp_path / "home")
    made = build_resources("demo", home)
    data = material(ATHLEPERSONA, 200, RATERS)
    bios = data.bios.with_columns(source=pl.lit("synthetic"))
    tables = sub_dataset_tables(ATHLEPERSONA, RATERS)
    with made.warehouse.transaction() as transaction:
        for name, frame in (("bios", bios), ("trait_scores", data.scores)):
            schema = tables[name]
            missing = [c for c in schema.polars if c not in frame.columns]
            full = frame.with_columns(pl.lit(None).alias(column) for column in missing)
            transaction.replace(schema, ATHLEPERSONA.table(name), full)
    return made


def executed(resources: Resources, tags: dict[str, str]) -> str:
    (stage,) = (s for s in release_stages_of(resources) if s.layout.sub == ATHLEPERSONA)
    run = StageRun(stage, resources, (), "run", tags, lambda text: None)
    return execute(run, only_stale=False).record.data_version or ""


def test_no_other_run_releases_anything(resources: Resources) -> None:
    assert "release" not in {stage.name for stage in stages_of(resources)}
    assert {stage.key for stage in release_stages_of(resources)} == {
        "athlepersona/release",
        "celebpersona/release",
    }
    assert not any(stage.follows for stage in release_stages_of(resources))


@pytest.mark.usefixtures("quick_level1")
def test_the_stage_needs_the_guidelines_accepted_and_then_writes(resources: Resources) -> None:
    executed(resources, {})
    record = resources.warehouse.stages()["athlepersona/release"]
    assert record.status == "skipped", "who materialises everything asked for no release"
    assert "usage guidelines" in str(record.reason)
    assert not (resources.home / "release").exists()
    assert not (resources.home / "release.key").exists()
    version = executed(resources, LENIENT)
    folder = resources.home / "release" / "athlepersona" / version
    assert (folder / "people.parquet").exists()
    key = (resources.home / "release.key").read_text().strip()
    assert all(key.encode() not in path.read_bytes() for path in folder.iterdir())
    assert key not in (resources.home / "warehouse.duckdb").read_bytes().decode("latin-1")


@pytest.mark.usefixtures("quick_level1")
@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({ACCEPT_TAG: "yes", BAR_TAGS["most_reidentified"]: "0.0001"}, "is refused"),
        ({**LENIENT, EMBEDDINGS_TAG: "yes"}, "there are no face embeddings"),
        ({**LENIENT, BAR_TAGS["least_unchanged"]: "much"}, "is no number"),
    ],
)
def test_what_cannot_be_released_leaves_nothing(
    resources: Resources, tags: dict[str, str], told: str
) -> None:
    with pytest.raises(PersonaXError, match=told):
        executed(resources, tags)
    assert not (resources.home / "release").exists()


def personax(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if k != "PERSONAX_RELEASE_KEY"}
    return subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", "release", *arguments],
        env=environment | {"PERSONAX_HOME": str(home)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_command_shows_the_guidelines_until_they_are_accepted(resources: Resources) -> None:
    run = personax(resources.home, "--dataset", "athlepersona")
    assert run.returncode == 1
    assert "# Usage guidelines of AthlePersona" in run.stdout
    assert "Nobody in this release exists" in run.stdout
    (line,) = run.stderr.splitlines()
    assert "--accept-guidelines" in line
    assert not (resources.home / "release").exists()


def test_the_command_on_a_home_that_does_not_exist(tmp_path: Path) -> None:
    run = personax(tmp_path / "none", "--dataset", "athlepersona")
    assert run.returncode == 1
    assert "there is nothing to release yet" in run.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_the_command_releases_or_says_why_not(resources: Resources) -> None:
    ask = ("--dataset", "athlepersona", "--accept-guidelines")
    refused = personax(resources.home, *ask, "--most-reidentified", "0.0001")
    assert refused.returncode == 1
    assert "the release of 200 people is refused and nothing was written" in refused.stderr
    assert "To mend it:" in refused.stderr
    assert not (resources.home / "release").exists()
    given = ("--most-reidentified", "0.2", "--least-unchanged", "0.3")
    runs = [personax(resources.home, *ask, *given) for _ in range(2)]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    (folder,) = (resources.home / "release" / "athlepersona").iterdir()
    assert f"Release: {folder}" in runs[0].stdout
    assert "(simulated)" in runs[0].stdout
    wrong = personax(resources.home, *ask, "--most-reidentified", "5")
    assert "must be a share between 0 and 1" in wrong.stderr
