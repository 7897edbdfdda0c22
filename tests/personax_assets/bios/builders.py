"""Raw rows and roster files for tests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from personax_assets.bios.cleaning import CleanBatch
from personax_assets.bios.rosters import RosterList, load_rosters
from personax_assets.datasets import ATHLEPERSONA, SubDataset
from personax_assets.schemas.people import bios_history, raw_bios


def raw_rows(rows: Sequence[Mapping[str, Any]], sub: SubDataset = ATHLEPERSONA) -> pl.DataFrame:
    """Return raw bios; what a row does not state gets a usual value."""
    usual = {
        "source": "test",
        "source_file": "test.csv",
        "country_basis": "birth",
        "height_unit": "cm",
        "weight_unit": "kg",
        "in_scope": True,
        "simulated": False,
        **({"league": "NBA"} if "league" in sub.bio_columns else {}),
    }
    records = [
        {
            "record_id": f"record {i}",
            "source_row": i,
            "raw": json.dumps(dict(row), default=str),
            **usual,
            **row,
        }
        for i, row in enumerate(rows, 1)
    ]
    schema = raw_bios(sub).polars
    return pl.DataFrame([{name: r.get(name) for name in schema} for r in records], schema=schema)


def assert_accounted(batch: CleanBatch, rows_in: int) -> None:
    """Check that every row went somewhere."""
    counts = batch.counts
    assert counts["rows_in"] == rows_in
    assert counts["rows_in"] == counts["rows_out"] + counts["superseded"] + counts["quarantined"]
    assert counts["rows_out"] == batch.bios.height == batch.bios["person_id"].n_unique()
    assert counts["quarantined"] == batch.quarantine.height
    assert min(counts.values()) >= 0


def empty_history(sub: SubDataset = ATHLEPERSONA) -> pl.DataFrame:
    return pl.DataFrame(schema=bios_history(sub).polars)


def write_list(folder: Path, *entries: Mapping[str, Any], name: str = "list.yaml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump({"rosters": list(entries)}, sort_keys=False, allow_unicode=True))
    return path


def roster_list(folder: Path, *entries: Mapping[str, Any]) -> RosterList:
    return load_rosters(write_list(folder, *entries))


ENTRY: dict[str, Any] = {
    "source": "test",
    "file": "players.csv",
    "league": "NBA",
    "fields": {
        "source_id": "id",
        "name": "name",
        "birth_date": "born",
        "country": {"from": "country", "basis": "birth"},
        "height": {"from": "height", "unit": "cm"},
        "weight": {"from": "weight", "unit": "kg"},
    },
}

HEADER = "id,name,born,country,height,weight"
LINE = "{i},Player {i},1990-01-{day:02},USA,200,100"


def players(n: int) -> list[str]:
    """Return the lines of a well-formed file without its header."""
    return [LINE.format(i=i, day=i % 28 + 1) for i in range(n)]


def write_players(folder: Path, lines: Sequence[str], header: str = HEADER) -> None:
    (folder / "players.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
