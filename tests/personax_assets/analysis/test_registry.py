"""Tracking and registry on a real MLflow store, with faults made on purpose."""

import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import polars as pl
import pytest

from personax_assets.analysis import decision, publishing, registry
from personax_assets.analysis.measurements import MeasuredPeople, framed, measured_people
from personax_assets.analysis.registry import (
    champion_model,
    champion_version,
    latents_by_champion,
    list_models,
    register,
    versions_of,
)
from personax_assets.analysis.tracking import Tracking
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.errors import PersonaXError, SkipStageError
from personax_assets.schemas.level2 import latent_names, latents
from personax_ml.crl import MultimodalCRL
from tests.personax_assets.analysis.conftest import RATERS, Tables, Trained, publish

NAME = "personax-crl-athlepersona"


def test_the_first_version_becomes_champion(trained: Trained) -> None:
    version = trained.published.version
    assert (version.name, version.version, version.aliases) == (NAME, "1", ("champion",))
    assert version.reason == "first version whose reload gave the same latents"
    assert trained.published.champion == "1"
    assert trained.published.figures["training"].axes
    assert not (trained.artifacts / "checkpoints").exists()


def test_a_run_tells_what_it_was(with_champion: Tracking, people: MeasuredPeople) -> None:
    client = with_champion.client
    run = client.get_run(champion_version(with_champion, "athlepersona").run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "AthlePersona, 320 athletes, seed 0"
    assert client.get_experiment(run.info.experiment_id).name == "PersonaX AthlePersona"
    assert run.data.tags["dagster/run_id"] == "dagster-run-1"
    assert run.data.tags["simulated"] == "true"
    assert "held out and scored once" in run.data.tags["protocol"]
    assert run.data.params["random_state"] == "0"
    assert run.data.params["measurements/text"] == "text_chatgpt, text_gemini, text_llama"
    assert float(run.data.params["weight/likelihood"]) > 0
    assert run.data.params["people"] == "320"
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == people.digest
    assert "warehouse.duckdb#athlepersona" in dataset.dataset.source
    figures = {Path(f.path).name for f in client.list_artifacts(run.info.run_id, "figures")}
    assert figures == {
        "training.png", "learned_graph.png", "latents_traits.png", "face_traversals.png",
    }  # fmt: skip
    curves = with_champion.curves(run.info.run_id)
    assert {"train_loss", "held_out_loss", "held_out_likelihood"} <= curves.keys()
    steps = [step for step, _ in sorted(curves["held_out_loss"])]
    assert steps == list(range(len(steps)))


def test_nothing_is_pickled_and_no_secret_is_kept(trained: Trained) -> None:
    files = [p for p in trained.artifacts.rglob("*") if p.is_file()]
    assert {p.name for p in files} >= {"weights.safetensors", "config.json", "crl_pyfunc.py"}
    assert not [p for p in files if p.suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib")]
    for path in (*files, trained.database):
        assert b"sk-canary-4711" not in path.read_bytes()


def test_anybody_can_load_the_champion(
    with_champion: Tracking, people: MeasuredPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    mlflow.set_tracking_uri(with_champion.uri)
    model = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    few = {name: x[:6].copy() for name, x in people.measurements.items()}
    few["face_1"][1] = np.nan
    few["text_gemini"][2] = np.nan
    for rater in RATERS:
        few[f"text_{rater}"][3] = np.nan
    answer = model.predict(framed(few))
    assert tuple(answer.columns) == latent_names(ATHLEPERSONA)
    assert len(answer) == 6
    assert answer.iloc[[0, 2, 4, 5]].notna().all().all()
    faces = [c for c in answer.columns if c.startswith("face")]
    traits = [c for c in answer.columns if c.startswith("trait")]
    assert answer.loc[1, faces].isna().all()
    assert answer.loc[1, [*traits, "shared_1"]].notna().all()
    assert answer.loc[3, traits].isna().all()
    expected = champion_model(with_champion, "athlepersona").transform(few)
    assert np.allclose(answer.to_numpy(), expected, equal_nan=True, atol=1e-6)
    one = model.predict(pd.DataFrame({"face_1": [few["face_1"][0].tolist()]}))
    assert one[traits].isna().all().all()
    with pytest.raises(Exception, match="numbers, the model was trained on 24"):
        model.predict(pd.DataFrame({"face_1": [[0.0, 1.0]]}))


def test_latents_are_those_of_the_champion(with_champion: Tracking, people: MeasuredPeople) -> None:
    names = latent_names(ATHLEPERSONA)
    rows = {name: x.copy() for name, x in people.measurements.items()}
    rows["face_1"][0] = np.nan
    frame = latents_by_champion(
        with_champion, "athlepersona", MeasuredPeople(people.person_ids, rows), names
    )
    assert frame.schema == pl.Schema(latents(ATHLEPERSONA).polars)
    assert frame["model_version"].unique().to_list() == ["1"]
    assert frame["face_1"].null_count() == 1
    assert frame["face_1"].is_nan().sum() == 0
    expected = champion_model(with_champion, "athlepersona").transform(rows)
    assert np.allclose(frame.select(names).to_numpy()[1:], expected[1:])


def test_an_empty_registry(store: Tracking, people: MeasuredPeople) -> None:
    assert list_models(store) == []
    assert champion_version(store, "athlepersona") is None
    with pytest.raises(SkipStageError, match="personax-crl-athlepersona has no champion yet"):
        latents_by_champion(store, "athlepersona", people, latent_names(ATHLEPERSONA))


@pytest.mark.slow
def test_training_again_keeps_the_meaning_of_columns(
    with_champion: Tracking, tables: Tables, people: MeasuredPeople
) -> None:
    before = champion_model(with_champion, "athlepersona").transform(people.measurements)
    again = publish(with_champion, tables, people)
    assert again.version.version == again.champion == "2"
    assert "not worse; columns as in version 1: mean correlation 1.00" in again.version.reason
    after = champion_model(with_champion, "athlepersona").transform(people.measurements)
    assert np.allclose(before, after, atol=1e-4)
    versions = list_models(with_champion)
    assert [(v.version, v.aliases) for v in versions] == [("2", ("champion",)), ("1", ())]


def registered(
    tracking: Tracking, people: MeasuredPeople, model: MultimodalCRL
) -> registry.ModelVersion:
    """Register a model in a run of its own."""
    champion = registry.current_champion(tracking, "athlepersona")
    with tracking.run("Test", "a run", {}):
        return register(tracking, "athlepersona", model, people, champion)


def test_a_worse_version_becomes_challenger(
    with_champion: Tracking, people: MeasuredPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = champion_model(with_champion, "athlepersona")
    scores = {id(model): 0.4999}
    monkeypatch.setattr(
        decision, "held_out_metrics", lambda m, *_: {decision.SCORE: scores.get(id(m), 0.5)}
    )
    worse = registered(with_champion, people, model)
    assert worse.aliases == ("challenger",)
    assert worse.reason == "held-out score 0.4999, champion's (version 1) 0.5000: worse"
    assert champion_version(with_champion, "athlepersona").version == "1"
    scores[id(model)] = 0.5
    better = registered(with_champion, people, model)
    assert better.aliases == ("champion",)
    assert better.reason.endswith("not worse")
    assert champion_version(with_champion, "athlepersona").version == better.version


def test_a_champion_that_does_not_load_gives_way(
    with_champion: Tracking, people: MeasuredPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = champion_model(with_champion, "athlepersona")
    whole = registry._pyfunc

    def lost(tracking: Tracking, uri: str) -> object:
        if uri.endswith("@champion"):
            raise OSError("No such artifact")
        return whole(tracking, uri)

    monkeypatch.setattr(registry, "_pyfunc", lost)
    version = registered(with_champion, people, model)
    assert version.aliases == ("champion",)
    assert version.reason == "version 1 does not load (OSError: No such artifact)"


@pytest.mark.slow
def test_a_champion_of_another_encoder_gives_way_and_hands_its_columns_on(
    with_champion: Tracking, tables: Tables, people: MeasuredPeople
) -> None:
    wider = measured_people(
        tables.faces,
        tables.texts.with_columns(
            pl.concat_list(pl.col("embedding").cast(pl.List(pl.Float32)), pl.lit(1.0, pl.Float32))
            .list.to_array(21)
            .alias("embedding")
        ),
        ATHLEPERSONA,
        RATERS,
    )
    names = latent_names(ATHLEPERSONA)
    left = latents_by_champion(with_champion, "athlepersona", people, names)
    turned = left.with_columns(trait_1=-pl.col("trait_2"), trait_2=pl.col("trait_1"))
    published = publish(with_champion, tables, wider, latents=turned)
    assert published.version.aliases == ("champion",)
    reason = published.version.reason
    assert "cannot read today's data (measurement text_chatgpt: 21 columns" in reason
    assert "columns as in version 1: mean correlation 1.00" in reason
    now = latents_by_champion(with_champion, "athlepersona", wider, names)
    for name in names:
        assert np.corrcoef(now[name], turned[name])[0, 1] > 0.95
    with pytest.raises(PersonaXError, match=r"version 2.*train a new model"):
        latents_by_champion(with_champion, "athlepersona", people, names)


@pytest.mark.parametrize("fault", ["torn file", "missing file", "other weights", "other code"])
def test_a_version_that_does_not_reload_never_becomes_champion(
    with_champion: Tracking, people: MeasuredPeople, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    model = champion_model(with_champion, "athlepersona")
    log_version = registry._log_version

    def log_and_break(tracking: Tracking, name: str, model: MultimodalCRL) -> str:
        version = log_version(tracking, name, model)
        uri = tracking.client.get_model_version_download_uri(name, version)
        folder = Path(mlflow.artifacts.download_artifacts(uri, tracking_uri=tracking.uri))
        weights = next(folder.rglob("weights.safetensors"))
        assert with_champion.artifacts in weights.parents
        if fault == "torn file":
            weights.write_bytes(weights.read_bytes()[:1000])
        elif fault == "missing file":
            weights.unlink()
        elif fault == "other weights":
            other = MultimodalCRL.load(weights.parent)
            other.match(people.measurements, -model.transform(people.measurements))
            other.save(weights.parent)
        else:
            next(folder.rglob("crl_pyfunc.py")).write_text("raise SystemError('no such machine')\n")
        return version

    monkeypatch.setattr(registry, "_log_version", log_and_break)
    with pytest.raises(PersonaXError, match="version 2 is of no use once stored"):
        registered(with_champion, people, model)
    newest, first = versions_of(with_champion, NAME)
    assert newest.aliases == ()
    assert newest.reason.startswith("rejected: it ")
    assert first.aliases == ("champion",)


def test_a_failed_run_is_marked_and_leaves_the_registry_alone(
    with_champion: Tracking, tables: Tables, people: MeasuredPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(publishing, "train_model", broken)
    with pytest.raises(RuntimeError, match="out of luck"):
        publish(with_champion, tables, people)
    experiment = with_champion.client.get_experiment_by_name("PersonaX AthlePersona")
    newest = with_champion.client.search_runs([experiment.experiment_id], max_results=1)[0]
    assert newest.info.status == "FAILED"
    assert len(list_models(with_champion)) == 1


def test_a_store_in_a_relative_folder(
    migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(migrated, "mlflow.db")
    tracking = Tracking("sqlite:///mlflow.db", Path("artifacts"))
    with tracking.run("Test", "a run", {"a": "b"}) as run:
        tracking.log(run.info.run_id, {"x": 1}, {"m": 0.5})
    stored = tracking.client.get_run(run.info.run_id)
    assert stored.info.artifact_uri.startswith(f"file://{tmp_path}")
    assert stored.data.metrics == {"m": 0.5}


def test_a_store_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    dead = Tracking("http://someone:secret@127.0.0.1:9", tmp_path / "artifacts")
    with pytest.raises(
        PersonaXError, match=r"MLflow at http://127\.0\.0\.1:9 does not answer"
    ) as e:
        list_models(dead)
    assert "unset MLFLOW_TRACKING_URI" in str(e.value)
    assert "secret" not in str(e.value)


@pytest.mark.slow
def test_a_killed_training_leaves_its_state_until_it_is_registered(
    with_champion: Tracking, tables: Tables, people: MeasuredPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = with_champion.artifacts / "checkpoints"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "register", killed)
        with pytest.raises(KeyboardInterrupt):
            publish(with_champion, tables, people)
    assert (checkpoints / "fit.safetensors").exists()
    publish(with_champion, tables, people)
    assert not checkpoints.exists()


FIRST_USE = """
import sys, time
from pathlib import Path
from personax_assets.analysis.tracking import Tracking
home = Path(sys.argv[1])
tracking = Tracking(f"sqlite:///{home / 'mlflow.db'}", home / "mlartifacts")
tracking.mlflow
(home / sys.argv[2]).touch()
while len(list(home.glob("ready-*"))) < 3:
    time.sleep(0.001)
tracking.client
"""


@pytest.mark.slow
def test_first_users_at_once_make_the_store_together(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FIRST_USE, str(tmp_path)]
    users = [subprocess.Popen([*command, f"ready-{number}"]) for number in range(3)]
    assert [user.wait(120) for user in users] == [0, 0, 0]
