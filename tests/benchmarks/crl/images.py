"""Level II on images: the reconstructed variant MNIST, ours beside other methods.

Every world is 10,000 rows (8,000 fit, 1,000 select, 1,000 test) of a fresh seed; the test rows are
scored once, ablations on a tuning seed. Images come from IDX files under
`$PERSONAX_TEST_DATA/images` (`mnist-*`, `fashion-mnist-*`); without them, and with --quick, from
the digits of scikit-learn, and the table says so. Worlds: the pools "class" and "one" with every
method and the controls; for ours also test sets with shapes that no training row shows, and a shape
of its own in every measurement. MCC is the mean absolute Spearman correlation; the assignment is
fixed on training rows. A fit of ours takes about six minutes of processor time, the whole
part some hours; ours is fitted everywhere first, and every score goes to standard error as soon as
it is there, so that an interrupted run has told something.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from personax_ml.crl.baselines.comparison import KINDS, SMALL, Settings, codes_of, scores_of
from personax_ml.synthetic.variant_mnist import Glyphs, Pool, draw_variant_mnist
from tests.benchmarks.crl.part import Part

FRESH_SEEDS, TUNING_SEEDS = range(200, 205), range(1)
ROWS = {False: 10_000, True: 1_000}
METHODS, ABLATIONS = (
    tuple(method for method, kind in KINDS.items() if kind in kinds)
    for kinds in (("ours", "baseline", "ceiling"), ("ablation",))
)


@dataclass(frozen=True)
class Setting:
    """A kind of world, the methods that are run in it, and the seeds of its data sets."""

    pool: Pool
    glyphs: Glyphs = "shared"
    disjoint: bool = False
    methods: tuple[str, ...] = ("crl",)
    seeds: range = FRESH_SEEDS

    @property
    def name(self) -> str:
        """Its name in the tables."""
        return f"{self.pool}, {self.glyphs}" + (", disjoint" if self.disjoint else "")


SETTINGS = (
    Setting("class", methods=METHODS),
    Setting("one", methods=METHODS),
    Setting("class", disjoint=True, seeds=FRESH_SEEDS[:2]),
    Setting("class", glyphs="indep", seeds=FRESH_SEEDS[:2]),
    Setting("class", methods=ABLATIONS, seeds=TUNING_SEEDS),
)
QUICK_SETTINGS = (Setting("class", methods=(*METHODS, *ABLATIONS), seeds=TUNING_SEEDS),)


def measure(quick: bool) -> Part:
    """Score every method in every setting."""
    folder = None if quick else image_folder()
    runs = list(scored(quick, folder))
    means = (
        pl.DataFrame(runs)
        .group_by("world", "method", "kind", maintain_order=True)
        .agg(pl.exclude("seed").mean(), pl.len().alias("seeds"))
        .to_dicts()
    )
    return Part(
        {"runs": runs, f"means ({'IDX files' if folder else 'scikit-learn digits'})": means}
    )


def image_folder() -> Path | None:
    """Return the folder with IDX files, if there is one."""
    folder = Path(os.environ.get("PERSONAX_TEST_DATA") or "../shared/data") / "images"
    return folder if folder.is_dir() else None


def scored(quick: bool, folder: Path | None) -> Iterator[dict[str, Any]]:
    """Run and score, ours first."""
    settings = SMALL if quick else Settings()
    fits = [
        (setting, seed, method)
        for setting in (QUICK_SETTINGS if quick else SETTINGS)
        for seed in setting.seeds
        for method in setting.methods
    ]
    for setting, seed, method in sorted(fits, key=lambda fit: fit[2] != "crl"):
        world = draw_variant_mnist(
            ROWS[quick], setting.pool, setting.glyphs,
            seed=seed, disjoint=setting.disjoint, folder=folder,
        )  # fmt: skip
        started = time.process_time()
        codes = codes_of(world, method, settings, random_state=seed)
        seconds = round(time.process_time() - started, 1)
        about = {"world": setting.name, "seed": seed, "cpu_seconds": seconds}
        for row in scores_of(world, codes):
            print(json.dumps(about | row), file=sys.stderr, flush=True)
            yield about | row
