"""The report of a home, written anew from everything that the home holds.

Belongs here: from a home to its pages. Does not belong here: what is read (`collect`), or what a
page looks like (`write`).
"""

from pathlib import Path

from personax_assets.errors import PersonaXError
from personax_assets.report import FOLDER
from personax_assets.report.collect import collect_all, collect_comparison, run_info
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.write import write_report
from personax_assets.resources import Resources


def write_anew(resources: Resources) -> tuple[Path, list[SubDatasetReport]]:
    """Write the pages; return the path of the one that holds everything, and what is told there.

    Raises
    ------
    PersonaXError
        If nothing was made in the home yet.
    """
    reports = collect_all(resources)
    if not reports:
        where = f"home {resources.home}"
        raise PersonaXError(f"{where}: there is nothing to report yet; `personax run`")
    info, comparison = run_info(resources), collect_comparison(resources)
    return write_report(resources.home / FOLDER, info, reports, comparison), reports
