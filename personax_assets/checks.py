"""Asset checks.

Belongs here: what a check is, and the checks that follow from a table's schema alone. Does not
belong here: checks that know what a stage means; they stand beside the stage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from personax_assets.table_schema import TableSchema

if TYPE_CHECKING:
    from personax_assets.stage import StageRun
    from personax_assets.warehouse import StageRecord


@dataclass(frozen=True)
class Verdict:
    """How a check came out: whether it passed, why (for people), and figures."""

    passed: bool
    description: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One check of one asset.

    Parameters
    ----------
    name, description : str
        As shown in the Dagster UI.
    test : callable
        Looks at the stage after its writes are committed.
    blocking : bool
        Whether everything downstream would be wrong if it fails; otherwise it warns.
    """

    name: str
    description: str
    test: "Callable[[StageRun], Verdict]"
    blocking: bool = False

    def evaluate(self, run: "StageRun", record: "StageRecord") -> dg.AssetCheckResult:
        """Run the check; one of a stage without input passes, there is nothing to be wrong."""
        if record.status == "skipped":
            verdict = Verdict(True, f"skipped: {record.reason}")
        else:
            verdict = self.test(run)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            check_name=self.name,
            description=verdict.description,
            metadata=dict(verdict.metadata),
            severity=dg.AssetCheckSeverity.ERROR if self.blocking else dg.AssetCheckSeverity.WARN,
        )


def schema_checks(schema: TableSchema) -> tuple[Check, ...]:
    """Return the checks that every table gets from its schema."""
    checks = [
        Check(
            "columns_match_schema",
            "The table has exactly the columns and types that are documented.",
            lambda run: _columns_match(run, schema),
            blocking=True,
        ),
        Check(
            "key_is_unique",
            f"({', '.join(schema.key)}) identifies a row.",
            lambda run: _counts_nothing(run, _duplicates(schema, run.table), "duplicated keys"),
            blocking=True,
        ),
    ]
    checks.append(
        Check(
            "rows_do_not_shrink",
            "The table has at least as many rows as when the stage last ended.",
            _not_shrunk,
        )
    )
    conditions = _violations(schema)
    if conditions:
        checks.append(
            Check(
                "values_in_range",
                "Required values are present; numbers and categories are in their range.",
                lambda run: _counts_nothing(
                    run,
                    f"SELECT count(*) AS n FROM {run.table} WHERE {' OR '.join(conditions)}",
                    "rows with a value out of range",
                ),
                blocking=True,
            )
        )
    return tuple(checks)


EMBEDDINGS_FINITE = Check(
    "embeddings_are_finite",
    "No embedding holds a NaN or an infinity.",
    lambda run: _counts_nothing(
        run,
        f"SELECT count(*) AS n FROM {run.table} "
        "WHERE NOT isfinite(array_inner_product(embedding, embedding))",
        "embeddings with a NaN or an infinity",
    ),
    blocking=True,
)


def _columns_match(run: "StageRun", schema: TableSchema) -> Verdict:
    found = run.warehouse.query(f"DESCRIBE {run.table}")
    actual = dict(zip(found["column_name"], found["column_type"], strict=True))
    wanted = {c.name: c.type for c in schema.columns}
    different = sorted(k for k in wanted.keys() | actual.keys() if wanted.get(k) != actual.get(k))
    return Verdict(not different, f"different: {different}" if different else "as documented")


def _not_shrunk(run: "StageRun") -> Verdict:
    n = int(run.warehouse.query(f"SELECT count(*) AS n FROM {run.table}")["n"][0])
    before = (run.previous and run.previous.rows) or 0
    return Verdict(n >= before, f"{before} rows before, {n} now", {"before": before, "now": n})


def _duplicates(schema: TableSchema, table: str) -> str:
    key = ", ".join(f'"{name}"' for name in schema.key)
    return f"SELECT count(*) AS n FROM (SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1)"


def _violations(schema: TableSchema) -> list[str]:
    """Return one SQL condition per rule of the schema that a row can break."""
    conditions = []
    for c in schema.columns:
        if not c.nullable:
            conditions.append(f'"{c.name}" IS NULL')
        if c.minimum is not None:
            conditions.append(f'"{c.name}" < {c.minimum}')
        if c.maximum is not None:
            conditions.append(f'"{c.name}" > {c.maximum}')
        if c.type == "DOUBLE":
            conditions.append(f'NOT isfinite("{c.name}")')
        if c.values:
            listed = ", ".join(f"'{value}'" for value in c.values)
            conditions.append(f'"{c.name}" NOT IN ({listed})')
    return conditions


def _counts_nothing(run: "StageRun", sql: str, what: str) -> Verdict:
    n = int(run.warehouse.query(sql)["n"][0])
    return Verdict(n == 0, f"{n} {what}", {"count": n})
