"""Heights and weights."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.bios.cleaning.body import height_in_cm, weight_in_kg


def height(value: str, unit: str | None = None) -> float | None:
    frame = pl.DataFrame({"v": [value], "u": [unit]}, schema={"v": pl.String, "u": pl.String})
    return frame.select(height_in_cm(pl.col("v"), pl.col("u"))).item()


def weight(value: str, unit: str | None = None) -> float | None:
    frame = pl.DataFrame({"v": [value], "u": [unit]}, schema={"v": pl.String, "u": pl.String})
    return frame.select(weight_in_kg(pl.col("v"), pl.col("u"))).item()


@pytest.mark.parametrize(
    "written",
    [
        *("6'3\"", "6'3", "6’3”", "6′ 3″", "6-3", "6 ft 3 in", "6 FT. 3 IN.", "6 feet 3 inches"),
        *("75 in", '75"', "75 inches", "190.5 cm", "190,5 cm", "1.905 m", "1,905 m", "1905 mm"),
        *("6 ft 3 in (1.91 m)", " 6'3\" ", "6.25 ft", "6' 3''"),
    ],
)
def test_height_is_read_in_every_notation(written: str) -> None:
    assert height(written) == 190.5


@pytest.mark.parametrize(
    ("written", "unit", "cm"),
    [
        ("75", "in", 190.5),
        ("75.0", "in", 190.5),
        ("191", "cm", 191.0),
        ("1.91", "m", 191.0),
        ("1m91", None, 191.0),
        ("191", None, 191.0),
        ("1.91", None, 191.0),
        ("75", None, 190.5),
        ("5' 10 1/2\"", None, 179.07),
        ("5'10½\"", None, 179.07),
        ("3", "cm", 3.0),
        ("104", "in", 264.16),
    ],
)
def test_bare_height_takes_the_stated_unit_or_the_one_its_size_tells(
    written: str, unit: str | None, cm: float
) -> None:
    assert height(written, unit) == cm


@pytest.mark.parametrize("written", ["", "tall", "6'13\"", "--", "'; DROP TABLE bios", "12 parsec"])
def test_what_is_no_height_is_not_read(written: str) -> None:
    assert height(written, "cm") is None


@pytest.mark.parametrize(
    ("written", "unit", "kg"),
    [
        ("187.0", "lb", 84.82),
        ("84.82", "kg", 84.82),
        ("187 lbs", "kg", 84.82),
        ("85 kg", "lb", 85.0),
        ("85,5 KG", None, 85.5),
        ("14 st 2 lb", None, 89.81),
        ("14st 2", None, 89.81),
        ("14 stone", None, 88.9),
        ("13", "st", 82.55),
        ("95000 g", None, 95.0),
    ],
)
def test_weight_is_read_in_every_notation(written: str, unit: str | None, kg: float) -> None:
    assert weight(written, unit) == kg


@pytest.mark.parametrize("written", ["187", "heavy", "14 st 15 lb", ""])
def test_weight_without_a_unit_is_not_guessed(written: str) -> None:
    assert weight(written) is None


@given(st.integers(4, 7), st.integers(0, 11))
def test_feet_and_inches_agree_with_arithmetic(feet: int, inches: int) -> None:
    expected = pytest.approx((feet * 12 + inches) * 2.54, abs=0.006)
    assert height(f"{feet}'{inches}\"") == expected
    assert height(f"{feet}-{inches}", "cm") == expected
    assert height(str(feet * 12 + inches), "in") == expected


@given(st.text(max_size=30), st.sampled_from(["cm", "in", None]))
def test_no_text_breaks_the_reader(written: str, unit: str | None) -> None:
    for value in (height(written, unit), weight(written, "kg")):
        assert value is None or value >= 0
