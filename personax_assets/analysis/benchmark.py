"""The benchmark of Level II on invented images: ours beside other methods, as an asset.

Belongs here: which worlds are drawn, and keeping every score as soon as it is there. Does not
belong here: the methods and their protocol (`personax_ml.crl.baselines.comparison`), or the
acceptance figures with more settings (`tests.benchmarks.crl`).
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from personax_assets.errors import PersonaXError
from personax_assets.figures import figure_metadata
from personax_assets.progress import progress
from personax_assets.stage import Layout, Spread, Stage, StageResult, StageRun, stage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERIMENT = "personax-crl-benchmark"
"""The MLflow experiment: a run per execution, with a nested run per fit."""

POOLS = {"small": ("class",), "full": ("class", "one")}
SEEDS = {"small": 1, "full": 5}
ROWS = {"small": 1_000, "full": 10_000}

COLOURS = {
    "ours": "#0072b2", "baseline": "#d55e00", "control": "#7d858d", "ceiling": "#009e73",
    "ablation": "#56b4e9",
}  # fmt: skip
"""Okabe and Ito's, by kind of method."""


def benchmark_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the stages of the benchmark."""

    @stage(
        layout, "crl_benchmark", kinds=("python", "duckdb", "pytorch", "mlflow"),
        code_version="2", settings=_settings, follows=False, fresh_for=None, spread=FITTING,
    )  # fmt: skip
    def crl_benchmark(run: StageRun) -> StageResult:
        """Level II on variant MNIST: ours, other methods, controls, ablations and a ceiling.

        Coloured digits in three measurements and clothes in one, whose latents are known. Without
        a folder of IDX files it is a small look at the digits of scikit-learn, of a thousand rows
        and short trainings, which no result should be quoted from; with the files it takes hours,
        and goes on where it was interrupted.
        """
        todo, gone = _fits_left(run)
        about = {
            "size": _size(run),
            "images": "IDX files" if _folder(run) else "scikit-learn digits",
        }
        with progress("Benchmark of Level II: fits", todo.height) as advance:
            for rows in _scored(run, todo):
                run.upsert(rows)
                advance(1)
        table = run.read(run.stage.name)
        figure = benchmark_figure(table, f"Variant MNIST ({', '.join(about.values())})")
        _log(run, table, figure, about)
        return StageResult(
            (run.deleting(gone),),
            {
                **about,
                "scores": figure_metadata(figure, "Held-out MCC and R2 of every method"),
            },
        )

    return (crl_benchmark,)


def benchmark_figure(table: pl.DataFrame, title: str) -> "Figure":
    """Draw the scores of every method.

    Parameters
    ----------
    table : DataFrame
        `synthetic.crl_benchmark`.
    title : str
        What is shown.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per pool of shapes and score; a dot per seed, a bar for their mean, coloured by
        the kind of the method.
    """
    from matplotlib.figure import Figure

    pools = table["world"].unique(maintain_order=True).to_list()
    methods = table.unique("method", maintain_order=True).select("method", "kind").rows()
    figure = Figure(figsize=(9.5, 0.9 + 0.3 * len(methods) * max(len(pools), 1)))
    figure.set_layout_engine("constrained")
    figure.suptitle(title)
    grid = figure.subplots(max(len(pools), 1), 2, squeeze=False, sharey=True)
    for row, pool in zip(grid, pools, strict=False):
        for axes, score in zip(row, ("mcc_held_out", "r2_held_out"), strict=True):
            for place, (method, kind) in enumerate(reversed(methods)):
                found = table.filter(world=pool, method=method)[score].to_list()
                if found:
                    mean = sum(found) / len(found)
                    axes.barh(place, mean, color=COLOURS[kind], alpha=0.35)
                    axes.plot(found, [place] * len(found), "o", color=COLOURS[kind], markersize=4)
                    axes.annotate(f"{mean:.2f}", (mean, place), fontsize=7, xytext=(6, -3),
                                  textcoords="offset points")  # fmt: skip
            axes.set_yticks(range(len(methods)), [name for name, _ in reversed(methods)])
            axes.set_xlim(0, 1.08)
            axes.set_title(f"pool '{pool}': {score}", fontsize=9)
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def _settings(run: StageRun) -> dict[str, str]:
    """Return what decides the scores besides the code."""
    return {"images": run.resources.models.benchmark_images, "seed": str(run.resources.models.seed)}


def _version(settings: dict[str, str]) -> str:
    return hashlib.md5(repr(sorted(settings.items())).encode(), usedforsecurity=False).hexdigest()


def _size(run: StageRun) -> str:
    return "full" if run.resources.models.benchmark_images else "small"


def _folder(run: StageRun) -> Path | None:
    """Return the folder with IDX files, if one is configured."""
    named = run.resources.models.benchmark_images
    if not named:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise PersonaXError(
            f"PERSONAX_BENCHMARK_IMAGES: there is no folder {folder}; name one with the IDX files "
            "of MNIST and Fashion-MNIST, or unset it to use the digits of scikit-learn"
        )
    return folder


def _fits(size: str) -> pl.DataFrame:
    """Return the key of every fit: ablations on the first data set of the first pool."""
    from personax_ml.crl.baselines.comparison import KINDS

    rows = [
        (pool, seed, method)
        for pool in POOLS[size]
        for seed in range(SEEDS[size])
        for method, kind in KINDS.items()
        if kind != "control" and (kind != "ablation" or (pool, seed) == (POOLS[size][0], 0))
    ]
    schema = {"world": pl.String, "seed": pl.Int32, "method": pl.String}
    return pl.DataFrame(rows, schema, orient="row")


def _controls_of_ours() -> list[str]:
    from personax_ml.crl.baselines.comparison import KINDS

    return [method for method, kind in KINDS.items() if kind == "control"]


def _fits_left(run: StageRun) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the fits that have no scores yet, and the keys of rows that go."""
    version = pl.lit(_version(_settings(run) | {"code": run.stage.code_version}))
    todo, gone = run.delta(_fits(_size(run)).with_columns(input_hash=version))
    return todo, gone.filter(~pl.col("method").is_in(_controls_of_ours()))


