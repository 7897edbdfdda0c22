"""Training on a sub-dataset: what is left out, what is measured, what keeps its meaning."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personax_assets.analysis import training
from personax_assets.analysis.columns import Predecessor, predecessor_of
from personax_assets.analysis.decision import Champion, Decision, decide
from personax_assets.analysis.held_out import held_out_metrics, planted_metrics, trait_metrics
from personax_assets.analysis.latent_graph import graph_over_latents
from personax_assets.analysis.measurements import MeasuredPeople, measured_people
from personax_assets.analysis.training import crl_config, train_model
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.errors import SkipStageError
from personax_assets.schemas.level2 import latent_graph, latent_names
from tests.personax_assets.analysis.conftest import RATERS, Tables, Trained


@pytest.mark.parametrize("sub", [ATHLEPERSONA, CELEBPERSONA])
def test_latents_are_those_of_the_table(sub: SubDataset) -> None:
    config = crl_config(sub, RATERS, seed=4)
    assert config.latent_names == latent_names(sub)
    assert len(config.measurement_names) == sub.photographs + 3
    assert config.random_state == 4


def quick(people: MeasuredPeople) -> training.Trained:
    return train_model(people, replace(crl_config(ATHLEPERSONA, RATERS, 0), epochs=2))


@pytest.fixture
def no_refits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "REFITS", 0)


@pytest.mark.usefixtures("no_refits")
def test_a_rater_that_failed_is_left_out(tables: Tables) -> None:
    few = tables.texts.filter((pl.col("rater") != "llama") | (pl.col("person_id") < "a-0050"))
    people = measured_people(tables.faces, few, ATHLEPERSONA, RATERS)
    model = quick(people).model
    assert model.config.measurement_names == ("face_1", "text_chatgpt", "text_gemini")
    assert np.isfinite(model.transform(people.measurements)).all()


@pytest.mark.usefixtures("no_refits")
def test_too_few_people_skip_the_stage(tables: Tables) -> None:
    few = tables.faces.head(99)
    with pytest.raises(SkipStageError, match="fewer than 100 people have a face"):
        quick(measured_people(few, tables.texts, ATHLEPERSONA, RATERS))
    faces = tables.faces.filter(pl.col("person_id") < "a-0200")
    texts = tables.texts.filter(pl.col("person_id") >= "a-0150")
    with pytest.raises(SkipStageError, match="50 people have a measurement of every modality"):
        quick(measured_people(faces, texts, ATHLEPERSONA, RATERS))


def test_metrics_of_a_good_model(trained: Trained) -> None:
    metrics = trained.published.version.metrics
    assert metrics["reconstruction_r2_held_out_face"] > 0.6
    assert metrics["reconstruction_r2_held_out_text"] > 0.6
    assert metrics["link_correlation_held_out_1"] > 0.7
    assert metrics["link_p_value_1"] <= 0.01
    assert metrics["links_significant"] >= 2
    assert metrics["trait_association_held_out"] > 0.4
    assert metrics["planted_r2_held_out"] > 0.6
    assert metrics["planted_r2_chance"] < 0.05
    assert metrics["planted_mcc_held_out"] > metrics["planted_mcc_chance"] + 0.2
    assert metrics["planted_r2_held_out_trait_openness"] > 0.4
    explained = np.mean([metrics[f"reconstruction_r2_held_out_{m}"] for m in ("face", "text")])
    linked = np.mean([metrics[f"link_correlation_held_out_{i}"] for i in (1, 2)])
    assert metrics["held_out_score"] == pytest.approx((explained + linked) / 2)


def test_every_latent_has_a_claim(trained: Trained) -> None:
    claims = trained.published.version.claims
    assert tuple(claims) == latent_names(ATHLEPERSONA) or set(claims) == set(
        latent_names(ATHLEPERSONA)
    )
    identified = [name for name, claim in claims.items() if claim.startswith("identified")]
    assert trained.published.version.metrics["latents_identified"] == len(identified)


def test_planted_scores_of_perfect_latents(people: MeasuredPeople, tables: Tables) -> None:
    latents = tables.planted.drop("person_id").to_numpy()
    shuffled = tables.planted.sample(fraction=1, shuffle=True, seed=0)
    metrics = planted_metrics(latents[:, ::-1], people, shuffled)
    assert metrics["planted_mcc_held_out"] == pytest.approx(1)
    assert metrics["planted_r2_held_out"] > 0.98
    missing = latents.copy()
    missing[:10] = np.nan
    assert planted_metrics(missing, people, tables.planted)[
        "planted_mcc_held_out"
    ] == pytest.approx(1)


def test_trait_scores_may_be_missing(people: MeasuredPeople, tables: Tables) -> None:
    latents = tables.planted.drop("person_id").to_numpy()
    full = trait_metrics(latents, people, tables.scores)["trait_association_held_out"]
    assert full > 0.8
    partly = tables.scores.with_columns(
        score=pl.when(pl.col("trait") == "openness").then(None).otherwise("score")
    )
    assert trait_metrics(latents, people, partly)["trait_association_held_out"] > 0.8
    without = tables.scores.filter(pl.col("trait") != "openness")
    assert trait_metrics(latents, people, without)["trait_association_held_out"] > 0.8
    assert (
        trait_metrics(latents, people, tables.scores.with_columns(score=pl.lit(None, pl.Float64)))
        == {}
    )


@pytest.mark.usefixtures("no_refits")
def test_metrics_touch_no_training_row(people: MeasuredPeople) -> None:
    """A model scored on people whose training rows changed after the fit scores the same."""
    model = quick(people).model
    changed = {name: x.copy() for name, x in people.measurements.items()}
    for x in changed.values():
        x[people.split.select] = 0
    other = MeasuredPeople(people.person_ids, changed)
    assert held_out_metrics(model, other) == held_out_metrics(model, people)


@pytest.mark.usefixtures("no_refits")
def test_latents_follow_their_predecessor(people: MeasuredPeople) -> None:
    first = quick(people).model
    before = predecessor_of(Champion("3", first), people, pl.DataFrame())
    config = replace(crl_config(ATHLEPERSONA, RATERS, 1), epochs=2)
    second = train_model(people, config, predecessor=before)
    a, b = first.transform(people.measurements), second.model.transform(people.measurements)
    correlations = np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a.T, b.T, strict=True)])
    assert (correlations > 0).all()
    assert np.median(correlations) > 0.9
    least = first.latent_names[int(correlations.argmin())]
    mean = correlations.mean()
    assert second.columns == (
        f"columns as in version 3: mean correlation {mean:.2f}, least {correlations.min():.2f} "
        f"({least})"
    )


@pytest.mark.usefixtures("no_refits")
def test_columns_that_cannot_be_matched_are_told(people: MeasuredPeople) -> None:
    nobody = pl.DataFrame({"person_id": ["somebody else"], "face_1": [0.5]})
    config = replace(crl_config(ATHLEPERSONA, RATERS, 1), epochs=1)
    trained = train_model(people, config, predecessor=Predecessor("2", nobody))
    assert trained.columns == "columns not matched to those of version 2"


@pytest.mark.slow
@pytest.mark.usefixtures("no_refits")
def test_a_champion_of_other_latents_is_matched_by_name_and_gives_way(
    people: MeasuredPeople,
) -> None:
    config = replace(crl_config(ATHLEPERSONA, RATERS, 0), epochs=2)
    face, text = config.modalities
    small = train_model(people, replace(config, modalities=(replace(face, n_latents=3), text)))
    champion = Champion("1", small.model)
    before = predecessor_of(champion, people, pl.DataFrame())
    large = train_model(people, config, predecessor=before)
    ours, theirs = (m.transform(people.measurements) for m in (large.model, small.model))
    for name in small.model.latent_names:
        column = ours[:, large.model.latent_names.index(name)]
        known = theirs[:, small.model.latent_names.index(name)]
        assert np.corrcoef(column, known)[0, 1] > 0.3
    assert decide(large.model, champion, people) == Decision(
        "champion", "version 1 has 10 latents where 12 are configured now"
    )
    fewer = replace(config, modalities=(face, replace(text, measurements=("text_llama",))))
    others = replace(fewer.modalities[1], measurements=("text_gemini",))
    llama = train_model(people, fewer).model
    gemini = train_model(people, replace(config, modalities=(face, others))).model
    assert "made for other measurements of the modality text" in (
        decide(llama, Champion("1", gemini), people).reason
    )
    assert "not worse" in decide(llama, Champion("1", llama), people).reason


KILLED = """
import sys, time
from dataclasses import replace
from pathlib import Path
from personax_assets.analysis import training
from personax_assets.analysis.columns import Predecessor, predecessor_of
from personax_assets.analysis.decision import Champion, Decision, decide
from personax_assets.analysis.training import crl_config, train_model
from personax_assets.analysis.measurements import measured_people
from personax_assets.datasets import ATHLEPERSONA
from tests.personax_assets.analysis.conftest import RATERS, make_tables

