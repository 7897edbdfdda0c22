"""What attacks on a release achieve, and what it is still good for, at the paper's size.

    python -m tests.benchmarks.release            # 4,181 athletes and 9,444 public figures
    python -m tests.benchmarks.release --quick    # 1,000 of each, with bars that suit so few

The planted cohort is drawn directly: bios, scores by the three simulated raters, and one portrait
per person, embedded by the default encoder. Releases go through the gate as `personax release`
makes them, without and with embeddings; a plain rotation and pure noise are shown to it too.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from personax_assets.datasets import SUB_DATASETS, TRAITS, SubDataset
from personax_assets.embeddings.pixels import PixelEncoder
from personax_assets.release.attacks import link_by_embeddings, score_evidence, share_named
from personax_assets.release.gate import (
    Bars,
    Obfuscated,
    ReleaseRefusedError,
    betrays,
    useless,
)
from personax_assets.release.make import DIMENSIONS, Material, publish
from personax_assets.release.plan import generalise
from personax_assets.release.utility import predicted_share
from personax_assets.schemas.level1 import score_column
from personax_ml.obfuscation import obfuscate
from personax_ml.synthetic import (
    SCALES,
    SIMULATED_RATERS,
    draw_cohort,
    person_seed,
    render_portrait,
)
from tests.personax_assets.release.conftest import KEY, material

QUICK_PEOPLE = 1_000
QUICK_BARS = Bars(most_reidentified=0.03, most_with_pairs=0.1)
CROP = 224


@cache
def encoder() -> PixelEncoder:
    """Return the encoder, which keeps its projection."""
    return PixelEncoder()


def embedded(person: Mapping[str, Any]) -> np.ndarray:
    """Draw a person and embed the portrait."""
    portrait = render_portrait(person, 1, person_seed(0, person["source_id"]))
    file = BytesIO()
    with Image.open(BytesIO(portrait)) as image:
        image.resize((CROP, CROP)).save(file, "PNG", compress_level=1)
    vector: np.ndarray = encoder().embed([file.getvalue()])[0]
    return vector


def faces(sub: SubDataset, n: int) -> pl.DataFrame:
    """Return one embedding per person."""
    people = list(draw_cohort(sub.name, n, 0).factors.iter_rows(named=True))
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        vectors = np.array(list(pool.map(embedded, people, chunksize=100)))
    return pl.DataFrame(
        {"person_id": [person["source_id"] for person in people], "embedding": vectors},
        schema_overrides={"embedding": pl.Array(pl.Float32, vectors.shape[1])},
    )


def released(data: Material, bars: Bars) -> dict[str, Any]:
    """Send a release through the gate and return what was measured, or why it was refused."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            facts = publish(data, Path(folder), KEY, bars).facts
        except ReleaseRefusedError as error:
            return {"refused": str(error), "left_behind": len(list(Path(folder).iterdir()))}
    people = facts.by_people
    return {
        "seconds": round(time.monotonic() - started, 1),
        "shown": {b.variable: len(b.labels) for b in facts.plan.shown},
        "classes": facts.diversity.classes,
        "k": facts.diversity.k,
        "l": facts.diversity.l,
        "suppressed_cells": facts.suppressed,
        "people_left_out": facts.left_out,
        "unique_links": facts.linkage.unique,
        "named_by_guessing": facts.linkage.guessed,
        "named_with_scores": facts.linkage.guessed_by_scores,
        "level1_decisions": facts.agreement.decisions,
        "level1_unchanged": facts.agreement.unchanged,
        "level1_unchanged_single_raters": facts.agreement.unchanged_by_rater,
        "level1_unchanged_from_rows": people and people.unchanged,
        "frontier": [point_of(point) for point in facts.frontier],
        "released_noise": facts.chosen and facts.chosen.noise,
    }


def point_of(point: Obfuscated) -> dict[str, float]:
    """Return a strength of noise as plain numbers."""
    return {
        "noise": point.noise,
        "with_known_pairs": point.relinking.with_pairs,
        "without_pairs": point.relinking.without_pairs,
        "prediction_kept": point.predicted,
    }


