"""The calibration of prompts: what is asked, and whether what was planted is found."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA, TRAITS
from personax_assets.schemas.traits import prompt_answers, prompt_calibration
from personax_assets.traits.calibration import (
    ARMS,
    FULL,
    VARIANTS,
    consistency,
    measures,
    questions,
    sample,
)
from personax_assets.traits.engine import annotate
from personax_assets.traits.figures import calibration_figure
from personax_assets.traits.journal import Journal
from personax_assets.traits.prompts import build_requests, load_prompt
from personax_assets.traits.rater_files import load_raters
from personax_assets.traits.raters import RaterConfig
from personax_assets.traits.simulated_server import SimulatedServer
from tests.personax_assets.traits.conftest import SEED, People

N, REPEATS = 20, 3


def test_the_sample_is_the_same_whoever_joins(athletes: People) -> None:
    few, many = (set(sample(athletes(n), ATHLEPERSONA, 10)["person_id"]) for n in (30, 60))
    assert len(few) == len(many) == 10
    order = sample(athletes(60), ATHLEPERSONA, 60)["person_id"].to_list()
    assert [p for p in order if p in few] == sample(athletes(30), ATHLEPERSONA, 10)[
        "person_id"
    ].to_list()
    unknown = athletes(5).with_columns(league=pl.lit(None, pl.String))
    assert sample(unknown, ATHLEPERSONA, 5).is_empty()


def test_every_arm_tells_what_it_says_and_nothing_else(
    athletes: People, chatgpt: RaterConfig
) -> None:
    people = athletes(N)
    about, requests = questions(people, ATHLEPERSONA, chatgpt, REPEATS)
    assert about.height == len(requests) == N * (len(VARIANTS) * REPEATS + len(ARMS))
    assert len({request.key for request in requests}) == len(requests)
    assert about["person_id"].to_list() == [request.person_id for request in requests]
    main = {request.key for request in build_requests(people, ATHLEPERSONA, chatgpt)}
    assert not main & {request.key for request in requests}, "studies share no answers"
    names = dict(people.select("person_id", "name").iter_rows())
    said = [request.body["messages"][1]["content"] for request in requests]
    for (person, arm, _, told, named), words in zip(about.iter_rows(), said, strict=True):
        lines = words.splitlines()
        if arm == "context_only":
            assert lines == ["Name: (withheld)", f"League: {told}"]
            assert named is None
        elif arm == "name_only":
            assert lines == [f"Name: {names[person]}"]
        else:
            assert lines == [f"Name: {names[named]}", f"League: {told}"]
            assert (named != person) == (arm == "other_name")


@pytest.mark.parametrize(
    ("name", "answer", "read"),
    [("textual_3", "Medium", 2), ("textual_5", "very high", 5), ("numeric_5", 5, 5)],
)
def test_the_variants_are_read_in_their_own_words(name: str, answer: object, read: int) -> None:
    scale = load_prompt(name).scale
    assert scale.read(answer) == read
    assert scale.read("insufficient information" if scale.textual else 0) == 0
    assert scale.read(9) is None
    assert load_prompt("numeric_3").scale.read("medium") is None


Planted = Callable[..., pl.DataFrame]


def planted(
    told_effect: float, named_effect: float, silent_effect: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return answers of one rater whose scores follow what is told and whom is named."""
    rng = np.random.default_rng(5)
    n = 1_200
    people = pl.DataFrame(
        {
            "person_id": [f"p{i}" for i in range(n)],
            "name": [f"N {i}" for i in range(n)],
            "league": rng.choice(["NBA", "NFL", "NHL", "ATP"], n),
        }
    )
    rater = load_raters("simulated")[0]
    about, _ = questions(people, ATHLEPERSONA, rater, 2)
    level = {"NBA": -1.5, "NFL": -0.5, "NHL": 0.5, "ATP": 1.5}
    league = dict(people.select("person_id", "league").iter_rows())
    told = np.array([level[x] for x in about["told"]]) * (about["arm"] != "name_only").to_numpy()
    named = np.array([level[league[x]] if x else 0.0 for x in about["named"]])
    person = dict(zip(people["person_id"], rng.normal(size=n), strict=True))
    own = np.array([person[p] for p in about["person_id"]])
    reading = told_effect * told + named_effect * named + 0.7 * own
    scores = 2 + (reading > 0.7).astype(int) - (reading < -0.7).astype(int)
    silent = rng.random(len(told)) < 0.2 + silent_effect * told / 3
    table = about.with_columns(
        pl.lit("chatgpt").alias("rater"),
        pl.lit("ok").alias("status"),
        pl.lit("v").alias("prompt_version"),
        pl.lit("m").alias("model"),
        pl.lit(True).alias("simulated"),
        pl.lit(None, pl.Float64).alias("cost_usd"),
        pl.lit("h").alias("input_hash"),
        *(pl.Series(f"{t}_score", np.where(silent, 0, scores), pl.Int16) for t in TRAITS),
    )
    assert set(table.columns) == set(prompt_answers(ATHLEPERSONA).column_names)
    return table, people