def _scored(run: StageRun, fits: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Fit one method after another; yield the rows of each as soon as it is scored."""
    from personax_ml.crl.baselines.comparison import SMALL, Settings, codes_of, scores_of
    from personax_ml.synthetic.variant_mnist import draw_variant_mnist

    size, folder = _size(run), _folder(run)
    settings = SMALL if size == "small" else Settings()
    for fit in fits.iter_rows(named=True):
        seed = run.resources.models.seed + fit["seed"]
        world = draw_variant_mnist(ROWS[size], fit["world"], seed=seed, folder=folder)
        codes = codes_of(world, fit["method"], settings, random_state=seed)
        rows = [fit | scores for scores in scores_of(world, codes)]
        yield pl.DataFrame(rows).select(run.schema.column_names)


FITTING = Spread(lambda run: _fits_left(run)[0], lambda run, fits: fits, _scored, rows=1)


def _log(run: StageRun, table: pl.DataFrame, figure: "Figure", about: dict[str, str]) -> None:
    """Log the figure, and every row of the table as a nested run."""
    tracking = run.resources.models.tracking()
    title = f"benchmark, {about['size']}"
    with tracking.run(EXPERIMENT, title, {"dagster_run": run.run_id}) as parent:
        tracking.log(parent.info.run_id, about, {})
        tracking.log_figure(figure, "scores")
        for row in table.iter_rows(named=True):
            name = f"{row['method']}, {row['world']}, seed {row['seed']}"
            with tracking.run(EXPERIMENT, name, {"kind": row["kind"]}) as nested:
                metrics = {k: v for k, v in row.items() if k.startswith(("mcc_", "r2_"))}
                chosen = {k: row[k] for k in ("world", "seed", "method", "kind")}
                tracking.log(nested.info.run_id, about | chosen, metrics)
