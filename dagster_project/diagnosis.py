"""What can be wrong with a machine, an installation or a home, and how to mend it.

Belongs here: looking, without changing anything. Does not belong here: printing (`cli.doctor`).
"""

import fcntl
import importlib.metadata
import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb
import numpy as np
from packaging.requirements import Requirement

from dagster_project.build import build_resources
from dagster_project.home import Home
from dagster_project.ports import free_port, holder, refusal
from dagster_project.profiles import profile_named
from personax_assets.datasets import SUB_DATASETS
from personax_assets.errors import PersonaXError
from personax_assets.resources import read_manifest

if TYPE_CHECKING:
    from personax_assets.analysis.tracking import Tracking
    from personax_assets.traits.raters import RaterConfig

Level = Literal["good", "note", "problem"]

_PYTHON = (3, 11)
_MIB = 1024**2
_LEAST_DISK, _AMPLE_DISK = 200 * _MIB, 2048 * _MIB
"""Bytes below which nothing can be done, and that the paper's size needs."""

_REACH_S = 5.0

_UI_PORTS = (("Dagster UI", 3000), ("MLflow UI", 5000))


@dataclass(frozen=True)
class Finding:
    """Something looked at.

    Parameters
    ----------
    subject : str
        What was looked at.
    level : {"good", "note", "problem"}
        A note is worth knowing and stops nothing; a problem stops something.
    told : str
        How it is.
    mend : str
        What to do about a note or a problem.
    """

    subject: str
    level: Level
    told: str
    mend: str = ""


def diagnose(home: Home) -> Iterator[Finding]:
    """Yield one finding after another; nothing is created or changed.

    Parameters
    ----------
    home : Home
        The home to look at; it need not exist.
    """
    looks: tuple[Callable[[Home], Iterator[Finding]], ...] = (
        _python, _packages, _home, _disk, _locks, _ports, _raters, _models,
    )  # fmt: skip
    for look in looks:
        try:
            yield from look(home)
        except PersonaXError as error:
            yield Finding(look.__name__.strip("_"), "problem", str(error), "mend what it names")


def _python(home: Home) -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= _PYTHON
    yield Finding(
        "python", "good" if good else "problem", f"{version} ({sys.executable})",
        "" if good else "make the environment with a newer Python: make PYTHON=python3.12 run",
    )  # fmt: skip


def _packages(home: Home) -> Iterator[Finding]:
    try:
        wanted = [Requirement(line) for line in importlib.metadata.requires("personax") or ()]
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", "problem", "personax is not installed", "pip install -e .")
        return
    needed = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = []
    for requirement in needed:
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, needed {requirement.specifier}")
    if wrong:
        mend = "install what constraints.txt names: pip install -c constraints.txt -e ."
        yield Finding("packages", "problem", "; ".join(wrong), mend)
    else:
        yield Finding("packages", "good", f"all {len(needed)} that personax needs")


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    return next(p for p in (path, *path.parents) if p.exists())


def _home(home: Home) -> Iterator[Finding]:
    profile = profile_named().name
    nearest = _nearest(home.root)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        mend = f"make {nearest} writable, or set PERSONAX_HOME to a folder that is"
        yield Finding("home", "problem", f"{home.root} cannot be written to", mend)
        return
    if not home.root.exists():
        yield Finding("home", "good", f"{home.root} is not there yet; profile {profile}")
        return
    sources = read_manifest(home.manifest)
    holds = "; ".join(f"{SUB_DATASETS[n].title}: {s}" for n, s in sources.items()) or "nothing yet"
    yield Finding("home", "good", f"{home.root} (profile {profile}); {holds}")


def _disk(home: Home) -> Iterator[Finding]:
    free = shutil.disk_usage(_nearest(home.root)).free
    told = f"{free / 1024**3:.1f} GiB free"
    mend = "free some, or set PERSONAX_HOME to a folder on another disk"
    if free < _LEAST_DISK:
        yield Finding("disk", "problem", told, mend)
    elif free < _AMPLE_DISK:
        yield Finding("disk", "note", f"{told}; the paper's size takes 2 GiB", mend)
    else:
        yield Finding("disk", "good", told)


