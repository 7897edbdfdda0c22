"""Command line of the benchmark."""

import argparse
import json
from importlib import import_module

import polars as pl

from tests.benchmarks import crl
from tests.benchmarks.crl.part import Part

PARTS = ("numeric", "images", "planted", "speed")


def main() -> None:
    """Print the tables of the parts, and the same figures as one JSON object."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.crl",
        description=(crl.__doc__ or "").split("\n")[0],
    )
    parser.add_argument("--quick", action="store_true", help="tuning seeds and small sizes")
    parser.add_argument("--part", choices=PARTS, nargs="+", default=PARTS, help="which parts")
    chosen = parser.parse_args()
    figures = {}
    for name in chosen.part:
        part: Part = import_module(f"tests.benchmarks.crl.{name}").measure(chosen.quick)
        figures[name] = part.tables
        with pl.Config(
            tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, tbl_hide_dataframe_shape=True
        ):
            for title, rows in part.tables.items():
                table = pl.DataFrame(rows, infer_schema_length=None)
                print(f"\n{name}: {title}")
                print(table.with_columns(pl.selectors.float().round(3)))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