def refitted(n):
    print("refitted", flush=True)
    time.sleep(60)  # until it is killed

tables = make_tables()
people = measured_people(tables.faces, tables.texts, ATHLEPERSONA, RATERS)
config = replace(crl_config(ATHLEPERSONA, RATERS, 0), epochs=3)
train_model(people, config, refitted=refitted, checkpoints=Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_training_that_was_killed_in_a_refit_goes_on(
    people: MeasuredPeople, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "refitted\n"
    process.kill()
    process.communicate()
    config = replace(crl_config(ATHLEPERSONA, RATERS, 0), epochs=3)
    epochs: list[int] = []
    resumed = train_model(
        people, config, callback=lambda epoch, _: epochs.append(epoch), checkpoints=tmp_path
    )
    assert epochs == []  # the fit itself was done
    uninterrupted = train_model(people, config)
    assert resumed.metrics == uninterrupted.metrics
    assert resumed.evidence == uninterrupted.evidence
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "fit.safetensors", "refit-1.safetensors", "refit-2.safetensors",
    ]  # fmt: skip


@pytest.mark.usefixtures("no_refits")
def test_the_graph_is_that_of_held_out_people(people: MeasuredPeople) -> None:
    model = quick(people).model
    latents = pl.DataFrame({"person_id": people.person_ids}).with_columns(
        pl.from_numpy(model.transform(people.measurements), list(model.latent_names))
    )
    edges = graph_over_latents(latents, model)
    assert edges.columns == list(latent_graph(ATHLEPERSONA).column_names)
    assert edges.height
    assert edges["frequency"].min() > 0
    assert edges.sort("strength")["frequency"][-1] > 0.9  # the firmest edge returns
    assert not edges["target"].str.starts_with("shared").any()
    assert edges.filter(pl.col("kind") == "directed")["source"].str.starts_with("face").sum() == (
        edges.filter(pl.col("source").str.starts_with("face"), pl.col("kind") == "directed")
        .filter(pl.col("target").str.starts_with("face"))
        .height
    )  # no face causes a trait
    spoilt = latents.with_columns(
        pl.when(pl.Series(people.split.train)).then(0.5).otherwise("face_1").alias("face_1")
    )
    assert graph_over_latents(spoilt, model).equals(edges)


def test_importing_costs_little() -> None:
    folder = Path(training.__file__).parent
    lazy = ("crl_pyfunc", "__init__")  # MLflow alone imports the first
    names = [p.stem for p in folder.glob("*.py") if p.stem not in lazy]
    heavy = "torch", "mlflow", "sklearn", "matplotlib", "scipy.stats", "causallearn", "pandas"
    code = "\n".join(f"import personax_assets.analysis.{name}" for name in names)
    code += f"\nimport sys; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
