"""All drills, with a table at the end: `make drill`, or `python -m tests.faults.drill`.

`--kills N` says how often to kill over all writers (default 200), `--only kills|others` does one
part. The last line is a JSON object with the same figures; the exit status is 1 if anything
happened that must not.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.faults.kills import SEED, all_killed
from tests.faults.others import DRILLS
from tests.faults.registry import aliases_killed
from tests.faults.scene import Row, scene


def main() -> int:
    """Do the drills."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="kills over all writers")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the moments")
    parser.add_argument("--only", choices=("kills", "others"), help="one part alone")
    arguments = parser.parse_args()
    started, rows, canaries = time.monotonic(), list[Row](), 0
    with tempfile.TemporaryDirectory(prefix="personax-drill-") as folder:
        root = Path(folder)
        if arguments.only != "others":
            of_alias = max(arguments.kills // 11, 1)
            rows, canaries = all_killed(root, arguments.kills - of_alias, arguments.seed)
            row, found = aliases_killed(root / "registry", of_alias, arguments.seed)
            rows.append(row)
            canaries += found
        for number, drill in enumerate(DRILLS if arguments.only != "kills" else ()):
            with scene(root / f"other{number}") as place:
                rows.append(drill(place))
                print(f"  {rows[-1]}", flush=True)
                canaries += place.canaries()
            shutil.rmtree(root / f"other{number}")
    _print(rows, canaries)
    figures = {
        "kills": sum(row.faults for row in rows) if arguments.only == "kills" else None,
        "seconds": round(time.monotonic() - started),
        "files_with_the_canary_key": canaries,
        "rows": [asdict(row) for row in rows],
    }
    print(json.dumps(figures))
    return 0 if canaries == 0 and all(row.good for row in rows) else 1


def _print(rows: list[Row], canaries: int) -> None:
    print(f"\n{'drill':<34}{'faults':>7}{'lost':>6}{'torn':>6}{'twice':>7}  next run")
    for row in rows:
        ended = "green" if row.green else "NOT GREEN"
        print(
            f"{row.what:<34}{row.faults:>7}{row.lost:>6}{row.torn:>6}{row.paid_twice:>7}  {ended}"
            f"{f' ({row.said})' if row.said else ''}"
        )
    print(f"files of homes and logs with the canary key: {canaries}")


if __name__ == "__main__":
    sys.exit(main())
