from pathlib import Path

import pytest

from tests.audit import UNREACHED, audited, verdict

SAFE = {"name": "a", "version": "1", "vulns": []}
UNKNOWN = {"name": "own", "skip_reason": "not on the index"}
BAD = {"name": "b", "version": "2", "vulns": [{"id": "X-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([SAFE], 0, "1 packages audited, 0 advisories"),
        ([SAFE, UNKNOWN], 0, "not known to the service: own"),
        ([SAFE, BAD], 1, "b 2: X-1, mended in 3"),
        ([UNKNOWN], 2, UNREACHED),
        ([], 2, UNREACHED),
    ],
)
def test_what_the_answer_means(packages: list[object], status: int, said: str) -> None:
    found, lines = verdict({"dependencies": packages})
    assert found == status
    assert said in "\n".join(lines)


def test_no_answer_is_not_taken_for_a_good_one(tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho 'ConnectionError: no route' >&2\nexit 1\n")
    program.chmod(0o755)
    assert audited(str(program), "x") == (2, [UNREACHED, "pip-audit: ConnectionError: no route"])
