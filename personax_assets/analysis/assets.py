"""The analysis stages: Level I tests, the Level II model, its latents and their graph."""

import polars as pl

from personax_assets.checks import Check, Verdict
from personax_assets.errors import SkipStageError
from personax_assets.planted import planted_factors
from personax_assets.progress import progress
from personax_assets.schemas import TESTS
from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage


def analysis_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the analysis stages of a sub-dataset."""
    sub = layout.sub

    @stage(
        layout, "independence_tests", group="analysis", deps=("trait_scores", "bios"),
        kinds=("python", "duckdb", "scipy"), checks=(TESTS_RAN,),
    )  # fmt: skip
    def independence_tests(run: StageRun) -> StageResult:
        """Tests each trait score against each bio variable, in the paper's and our settings."""
        from personax_ml.independence import VariableSpec, independence_grid

        scores = _long_scores(run.read("trait_scores"), layout.raters)
        if scores.is_empty():
            raise SkipStageError(f"the {sub.people} have no trait scores")
        variables = run.read("bios", ("person_id", *(v.name for v in sub.variables)))
        specs = {v.name: VariableSpec(v.kind, v.discrete, v.period) for v in sub.variables}
        with progress(f"{sub.title}: independence tests", len(specs)) as advance:
            grid = independence_grid(
                scores, variables, specs, tests=TESTS, given=(None, sub.stratum),
                seed=run.resources.models.seed, advance=advance,
            )  # fmt: skip
        return StageResult((run.replacing(grid),), {"dependent": _dependent_counts(grid)})

    return (independence_tests,)


def _long_scores(scores: pl.DataFrame, raters: tuple[str, ...]) -> pl.DataFrame:
    """Return one row per person, trait and rater (or the aggregate) that has a score."""
    columns = {"score": "aggregate"} | {rater: rater for rater in raters}
    return (
        scores.rename({"score": "aggregate"})
        .unpivot(list(columns.values()), index=["person_id", "trait"],
                 variable_name="rater", value_name="score")
        .filter(pl.col("score") > 0)
    )  # fmt: skip
