"""Kill -9 at random moments, on every writer.

A writer is the process that makes one stage. It is killed some time after that stage began, at a
moment drawn from a seeded generator, over and over while the sources change; after each kill the
home is looked at, and after the last one a run that nobody disturbs must end well, in the state of
a home that was never killed.
"""

import random
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.scene import BIOS, FACES, MODEL, QUICK, SCORES, TESTS, Row, Scene, scene

SEED = 20261127

WRITERS: dict[str, tuple[str, ...]] = {
    "raw_bios": BIOS,
    "bios": BIOS,
    "face_crops": FACES,
    "face_embeddings": FACES,
    "trait_texts_chatgpt": SCORES,
    "trait_scores": SCORES,
    "text_embeddings": QUICK,
    "independence_tests": TESTS,
    "crl_model": MODEL,
    "latents": MODEL,
}
"""By writer, the stages that its process brings up to date."""

_LONGEST_S = 6.0
"""Longest time into a stage at which it is killed."""

_MODELLED = (90, 30)
"""People of a home in which a model is trained: that takes a hundred with a face."""

_TRIES = 3
"""Processes started for each kill, at most: some end before they are killed."""


def killed(place: Scene, writer: str, kills: int, chance: random.Random) -> Row:
    """Kill one writer so many times, then let it end."""
    names = WRITERS[writer]
    if not place.bring(names) or place.status(writer) != "ok":
        return Row(writer, 0, green=False, said="the run before the kills did not end well")
    typical = _typical(place, writer)
    done = lost = torn = 0
    wrong: list[str] = []
    for _ in range(kills * _TRIES):
        if done == kills:
            break
        place.live_a_day()
        before = place.keys(names)
        if not _killed_once(place, writer, names, chance.uniform(0.0, typical)):
            continue
        done += 1
        after = place.keys(names)
        lost += sum(len(keys - after[name]) for name, keys in before.items())
        wrong += (found := place.torn(names))
        torn += len(found)
    green = place.bring(names) and place.status(writer) == "ok"
    differ = place.differs_from_scratch([n for n in names if n not in ("crl_model", "latents")])
    said = ", ".join([*(f"torn {name}" for name in wrong), *(f"{n} differs" for n in differ)])
    return Row(writer, done, lost, torn, place.paid_twice(), green and not differ, said)


def _typical(place: Scene, writer: str) -> float:
    record = place.resources.warehouse.stages()[f"athlepersona/{writer}"]
    return min(max(record.seconds, 0.05), _LONGEST_S)


def _killed_once(place: Scene, writer: str, names: Sequence[str], after_s: float) -> bool:
    """Start a process and kill it so long after the writer began; tell whether it was alive."""
    with place.process(names) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == f"started {writer}":
                time.sleep(after_s)
                break
        alive = process.poll() is None
        process.kill()
    return alive


def all_killed(root: Path, kills: int, seed: int = SEED) -> tuple[list[Row], int]:
    """Kill every writer, `kills` times over all; return rows, and files that hold the key."""
    chance = random.Random(seed)
    share, rest = divmod(kills, len(WRITERS))
    rows, canaries = [], 0
    for number, writer in enumerate(WRITERS):
        times = share + (number < rest)
        if not times:
            continue
        people = _MODELLED if WRITERS[writer] == MODEL else (14, 8)
        with scene(root / writer, people) as place:
            rows.append(killed(place, writer, times, chance))
            print(f"  {rows[-1]}", flush=True)
            canaries += place.canaries()
        shutil.rmtree(root / writer)
    return rows, canaries
