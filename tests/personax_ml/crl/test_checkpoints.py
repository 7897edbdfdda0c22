"""Training that was killed goes on from its checkpoint and ends with the same numbers."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personax_ml.crl import MultimodalCRL
from tests.personax_ml.crl.conftest import CONFIG, draw_world

EPOCHS = 12
KILLED_AFTER = 5

FIT = f"""
import sys, time
from dataclasses import replace
from pathlib import Path
from personax_ml.crl import MultimodalCRL
from tests.personax_ml.crl.conftest import CONFIG, draw_world

def told(epoch, values):
    print(epoch, flush=True)
    if epoch == {KILLED_AFTER}:
        time.sleep(60)  # until it is killed

MultimodalCRL(replace(CONFIG, epochs={EPOCHS})).fit(
    draw_world(300, 1).measurements, callback=told, checkpoint=Path(sys.argv[1])
)
"""


def fitted(
    checkpoint: Path | None, seed: int = 0, world: int = 1
) -> tuple[MultimodalCRL, list[int]]:
    """Fit, and also return the epochs that were really done."""
    done: list[int] = []
    model = MultimodalCRL(replace(CONFIG, epochs=EPOCHS, random_state=seed)).fit(
        draw_world(300, world).measurements,
        callback=lambda epoch, _: done.append(epoch),
        checkpoint=checkpoint,
    )
    return model, done


def same(a: MultimodalCRL, b: MultimodalCRL) -> bool:
    rows = draw_world(300, 1).measurements
    return a.curves == b.curves and np.array_equal(a.transform(rows), b.transform(rows))


def test_a_killed_fit_goes_on_and_ends_with_the_same_numbers(tmp_path: Path) -> None:
    checkpoint = tmp_path / "folder" / "fit.safetensors"
    process = subprocess.Popen(
        [sys.executable, "-c", FIT, str(checkpoint)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == KILLED_AFTER:
            os.kill(process.pid, signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert [p.name for p in checkpoint.parent.iterdir()] == ["fit.safetensors"]

    uninterrupted, everything = fitted(None)
    resumed, rest = fitted(checkpoint)
    assert everything == list(range(EPOCHS + 1))
    assert rest == list(range(KILLED_AFTER + 1, EPOCHS + 1))
    assert same(resumed, uninterrupted)

    again, nothing = fitted(checkpoint)  # as when a later step of the run was killed
    assert nothing == []
    assert same(again, uninterrupted)


@pytest.mark.parametrize("change", ["seed", "rows"])
def test_a_checkpoint_of_another_training_is_not_used(tmp_path: Path, change: str) -> None:
    checkpoint = tmp_path / "fit.safetensors"
    fitted(checkpoint, **({"seed": 1} if change == "seed" else {"world": 2}))
    model, done = fitted(checkpoint)
    assert done == list(range(EPOCHS + 1))
    assert same(model, fitted(None)[0])


@pytest.mark.parametrize("content", [b"", b"torn", b"\x10\0\0\0\0\0\0\0{}"])
def test_a_torn_checkpoint_is_as_good_as_none(tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "fit.safetensors"
    checkpoint.write_bytes(content)
    assert fitted(checkpoint)[1] == list(range(EPOCHS + 1))