def _locks(home: Home) -> Iterator[Finding]:
    busy = []
    if home.warehouse.exists():
        try:
            duckdb.connect(str(home.warehouse), read_only=True).close()
        except duckdb.IOException as error:
            owner = re.search(r"held in (\S+).*?\(PID (\d+)\)", str(error))
            if owner is None:
                said = str(error).splitlines()[0]
                mend = "move the file away; `personax run` makes it anew, raters' answers are kept"
                yield Finding("warehouse", "problem", f"cannot be opened ({said})", mend)
                return
            busy.append(f"the warehouse by process {owner[2]} ({owner[1]})")
    for path in sorted((home.root / "locks").glob("*.lock")):
        with path.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                busy.append(f"{path.stem} by another run")
    if busy:
        mend = "nothing to do while that works: commands wait for each other; else end that process"
        yield Finding("locks", "note", f"held: {', '.join(busy)}", mend)
    else:
        yield Finding("locks", "good", "none is held")


def _ports(home: Home) -> Iterator[Finding]:
    for title, port in _UI_PORTS:
        refused = refusal(port)
        if refused is None:
            yield Finding("ports", "good", f"{port} ({title}) is free")
            continue
        who = holder(port)
        told = f"{port} ({title}) is " + (f"held by {who}" if who else f"not to be had ({refused})")
        yield Finding("ports", "note", told, f"`personax ui` takes {free_port(port + 1)} instead")


def _raters(home: Home) -> Iterator[Finding]:
    for rater in build_resources(home=home).raters.configs():
        if rater.simulated:
            told = f"{rater.name}: simulated by this program, needs no key and no network"
            yield Finding("raters", "good", told)
        else:
            yield _key(rater)
            yield _reached(rater)


def _key(rater: "RaterConfig") -> Finding:
    """Tell whether a rater's key is there; the key itself is looked at and never shown."""
    from personax_assets.traits.client import RaterUnavailableError, rater_key

    if rater.key_env is None:
        return Finding("keys", "good", f"{rater.name}: needs none")
    try:
        rater_key(rater)
    except RaterUnavailableError:
        blank = not os.environ.get(rater.key_env, "").strip()
        told = "not set" if blank else "set to what no key looks like"
        mend = f"export {rater.key_env}=...; until then the stages that ask it are skipped"
        return Finding("keys", "problem", f"{rater.name}: {rater.key_env} is {told}", mend)
    return Finding("keys", "good", f"{rater.name}: {rater.key_env} is set")


def _reached(rater: "RaterConfig") -> Finding:
    """Tell whether a rater's address answers; no key is sent, so any HTTP answer will do."""
    address = f"{(rater.base_url or '').rstrip('/')}/models"
    proxies: dict[str, str] | None = {} if rater.loopback else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(proxies))
    try:
        with opener.open(address, timeout=_REACH_S):
            pass
    except urllib.error.HTTPError:
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        mend = "check the network and a proxy (HTTPS_PROXY), or base_url in the raters file"
        told = f"{rater.name}: {rater.base_url} does not answer ({reason})"
        return Finding("raters", "problem", told, mend)
    return Finding("raters", "good", f"{rater.name}: {rater.base_url} answers")


def _models(home: Home) -> Iterator[Finding]:
    from personax_assets.analysis.registry import champion_version

    local = home.tracking_uri.removeprefix("sqlite:///")
    if local != home.tracking_uri and not Path(local).exists():
        yield Finding("models", "good", "none is registered yet; `personax run` trains them")
        return
    tracking = build_resources(home=home).models.tracking()
    for name, sub in SUB_DATASETS.items():
        champion = champion_version(tracking, name)
        if champion is None:
            yield Finding("models", "good", f"{sub.title}: none is registered yet")
            continue
        told = f"{champion.name} version {champion.version}"
        fault = _fault_of_champion(tracking, name)
        if fault:
            mend = "train another: in the Dagster UI, job train_crl"
            yield Finding("models", "problem", f"{told} does not answer ({fault})", mend)
        else:
            yield Finding("models", "good", f"{told} loads and answers")


def _fault_of_champion(tracking: "Tracking", dataset: str) -> str:
    """Load a model and ask it for latents of someone unmeasured; say what goes wrong."""
    from personax_assets.analysis.registry import champion_model

    try:
        model = champion_model(tracking, dataset)
        model.transform({n: np.full((1, width), np.nan) for n, width in model.widths.items()})
    except Exception as error:  # whatever MLflow or the model raise, it cannot be used
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return ""
