"""Where the steps of a run that work on different machines leave tables for each other.

Belongs here: tables under a URL, a local folder or an object store. Does not belong here: what
the tables are for (`fan_out`).
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import polars as pl

_SUFFIX = ".parquet"


@dataclass(frozen=True)
class Exchange:
    """Tables as parquet files under a URL.

    Parameters
    ----------
    url : str
        A folder, or anything that fsspec knows how to open (`s3://bucket/prefix`, ...).
    """

    url: str

    def put(self, name: str, frame: pl.DataFrame) -> None:
        """Leave a table; whoever reads it sees all of it or none."""
        system, path = self._at(name + _SUFFIX)
        folder = path.rpartition("/")[0]
        system.makedirs(folder, exist_ok=True)
        buffer = BytesIO()
        frame.write_parquet(buffer)
        unfinished = f"{folder}/.{uuid.uuid4().hex}"
        system.pipe_file(unfinished, buffer.getvalue())
        system.mv(unfinished, path)

    def get(self, name: str) -> pl.DataFrame:
        """Return a table that somebody left."""
        system, path = self._at(name + _SUFFIX)
        return pl.read_parquet(BytesIO(system.cat_file(path)))

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names of the tables in a folder, in order."""
        system, path = self._at(folder)
        if not system.exists(path):
            return ()
        files = (file.rpartition("/")[2] for file in system.ls(path, detail=False))
        finished = sorted(f for f in files if f.endswith(_SUFFIX))
        return tuple(f"{folder}/{file.removesuffix(_SUFFIX)}" for file in finished)

    def all_in(self, folder: str) -> Iterator[pl.DataFrame]:
        """Yield the tables in a folder, one at a time, in the order of their names."""
        for name in self.names(folder):
            yield self.get(name)

    def folders(self) -> tuple[str, ...]:
        """Return the names of the folders."""
        system, root = self._at("")
        if not system.exists(root):
            return ()
        found = (entry["name"].rstrip("/") for entry in system.ls(root, detail=True)
                 if entry["type"] == "directory")  # fmt: skip
        return tuple(sorted(name.rpartition("/")[2] for name in found))

    def remove(self, folder: str) -> None:
        """Remove a folder with all its tables; one that is not there is no error."""
        system, path = self._at(folder)
        if system.exists(path):
            system.rm(path, recursive=True)

    def _at(self, name: str) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        system, root = url_to_fs(self.url, use_listings_cache=False)
        return system, f"{root.rstrip('/')}/{name}"
