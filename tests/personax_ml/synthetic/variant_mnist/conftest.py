"""IDX files of invented shapes."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


def write_idx(path: Path, values: NDArray[np.uint8]) -> None:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    data = header + values.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def idx_folder(tmp_path: Path) -> Path:
    """Ten classes of two shapes each; class c has grey level 10 c + 5 or 10 c + 6 everywhere."""
    labels = np.repeat(np.arange(10, dtype=np.uint8), 2)
    grey = (10 * labels + 5 + np.arange(20) % 2).astype(np.uint8)
    images = np.broadcast_to(grey[:, None, None], (20, 28, 28)).copy()
    for name, suffix in (("mnist", ""), ("fashion-mnist", ".gz")):
        write_idx(tmp_path / f"{name}-t10k-images-idx3-ubyte{suffix}", images)
        write_idx(tmp_path / f"{name}-t10k-labels-idx1-ubyte{suffix}", labels)
    return tmp_path
