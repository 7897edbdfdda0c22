"""Hold the installed packages against published advisories: `make audit`.

The work is pip-audit's, which the make target installs beside the project, not into it. Here is
only what its answer means: where nothing could be looked up, nothing was found to be safe.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

UNREACHED = (
    "The advisory service cannot be reached from here: nothing was audited, which says nothing "
    "about the packages. Run it where https://pypi.org answers."
)


def verdict(document: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Return the exit status and the lines to print for pip-audit's JSON answer.

    0: no advisory; 1: there are some; 2: no package could be looked up.
    """
    packages = document["dependencies"]
    audited = [p for p in packages if "vulns" in p]
    if not audited:
        return 2, [UNREACHED]
    lines = [
        f"{p['name']} {p['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'none'}"
        for p in audited
        for v in p["vulns"]
    ]
    unknown = [p["name"] for p in packages if "vulns" not in p]
    told = f"{len(audited)} packages audited, {len(lines)} advisories"
    left = f"; not known to the service: {', '.join(sorted(unknown))}" if unknown else ""
    return int(bool(lines)), [*lines, told + left]


def audited(program: str, folder: str) -> tuple[int, list[str]]:
    """Run pip-audit over a folder of installed packages."""
    command = [program, "--path", folder, "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return verdict(json.loads(done.stdout))
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return 2, [UNREACHED, f"pip-audit: {last}"]


def main(arguments: Sequence[str]) -> int:
    """Audit the packages of the running interpreter; the argument is pip-audit's path."""
    (program,) = arguments
    packages = next(p for p in sys.path if Path(p).name == "site-packages")
    status, lines = audited(program, packages)
    print(*lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
