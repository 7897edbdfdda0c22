"""Torch in, torch out: measurements of either kind at the door of the estimator.

Belongs here: conversion. Does not belong here: validation (`reduction`).
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from personax_ml.crl.reduction import Matrix, Measurements

AnyMeasurements = Mapping[str, Matrix] | Mapping[str, Tensor]
"""A NumPy array or a torch tensor per measurement."""


def to_numpy(measurements: AnyMeasurements) -> Measurements:
    """Return the measurements as arrays; tensors are copied from where they are as float32."""
    return {
        name: x.detach().cpu().numpy().astype(np.float32) if isinstance(x, Tensor) else x
        for name, x in measurements.items()
    }


def like(result: Matrix, measurements: AnyMeasurements) -> Matrix | Tensor:
    """Return a result as a tensor on the device of the measurements, if they are tensors."""
    for x in measurements.values():
        if isinstance(x, Tensor):
            return torch.from_numpy(result).to(x.device)
    return result
