"""Asking through the whole platform: estimates, budgets, rounds, by the server's own count."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dagster_project.build import build_resources
from dagster_project.cli.forecast import print_forecast
from dagster_project.cli.main import main
from dagster_project.cli.run import launch
from dagster_project.graph import calibration_stages_of, stages_of
from dagster_project.home import Home
from dagster_project.profiles import sources_of
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.resources import Raters, Resources, SourceConfig
from personax_assets.stage import stale
from personax_assets.traits.faults import Faults
from personax_assets.traits.raters import Prices
from personax_assets.traits.simulated_server import SimulatedServer

N = 30
RATERS = ("chatgpt", "llama")
PRICES = Prices(100.0, 400.0, "2026-01-05")
STAGES = ("raw_bios", "bios", *(f"trait_texts_{rater}" for rater in RATERS), "trait_scores")

Run = Callable[..., Resources]


class Platform:
    """A home of 30 invented athletes whose raters are reached as real ones would be."""

    def __init__(self, root: Path, server: SimulatedServer) -> None:
        self.home, self.server = Home(root / "home"), server
        self.file = root / "raters.yaml"

    def write(self, **more: Any) -> None:
        prices = {"input": PRICES.input, "output": PRICES.output, "date": PRICES.date}
        raters = [
            {"name": rater, "model": f"simulated-{rater}", "base_url": self.server.base_url,
             "prices": prices, "max_tokens": 400, "backoff_s": 0.01}
            for rater in RATERS
        ]  # fmt: skip
        self.file.write_text(yaml.safe_dump({"raters": raters, **more}))

    def resources(self, **raters: Any) -> Resources:
        wanted = {ATHLEPERSONA.name: SourceConfig(people=N)}
        asking = Raters(file=str(self.file), journal=str(self.home.journal), **raters)
        return build_resources("demo", self.home, sources_of(self.home, wanted), {"raters": asking})

    def run(self, **raters: Any) -> Resources:
        self.home.prepare()
        resources = self.resources(**raters)
        within = {f"athlepersona/{name}" for name in STAGES}
        todo = stale(stages_of(resources), resources, within)
        if todo:
            launch(resources, todo)
        return resources

    def log(self) -> list[dict[str, Any]]:
        address = self.server.base_url.removesuffix("/v1") + "/log"
        with urllib.request.urlopen(address, timeout=10) as response:
            entries: list[dict[str, Any]] = json.load(response)
        return entries

    def statuses(self, resources: Resources, rater: str) -> dict[str, int]:
        return dict(
            resources.warehouse.query(
                f"SELECT status, count(*) FROM athlepersona.trait_texts_{rater} GROUP BY 1"
            ).iter_rows()
        )


@pytest.fixture
def platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Platform]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    faults = getattr(request, "param", None)
    with SimulatedServer({ATHLEPERSONA.name: N}, 0, faults) as server:
        platform = Platform(tmp_path, server)
        platform.write()
        monkeypatch.setenv("PERSONAX_RATERS", str(platform.file))
        yield platform


def row_of(rater: str, told: str) -> list[str]:
    line = next(line for line in told.splitlines() if rater in line)
    return [cell.strip() for cell in line.split("│")]


def test_the_forecast_asks_and_writes_nothing_and_comes_true(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    print_forecast(platform.resources(), [ATHLEPERSONA])
    told = capsys.readouterr().out
    assert not platform.home.root.exists()
    assert platform.log() == []
    row = row_of("llama", told)
    assert row[2:4] == [str(N), str(N)]
    resources = platform.run()
    assert len(platform.log()) == 2 * N
    cost = resources.warehouse.query(
        "SELECT sum(cost_usd) AS usd FROM athlepersona.trait_texts_llama"
    ).item()
    assert cost < float(row[6]) < 3 * cost  # before any answer: a cautious guess
    print_forecast(platform.resources(), [ATHLEPERSONA])
    assert row_of("llama", capsys.readouterr().out)[3] == "0"
    print_forecast(platform.resources(ask="again", budget_usd=0.01), [ATHLEPERSONA])
    told = capsys.readouterr().out
    row = row_of("llama", told)
    assert (row[3], row[8]) == (str(N), "measured")
    assert float(row[6]) == pytest.approx(cost, abs=0.006)
    assert "does not cover" in told


@pytest.mark.parametrize(
    "platform", [Faults(rates={"wrong_json": 0.2, "cut_body": 0.1})], indirect=True
)
def test_one_budget_holds_for_all_raters_of_a_run(platform: Platform) -> None:
    platform.write(budget_usd=4.0)
    resources = platform.run()
    usages = [entry["usage"] for entry in platform.log() if entry["usage"]]
    spent = sum(PRICES.cost(u["prompt_tokens"], u["completion_tokens"]) for u in usages)
    assert 2.5 < spent <= 4.0
    record = resources.warehouse.stages()["athlepersona/trait_texts_llama"]
    assert record.status == "degraded"
    assert record.reason is not None
    assert "the budget of 4.00 US dollars is used up" in record.reason
    left = platform.statuses(resources, "llama")["not_rated"]
    assert f"{left} calls, about" in record.reason
    before = len(platform.log())
    resources = platform.run(budget_usd=1_000.0)  # a run's own limit goes before the file's
    assert platform.statuses(resources, "llama") == {"ok": N}
    done = {(e["rater"], e["name"]) for e in platform.log()[:before] if e["fault"] is None}
    again = {(e["rater"], e["name"]) for e in platform.log()[before:]}
    assert not done & again


def test_a_budget_without_prices_is_refused_at_once(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PERSONAX_RATERS")
    monkeypatch.setenv("PERSONAX_HOME", str(platform.home.root))
    assert main(["run", "--budget", "5"]) == 1
    assert "a budget needs prices" in capsys.readouterr().err
    assert main(["run", "--budget", "0"]) == 1
    assert "more than 0" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("platform", [Faults(script=("refusal",))], indirect=True)
def test_only_failed_asks_the_refused_again_and_nobody_else(platform: Platform) -> None:
    resources = platform.run()
    assert platform.statuses(resources, "llama") == {"refusal": N}
    platform.run()
    assert len(platform.log()) == 2 * N  # a refusal is not asked again by itself
    newcomers = resources.warehouse.query(  # as if these were new
        "SELECT person_id FROM athlepersona.trait_texts_llama ORDER BY 1 LIMIT 4"
    )
    with resources.warehouse.get_connection() as connection:
        listed = ", ".join(f"'{person}'" for person in newcomers["person_id"])
        connection.execute(
            f"DELETE FROM athlepersona.trait_texts_llama WHERE person_id IN ({listed})"
        )
    resources = platform.run(ask="failed")
    assert platform.statuses(resources, "llama") == {"ok": N - 4, "not_rated": 4}
    assert platform.statuses(resources, "chatgpt") == {"ok": N}
    assert len(platform.log()) == 4 * N - 4
    resources = platform.run()
    assert platform.statuses(resources, "llama") == {"ok": N}
    assert len(platform.log()) == 4 * N
    within = {f"athlepersona/{name}" for name in STAGES}
    assert stale(stages_of(resources), resources, within) == ()


@pytest.mark.slow
def test_ask_again_asks_everybody_once_more_and_keeps_what_there_was(platform: Platform) -> None:
    first = platform.run()
    asked_at = "SELECT person_id, rated_at FROM athlepersona.trait_texts_llama ORDER BY 1"
    before = first.warehouse.query(asked_at)
    platform.write(budget_usd=2.0)
    stopped = platform.run(ask="again")  # the money ends in the middle of the new round
    asked = len(platform.log()) - 2 * N
    assert 0 < asked < 2 * N
    assert platform.statuses(stopped, "llama") == {"ok": N}  # earlier answers stay
    platform.write()
    goes_on = platform.run(ask="again")
    assert len(platform.log()) == 4 * N  # the interrupted round went on
    after = goes_on.warehouse.query(asked_at)
    assert (after["rated_at"] > before["rated_at"]).all()
    platform.run()
    assert len(platform.log()) == 4 * N
    with goes_on.raters.open_journal() as journal:
        assert journal.round_of("athlepersona", "llama") == (1, True)
        repeats = pl.Series(
            [row[0] for row in journal._db.execute("SELECT repeat FROM calls ORDER BY 1")]
        )
    assert repeats.value_counts(sort=True)["count"].to_list() == [2 * N, 2 * N]


@pytest.mark.slow
def test_the_calibration_of_prompts_enters_no_other_table(platform: Platform) -> None:
    resources = platform.run()
    texts = "SELECT * FROM athlepersona.trait_texts_llama ORDER BY person_id"
    before = resources.warehouse.query(texts)
    asked = len(platform.log())
    resources = platform.resources(calibration_people=5, calibration_repeats=2)
    studies = [s for s in calibration_stages_of(resources) if s.layout.subs == (ATHLEPERSONA,)]
    keys = {stage.key for stage in studies}
    launch(resources, stale(studies, resources, keys), "calibrate_prompts")
    assert {resources.warehouse.stages()[key].status for key in keys} == {"ok"}
    assert len(platform.log()) - asked == len(RATERS) * 5 * (4 * 2 + 3)
    found = resources.warehouse.query(
        "SELECT DISTINCT rater, arm FROM athlepersona.prompt_calibration"
    )
    assert found.height == len(RATERS) * (4 + 3 + 1)
    assert resources.warehouse.query(texts).equals(before)
    assert stale(studies, resources, keys) == ()
    within = {f"athlepersona/{name}" for name in STAGES}
    assert stale(stages_of(resources), resources, within) == ()
