"""A published release as a source of people.

Belongs here: its tables as raw rows by the description's columns. Does not belong here: fetching
(`hub`), terms (`terms`), or what values mean (`cleaning`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import polars as pl

from personax_assets.bios.people import Rejected
from personax_assets.bios.raw import RawBatch, quarantined, raw_rows
from personax_assets.bios.release.description import Release
from personax_assets.bios.release.hub import Hub, hub_of
from personax_assets.bios.release.terms import holds_terms, require_accepted, terms_of
from personax_assets.bios.rosters.description import FileDescription, FileKind, RosterError
from personax_assets.bios.rosters.files import ROW, read_table
from personax_assets.bios.rosters.nodes import nearest
from personax_assets.bios.rosters.values import columns_of, expression, without_markers
from personax_assets.bios.text import shown
from personax_assets.datasets import LEAGUES, SubDataset

_KINDS: dict[str, FileKind] = {
    **{".csv": "csv", ".tsv": "tsv", ".json": "json", ".jsonl": "jsonl", ".parquet": "parquet"}
}
_MOST_TERMS = 200_000

_EXTRAS = {
    "birth_date": ("format", "birth_date_format"),
    "country": ("basis", "country_basis"),
    "height": ("unit", "height_unit"),
    "weight": ("unit", "weight_unit"),
}
"""What a field's description adds to the row, and where."""


@dataclass(frozen=True)
class ReleaseSource:
    """People of a published release.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    description : Release
        Where it is, and which column is which.
    kept : Path
        Folder in which fetched files are kept.
    """

    sub: SubDataset
    description: Release
    kept: Path

    name: str = field(default="release", init=False)
    simulated: bool = field(default=False, init=False)

    @property
    def partitions(self) -> tuple[str, ...]:
        """The sub-dataset's partitions."""
        return self.sub.partitions

    def fingerprint(self, partition: str | None) -> str:
        """Return a hash of the description and of the files; absent ones are told by reading."""
        what = self.description
        digest = hashlib.sha256(repr((what.columns, what.files, what.nulls)).encode())
        digest.update(f"{what.repository} {what.revision} {what.accepted_terms}".encode())
        if what.folder is not None:
            for path in self._local(what.folder):
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()[:32]

    def terms(self) -> str:
        """Return the terms of the release.

        Raises
        ------
        TermsError
            If exactly these terms were not accepted.
        """
        texts = {path.name: _text(path) for path in self._term_files()}
        terms = terms_of(self.description.name, texts)
        require_accepted(terms, self.description.accepted_terms, self.description.name)
        return terms

    def read(self, partition: str | None) -> RawBatch:
        """Return the rows of a partition.

        Raises
        ------
        PersonaXError
            If the terms were not accepted, or a file cannot be had or read.
        """
        terms = self.terms()
        rows: list[dict[str, Any]] = []
        rejected: list[Rejected] = []
        n_rows = out_of_scope = 0
        for path in self._tables():
            here, bad, elsewhere = self._read(path, partition)
            rows += here
            rejected += bad
            out_of_scope += elsewhere
            n_rows += len(here) + len(bad) + elsewhere
        people = {row.get("source_id") or row.get("name") for row in rows}
        return RawBatch(
            rows=raw_rows(self.sub, rows),
            quarantine=quarantined(rejected),
            counts={
                "rows_in": n_rows,
                "rows_out": len(rows),
                "quarantined": len(rejected),
                "out_of_scope": out_of_scope,
                "people_in": len(people),
            },
            terms=terms,
        )

    def _read(
        self, path: Path, partition: str | None
    ) -> tuple[list[dict[str, Any]], list[Rejected], int]:
        """Return a table's rows of a partition, bad rows, and the number of other rows."""
        what = self.description
        description = FileDescription(path.name, _KINDS[path.suffix.lower()], nulls=what.nulls)
        table = read_table(description, path, what.name)
        own = [name for name in table.frame.columns if name != ROW]
        for name, column in what.columns.items():
            for needed in columns_of(column.value):
                if needed not in own:
                    raise RosterError(
                        f"{path.name}: columns: {name}: the file has no column {shown(needed)}: "
                        f"{nearest(needed, own[:40])}"
                    )
        raw = pl.struct(own).struct.json_encode() if own else pl.lit("{}")
        frame = table.frame.with_columns(raw.alias("#raw"))
        frame = frame.with_columns(without_markers(pl.col(name), what.nulls) for name in own)
        frame = frame.select(
            ROW,
            "#raw",
            *(expression(f.value).cast(pl.String).alias(f"#{n}") for n, f in what.columns.items()),
        )
        rows: list[dict[str, Any]] = []
        first = partition in (None, self.partitions[0] if self.partitions else None)
        rejected: list[Rejected] = [
            (path.name, bad.row, None, bad.reason, bad.raw) for bad in table.bad if first
        ]
        elsewhere = 0 if first else len(table.bad)
        for record in frame.iter_rows(named=True):
            row = self._row(record, path.name)
            league = row.get("league")
            if "league" in self.sub.bio_columns and league not in LEAGUES:
                if not first:
                    elsewhere += 1
                    continue
                reason = f"{shown(league)} is no league: map it under columns: league: values"
                rejected.append((path.name, record[ROW], "league", reason, record["#raw"]))
            elif partition is not None and league != partition:
                elsewhere += 1
            else:
                rows.append(row)
        return rows, rejected, elsewhere

    def _row(self, record: Mapping[str, Any], file: str) -> dict[str, Any]:
        row: dict[str, Any] = {
            "source": self.name,
            "source_file": file,
            "source_row": record[ROW],
            "raw": record["#raw"],
        }
        for name, column in self.description.columns.items():
            row[name] = record[f"#{name}"]
            if name in _EXTRAS and row[name] is not None:
                key, stated = _EXTRAS[name]
                row[stated] = getattr(column, key)
        return row

    def _hub(self) -> Hub:
        what = self.description
        assert what.repository is not None
        assert what.revision is not None
        return hub_of(what.hub, what.repository, what.revision, self.kept)

    def _tables(self) -> list[Path]:
        """Return the files that are read, fetched if need be."""
        what = self.description
        if what.folder is not None:
            found = self._local(what.folder)
        else:
            hub = self._hub()
            found = [hub.fetch(file) for file in hub.files() if self._wanted(file.path)]
        if not found:
            raise RosterError(
                f"{what.name}: no file is called {' or '.join(what.files)}: mend 'files'"
            )
        return sorted(found)

    def _term_files(self) -> Iterable[Path]:
        what = self.description
        if what.folder is None:
            hub = self._hub()
            return [hub.fetch(file) for file in hub.files() if holds_terms(file.path)]
        if not what.folder.is_dir():
            raise RosterError(f"{what.name}: there is no folder {what.folder}: check 'folder'")
        return [path for path in sorted(what.folder.iterdir()) if holds_terms(path.name)]

    def _local(self, folder: Path) -> list[Path]:
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return [path for path in files if self._wanted(path.relative_to(folder).as_posix())]

    def _wanted(self, path: str) -> bool:
        named = any(fnmatch(path, p) or fnmatch(path, f"*/{p}") for p in self.description.files)
        return named and Path(path).suffix.lower() in _KINDS


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_MOST_TERMS).decode("utf-8", errors="replace")