def found(table: pl.DataFrame, arm: str, measure: str) -> dict[str, float | None]:
    row = table.filter(arm=arm, measure=measure, trait="openness").row(0, named=True)
    return {"value": row["value"], "low": row["low"], "high": row["high"], "p": row["p_value"]}


def measured(table: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    nobody = people.clear().select(
        "person_id", *(pl.lit(None).alias(v.name) for v in ATHLEPERSONA.variables)
    )
    result = measures(table, people.select("person_id", "league"), {}, nobody, ATHLEPERSONA)
    assert result.schema == prompt_calibration(ATHLEPERSONA).polars
    assert result.select(prompt_calibration(ATHLEPERSONA).key).is_unique().all()
    return result


@pytest.mark.slow
def test_what_the_prompt_gives_away_is_told_from_what_the_person_brings() -> None:
    gives_away = measured(*planted(told_effect=0.6, named_effect=0.0, silent_effect=0.0))
    share = found(gives_away, "other_name", "prompt_share")
    assert share["value"] is not None
    assert share["value"] > 0.85
    assert found(gives_away, "name_only", "dependence")["p"] > 0.01  # type: ignore[operator]
    brings = measured(*planted(told_effect=0.0, named_effect=0.6, silent_effect=0.0))
    share = found(brings, "other_name", "prompt_share")
    assert share["value"] is not None
    assert share["value"] < 0.05
    assert found(brings, "name_only", "dependence")["p"] < 1e-6  # type: ignore[operator]
    assert found(brings, "other_name", "dependence_on_named")["p"] < 1e-6  # type: ignore[operator]
    half = found(
        measured(*planted(told_effect=0.4, named_effect=0.4, silent_effect=0.0)),
        "other_name", "prompt_share",
    )  # fmt: skip
    assert 0.1 < half["low"] < half["value"] < half["high"] < 0.7  # type: ignore[operator]


def test_abstaining_that_depends_on_the_league_is_found_and_no_share_of_nothing_is_told() -> None:
    table = measured(*planted(told_effect=0.0, named_effect=0.0, silent_effect=0.2))
    assert found(table, FULL, "abstention_dependence")["p"] < 1e-6  # type: ignore[operator]
    assert found(table, "name_only", "abstention_dependence")["p"] > 1e-3  # type: ignore[operator]
    assert found(table, "other_name", "prompt_share")["value"] is None


def test_the_simulated_raters_waver_as_planted(athletes: People, journal: Journal) -> None:
    people, frames = athletes(N), []
    with SimulatedServer({"athlepersona": N}, SEED) as server:
        rater = server.connect(load_raters("simulated")[2])
        about, requests = questions(people, ATHLEPERSONA, rater, REPEATS)
        answers = annotate(requests, rater, journal)
        main = annotate(build_requests(people, ATHLEPERSONA, rater), rater, journal)
    assert (answers["status"] == "ok").all()
    frames.append(
        pl.concat([about, answers.drop("person_id")], how="horizontal")
        .with_columns(rater=pl.lit("llama"))
        .select(prompt_answers(ATHLEPERSONA).column_names)
    )
    bios = people.with_columns(
        pl.lit(None, pl.Float64).alias(v.name)
        for v in ATHLEPERSONA.variables if v.name != "league"
    )  # fmt: skip
    table = measures(
        pl.concat(frames), people.select("person_id", "league"), {"llama": main}, bios, ATHLEPERSONA
    )
    spread = dict(table.filter(measure="spread", trait="all").select("arm", "value").iter_rows())
    assert spread.keys() == set(VARIANTS)
    assert spread["textual_3"] > spread["numeric_3"] > 0
    same, n = consistency(table)["llama"]
    assert n == N * len(TRAITS) * 3
    assert 0.7 < same < 1
    silent = table.filter(arm="context_only", measure="abstention_share")["value"]
    assert silent.mean() > 0.15  # type: ignore[operator]
    assert table.filter(arm="main")["variable"].n_unique() == len(ATHLEPERSONA.variables)
    assert len(calibration_figure(table, "prompts").axes) == 2
