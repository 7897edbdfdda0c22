"""The bio stages: raw rows from the sources, and clean bios with their history."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl

from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.forgotten import Forgotten
from personax_assets.bios.history import history_delta
from personax_assets.bios.shortfall import LARGEST_SHARE, Shortfall, hold_short_groups
from personax_assets.bios.sources import RawBatch
from personax_assets.datasets import SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.pictures import places
from personax_assets.progress import progress
from personax_assets.resources import Sources
from personax_assets.schemas.people import quarantine
from personax_assets.stage import Layout, Stage, StageResult, StageRun, Write, stage
from personax_assets.warehouse import Transaction

ACCEPT_LEAVERS_TAG = "personax/accept_leavers"
"""Run tag: groups (leagues, separated by commas) that really lost so many people."""

UNAVAILABLE = "unavailable"
"""Version of a source that cannot be asked just now."""


def source_versions(sources: Sources, sub: SubDataset, partitions: Iterable[str]) -> dict[str, str]:
    """Return a fingerprint of what the source holds, per partition (or as a whole)."""
    source = sources.bios(sub)
    versions: dict[str, str] = {}
    for partition in tuple(partitions) or (None,):
        try:
            versions[_setting(partition)] = source.fingerprint(partition)
        except PersonaXError:  # reading it will say what is wrong
            versions[_setting(partition)] = UNAVAILABLE
    return versions


def _setting(partition: str | None) -> str:
    return f"source {partition or 'all'}"


def _versions(run: StageRun) -> dict[str, str]:
    return source_versions(run.resources.sources, run.sub, run.partitions)


def bios_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the bio stages of a sub-dataset."""
    sub = layout.sub

    @stage(
        layout, "raw_bios", group="sources", settings=_versions, partitions=sub.partitions,
        fresh_for=timedelta(hours=26),
    )  # fmt: skip
    def raw_bios(run: StageRun) -> StageResult:
        """Reads the sources; rows that cannot be read go to quarantine with the reason.

        Rows read = rows here + quarantined + out of scope, per league. Only leagues whose source
        changed are read; one that cannot be read keeps its rows and does not stop the others.
        Rows about people who were forgotten are left out.
        """
        run.resources.sources.claim(sub)
        source = run.resources.sources.bios(sub)
        forgotten = Forgotten.of_home(run.resources.home)
        batches: dict[str | None, RawBatch] = {}
        failures: dict[str | None, str] = {}
        wanted = _to_read(run)
        with progress(f"reading {sub.people}", len(wanted)) as advance:
            for partition in wanted:
                try:
                    batches[partition] = forgotten.left_out(source.read(partition), sub)
                except PersonaXError as error:
                    failures[partition] = str(error)
                advance(1)
        problem = "; ".join(dict.fromkeys(failures.values())) or None
        if problem and not batches and run.read(run.stage.name, ("record_id",)).is_empty():
            raise PersonaXError(problem)
        counts = {str(name or "all"): dict(batch.counts) for name, batch in batches.items()}
        metadata = {"rows": counts, "source": str(run.resources.sources.config(sub))}
        terms = next((batch.terms for batch in batches.values() if batch.terms), None)
        quarantined = sum(batch.quarantine.height for batch in batches.values())
        return StageResult(
            [_replace_raw(run, partition, batch) for partition, batch in batches.items()],
            metadata | ({"terms": terms} if terms else {}),
            problem,
            counts={"quarantined": quarantined} if batches else {},
            unread=[_setting(partition) for partition in failures],
        )

    @stage(layout, "bios", group="sources", deps=("raw_bios",))
    def bios(run: StageRun) -> StageResult:
        """Types and units are settled, duplicates merged, implausible values set to NULL.

        Rows in = rows here + superseded + quarantined. Every version is kept in `bios_history`.
        A league of which more than a tenth would vanish at once is left as it is.
        """
        history = run.read("bios_history")
        accepted = run.tags.get(ACCEPT_LEAVERS_TAG, "").split(",")
        cleaned = clean_bios(run.read("raw_bios"), sub)
        clean, held = hold_short_groups(history, cleaned, accepted)
        now = datetime.now(UTC).replace(tzinfo=None)
        delta = history_delta(history, clean, now)
        ends = ("valid_to", "retired_at")
        closed = history.drop(ends).join(delta.closed, on=["person_id", "valid_from"])
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
        return StageResult(
            writes,
            {"rows": dict(clean.counts), "known_share": completeness, **places(sub, clean.bios)},
            _refusal(held, sub),
            counts={
                **delta.counts,
                "quarantined": clean.quarantine.height,
                **({"held": sum(short.missing for short in held)} if held else {}),
            },
        )

    return raw_bios, bios


def _to_read(run: StageRun) -> list[str | None]:
    """Return the partitions whose rows may differ from those stored."""
    settings = {_setting(partition): partition for partition in run.partitions or (None,)}
    everything = not run.changed <= settings.keys()  # the code or the schema changed
    return [p for setting, p in settings.items() if everything or setting in run.changed]


def _refusal(held: Sequence[Shortfall], sub: SubDataset) -> str | None:
    """Say that people who would have left stay, and what to do if they really left."""
    if not held:
        return None
    groups = ",".join(short.group for short in held)
    return (
        f"{'; '.join(map(str, held))} known {sub.people} would leave at once, more than "
        f"{LARGEST_SHARE:.0%}: left as they were; check that the source is complete, or, if they "
        f"really left: personax refresh --dataset {sub.name} --accept-leavers {groups}"
    )


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
