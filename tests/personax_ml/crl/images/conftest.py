"""A small image world and a model of it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL
from personax_ml.crl.config import ImageConfig
from personax_ml.synthetic.variant_mnist import DIGIT, FASHION, VariantMNIST, draw_variant_mnist

IMAGES = ImageConfig(depth=2, link_epochs=12, within_epochs=10, learning_rate=2e-3)
CONFIG = CRLConfig(
    modalities=(
        ModalitySpec("digit", DIGIT[:2], 2, "digit", (3, 14, 14)),
        ModalitySpec("fashion", FASHION, 2, "fashion", (1, 14, 14)),
    ),
    n_shared=1,
    epochs=3,
    images=IMAGES,
)
TINY = replace(CONFIG, images=replace(IMAGES, link_epochs=4, within_epochs=2, members=1), epochs=1)


def part(world: VariantMNIST, rows: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    """Return the measurements that `CONFIG` names, of some rows."""
    return {name: world.measurements[name][rows] for name in CONFIG.measurement_names}


@pytest.fixture(scope="session")
def images() -> VariantMNIST:
    return draw_variant_mnist(n=1500, seed=3)


@pytest.fixture(scope="session")
def image_model(images: VariantMNIST) -> MultimodalCRL:
    return MultimodalCRL(CONFIG).fit(part(images, images.train), part(images, images.select))
