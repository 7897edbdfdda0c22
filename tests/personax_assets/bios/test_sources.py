"""The seam between the stages and any source."""

from pathlib import Path

import polars as pl
import pytest

from personax_assets.bios.cleaning import clean_bios
from personax_assets.bios.sources import BioSource, RosterSource, SyntheticSource
from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA, SubDataset
from personax_assets.schemas.people import raw_bios
from personax_ml.synthetic import draw_cohort
from tests.personax_assets.bios.builders import (
    ENTRY,
    assert_accounted,
    players,
    roster_list,
    write_players,
)


@pytest.mark.parametrize("sub", [ATHLEPERSONA, CELEBPERSONA])
def test_invented_people_come_through_cleaning_unchanged(sub: SubDataset) -> None:
    source: BioSource = SyntheticSource(sub, 600, seed=3)
    batch = source.read(None)
    assert dict(batch.rows.schema) == raw_bios(sub).polars
    assert batch.rows["simulated"].all()
    clean = clean_bios(batch.rows, sub)
    assert_accounted(clean, 600)
    drawn = draw_cohort(sub.name, 600, 3).bios
    found = clean.bios.sort("source_id").select(drawn.columns).cast(dict(drawn.schema))
    places = ("latitude", "longitude")
    assert found.drop(places).equals(drawn.sort("source_id").drop(places))
    given = drawn.sort("source_id").filter(pl.col("latitude").is_not_null())
    kept = found.filter(pl.col("source_id").is_in(given["source_id"].to_list()))
    assert kept.select(places).equals(given.select(places))
    assert clean.bios["simulated"].all()
    assert clean.bios["notes"].null_count() == 600


def test_partitions_share_out_the_invented_people() -> None:
    source = SyntheticSource(ATHLEPERSONA, 200, seed=0)
    parts = [source.read(league).rows for league in source.partitions]
    assert pl.concat(parts).sort("source_row").equals(source.read(None).rows)
    assert pl.concat(parts)["record_id"].is_unique().all()


def test_the_fingerprint_follows_the_people() -> None:
    def fingerprint(n: int, seed: int) -> str:
        return SyntheticSource(ATHLEPERSONA, n, seed).fingerprint("NBA")

    assert fingerprint(100, 0) == fingerprint(100, 0)
    assert len({fingerprint(100, 0), fingerprint(100, 1), fingerprint(300, 0)}) == 3


def test_rosters_are_a_source(tmp_path: Path) -> None:
    write_players(tmp_path, players(3))
    source: BioSource = RosterSource(
        roster_list(tmp_path, ENTRY, {**ENTRY, "league": "NFL", "source": "other"})
    )
    assert source.partitions == ("NBA", "NFL")
    assert (source.name, source.simulated) == ("rosters", False)
    assert source.read("NBA").rows.height == 3
    assert source.read("NHL").rows.is_empty()
    assert source.read(None).counts["rows_in"] == 6
    assert source.fingerprint("NBA") != source.fingerprint("NFL")
    assert source.fingerprint(None) != source.fingerprint("NBA")
