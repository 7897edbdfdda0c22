"""The stage of the tests: what it keeps, what it makes again, and that nobody can tell which."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_project.build import build_resources
from dagster_project.home import Home
from personax_assets.analysis import counting
from personax_assets.analysis.counting import Counted, counted, kinds_of, people_of, recounted
from personax_assets.analysis.independence import independence_stage
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, LEAGUES, TRAITS
from personax_assets.execution import Outcome, execute
from personax_assets.resources import Resources
from personax_assets.schemas.level1 import (
    PAIR,
    TEST_KEY,
    TESTS,
    independence_counts,
    independence_people,
)
from personax_assets.schemas.tables import sub_dataset_tables
from personax_assets.stage import Layout, StageRun
from personax_ml.independence import independence_grid

RATERS = ("chatgpt", "llama")
SUB = replace(
    ATHLEPERSONA,
    variables=tuple(v for v in ATHLEPERSONA.variables if v.name in ("height_cm", "league")),
)
SEED = 0
N_PAIRS = (1 + len(RATERS)) * len(TRAITS) * len(SUB.variables)


def bios_of(n: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    schema = sub_dataset_tables(SUB)["bios"].polars
    columns = {
        "person_id": [f"p{i:03}" for i in range(n)],
        "height_cm": [None, *rng.normal(186, 8, n - 1).round().tolist()],
        "league": [None, *rng.choice(LEAGUES, n - 1).tolist()],
    }
    return pl.DataFrame(columns, schema={name: schema[name] for name in columns})


def scores_of(n: int, seed: int = 0, raters: tuple[str, ...] = RATERS) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    size = n * len(TRAITS)
    rated = {rater: pl.Series(rng.integers(0, 4, size)) for rater in raters}
    frame = pl.DataFrame(
        {
            "person_id": [f"p{i:03}" for i in range(n) for _ in TRAITS],
            "trait": list(TRAITS) * n,
            **rated,
        }
    )
    known = [pl.when(pl.col(r) > 0).then(pl.col(r)) for r in raters]
    return frame.with_columns(
        pl.concat_list(known).list.median().alias("score"),
        pl.sum_horizontal(pl.col(r) > 0 for r in raters).alias("n_raters"),
    )


class Level1:
    """A home of which only bios, scores and tests are made."""

    def __init__(self, folder: Path) -> None:
        home = Home(folder)
        home.prepare()
        self.resources: Resources = build_resources("demo", home)
        self.stage = independence_stage(
            Layout(SUB.name, (SUB,), RATERS, sub_dataset_tables(SUB, RATERS))
        )

    def refresh(self, bios: pl.DataFrame, scores: pl.DataFrame) -> Outcome:
        """Write the inputs and run the stage."""
        layout = self.stage.layout
        with self.resources.warehouse.transaction() as transaction:
            for name, frame in (("bios", bios), ("trait_scores", scores)):
                schema = layout.tables[name]
                missing = [c for c in schema.columns if c.name not in frame.columns]
                filled = frame.with_columns(
                    pl.lit("" if c.type == "VARCHAR" else False if c.type == "BOOLEAN" else None)
                    .cast(c.polars)
                    .alias(c.name)
                    for c in missing
                )
                transaction.replace(schema, layout.table(name), filled)
        return execute(StageRun(self.stage, self.resources), only_stale=False)

    def table(self, name: str) -> pl.DataFrame:
        return StageRun(self.stage, self.resources).read(name)


def expected(bios: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """What testing everything anew by the library gives."""
    long = (
        scores.rename({"score": "aggregate"})
        .unpivot(
            ["aggregate", *RATERS], index=["person_id", "trait"], variable_name="rater",
            value_name="score",
        )
        .filter(pl.col("score") > 0)
    )  # fmt: skip
    grid = independence_grid(
        long, bios, kinds_of(SUB), tests=TESTS, given=(None, SUB.stratum), seed=SEED
    )
    return grid.sort(TEST_KEY)


@pytest.fixture
def level1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Level1:
    made = Level1(tmp_path)
    monkeypatch.setattr(f"{__name__}.SEED", made.resources.models.seed)
    return made


def same(level1: Level1, bios: pl.DataFrame, scores: pl.DataFrame) -> None:
    assert level1.table("independence_tests").sort(TEST_KEY).equals(expected(bios, scores))


def test_each_refresh_gives_what_testing_everything_anew_gives(
    level1: Level1, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    count = counting.counted

    def spied(people: pl.DataFrame, *rest: object) -> Counted:
        seen.append(people.height)
        return count(people, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(counting, "counted", spied)
    bios, scores = bios_of(60), scores_of(60)
    first = level1.refresh(bios, scores)
    assert first.record.status == "ok"
    assert first.result.metadata["tested_pairs"] == N_PAIRS
    same(level1, bios, scores)

    again = level1.refresh(bios, scores)
    assert again.result.metadata["tested_pairs"] == 0
    same(level1, bios, scores)

    taller = bios.with_columns(
        pl.when(pl.col("person_id") == "p007").then(201.0).otherwise("height_cm").alias("height_cm")
    )
    seen.clear()
    changed = level1.refresh(taller, scores)
    assert seen == [1, 1], "the person as it is and as it was, nobody else"
    assert changed.result.metadata["tested_pairs"] <= N_PAIRS // len(SUB.variables)
    assert changed.result.metadata["tested_pairs"] > 0
    same(level1, taller, scores)

    retired = taller.filter(pl.col("person_id") != "p011")
    remaining = scores.filter(pl.col("person_id") != "p011")
    seen.clear()
    level1.refresh(retired, remaining)
    assert seen == [0, 1]
    same(level1, retired, remaining)

    back = pl.concat([retired, bios_of(63).tail(3)])
    everybody = pl.concat([remaining, scores_of(63).tail(15)])
    seen.clear()
    level1.refresh(back, everybody)
    assert seen == [3, 0]
    same(level1, back, everybody)


@pytest.mark.parametrize("damage", ["people", "counts", "both"])
def test_counts_that_do_not_fit_are_made_anew(level1: Level1, damage: str) -> None:
    bios, scores = bios_of(40), scores_of(40)
    level1.refresh(bios, scores)
    for name in ("independence_people", "independence_counts"):
        if damage in (name.split("_")[1], "both"):
            with level1.resources.warehouse.transaction() as transaction:
                key = "person_id = 'p003'" if name.endswith("people") else "variable = 'league'"
                where = "TRUE" if damage == "both" else key
                transaction.replace(
                    level1.stage.layout.tables[name],
                    f"{SUB.name}.{name}",
                    level1.table(name).clear(),
                    where,
                )
    outcome = level1.refresh(bios, scores)
    assert outcome.result.metadata["tested_pairs"] == N_PAIRS
    same(level1, bios, scores)
    assert level1.table("independence_people").height == 40


def test_a_skipped_or_failed_run_is_not_built_upon(level1: Level1) -> None:
    bios, scores = bios_of(40), scores_of(40)
    level1.refresh(bios, scores)
    nobody = level1.refresh(bios, scores.clear())
    assert nobody.record.status == "skipped"
    assert level1.table("independence_tests").is_empty()
    assert level1.refresh(bios, scores).result.metadata["tested_pairs"] == N_PAIRS
    same(level1, bios, scores)


def test_a_rater_more_is_counted_and_the_others_stay_as_they_are() -> None:
    bios, scores = bios_of(50), scores_of(50)
    one = people_of(bios, scores, RATERS[:1])
    stored = counted(one, SUB, RATERS[:1])
    both = people_of(bios, scores, RATERS)
    unknown = [name for name in both.columns if name not in one.columns]
    as_read = stored.people.with_columns(pl.lit(None, pl.Float64).alias(n) for n in unknown)
    now, changed = recounted(
        Counted(as_read.select(both.columns), stored.counts), both, SUB, RATERS
    )
    assert changed is not None
    assert {rater for rater, _, _ in changed} == {"llama"}
    assert ordered(now.counts).equals(ordered(counted(both, SUB, RATERS).counts))


def ordered(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.sort(independence_counts(SUB).key)


people = st.dictionaries(
    st.integers(0, 8),
    st.tuples(
        *(st.sampled_from(values) for values in (
            (None, 180.0, 190.0, -0.0), (None, "NBA", "NFL"),
            (None, 1.0, 1.5), (None, 2.0), (None, 3.0),
        ))
    ),
    max_size=8,
)  # fmt: skip


def wide(drawn: dict[int, tuple[object, ...]]) -> pl.DataFrame:
    names = ("height_cm", "league", "openness_aggregate", "openness_chatgpt",
             "extraversion_llama")  # fmt: skip
    rows = [{"person_id": f"p{i}", **dict(zip(names, v, strict=True))} for i, v in drawn.items()]
    return pl.DataFrame(rows, schema=independence_people(SUB, RATERS).polars)


@settings(max_examples=60, deadline=None)
@given(people, people, people)
def test_recounting_is_counting(first, second, third) -> None:
    state = counted(wide(first), SUB, RATERS)
    for step in (second, third):
        before = ordered(state.counts)
        state, changed = recounted(state, wide(step), SUB, RATERS)
        anew = ordered(counted(wide(step), SUB, RATERS).counts)
        assert changed is not None
        assert ordered(state.counts).equals(anew)
        assert state.people.equals(wide(step))
        differing = {
            pair
            for pair in {*before.select(PAIR).iter_rows(), *anew.select(PAIR).iter_rows()}
            if not of(before, pair).equals(of(anew, pair))
        }
        assert changed == differing


def of(counts: pl.DataFrame, pair: tuple[str, str, str]) -> pl.DataFrame:
    return counts.filter(
        pl.struct(PAIR) == pl.struct(pl.lit(v).alias(k) for k, v in zip(PAIR, pair, strict=True))
    )


def test_checks_see_errors_and_a_wrong_rate(level1: Level1, monkeypatch) -> None:
    bios, scores = bios_of(40).with_columns(height_cm=pl.lit(180.0)), scores_of(40)
    outcome = level1.refresh(bios, scores)
    checks = {check.check_name: check for check in outcome.checks}
    assert not checks["no_error_rows"].passed
    assert checks["no_error_rows"].metadata["constant"].value > 0
    rate = checks["permuted_trait_is_rejected_at_the_nominal_rate"]
    assert rate.passed
    assert set(rate.metadata) >= {"kci", "rcit", "hsic"}

    from personax_ml.independence import nulls
    from personax_ml.independence.statistics import kci

    def liberal(statistic, weights):
        return 2 * nulls.saddlepoint_log_sf(statistic, weights)

    monkeypatch.setattr(kci, "saddlepoint_log_sf", liberal)
    checks = {check.check_name: check for check in level1.refresh(bios, scores).checks}
    off = checks["permuted_trait_is_rejected_at_the_nominal_rate"]
    assert not off.passed
    assert off.description is not None
    assert off.description.startswith("kci, hsic off the nominal rate")


def test_both_sub_datasets_keep_counts_in_the_types_of_their_schema() -> None:
    for sub in (ATHLEPERSONA, CELEBPERSONA):
        frame = pl.DataFrame(schema=independence_people(sub, RATERS).polars)
        assert dict(counted(frame, sub, RATERS).counts.schema) == independence_counts(sub).polars
