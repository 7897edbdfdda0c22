import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from personax_assets.faces.pool import Lost, isolated_map

MANY = 200


def double(n: int) -> int:
    return 2 * n


def double_or_die(n: int) -> int:
    if n == 77:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * n


def die_once(item: tuple[int, str]) -> int:
    """Die of item 50, but only the first time."""
    n, folder = item
    mark = Path(folder) / "died"
    if n == 50 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * n


def fail(n: int) -> int:
    if n == 99:
        raise ValueError("item 99 is odd")
    return n


def process_id(_: int) -> int:
    time.sleep(0.002)
    return os.getpid()


def test_results_are_in_order() -> None:
    assert list(isolated_map(double, range(MANY), 2)) == [2 * n for n in range(MANY)]


def test_the_work_is_done_elsewhere_by_several() -> None:
    workers = set(isolated_map(process_id, range(MANY), 2))
    assert len(workers) == 2
    assert os.getpid() not in workers


@pytest.mark.parametrize(("count", "workers"), [(MANY, 1), (20, 2), (0, 2)])
def test_little_work_is_done_here(count: int, workers: int) -> None:
    assert set(isolated_map(process_id, range(count), workers)) <= {os.getpid()}


def test_an_item_that_kills_its_process_is_lost_alone() -> None:
    results = list(isolated_map(double_or_die, range(MANY), 2))
    assert [n for n, result in enumerate(results) if isinstance(result, Lost)] == [77]
    assert [r for r in results if not isinstance(r, Lost)] == [
        2 * n for n in range(MANY) if n != 77
    ]


def test_after_an_accident_nothing_is_lost(tmp_path: Path) -> None:
    results = list(isolated_map(die_once, [(n, str(tmp_path)) for n in range(MANY)], 2))
    assert (tmp_path / "died").exists()
    assert results == [2 * n for n in range(MANY)]


def test_what_the_function_raises_is_raised_here() -> None:
    with pytest.raises(ValueError, match="item 99 is odd"):
        list(isolated_map(fail, range(MANY), 2))


def test_processes_that_cannot_start_are_done_without(tmp_path: Path) -> None:
    """A script without the usual guard cannot be imported by a worker; it still gets results."""
    script = tmp_path / "unguarded.py"
    script.write_text(
        "import os\n"
        "from personax_assets.faces.pool import isolated_map\n"
        "print(sum(isolated_map(abs, range(100), 2)))\n"
    )
    root = Path(__file__).resolve().parents[3]
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=root, timeout=60,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert run.stdout.split()[-1:] == ["4950"], run.stderr


def test_workers_do_not_outlive_a_killed_parent() -> None:
    code = textwrap.dedent("""
        import sys
        from personax_assets.faces.pool import isolated_map
        from tests.personax_assets.faces.test_pool import process_id
        for worker in isolated_map(process_id, range(1_000_000), 2):
            print(worker, flush=True)
    """)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        workers = {int(run.stdout.readline()) for _ in range(100)}
        run.kill()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "orphaned workers"
        time.sleep(0.05)
