"""Seconds of a fit at the paper's shapes, on random data."""

import time
from typing import Any

import numpy as np

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL
from tests.benchmarks.crl.part import Part

SHAPES = {"athletes": (4181, 1, 1024, 3, 3584), "public figures": (9444, 3, 1024, 3, 3584)}
QUICK_SHAPES = {"athletes": (420, 1, 256, 3, 256), "public figures": (480, 3, 256, 3, 256)}


def measure(quick: bool) -> Part:
    """Time the fits."""
    return Part({"fits": fits(QUICK_SHAPES if quick else SHAPES)})


def fits(shapes: dict[str, tuple[int, int, int, int, int]]) -> list[dict[str, Any]]:
    """Time a fit on random data of given shapes."""
    rows = []
    for name, (n, faces, face_width, texts, text_width) in shapes.items():
        rng = np.random.default_rng(0)
        z = rng.standard_normal((n, 20), np.float32)
        widths = {f"face_{k + 1}": face_width for k in range(faces)}
        widths |= {f"text_{k + 1}": text_width for k in range(texts)}
        measurements = {
            measurement: z @ rng.standard_normal((20, width), np.float32)
            + rng.standard_normal((n, width), np.float32)
            for measurement, width in widths.items()
        }
        config = CRLConfig(
            (
                ModalitySpec("face", tuple(k for k in widths if k.startswith("face")), 5, "face"),
                ModalitySpec("text", tuple(k for k in widths if k.startswith("text")), 5, "trait"),
            ),
            n_shared=2,
        )
        started = time.monotonic()
        model = MultimodalCRL(config).fit(measurements)
        seconds = time.monotonic() - started
        rows.append({"shape": name, "people": n, "epochs": len(model.curves) - 1,
                     "seconds": round(seconds, 1)})  # fmt: skip
    return rows