def extremes(data: Material, bars: Bars) -> dict[str, Any]:
    """Show the gate a plain rotation of the embeddings, and pure noise."""
    assert data.faces is not None
    people = data.people
    frame = people.select("person_id").join(data.faces, on="person_id", maintain_order="left")
    originals = frame["embedding"].to_numpy().astype(np.float64)
    rng = np.random.default_rng(1)
    rotated = obfuscate(originals, dimensions=DIMENSIONS, noise=0.0, generator=rng, whiten=False)
    evidence = score_evidence(data.sub, people, data.mean_scores)
    classes = generalise(people, (), bars.k).classes
    possible = predicted_share(originals, data.mean_scores)
    shown = {
        "plain_rotation": (rotated, 0.0),
        "pure_noise": (rng.standard_normal((len(originals), DIMENSIONS)), 3.0),
    }
    result = {}
    for name, (vectors, noise) in shown.items():
        found = link_by_embeddings(
            vectors, originals, classes, evidence, noise, bars.known_pairs, data.seed
        )
        kept = predicted_share(vectors, data.mean_scores) / possible
        point = Obfuscated(noise, found, kept)
        result[name] = point_of(point) | {
            "refused": [*betrays(bars, point), *useless(bars, point)],
            "trait_variance_originals_predict": possible,
        }
    return result


def asked_again(data: Material, shown: Mapping[str, int]) -> dict[str, float]:
    """Ask the simulated raters about everybody once more, and find people by their answers."""
    from personax_assets.release.binning import ladder

    people = data.people
    factors = draw_cohort(data.sub.name, people.height, 0).factors
    answers = {
        name: [
            SIMULATED_RATERS[name].answer(p, person_seed(0, p["source_id"]), again="attacker")
            for p in factors.iter_rows(named=True)
        ]
        for name in data.raters
    }
    columns = [(trait, rater) for trait in TRAITS for rater in data.raters]
    theirs = np.array([[answers[r][i][f"{t}_score"] for t, r in columns]
                       for i in range(people.height)])  # fmt: skip
    own = people.select(
        pl.col([score_column(t, r) for t, r in columns]).fill_null(0).cast(pl.Int64)
    ).to_numpy()
    variables = {v.name: v for v in data.sub.variables}
    binnings = [
        next(b for b in ladder(variables[name], people[name], 5) if len(b.labels) == n)
        for name, n in shown.items()
    ]
    levels = np.arange(4)
    sparse = [(x[:, :, None] == levels).reshape(len(x), -1).astype(float) for x in (own, theirs)]
    classes = generalise(people, binnings, 5).classes
    return {"answers_the_same": float((own == theirs).mean()),
            "named": share_named(sparse[0], sparse[1], classes)}  # fmt: skip


def measure(sub: SubDataset, n: int, bars: Bars) -> dict[str, Any]:
    """Measure one sub-dataset."""
    print(f"\n{sub.name}, {n:,} people", flush=True)
    data = material(sub, n, tuple(SIMULATED_RATERS))
    result: dict[str, Any] = {"people": n}

    def note(name: str, found: Mapping[str, Any]) -> None:
        result[name] = found
        _print("", {name: found})

    note("default", released(data, bars))
    note("asked_again_not_gated", asked_again(data, result["default"].get("shown", {})))
    with_faces = replace(data, faces=faces(sub, n))
    note("with_embeddings", released(with_faces, bars))
    note("extremes", extremes(with_faces, bars))
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1,000 people of each")
    quick = parser.parse_args().quick
    bars = QUICK_BARS if quick else Bars()
    result: dict[str, Any] = {"bars": vars(bars).copy()}
    for name, sub in SUB_DATASETS.items():
        result[name] = measure(sub, QUICK_PEOPLE if quick else SCALES["paper"][name], bars)
    print(json.dumps(result))


def _print(indent: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            print(f"{indent}  {name}")
            _print(indent + "  ", value)
        elif isinstance(value, list):
            print(f"{indent}  {name}")
            for item in value:
                print(f"{indent}    {item}")
        else:
            print(f"{indent}  {name:<34} {value}", flush=True)


if __name__ == "__main__":
    main()
