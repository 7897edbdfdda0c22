"""A small world whose latents are known."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL, Split, three_way_split
from personax_ml.crl.reduction import Measurements


@dataclass(frozen=True)
class World:
    """Two modalities with one and three measurements; one factor drives both."""

    measurements: Measurements
    z_face: NDArray[np.float64]
    z_text: NDArray[np.float64]
    shared: NDArray[np.float64]
    split: Split

    def part(self, rows: NDArray[np.bool_]) -> Measurements:
        return {name: x[rows] for name, x in self.measurements.items()}


CONFIG = CRLConfig(
    modalities=(
        ModalitySpec("face", ("face_1",), 2, "face"),
        ModalitySpec("text", ("text_a", "text_b", "text_c"), 2, "trait"),
    ),
    n_shared=1,
    causal_order=("text", "face"),
    components=16,
    hidden=16,
    epochs=30,
)


def draw_world(n: int, seed: int) -> World:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 1))
    z_text = 0.8 * shared * [1, 0] + rng.standard_normal((n, 2)) * [0.6, 1]
    z_face = 0.8 * shared * [1, 0] + rng.standard_normal((n, 2)) * [0.6, 1]

    def measure(z: NDArray[np.float64], width: int) -> NDArray[np.float32]:
        eta = rng.standard_normal((n, 2))
        mixed = np.hstack([z, 0.5 * eta]) @ rng.standard_normal((4, width))
        bent = mixed + 0.3 * np.tanh(mixed)
        return (bent + 0.2 * rng.standard_normal((n, width))).astype(np.float32)

    measurements = {"face_1": measure(z_face, 20)}
    measurements |= {f"text_{rater}": measure(z_text, 30) for rater in "abc"}
    split = three_way_split([f"person-{i}" for i in range(n)])
    return World(measurements, z_face, z_text, shared, split)


@pytest.fixture(scope="session")
def world() -> World:
    return draw_world(600, seed=5)


@pytest.fixture(scope="session")
def model(world: World) -> MultimodalCRL:
    return MultimodalCRL(CONFIG).fit(
        world.part(world.split.train), validation=world.part(world.split.select)
    )
