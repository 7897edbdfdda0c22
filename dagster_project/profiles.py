"""Profiles: what differs between a laptop and a deployment.

Belongs here: the choice of raters, sources and servers per profile. Does not belong here: how
they work.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from dagster_project.home import CLUSTER, Home
from personax_assets.datasets import SUB_DATASETS
from personax_assets.errors import PersonaXError
from personax_assets.resources import (
    Encoders,
    ModelRegistry,
    Raters,
    Resources,
    SourceConfig,
    Sources,
    read_manifest,
)
from personax_assets.warehouse import Warehouse

DEFAULT_SEED = 0


@dataclass(frozen=True)
class Profile:
    """A named way to run.

    Parameters
    ----------
    name : str
        As set in `PERSONAX_PROFILE`.
    raters_file : Path
        Describes who assesses traits.
    """

    name: str
    raters_file: Path


def profile_named(name: str | None = None) -> Profile:
    """Return a profile; by default the one in `PERSONAX_PROFILE`, else `demo`.

    `PERSONAX_RATERS` may name a YAML file with raters of one's own.

    Raises
    ------
    PersonaXError
        If there is no such profile.
    """
    name = name or os.environ.get("PERSONAX_PROFILE") or "demo"
    bundled = {"demo": "simulated.yaml", "live": "live.yaml", CLUSTER: "live.yaml"}
    if name not in bundled:
        raise PersonaXError(
            f"PERSONAX_PROFILE: there is no profile {name!r}; use one of {', '.join(bundled)}"
        )
    own = os.environ.get("PERSONAX_RATERS")
    folder = Path(str(files("personax_assets.traits"))) / "raters"
    return Profile(name, Path(own).absolute() if own else folder / bundled[name])


def synthetic_source(sub_name: str, scale: str = "demo", seed: int = DEFAULT_SEED) -> SourceConfig:
    """Return the invented cohort of a scale as a source."""
    from personax_ml.synthetic import SCALES

    return SourceConfig(kind="synthetic", people=SCALES[scale][sub_name], seed=seed)


def sources_of(home: Home, wanted: Mapping[str, SourceConfig] | None = None) -> Sources:
    """Return the sources of a home: those wanted, else those it holds, else the default."""
    claimed = read_manifest(home.manifest)
    chosen = {
        name: (wanted or {}).get(name) or claimed.get(name) or synthetic_source(name)
        for name in SUB_DATASETS
    }
    return Sources(manifest=str(home.manifest), **chosen)


def resources_of(profile: Profile, home: Home, sources: Sources, seed: int) -> Resources:
    """Return the resources of a profile over a home."""
    return Resources(
        warehouse=Warehouse(database=str(home.warehouse)),
        sources=sources,
        raters=Raters(file=str(profile.raters_file), journal=str(home.journal)),
        encoders=Encoders(face="pixels", text="ngrams"),
        models=ModelRegistry(
            uri=home.tracking_uri,
            artifacts=str(home.artifacts),
            seed=seed,
            benchmark_images=os.environ.get("PERSONAX_BENCHMARK_IMAGES", ""),
        ),
    )
