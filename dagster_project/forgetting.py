"""Forgetting one person: the whole home, in an order that a kill does not break.

Belongs here: the order, files that other programs keep in the home, and looking afterwards that
nothing is left. Does not belong here: tables, answers and photographs
(`personax_assets.forgetting`), or the command line (`cli.forget`).

The list that keeps the person away comes first and the tables last: after a kill in between the
tables still know the names to look for, and the same command begins again.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from dagster_project.graph import stages_of, study_stages_of
from dagster_project.home import Home
from personax_assets.bios.forgotten import Forgotten
from personax_assets.datasets import SubDataset
from personax_assets.erasure import Words, erase_in_sqlite, erase_in_text, files_with, is_sqlite
from personax_assets.execution import stage_lock
from personax_assets.forgetting import (
    Person,
    Traces,
    erase_answers,
    erase_photographs,
    erase_rows,
    find_person,
    rejected_rows,
    traces_of,
)
from personax_assets.resources import Resources

_LOGS = ("dagster", "mlflow.db", "checkpoints")
"""Where a word is replaced; in a source's cache the row that holds it goes, to be asked anew."""

_CACHES = ("sources",)


@dataclass(frozen=True)
class Forgetting:
    """What forgetting a person takes, or took.

    Parameters
    ----------
    person : Person or None
        Who; None if no table knows the id.
    known : bool
        Whether the id was on the list of forgotten people before.
    traces : Traces
        What there was.
    models, releases : tuple of str
        Models and releases that were made while the person was in the data.
    left : tuple of str
        Files of the home that still hold a word, and why that is not for us to change.
    """

    person: Person | None
    known: bool
    traces: Traces = field(default_factory=Traces)
    models: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def look(resources: Resources, home: Home, subs: Sequence[SubDataset], wanted: str) -> Forgetting:
    """Tell what forgetting a person would take; nothing is changed."""
    known = Forgotten.of_home(home.root).holds(wanted)
    person = find_person(resources, subs, wanted)
    if person is None:
        return Forgetting(None, known)
    return Forgetting(
        person, known, traces_of(resources, person), _models(resources, home, person),
        _releases(home, person.sub),
    )  # fmt: skip


def forget(
    resources: Resources,
    home: Home,
    subs: Sequence[SubDataset],
    wanted: str,
    tell: Callable[[str], None],
) -> Forgetting:
    """Forget a person; what a killed call has begun is finished.

    Parameters
    ----------
    resources, home
        The home.
    subs : sequence of SubDataset
        Where to look for the person.
    wanted : str
        The person's id.
    tell : callable
        Told in a sentence when another run is in the way.
    """
    from personax_assets.report.anew import write_anew

    stages = (*stages_of(resources), *study_stages_of(resources))
    with ExitStack() as locks:
        for stage in stages:
            locks.enter_context(stage_lock(home.root, stage.key, tell))
        found = look(resources, home, subs, wanted)
        person = found.person
        if person is None and not found.known:
            return found
        if person is not None:
            _keep_away(resources, home, person)
            erase_answers(resources, person)
            erase_photographs(resources, found.traces.photographs)
            shutil.rmtree(home.root / "checkpoints" / person.sub.name, ignore_errors=True)
            _erase_files(home, person.words)
            erase_rows(resources, stages, person)
        resources.warehouse.rewrite()
        if home.report.exists():
            write_anew(resources)
        words = person.words if person else Words((wanted,))
        left = tuple(p.relative_to(home.root).as_posix() for p in files_with(words, home.root))
    return Forgetting(person, found.known, found.traces, found.models, found.releases, left)


def _keep_away(resources: Resources, home: Home, person: Person) -> None:
    rows = (*person.rows, *rejected_rows(resources, person))
    Forgotten.of_home(home.root).with_these([person.person_id], rows).keep(home.root)


def _erase_files(home: Home, words: Words) -> None:
    """Take words out of what Dagster, MLflow and sources keep."""
    for place in (*_LOGS, *_CACHES):
        root = home.root / place
        databases = {path.with_name(_database(path.name)) for path in files_with(words, root)}
        for path in sorted(databases):
            if is_sqlite(path):
                erase_in_sqlite(path, words, rows=place in _CACHES)
            elif place in _LOGS:
                erase_in_text(path, words)


def _database(name: str) -> str:
    """Return the name of the database that a log belongs to; another file's own."""
    return name.removesuffix("-wal").removesuffix("-journal").removesuffix("-shm")


def _models(resources: Resources, home: Home, person: Person) -> tuple[str, ...]:
    """Return the versions that may have been trained with the person's data."""
    from personax_assets.analysis.registry import model_name, versions_of

    local = home.tracking_uri.removeprefix("sqlite:///")
    if local != home.tracking_uri and not Path(local).exists():
        return ()
    return tuple(
        f"{version.name} version {version.version} of {version.created:%Y-%m-%d %H:%M}"
        for version in versions_of(resources.models.tracking(), model_name(person.sub.name))
        if person.since is None or version.created.replace(tzinfo=None) >= person.since
    )


def _releases(home: Home, sub: SubDataset) -> tuple[str, ...]:
    """Return the releases of a sub-dataset; they do not say who is in them."""
    found = []
    for manifest in sorted((home.root / "release").glob("*/manifest.json")):
        try:
            about = json.loads(manifest.read_text()).get("dataset", sub.name)
        except (ValueError, AttributeError):
            about = sub.name
        if about == sub.name:
            found.append(manifest.parent.relative_to(home.root).as_posix())
    return tuple(found)
