"""Level I across sub-datasets: which dependencies they share and which differ.

Belongs here: joining their tests of the variables that both have. Does not belong here: making the
tests, or showing them.
"""

from collections.abc import Sequence

import polars as pl

from personax_assets.datasets import SubDataset
from personax_assets.errors import SkipStageError
from personax_assets.schemas import (
    BOTH,
    COMPARED,
    NEITHER,
    STRATUM,
    TEST_KEY,
    level1_comparison,
    shared_variables,
)
from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage

ALPHA = 0.05


def comparison_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the stages that need both sub-datasets."""
    names = [f"{sub.name}/independence_tests" for sub in layout.subs]

    @stage(layout, "level1", deps=names, kinds=("python", "duckdb"))
    def level1(run: StageRun) -> StageResult:
        """Which dependencies the sub-datasets share, among the variables that both have."""
        tests = [run.read(name) for name in names]
        for sub, frame in zip(layout.subs, tests, strict=True):
            if frame.is_empty():
                raise SkipStageError(
                    f"the {sub.people} have not been tested; there is nothing to compare with"
                )
        frame = compared(layout.subs, tests)
        return StageResult((run.replacing(frame),), {"found_in": _counts(frame)})

    return (level1,)


def compared(subs: Sequence[SubDataset], tests: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Join the tests that two sub-datasets have in common.

    Parameters
    ----------
    subs : sequence of two SubDataset
        The sub-datasets.
    tests : sequence of two DataFrame
        Their `independence_tests`.

    Returns
    -------
    DataFrame
        Columns as in `schemas.level1_comparison`, one row per test that both tables have.
    """
    left, right = (_of_shared(*one, subs) for one in zip(subs, tests, strict=True))
    joined = left.join(
        right, on=[*TEST_KEY, "effect_measure"], how="inner", nulls_equal=True,
        maintain_order="left",
    )  # fmt: skip
    return joined.with_columns(
        _found(subs, [pl.col(f"{sub.name}_dependent") for sub in subs]).alias("dependent_in"),
        _found(subs, [pl.col(f"{sub.name}_q_value") < ALPHA for sub in subs]).alias(
            "discovered_in"
        ),
    ).select(level1_comparison(subs).column_names)


def _of_shared(sub: SubDataset, tests: pl.DataFrame, subs: Sequence[SubDataset]) -> pl.DataFrame:
    """Return a sub-dataset's tests of shared variables, its own columns under its name."""
    return (
        tests.filter(
            pl.col("variable").is_in(shared_variables(subs)),
            pl.col("given").is_null() | (pl.col("given") == sub.stratum),
        )
        .with_columns(pl.when(pl.col("given").is_not_null()).then(pl.lit(STRATUM)).alias("given"))
        .select(
            *TEST_KEY,
            "effect_measure",
            *(pl.col(name).alias(f"{sub.name}_{name}") for name in COMPARED),
        )
    )


def _found(subs: Sequence[SubDataset], flags: Sequence[pl.Expr]) -> pl.Expr:
    """Return where a dependence was found; null where one of the tests could not be made."""
    first, second = flags
    return (
        pl.when(first & second).then(pl.lit(BOTH))
        .when(first & ~second).then(pl.lit(subs[0].name))
        .when(~first & second).then(pl.lit(subs[1].name))
        .when(~first & ~second).then(pl.lit(NEITHER))
    )  # fmt: skip


def _counts(frame: pl.DataFrame) -> dict[str, str]:
    """Count, per test of the recommended settings, where dependencies of the median were found."""
    main = frame.filter(
        pl.col("profile") == "recommended",
        pl.col("rater") == "aggregate",
        pl.col("given").is_null(),
        pl.col("dependent_in").is_not_null(),
    )
    counts = main.group_by("test", "dependent_in").len().sort("test", "dependent_in")
    return {
        str(test): ", ".join(
            f"{n} {where}" for where, n in rows.select("dependent_in", "len").rows()
        )
        for (test,), rows in counts.group_by("test", maintain_order=True)
    }
