"""Which reduction a measurement gets: principal components, or learned latents for images.

Belongs here: the choice. Does not belong here: how either works.
"""

import numpy as np

from personax_ml.crl.config import CRLConfig
from personax_ml.crl.images.reduction import ImageReduction, fit_image_reductions
from personax_ml.crl.reduction import Measurements, Reduced, Reduction, Tensors


def fit_reductions(
    config: CRLConfig, measurements: Measurements, validation: Measurements
) -> dict[str, Reduced]:
    """Fit the reduction of every measurement on training people; others choose epochs of images."""
    rng = np.random.default_rng(config.random_state)
    reductions: dict[str, Reduced] = {}
    for name in config.measurement_names:
        if name in config.image_shapes:
            continue
        try:
            reductions[name] = Reduction.fit(measurements[name], config.components, rng)
        except ValueError as error:
            raise ValueError(f"measurement {name}: {error}") from error
    if config.image_shapes:
        reductions |= fit_image_reductions(config, measurements, validation, reductions)
    return reductions


def load_reduction(config: CRLConfig, name: str, tensors: Tensors) -> Reduced:
    """Return the stored reduction of a measurement."""
    modality = next(m for m in config.modalities if name in m.measurements)
    if modality.image_shape is None:
        return Reduction.from_tensors(tensors)
    return ImageReduction.from_tensors(modality, config.images, tensors)
