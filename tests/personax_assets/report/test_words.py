import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.report import words


@given(st.text())
def test_cleaned_text_is_one_short_line_without_control_characters(text: str) -> None:
    cleaned = words.clean(text, 20)
    assert len(cleaned) <= 20
    assert cleaned == " ".join(cleaned.split())
    assert all(c.isprintable() or c == "\u3000" for c in cleaned)


@pytest.mark.parametrize(
    ("p", "log10_p", "text"),
    [
        (0.05, math.log10(0.05), "0.050"),
        (0.00099, math.log10(0.00099), "9.9e−4"),
        (1e-4, -4.0, "1.0e−4"),
        (9.96e-5, math.log10(9.96e-5), "1.0e−4"),
        (0.0, -421.3, "< 10⁻³⁰⁰"),
        (0.0, None, "< 10⁻³⁰⁰"),
        (0.0, -250.0, "1.0e−250"),
        (1e-20, None, "1.0e−20"),
        (None, None, "–"),
        (math.nan, math.nan, "–"),
    ],
)
def test_p_values_are_written_with_their_magnitude(
    p: float | None, log10_p: float | None, text: str
) -> None:
    assert words.p_plain(p, log10_p) == text


@pytest.mark.parametrize(
    ("q", "text"),
    [(1.0, "1"), (0.42, ".42"), (0.05, ".050"), (0.0049, ".005"), (0.00099, "<10⁻³"),
     (2e-17, "<10⁻¹⁶"), (1e-20, "<10⁻²⁰"), (0.0, "<10⁻³⁰⁰")],
)  # fmt: skip
def test_crowded_figures_get_a_short_q(q: float, text: str) -> None:
    assert words.p_short(q) == text


def test_small_p_values_have_a_superscript_on_pages() -> None:
    assert words.p_markup(2e-7, None) == "2.0\u00a0×\u00a010<sup>−7</sup>"
    assert words.p_markup(0.0, None) == "&lt; 10⁻³⁰⁰" or "<" not in words.p_markup(0.0, None)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0\u00a0%"), (0.001, "<\u00a01\u00a0%"), (0.5, "50\u00a0%"), (0.999, ">\u00a099\u00a0%"),
     (1, "100\u00a0%"), (None, "–")],
)  # fmt: skip
def test_a_share_is_not_rounded_to_none_or_all(share: float | None, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("x", "text"),
    [(0.421, ".42"), (-0.42, "−.42"), (0.999, "1.0"), (-1.0, "−1.0"), (0.0, ".00"), (None, "–")],
)
def test_crowded_figures_get_short_numbers(x: float | None, text: str) -> None:
    assert words.short(x) == text


def test_words_for_people() -> None:
    assert words.listed([]) == ""
    assert words.listed(["a"]) == "a"
    assert words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.quantity(1, "edge", "edges") == "1 edge"
    assert words.quantity(1200, "edge", "edges") == "1,200 edges"
    assert words.duration(3725.0) == "62\u00a0min 5\u00a0s"
    assert words.variable_axis("height_cm") == "Height (cm)"
    assert words.number(-1.5) == "−1.50"
    assert words.number(math.inf) == "–"
