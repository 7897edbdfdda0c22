"""Independence tests that are exact functions of contingency tables.

Belongs here: the public names, loaded when first used. KCI, RCIT, HSIC, chi-square, G-square and
distance correlation of two columns depend on the data only through the distinct values and how
often each pair of them occurs, so one pass over the rows is all the data access there is.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personax_ml.independence.api import chi2, dcor, gsq, hsic, independence_tests, kci, rcit
    from personax_ml.independence.columns import Column, ColumnError, VariableSpec, encode
    from personax_ml.independence.counts import (
        add_counts,
        count_people,
        subtract_counts,
        tables_of,
    )
    from personax_ml.independence.grid import grid_from_tables, independence_grid
    from personax_ml.independence.results import TestResult
    from personax_ml.independence.run import run_tests
    from personax_ml.independence.sources import (
        count_query,
        strata_from_counts,
        strata_from_query,
    )
    from personax_ml.independence.strengths import Strength, strength
    from personax_ml.independence.tables import Strata, Table, crosstab, stratify, unconditional

_HOME = {
    **dict.fromkeys(("chi2", "dcor", "gsq", "hsic", "independence_tests", "kci", "rcit"), "api"),
    **dict.fromkeys(("Column", "ColumnError", "VariableSpec", "encode"), "columns"),
    **dict.fromkeys(("add_counts", "count_people", "subtract_counts", "tables_of"), "counts"),
    **dict.fromkeys(("grid_from_tables", "independence_grid"), "grid"),
    "TestResult": "results",
    "run_tests": "run",
    **dict.fromkeys(("count_query", "strata_from_counts", "strata_from_query"), "sources"),
    **dict.fromkeys(("Strength", "strength"), "strengths"),
    **dict.fromkeys(("Strata", "Table", "crosstab", "stratify", "unconditional"), "tables"),
}

__all__ = [
    "Column",
    "ColumnError",
    "Strata",
    "Strength",
    "Table",
    "TestResult",
    "VariableSpec",
    "add_counts",
    "chi2",
    "count_people",
    "count_query",
    "crosstab",
    "dcor",
    "encode",
    "grid_from_tables",
    "gsq",
    "hsic",
    "independence_grid",
    "independence_tests",
    "kci",
    "rcit",
    "run_tests",
    "strata_from_counts",
    "strata_from_query",
    "stratify",
    "strength",
    "subtract_counts",
    "tables_of",
    "unconditional",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
