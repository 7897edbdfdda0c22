"""The quick drills; `make drill` does all of them, for as long as it takes."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.kills import WRITERS, killed
from tests.faults.others import full_disk, schema_drift
from tests.faults.scene import Scene, scene


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path, (5, 3)) as made:
        yield made
        assert made.canaries() == 0


def test_a_killed_writer_loses_and_tears_nothing(place: Scene) -> None:
    row = killed(place, "bios", 1, random.Random(1))
    assert row.faults == 1
    assert row.good, row


@pytest.mark.slow
def test_sources_that_change_their_columns(place: Scene) -> None:
    row = schema_drift(place)
    assert row.good, row


@pytest.mark.slow
@pytest.mark.parametrize("writer", [w for w in WRITERS if w not in ("crl_model", "latents")])
def test_every_writer_survives_a_kill(place: Scene, writer: str) -> None:
    row = killed(place, writer, 2, random.Random(2))
    assert row.good, row


@pytest.mark.slow
def test_a_full_disk(place: Scene) -> None:
    row = full_disk(place)
    assert row.good, row
