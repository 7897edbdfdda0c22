"""Level I: the independence tests of a sub-dataset, kept up to date pair by pair.

Belongs here: the stage and its checks. Does not belong here: counting (`counting`) or the tests
themselves (`personax_ml.independence`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from personax_assets.checks import Check, Verdict
from personax_assets.errors import SkipStageError
from personax_assets.figures import figure_metadata
from personax_assets.progress import progress
from personax_assets.schemas.level1 import PAIR, TEST_KEY, TESTS
from personax_assets.schemas.traits import AGGREGATE
from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage

if TYPE_CHECKING:
    from personax_assets.analysis.counting import Counted, Pair

_CHECK_DRAWS = 40
"""Random tables per pair and test in the check of the nominal rate."""


def independence_stage(layout: Layout) -> Stage:
    """Return the stage that makes the tests of a sub-dataset."""
    sub, raters = layout.sub, layout.raters

    @stage(
        layout, "independence_tests", group="analysis", deps=("trait_scores", "bios"),
        kinds=("python", "duckdb", "scipy"), code_version="2",
        settings=lambda run: {"seed": str(run.resources.models.seed)},
        checks=(NO_ERROR_ROWS, NOMINAL_RATE),
    )  # fmt: skip
    def independence_tests(run: StageRun) -> StageResult:
        """In the paper's and the recommended settings, for each rater and for the median.

        Marginal tests, and tests given the league or occupation. The q-value is Benjamini and
        Hochberg's over all traits and variables of the same settings, rater, condition and test.
        Counts are kept: people who came, changed or went are counted, nobody else, and only pairs
        whose counts changed are tested again.
        """
        from threadpoolctl import threadpool_limits

        from personax_assets.analysis.counting import kinds_of, pairs_of, people_of
        from personax_ml.independence.counts import tables_of
        from personax_ml.independence.grid import grid_from_tables, with_q_values
        from personax_ml.independence.plots import p_value_heatmap

        bios = run.read("bios", ("person_id", *(v.name for v in sub.variables)))
        people = people_of(bios, run.read("trait_scores"), raters)
        pairs = pairs_of(people, sub, raters)
        if not pairs:
            raise SkipStageError(f"the {sub.people} have no trait scores")
        now, unchanged = _counts_now(run, people, pairs)
        before = run.read("independence_tests")
        kept = before.join(unchanged, on=PAIR, how="semi")
        done = set(kept.select(PAIR).iter_rows())
        todo = [pair for pair in pairs if pair not in done]
        # The matrices are small: more threads would only wait for each other.
        with (
            threadpool_limits(1, "blas"),
            progress(f"{sub.title}: independence tests", 2 * len(todo)) as advance,
        ):
            fresh = grid_from_tables(
                tables_of(now.counts, kinds_of(sub), sub.stratum, todo), kinds_of(sub),
                tests=TESTS, seed=run.resources.models.seed, advance=advance,
            )  # fmt: skip
        grid = with_q_values(pl.concat([kept, fresh])).sort(TEST_KEY)
        picture = p_value_heatmap(grid, "kci")
        return StageResult(
            (
                run.replacing(grid),
                run.replacing(now.people, "independence_people"),
                run.replacing(now.counts, "independence_counts"),
            ),
            {
                "dependent_pairs": _dependent(grid),
                "tested_pairs": len(todo),
                "kept_pairs": len(pairs) - len(todo),
                "kci": figure_metadata(picture, "P-values of KCI, recommended settings"),
            },
        )

    return independence_tests


def _counts_now(
    run: StageRun, people: pl.DataFrame, pairs: Sequence["Pair"]
) -> tuple["Counted", pl.DataFrame]:
    """Return the counts, and the pairs whose stored tests are still those of their counts.

    That takes that the stage ended well and that neither its code nor the seed has changed since.
    """
    from personax_assets.analysis.counting import Counted, counted, recounted

    sub, raters, before = run.sub, run.stage.layout.raters, run.previous
    none = pl.DataFrame(schema=dict.fromkeys(PAIR, pl.String))
    same = {"code": run.stage.code_version, **run.stage.settings(run)}.items()
    if before is None or before.status != "ok" or not same <= before.inputs.items():
        return counted(people, sub, raters), none
    stored = Counted(run.read("independence_people"), run.read("independence_counts"))
    now, changed = recounted(stored, people, sub, raters)
    if changed is None:
        return now, none
    unchanged = [pair for pair in pairs if pair not in changed]
    return now, pl.DataFrame(unchanged, none.schema, orient="row")


def _dependent(grid: pl.DataFrame) -> dict[str, str]:
    """Count dependent pairs per profile and test, of the median score, unconditionally."""
    main = grid.filter((pl.col("rater") == AGGREGATE) & pl.col("given").is_null())
    counts = main.group_by("profile", "test").agg(pl.col("dependent").sum(), pl.len())
    return {
        f"{profile} {test}": f"{dependent} of {n}"
        for profile, test, dependent, n in counts.sort("profile", "test").iter_rows()
    }


def _no_error_rows(run: StageRun) -> Verdict:
    bad = run.warehouse.query(
        f"SELECT status, count(*) AS n FROM {run.table} WHERE status <> 'ok' GROUP BY status"
    )
    counts = dict(bad.iter_rows())
    return Verdict(not counts, f"{sum(counts.values())} tests could not be made", counts)


def _nominal_rate(run: StageRun) -> Verdict:
    """Permute the median score of each trait and count what the tests then reject."""
    from personax_assets.analysis.counting import kinds_of
    from personax_ml.independence.calibration import plausible_rate, rejections
    from personax_ml.independence.columns import ColumnError
    from personax_ml.independence.counts import tables_of

    counts = run.read("independence_counts", where=f"rater = '{AGGREGATE}'")
    pairs = counts.select(PAIR).unique(maintain_order=True).rows()
    totals: dict[str, tuple[int, int]] = {}
    for _, strata in tables_of(counts, kinds_of(run.sub), run.sub.stratum, pairs):
        if isinstance(strata, ColumnError):
            continue
        found = rejections(strata, TESTS, draws=_CHECK_DRAWS, seed=run.resources.models.seed)
        for test, rejected in found.items():
            r, n = totals.get(test, (0, 0))
            totals[test] = r + rejected, n + _CHECK_DRAWS
    rates = {test: f"{r / n:.3f} of {n}" for test, (r, n) in totals.items()}
    off = [test for test, (r, n) in totals.items() if not plausible_rate(r, n)]
    told = f"rejected of permuted traits: {rates}"
    return Verdict(
        not off, f"{', '.join(off)} off the nominal rate; {told}" if off else told, rates
    )


NO_ERROR_ROWS = Check("no_error_rows", "Every test could be made.", _no_error_rows)

NOMINAL_RATE = Check(
    "permuted_trait_is_rejected_at_the_nominal_rate",
    "Of traits permuted over people, the recommended tests call 5 % dependent, as they should.",
    _nominal_rate,
)
