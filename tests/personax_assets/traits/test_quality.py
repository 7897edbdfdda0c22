import krippendorff
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score

from personax_assets.datasets import ATHLEPERSONA, TRAITS
from personax_assets.schemas.traits import rater_quality as schema
from personax_assets.traits.engine import annotate, not_rated
from personax_assets.traits.journal import Journal
from personax_assets.traits.prompts import build_requests
from personax_assets.traits.quality import rater_quality
from personax_assets.traits.rater_files import load_raters
from personax_assets.traits.raters import RaterConfig
from personax_assets.traits.scores import trait_scores
from personax_assets.traits.simulated_server import SimulatedServer
from tests.personax_assets.traits.conftest import SEED, People


def value(quality: pl.DataFrame, rater: str, measure: str, trait: str = "all") -> float | None:
    found = quality.filter(rater=rater, measure=measure, trait=trait)
    result: float | None = found.item(0, "value")
    return result


@pytest.fixture
def answers(athletes: People, journal: Journal) -> dict[str, pl.DataFrame]:
    texts = {}
    with SimulatedServer({"athlepersona": 60}, SEED) as server:
        for rater in map(server.connect, load_raters("simulated")):
            texts[rater.name] = annotate(
                build_requests(athletes(60), ATHLEPERSONA, rater), rater, journal
            )
    return texts


def test_agreement_equals_the_references(answers: dict[str, pl.DataFrame]) -> None:
    scores = trait_scores(answers)
    quality = rater_quality(answers, scores)
    assert quality.schema == schema(ATHLEPERSONA).polars
    assert quality.select(schema(ATHLEPERSONA).key).is_unique().all()
    for trait in TRAITS:
        rows = scores.filter(trait=trait)
        table = rows.select(
            pl.col(list(answers)).replace(0, None).cast(float).fill_null(float("nan"))
        )
        alpha = krippendorff.alpha(
            reliability_data=table.to_numpy().T, level_of_measurement="ordinal"
        )
        assert value(quality, "all", "alpha", trait) == pytest.approx(alpha, rel=1e-12)
        low = value(quality, "all", "alpha_low", trait)
        high = value(quality, "all", "alpha_high", trait)
        assert low is not None
        assert high is not None
        assert low < alpha < high
        both = rows.filter(pl.col("chatgpt") > 0, pl.col("llama") > 0)
        kappa = cohen_kappa_score(both["chatgpt"], both["llama"], weights="quadratic")
        assert value(quality, "all", "kappa_chatgpt_llama", trait) == pytest.approx(kappa)
    assert rater_quality(answers, scores).equals(quality)


def test_each_rater_is_measured(answers: dict[str, pl.DataFrame]) -> None:
    chatgpt = answers["chatgpt"]
    changed = chatgpt.with_row_index().with_columns(
        pl.when(pl.col("index") < 6)
        .then(pl.lit("refusal"))
        .when(pl.col("index") < 15)
        .then(pl.lit("invalid_json"))
        .when(pl.col("index") < 20)
        .then(pl.lit("not_rated"))
        .otherwise("status")
        .alias("status"),
        pl.when(pl.col("index") == 30).then(0).otherwise("openness_score").alias("openness_score"),
        latency_s=pl.col("index").cast(float),
        cost_usd=pl.lit(0.25),
        attempts=pl.lit(2),
        malformed=(pl.col("index").is_between(15, 25)).cast(pl.Int16),
    )
    texts = {**answers, "chatgpt": changed.drop("index")}
    quality = rater_quality(texts, trait_scores(texts))
    assert value(quality, "chatgpt", "missing") == pytest.approx(15 / 55)
    assert value(quality, "chatgpt", "hesitation") == pytest.approx(6 / 55)
    assert value(quality, "chatgpt", "malformed") == pytest.approx(6 / 110)  # of all calls
    assert value(quality, "chatgpt", "outcome_ok") == pytest.approx(40 / 55)
    zeros = (changed[20:]["openness_score"] == 0).sum()
    assert value(quality, "chatgpt", "abstention", "openness") == pytest.approx(zeros / 40)
    assert value(quality, "chatgpt", "latency_p50_s") == 39.5
    assert value(quality, "chatgpt", "cost_usd") == 55 * 0.25
    assert value(quality, "gemini", "cost_usd") is None
    assert quality.filter(measure="outcome_timeout").height == 0


def test_a_rater_whom_nobody_asked_has_no_measures(athletes: People, chatgpt: RaterConfig) -> None:
    texts = {name: not_rated(athletes(3), ATHLEPERSONA, chatgpt) for name in ("chatgpt", "gemini")}
    quality = rater_quality(texts, trait_scores(texts))
    assert quality["value"].null_count() == quality.height
    assert quality["n"].to_list() == [0] * quality.height


def test_the_overall_score_follows_its_formula(answers: dict[str, pl.DataFrame]) -> None:
    texts = {
        name: frame.with_columns(
            latency_s=pl.lit(seconds),
            prompt_tokens=pl.lit(100),
            completion_tokens=pl.lit(tokens),
            cost_usd=pl.lit(None, pl.Float64),
            status=pl.when(pl.int_range(pl.len()) < failed)
            .then(pl.lit("timeout"))
            .otherwise("status"),
        )
        for (name, frame), seconds, tokens, failed in zip(
            answers.items(), (1.0, 2.0, 4.0), (100, 300, 100), (0, 0, 30), strict=True
        )
    }
    scores = trait_scores(texts)
    quality = rater_quality(texts, scores)
    # Terms: answered, not hesitant, well formed, fast, frugal (tokens per answer).
    assert value(quality, "chatgpt", "overall") == pytest.approx((1 + 1 + 1 + 1 + 1) / 5)
    assert value(quality, "gemini", "overall") == pytest.approx((1 + 1 + 1 + 1 / 2 + 1 / 2) / 5)
    assert value(quality, "llama", "overall") == pytest.approx((0.5 + 1 + 1 + 1 / 4 + 1 / 2) / 5)
    assert value(quality, "llama", "consistency") is None
    repeated = dict.fromkeys(texts, (0.9, 50)) | {"llama": (0.6, 50)}
    quality = rater_quality(texts, scores, repeated)
    assert value(quality, "llama", "consistency") == 0.6
    assert value(quality, "llama", "overall") == pytest.approx((2.5 + 0.25 + 0.5 + 0.6) / 6)
    partly = rater_quality(texts, scores, {"llama": (0.6, 50)})  # not known of all: left out
    assert value(partly, "llama", "overall") == pytest.approx((2.5 + 0.25 + 0.5) / 5)
