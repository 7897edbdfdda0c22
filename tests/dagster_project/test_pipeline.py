"""Both sub-datasets end to end, small: real portraits, real HTTP, real tests, real training."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from dagster_project.build import build_resources
from dagster_project.cli.main import main
from dagster_project.cli.run import launch
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.profiles import sources_of
from personax_assets.changes import run_changes
from personax_assets.datasets import ATHLEPERSONA, SUB_DATASETS, TRAITS
from personax_assets.resources import Resources, SourceConfig
from personax_assets.schemas.level1 import level1_comparison
from personax_assets.schemas.level2 import latent_names
from personax_assets.schemas.tables import sub_dataset_tables
from personax_assets.stage import stale

PEOPLE = {"athlepersona": 150, "celebpersona": 130}


def made(home: Home, people: dict[str, int]) -> Resources:
    home.prepare()
    wanted = {name: SourceConfig(people=n) for name, n in people.items()}
    resources = build_resources("demo", home, sources_of(home, wanted))
    stages = stages_of(resources)
    todo = stale(stages, resources, {stage.key for stage in stages})
    if todo:
        launch(resources, todo)
    return resources


def calls(home: Home) -> int:
    with sqlite3.connect(home.journal) as journal:
        n: int = journal.execute("SELECT count(*) FROM calls").fetchone()[0]
        return n


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="module")
def resources(home: Home) -> Iterator[Resources]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield made(home, PEOPLE)


def table(resources: Resources, name: str) -> pl.DataFrame:
    sub, _, short = name.partition(".")
    return resources.warehouse.read(name, sub_dataset_tables(SUB_DATASETS[sub])[short])


def test_every_stage_ended_well(resources: Resources) -> None:
    endings = {r.asset: (r.status, r.reason) for r in resources.warehouse.stages().values()}
    assert endings == {stage.key: ("ok", None) for stage in stages_of(resources)}


@pytest.mark.parametrize("name", list(PEOPLE))
def test_every_person_has_everything(resources: Resources, name: str) -> None:
    n, sub = PEOPLE[name], SUB_DATASETS[name]
    assert table(resources, f"{name}.bios").height == n
    assert table(resources, f"{name}.bios")["simulated"].all()
    crops = table(resources, f"{name}.face_crops")
    assert crops.height == n * sub.photographs
    assert crops["simulated"].all()
    assert (crops["status"] == "ok").mean() > 0.95
    for rater in ("chatgpt", "gemini", "llama"):
        texts = table(resources, f"{name}.trait_texts_{rater}")
        assert texts.height == n
        assert texts["simulated"].all()
        assert (texts["status"] == "ok").all()
    scores = table(resources, f"{name}.trait_scores")
    assert scores.height == n * len(TRAITS)
    assert set(scores["score"].drop_nulls()) <= {1, 1.5, 2, 2.5, 3}
    latents = table(resources, f"{name}.latents")
    assert latents.height == n
    assert latents.select(latent_names(sub)).null_count().sum_horizontal().item() < n
    grid = table(resources, f"{name}.independence_tests")
    assert set(grid["profile"]) == {"paper", "recommended"}
    assert set(grid["test"]) == {"kci", "rcit", "hsic", "chi2", "gsq"}


def test_the_comparison_is_of_the_tests_of_both(resources: Resources) -> None:
    subs = tuple(SUB_DATASETS.values())
    frame = resources.warehouse.read("comparison.level1", level1_comparison(subs))
    assert set(frame["variable"]) == {
        *("birth_year", "birth_month", "birth_day"),
        *("latitude", "longitude", "height_cm", "weight_kg"),
    }
    assert set(frame["given"]) == {None, "stratum"}
    for sub in subs:
        tests = table(resources, f"{sub.name}.independence_tests").filter(pl.col("given").is_null())
        key = ["profile", "rater", "trait", "variable", "test"]
        joined = frame.filter(pl.col("given").is_null()).join(tests, on=key)
        assert joined.height == frame["given"].null_count()
        for name in ("n", "p_value", "effect_size"):
            assert joined[f"{sub.name}_{name}"].equals(joined[name], null_equal=True)


def test_no_name_reaches_an_embedding(resources: Resources) -> None:
    """Names are masked, so no text that is embedded may hold one."""
    from personax_assets.embeddings import mask_name

    bios = table(resources, "athlepersona.bios").select("person_id", "name")
    texts = table(resources, "athlepersona.trait_texts_chatgpt").join(bios, on="person_id")
    for text, name in texts.select("openness_text", "name").iter_rows():
        assert name.split()[-1].lower() not in mask_name(text, name).lower()


def test_the_registry_holds_a_champion_that_answers(resources: Resources) -> None:
    import pandas as pd

    mlflow = resources.models.tracking().mlflow
    model = mlflow.pyfunc.load_model("models:/personax-crl-athlepersona@champion")
    row = {f"text_{rater}": [0.01] * 256 for rater in ("chatgpt", "gemini", "llama")}
    frame = pd.DataFrame([{**row, "face_1": [0.02] * 256}, {**row, "face_1": None}])
    answer = model.predict(frame)
    assert list(answer.columns) == list(latent_names(ATHLEPERSONA))
    assert answer.loc[0].notna().all()
    assert answer.loc[1, "face_1"] != answer.loc[1, "face_1"], "no face, no face latent"
    versions = set(table(resources, "athlepersona.latents")["model_version"])
    assert len(versions) == 1


def test_nothing_is_pickled(resources: Resources, home: Home) -> None:
    kinds = {path.suffix for path in home.root.rglob("*") if path.is_file()}
    assert not kinds & {".pkl", ".pickle", ".pt", ".pth", ".joblib"}


def test_the_report_says_that_it_is_simulated(resources: Resources, home: Home) -> None:
    for page in ("index", *PEOPLE):
        html = (home.report / f"{page}.html").read_text()
        assert "Simulated" in html[: html.index("</header>")] if "</header>" in html else html


def test_a_second_run_has_nothing_to_do(resources: Resources, home: Home) -> None:
    stages = stages_of(resources)
    assert stale(stages, resources, {stage.key for stage in stages}) == ()


@pytest.mark.slow
def test_new_people_cost_their_own_calls_only(resources: Resources, home: Home) -> None:
    before, scores = calls(home), table(resources, "athlepersona.trait_scores")
    home.manifest.unlink()  # as if the same source had grown
    grown = made(home, {**PEOPLE, "athlepersona": PEOPLE["athlepersona"] + 4})
    assert calls(home) - before == 4 * 3
    after = table(grown, "athlepersona.trait_scores")
    old = after.join(scores, on=["person_id", "trait"], how="semi")
    assert old.equals(scores)
    assert table(grown, "athlepersona.latents").height == PEOPLE["athlepersona"] + 4
    untouched = [
        r
        for r in grown.warehouse.stages().values()
        if r.asset.startswith("celeb") and not r.asset.endswith("/report")  # shows both
    ]
    first = {r.asset: r.run_id for r in resources.warehouse.stages().values()}
    assert {r.asset: r.run_id for r in untouched} == {r.asset: first[r.asset] for r in untouched}


def test_a_refresh_trains_nothing_and_new_people_get_the_champions_latents(
    resources: Resources, home: Home
) -> None:
    trained = resources.warehouse.stages()["athlepersona/crl_model"].run_id
    n = PEOPLE["athlepersona"] + 9
    wanted = {name: SourceConfig(people=p) for name, p in {**PEOPLE, "athlepersona": n}.items()}
    claims = {name: source.model_dump() for name, source in wanted.items()}
    home.manifest.write_text(json.dumps(claims))
    done = subprocess.run(
        [sys.executable, "-m", "dagster_project.cli", "refresh", "--dataset", "athlepersona"],
        env=os.environ | {"PERSONAX_HOME": str(home.root), "PERSONAX_PROFILE": "demo"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("(from before this; `personax report` writes it anew)\n")
    grown = build_resources("demo", home)
    records = grown.warehouse.stages()
    run_id = records["athlepersona/trait_scores"].run_id
    assert records["athlepersona/crl_model"].run_id == trained
    latents = table(grown, "athlepersona.latents")
    assert latents.height == n
    assert latents["model_version"].n_unique() == 1
    changes = run_changes(records.values(), "athlepersona", run_id)
    assert changes["calls"] == 3 * changes["new"]
    assert (changes["retired"], changes["failed"]) == (0, 0)


def test_one_person_is_shown_with_everything_and_its_origin(
    resources: Resources, home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PERSONAX_HOME", str(home.root))
    monkeypatch.setenv("COLUMNS", "200")
    person = table(resources, "athlepersona.bios").row(0, named=True)
    shown = []
    for wanted in (person["name"].upper(), person["person_id"], person["source_id"]):
        assert main(["person", wanted, "--crops", str(tmp_path)]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] == shown[2]
    where = f"person_id = '{person['person_id']}'"
    told = shown[0]
    assert "simulated: an invented person" in told
    for rater in ("chatgpt", "gemini", "llama"):
        row = resources.warehouse.query(
            f"SELECT * FROM athlepersona.trait_texts_{rater} WHERE {where}"
        ).row(0, named=True)
        assert f"{rater} (simulated rater)" in told
        assert row["openness_text"][:60] in told
        assert row["request_id"] in told
    latents = resources.warehouse.query(f"SELECT * FROM athlepersona.latents WHERE {where}")
    version = latents["model_version"][0]
    assert f"by personax-crl-athlepersona version {version}" in told
    assert f"{latents['trait_1'][0]:.4f}" in told
    assert (tmp_path / f"{person['person_id']}_1.png").read_bytes().startswith(b"\x89PNG")
    for stage in ("bios", "face_crops", "trait_scores", "latents"):
        record = resources.warehouse.stages()[f"athlepersona/{stage}"]
        assert f"athlepersona/{stage}: last made by run {record.run_id}" in told


def test_several_people_are_listed_by_their_ids(
    resources: Resources, home: Home, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PERSONAX_HOME", str(home.root))
    assert main(["person", "a"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("people; say which one by its id:")
    bios = table(resources, "athlepersona.bios")
    assert lines[1].split()[0] in set(bios["person_id"])
    assert main(["person", "nobody at all"]) == 1
    assert "a part of the name is enough" in capsys.readouterr().err


def test_a_rater_that_always_fails_does_not_stop_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raters = tmp_path / "raters.yaml"
    raters.write_text(
        "raters:\n"
        "  - {name: chatgpt, model: simulated-chatgpt, simulated: true, backoff_s: 0.01}\n"
        "  - {name: broken, model: none, base_url: 'http://127.0.0.1:9/v1', max_attempts: 1,\n"
        "     backoff_s: 0.01}\n"
    )
    home = Home(tmp_path / "home")
    home.prepare()
    wanted = {name: SourceConfig(people=12) for name in PEOPLE}
    monkeypatch.setenv("PERSONAX_RATERS", str(raters))
    resources = build_resources("demo", home, sources_of(home, wanted))
    names = ("raw_bios", "bios", "trait_texts_chatgpt", "trait_texts_broken", "trait_scores")
    launch(resources, [s for s in stages_of(resources) if s.key in
                       {f"athlepersona/{name}" for name in names}])  # fmt: skip
    records = resources.warehouse.stages()
    broken = records["athlepersona/trait_texts_broken"]
    assert broken.status == "degraded"
    assert broken.reason is not None
    assert "broken has no answer for 12 of 12 people" in broken.reason
    assert records["athlepersona/trait_scores"].status == "ok"
    scores = resources.warehouse.query(
        "SELECT count(score) AS n, max(n_raters) AS r FROM athlepersona.trait_scores"
    )
    assert scores.row(0) == (60, 1)


@pytest.mark.slow
def test_two_runs_at_once_both_end_well(tmp_path: Path) -> None:
    source = {"kind": "synthetic", "people": 120, "seed": 3}
    (tmp_path / "sources.json").write_text(json.dumps({"athlepersona": source}))
    command = [sys.executable, "-m", "dagster_project.cli", "run", "--dataset", "athlepersona"]
    environment = os.environ | {"PERSONAX_HOME": str(tmp_path)}
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(600) for process in both] == [0, 0]
    home = Home(tmp_path)
    assert calls(home) == 3 * 120
    resources = build_resources("demo", home)
    for name in ("bios", "trait_scores", "latents"):
        found = table(resources, f"athlepersona.{name}")
        key = sub_dataset_tables(ATHLEPERSONA)[name].key
        assert found.select(key).is_duplicated().sum() == 0
    versions = resources.models.tracking().client.search_model_versions("")
    assert len(versions) == 1, "only one of them had a model to train"
