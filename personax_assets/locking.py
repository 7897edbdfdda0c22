"""A lock between processes that dies with its holder.

Belongs here: the lock. Does not belong here: what it protects.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock file `path` for the block; wait while another process holds it.

    Parameters
    ----------
    path : Path
        The lock file; it and its folder are made if they are not there.
    on_wait : callable
        Called once if there is a wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
