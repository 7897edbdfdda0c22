"""The documentation of every table, written from the registry of schemas.

Belongs here: schemas as Markdown; `python -m personax_assets.data_model` prints the page. Does
not belong here: what a table holds (`schemas`).
"""

from collections.abc import Iterator, Mapping, Sequence

from personax_assets.datasets import SUB_DATASETS, SubDataset
from personax_assets.migrations import SCHEMA_VERSION
from personax_assets.schemas.level2 import crl_benchmark
from personax_assets.schemas.people import quarantine
from personax_assets.schemas.tables import comparison_tables, sub_dataset_tables
from personax_assets.table_schema import Column, TableSchema
from personax_assets.warehouse import STAGES

_OPENING = """\
# The data model

Every table lies in `warehouse.duckdb`, in the schema of its sub-dataset: `athlepersona.bios`,
`celebpersona.bios`. This page is written by `make docs` from `personax_assets/schemas/`, the
registry from which the tables, their checks and their descriptions in the Dagster UI are made
too; a test keeps the page in step.

Three rules hold everywhere. Unknown is NULL, never 0 or an empty string. `person_id` is stable
across refreshes and machines: it comes from the sub-dataset, the source and the source's own id.
What is invented says so (`simulated`).

```python
import duckdb

connection = duckdb.connect(".personax/warehouse.duckdb", read_only=True)
print(connection.sql("FROM athlepersona.bios LIMIT 5"))
```

`FLOAT[n]` is a list of n numbers, n being the width of the configured encoder. A table of one
rater's answers exists for each configured rater; the three of the paper are shown as one.
"""


def data_model() -> str:
    """Return the page."""
    tables = {name: sub_dataset_tables(sub) for name, sub in SUB_DATASETS.items()}
    names = list(dict.fromkeys(name for group in tables.values() for name in group))
    raters = [name for name in names if name.startswith("trait_texts_")]
    parts = [_OPENING]
    for name in names:
        if name in raters[1:]:
            continue
        title = "trait_texts_<rater>" if name in raters else name
        parts.append(_section(title, {s: group[name] for s, group in tables.items()}))
    both = comparison_tables(tuple(SUB_DATASETS.values()))
    parts += [_section(f"comparison.{name}", {"": schema}) for name, schema in both.items()]
    parts.append(_section("synthetic.crl_benchmark", {"": crl_benchmark()}))
    parts.append(_section("quarantine.<sub-dataset>_<table>", {"": quarantine("x")}))
    parts.append(_section("personax.stages", {"": STAGES}))
    parts.append(_section("personax.schema_version", {"": SCHEMA_VERSION}))
    return "\n".join(parts)


def _section(title: str, schemas: Mapping[str, TableSchema]) -> str:
    """Return the section of a table that several sub-datasets have."""
    rows = dict.fromkeys(schema.row for schema in schemas.values())
    first = next(iter(schemas.values()))
    lines = [f"## {title}\n", *(f"{row}\n" for row in rows)]
    lines.append(f"Key: {', '.join(f'`{name}`' for name in first.key)}.\n")
    lines += ["| column | type | meaning | from |", "|---|---|---|---|"]
    lines += _rows(schemas)
    return "\n".join(lines) + "\n"


def _rows(schemas: Mapping[str, TableSchema]) -> Iterator[str]:
    """Yield a line per column; one that not all sub-datasets have says whose it is."""
    owners: dict[Column, list[str]] = {}
    for sub, schema in schemas.items():
        for column in schema.columns:
            owners.setdefault(column, []).append(sub)
    for group in _in_order([schema.columns for schema in schemas.values()]):
        subs = owners[group]
        whose = "" if len(subs) == len(schemas) else f" ({_titles(subs)} only)"
        required = "" if group.nullable else " NOT NULL"
        meaning = f"{group.description}{_range(group)}{whose}"
        source = ", ".join(f"`{name}`" for name in _shortened(group.lineage))
        yield f"| `{group.name}` | {group.type}{required} | {_escaped(meaning)} | {source} |"


def _in_order(sequences: Sequence[Sequence[Column]]) -> list[Column]:
    """Merge sequences of columns, keeping the order of each."""
    merged: list[Column] = []
    for sequence in sequences:
        place = 0
        for column in sequence:
            if column in merged:
                place = merged.index(column) + 1
            else:
                merged.insert(place, column)
                place += 1
    return merged


def _titles(subs: Sequence[str]) -> str:
    titles: Mapping[str, SubDataset] = SUB_DATASETS
    return ", ".join(titles[sub].title for sub in subs)


def _range(column: Column) -> str:
    """Say which values a column may have."""
    if column.values:
        return f" One of {', '.join(f'`{value}`' for value in column.values)}."
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        return f" From {low:g} to {high:g}."
    if low is not None:
        return f" At least {low:g}."
    return "" if high is None else f" At most {high:g}."


_MOST_SOURCES = 4


def _shortened(lineage: Sequence[str]) -> list[str]:
    """Return the columns that a column comes from; many of one table as `table.*`."""
    if len(lineage) <= _MOST_SOURCES:
        return list(lineage)
    return list(dict.fromkeys(f"{name.partition('.')[0]}.*" for name in lineage))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(data_model(), end="")
