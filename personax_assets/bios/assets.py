"""The bio stages: raw rows from the sources, and clean bios with their history."""

from collections.abc import Iterable
from datetime import UTC, datetime

import polars as pl

from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.history import history_delta
from personax_assets.bios.sources import RawBatch
from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.progress import progress
from personax_assets.resources import Sources
from personax_assets.schemas import quarantine
from personax_assets.stage import Layout, Stage, StageResult, StageRun, Write, stage
from personax_assets.warehouse import Transaction


def source_versions(sources: Sources, sub: SubDataset, partitions: Iterable[str]) -> dict[str, str]:
    """Return a fingerprint of what the source holds, per partition (or as a whole)."""
    source = sources.bios(sub)
    return {
        f"source {partition or 'all'}": source.fingerprint(partition)
        for partition in (tuple(partitions) or (None,))
    }


def _versions(run: StageRun) -> dict[str, str]:
    return source_versions(run.resources.sources, run.sub, run.partitions)


def bios_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the bio stages of a sub-dataset."""
    sub = layout.sub

    @stage(layout, "raw_bios", group="sources", settings=_versions, partitions=sub.partitions)
    def raw_bios(run: StageRun) -> StageResult:
        """Reads the sources; rows that cannot be read go to quarantine with the reason.

        Rows read = rows here + quarantined + out of scope, per league.
        """
        run.resources.sources.claim(sub)
        source = run.resources.sources.bios(sub)
        batches: dict[str | None, RawBatch] = {}
        failures: list[str] = []
        with progress(f"reading {sub.people}", len(run.partitions) or 1) as advance:
            for partition in run.partitions or (None,):
                try:
                    batches[partition] = source.read(partition)
                except PersonaXError as error:
                    failures.append(str(error))
                advance(1)
        if not batches:
            raise PersonaXError("; ".join(dict.fromkeys(failures)))
        writes = [_replace_raw(run, partition, batch) for partition, batch in batches.items()]
        counts = {str(name or "all"): dict(batch.counts) for name, batch in batches.items()}
        problem = "; ".join(dict.fromkeys(failures)) or None
        metadata = {"rows": counts, "source": str(run.resources.sources.config(sub))}
        terms = next((batch.terms for batch in batches.values() if batch.terms), None)
        return StageResult(writes, metadata | ({"terms": terms} if terms else {}), problem)

    @stage(layout, "bios", group="sources", deps=("raw_bios",))
    def bios(run: StageRun) -> StageResult:
        """Types and units are settled, duplicates merged, implausible values set to NULL.

        Rows in = rows here + superseded + quarantined. Every version is kept in `bios_history`.
        """
        clean = clean_bios(run.read("raw_bios"), sub)
        now = datetime.now(UTC).replace(tzinfo=None)
        history = run.read("bios_history")
        delta = history_delta(history, clean, now)
        closed = history.drop("valid_to").join(delta.closed, on=["person_id", "valid_from"])
        versions = layout.tables["bios_history"]
        changed = pl.concat([closed, delta.opened], how="diagonal")
        bad = quarantine(f"{sub.name}_bios")
        writes: list[Write] = [
            run.replacing(clean.bios),
            lambda tx: tx.upsert(versions, sub.table("bios_history"), changed),
            lambda tx: tx.replace(bad, f"quarantine.{bad.name}", clean.quarantine),
        ]
        completeness = {
            name: round(1 - clean.bios[name].null_count() / max(clean.bios.height, 1), 4)
            for name in clean.bios.columns
        }
        return StageResult(writes, {"rows": dict(clean.counts), "known_share": completeness})

    return raw_bios, bios


def _replace_raw(run: StageRun, partition: str | None, batch: RawBatch) -> Write:
    """Return the write that replaces one partition's rows and quarantine."""
    bad = quarantine(f"{run.sub.name}_raw_bios", partitioned=True)
    where, values = ("league = ?", (partition,)) if partition else ("TRUE", ())
    part = pl.lit(partition, pl.String).alias("partition")

    def write(transaction: Transaction) -> None:
        transaction.replace(run.schema, run.table, batch.rows, where, values)
        where_bad = "partition IS NOT DISTINCT FROM ?"
        rows = batch.quarantine.with_columns(part)
        transaction.replace(bad, f"quarantine.{bad.name}", rows, where_bad, (partition,))

    return write
