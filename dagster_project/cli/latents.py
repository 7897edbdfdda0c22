"""`personax latents`: the latents of a sub-dataset as a file."""

import argparse
import os
from pathlib import Path

import polars as pl

from dagster_project.build import build_resources
from dagster_project.cli.command import Command
from dagster_project.home import Home
from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.resources import Resources
from personax_assets.schemas.tables import sub_dataset_tables

_FORMATS = (".parquet", ".csv")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", choices=tuple(SUB_DATASETS), required=True,
                        help="which sub-dataset")  # fmt: skip
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE",
        help="file to write; its ending decides the format: .parquet or .csv",
    )  # fmt: skip


def _latents(arguments: argparse.Namespace) -> int:
    out, sub = arguments.out, SUB_DATASETS[arguments.dataset]
    if out.suffix not in _FORMATS:
        raise PersonaXError(f"--out {out}: the name must end in {' or '.join(_FORMATS)}")
    resources = build_resources(home=Home.from_environment())
    frame = _read(resources, sub)
    _write(frame, out)
    invented = " (invented people)" if frame["simulated"].all() else ""
    version = ", ".join(frame["model_version"].unique().sort())
    print(f"{frame.height:,} {sub.people}{invented}, model version {version}: {out}")
    return 0


def _read(resources: Resources, sub: SubDataset) -> pl.DataFrame:
    """Return the latents, each row saying whether its person is invented."""
    tables, warehouse = sub_dataset_tables(sub), resources.warehouse
    frame = warehouse.read(sub.table("latents"), tables["latents"])
    if frame.is_empty():
        known = warehouse.stages() if Path(warehouse.database).exists() else {}
        record = known.get(f"{sub.name}/latents")
        why = (record and record.reason) or "none were computed yet"
        raise PersonaXError(
            f"home {resources.home}: no latents of the {sub.people} ({why}); `personax run` "
            "computes them"
        )
    people = warehouse.read(sub.table("bios"), tables["bios"], ("person_id", "simulated"))
    return frame.join(people, on="person_id", how="left", maintain_order="left")


def _write(frame: pl.DataFrame, out: Path) -> None:
    """Put the file in place, whole."""
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        if out.suffix == ".parquet":
            frame.write_parquet(temporary)
        else:
            frame.write_csv(temporary)
        temporary.replace(out)
    except OSError as error:
        reason = error.strerror or str(error).partition(" (os error")[0]
        raise PersonaXError(
            f"--out {out}: cannot be written ({reason}); name a file in a folder that exists and "
            "is writable"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


LATENTS = Command(
    "latents", "write the latents of a sub-dataset to a parquet or CSV file", _options, _latents
)
