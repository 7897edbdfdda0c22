"""Independence tests that are exact functions of contingency tables.

Belongs here: the public names. KCI, RCIT, HSIC, chi-square, G-square and distance correlation of
two columns depend on the data only through the distinct values and how often each pair of them
occurs, so one pass over the rows is all the data access there is.
"""

from personax_ml.independence.columns import Column, ColumnError, VariableSpec, encode
from personax_ml.independence.grid import independence_grid
from personax_ml.independence.results import TestResult
from personax_ml.independence.tables import Table, crosstab

__all__ = [
    "Column",
    "ColumnError",
    "Table",
    "TestResult",
    "VariableSpec",
    "crosstab",
    "encode",
    "independence_grid",
]
