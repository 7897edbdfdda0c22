"""What assets show in the Dagster UI is drawn, small, and told in words."""

import base64
import io
import re

import polars as pl
import pytest
from PIL import Image

from personax_assets import pictures
from personax_assets.datasets import ATHLEPERSONA
from personax_assets.figures import MOST_BYTES
from tests.personax_assets.report.conftest import RATERS, make_report, png

REPORT = make_report(ATHLEPERSONA)


def shown(found: pictures.Pictures) -> tuple[str, Image.Image]:
    """Return the words and the picture of the only figure."""
    (value,) = found.values()
    match = re.fullmatch(r"!\[(.+)\]\(data:image/png;base64,(.+)\)", value.md_str or "")
    assert match
    data = base64.b64decode(match[2])
    assert len(data) <= MOST_BYTES
    return match[1], Image.open(io.BytesIO(data))


def test_places_and_scores() -> None:
    frames = REPORT.frames
    words, map_ = shown(pictures.places(ATHLEPERSONA, frames["bios"]))
    assert words == "Map of the places of 60 athletes"
    assert map_.width > map_.height > 100
    words, bars = shown(pictures.score_shares(frames["trait_scores"], RATERS))
    assert "per trait and rater" in words
    assert bars.height > 200


def test_a_contact_sheet_shows_the_crops_it_is_given() -> None:
    words, sheet = shown(pictures.contact_sheet(ATHLEPERSONA, [png(40)] * 14))
    assert "none of these athletes exists" in words
    assert sheet.width > 2 * sheet.height
    middle = sheet.convert("RGB").getpixel((sheet.width // 24, sheet.height // 4))
    assert middle == pytest.approx((40, 90, 120), abs=6)


def test_nothing_is_drawn_of_nothing() -> None:
    frames = REPORT.frames
    nowhere = frames["bios"].with_columns(latitude=pl.lit(None, pl.Float64))
    assert pictures.places(ATHLEPERSONA, nowhere) == {}
    assert pictures.contact_sheet(ATHLEPERSONA, []) == {}
