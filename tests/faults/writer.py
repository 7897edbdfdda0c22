"""A process that brings stages of a home up to date, and says on its output where it is.

`python -m tests.faults.writer HOME ROSTERS PHOTOGRAPHS STAGE,STAGE,... [LIMIT BYTES]`; LIMIT is
`disk` (largest file) or `memory` (more than it has when it begins).
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from dagster_project.build import build_resources
from dagster_project.graph import stages_of
from dagster_project.home import Home
from dagster_project.profiles import sources_of
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.errors import PersonaXError
from personax_assets.execution import execute
from personax_assets.resources import Resources, SourceConfig
from personax_assets.stage import Stage, StageRun, stale


def resources_at(home: Path, rosters: Path, photographs: Path) -> Resources:
    """Return the resources of a home of real athletes with photographs."""
    place = Home(home)
    place.prepare()
    source = SourceConfig(
        kind="rosters", rosters=str(rosters), photographs=str(photographs)
    )  # fmt: skip
    return build_resources("live", place, sources_of(place, {ATHLEPERSONA.name: source}))


def athletes(resources: Resources) -> tuple[Stage, ...]:
    """Return the athletes' stages."""
    return tuple(s for s in stages_of(resources) if s.layout.subs == (ATHLEPERSONA,))


def _quiet(line: str) -> None:
    """Say nothing."""


def bring(
    resources: Resources, names: Collection[str], tell: Callable[[str], None] = _quiet
) -> bool:
    """Bring stages up to date, telling of each; return whether all of them ended well."""
    chosen = [stage for stage in athletes(resources) if stage.name in names]
    for stage in stale(chosen, resources, {stage.key for stage in chosen}):
        tell(f"started {stage.name}")
        run = StageRun(stage, resources, stage.partitions, "drill", {}, lambda text: None)
        try:
            outcome = execute(run, only_stale=True)
        except PersonaXError as error:
            tell(f"failed {stage.name}: {error}")
            return False
        tell(f"ended {stage.name} {outcome.record.status}")
        if outcome.record.status not in ("ok", "skipped"):
            return False
    return True


def limit(kind: str, size: int) -> None:
    """Let this process have no more than so much."""
    if kind == "disk":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    else:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(arguments: Sequence[str]) -> int:
    """Do it; the exit status is 0 if every stage ended well."""
    home, rosters, photographs, names, *rest = arguments
    resources = resources_at(Path(home), Path(rosters), Path(photographs))
    if rest:
        limit(rest[0], int(rest[1]))
    return 0 if bring(resources, names.split(","), partial(print, flush=True)) else 1


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
