"""A rater of one's own: one more block of YAML, everywhere; and its key nowhere."""

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dagster_project.build import build_resources, definitions_of
from dagster_project.cli.run import launch
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.profiles import sources_of
from personax_assets.analysis.measurements import measurement_names
from personax_assets.datasets import ATHLEPERSONA, TRAITS
from personax_assets.resources import Resources, SourceConfig
from personax_assets.stage import stale
from personax_assets.traits.rater_files import SHIPPED
from personax_assets.traits.simulated_server import SimulatedServer
from tests.personax_assets.traits.test_engine import CANARY, Echo

SIMULATED = yaml.safe_load((SHIPPED / "simulated.yaml").read_text())["raters"]


def fourth(base_url: str) -> dict[str, Any]:
    """One more block: a rater with a key, as a hosted model is."""
    return {
        "name": "mistral", "model": "simulated-llama", "base_url": base_url, "temperature": 0.5,
        "key_env": "CANARY_KEY", "capability": "text", "transport": "aiohttp",
    }  # fmt: skip


def resources_with(root: Path, people: int, *raters: dict[str, Any]) -> Resources:
    file = root / "raters.yaml"
    file.write_text(yaml.safe_dump({"raters": list(raters)}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERSONAX_RATERS", str(file))
        home = Home(root / "home")
        wanted = {ATHLEPERSONA.name: SourceConfig(people=people)}
        return build_resources("demo", home, sources_of(home, wanted))


def bring(resources: Resources, *names: str) -> None:
    """Bring the athletes' stages up to date: those named, or all."""
    Home(resources.home).prepare()
    stages = [s for s in stages_of(resources) if s.layout.subs == (ATHLEPERSONA,)]
    within = {s.key for s in stages if not names or s.name in names}
    launch(resources, stale(stages, resources, within))


def files_with(secret: str, root: Path) -> list[str]:
    return [
        str(path) for path in root.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]  # fmt: skip


def test_one_more_block_is_one_more_asset_column_and_measurement(tmp_path: Path) -> None:
    resources = resources_with(tmp_path, 5, *SIMULATED, fourth("http://127.0.0.1:9/v1"))
    raters = ("chatgpt", "gemini", "llama", "mistral")
    keys = {key.to_user_string() for key in definitions_of(resources).resolve_all_asset_keys()}
    assert {f"athlepersona/trait_texts_{rater}" for rater in raters} <= keys
    layout = next(s.layout for s in stages_of(resources) if s.layout.subs == (ATHLEPERSONA,))
    assert set(raters) < set(layout.tables["trait_scores"].column_names)
    assert layout.tables["trait_texts_mistral"].name == "trait_texts_mistral"
    assert measurement_names(ATHLEPERSONA, layout.raters)["text"][-1] == "text_mistral"


@pytest.mark.slow
def test_a_fourth_rater_reaches_scores_agreement_and_both_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("CANARY_KEY", CANARY)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    n = 120
    with SimulatedServer({ATHLEPERSONA.name: n}, 0) as server:
        resources = resources_with(tmp_path, n, *SIMULATED, fourth(server.base_url))
        bring(resources)
    assert {r.status for r in resources.warehouse.stages().values()} == {"ok"}
    query = resources.warehouse.query
    scores = query("SELECT * FROM athlepersona.trait_scores")
    assert scores.height == n * len(TRAITS)
    assert scores["mistral"].null_count() == 0
    assert scores["n_raters"].max() == 4
    kappas = query("SELECT DISTINCT measure FROM athlepersona.rater_quality "
                   "WHERE measure LIKE 'kappa%mistral'")  # fmt: skip
    assert kappas.height == 3
    tested = query("SELECT DISTINCT rater FROM athlepersona.independence_tests")
    assert "mistral" in set(tested["rater"])
    mlflow.set_tracking_uri(resources.models.uri)
    model = mlflow.pyfunc.load_model("models:/personax-crl-athlepersona@champion")
    assert "text_mistral" in str(model.metadata.get_input_schema())
    assert "mistral" in (resources.home / "report" / "athlepersona.html").read_text()
    assert files_with(CANARY, tmp_path) == []


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that tells the key back, in answers and in errors."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}/v1"
    httpd.shutdown()
    httpd.server_close()


def test_a_key_that_a_server_tells_back_is_nowhere_in_the_home(
    tmp_path: Path,
    echo: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("CANARY_KEY", CANARY)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    rater = {**fourth(echo), "max_attempts": 1}
    broken = {**rater, "name": "broken", "base_url": "http://127.0.0.1:9/v1"}
    resources = resources_with(tmp_path, 40, rater, broken)
    bring(resources, "raw_bios", "bios", "trait_texts_mistral", "trait_texts_broken",
          "trait_scores", "rater_quality", "text_embeddings", "report")  # fmt: skip
    texts = resources.warehouse.query("SELECT * FROM athlepersona.trait_texts_mistral")
    told = texts["openness_text"].drop_nulls()
    assert (told == "Says [key]").all()
    assert told.len() > 0
    failed = texts.filter(pl.col("status") == "http_4xx")
    assert failed["detail"].str.contains("[key]", literal=True).all()
    assert failed.height > 0
    assert files_with(CANARY, tmp_path) == []
    said = capfd.readouterr()
    assert CANARY not in caplog.text + said.out + said.err
