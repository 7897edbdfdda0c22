"""Kill -9 while versions are registered and aliases move."""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from personax_assets.analysis.measurements import measured_people
from personax_assets.analysis.registry import (
    champion_model,
    champion_version,
    register,
    versions_of,
)
from personax_assets.analysis.tracking import Tracking
from personax_assets.analysis.training import crl_config
from personax_assets.datasets import ATHLEPERSONA
from personax_ml.crl import MultimodalCRL
from tests.faults.scene import CANARY, Row
from tests.personax_assets.analysis.conftest import RATERS, make_tables

NAME = "personax-crl-athlepersona"


def _register_one(root: Path) -> None:
    """Register the model in the folder as one more version."""
    tables = make_tables()
    people = measured_people(tables.faces, tables.texts, ATHLEPERSONA, RATERS)
    tracking = Tracking(f"sqlite:///{root}/mlflow.db", root / "artifacts")
    model = MultimodalCRL.load(root / "model")
    with tracking.run("drill", "drill", {}):
        register(tracking, ATHLEPERSONA.name, model, people, None)


def aliases_killed(root: Path, kills: int, seed: int) -> tuple[Row, int]:
    """Kill the registering process so many times; return the row, and files with the key."""
    from dataclasses import replace

    root.mkdir(parents=True)
    tables = make_tables()
    people = measured_people(tables.faces, tables.texts, ATHLEPERSONA, RATERS)
    config = replace(crl_config(ATHLEPERSONA, RATERS, 0), epochs=2)
    model = MultimodalCRL(config).fit(people.rows(people.split.train))
    model.save(root / "model")
    chance, torn, done = random.Random(seed), 0, 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", CANARY)
        _register_one(root)
        while done < kills:
            done += _killed(root, chance)
            torn += not _whole(root)
        _register_one(root)
        green = _whole(root)
    hits = sum(CANARY.encode() in p.read_bytes() for p in root.rglob("*") if p.is_file())
    shutil.rmtree(root)
    return Row("registry alias", done, 0, torn, 0, green), hits


def _killed(root: Path, chance: random.Random) -> int:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "tests.faults.registry", str(root)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 4.0))
        alive = process.poll() is None
        process.kill()
    return int(alive)


def _whole(root: Path) -> bool:
    """Tell whether exactly one version is champion, and answers; no other alias is on two."""
    tracking = Tracking(f"sqlite:///{root}/mlflow.db", root / "artifacts")
    versions = versions_of(tracking, NAME)
    champions = [v for v in versions if "champion" in v.aliases]
    champion = champion_version(tracking, ATHLEPERSONA.name)
    model = champion_model(tracking, ATHLEPERSONA.name)
    return len(champions) == 1 and champion is not None and bool(model.latent_names)


if __name__ == "__main__":
    print("ready", flush=True)
    while True:
        _register_one(Path(sys.argv[1]))
