import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from personax_assets.report import figures, maps
from personax_assets.report.graphs import latent_graph
from personax_assets.report.palette import DARK, LIGHT, RAMP, SCORES, ink_on
from personax_assets.report.svg import drawing_style, inline_svg


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
class TestPalette:
    def test_text_is_readable(self, theme: dict[str, str]) -> None:
        for role in ("ink", "muted", "accent", "caution", "alarm", "good"):
            assert contrast(theme[role], theme["page"]) >= 4.5
        for role in ("caution", "alarm"):
            assert contrast(theme[role], theme[f"{role}-soft"]) >= 4.5
        for role in (*RAMP, *SCORES):
            assert contrast(theme[role], theme[ink_on(role)]) >= 4.5

    def test_lines_are_visible(self, theme: dict[str, str]) -> None:
        for role in ("blue", "orange", "green", "pink", "amber", "grey"):
            assert contrast(theme[role], theme["page"]) >= 3

    def test_ramps_go_one_way(self, theme: dict[str, str]) -> None:
        steps = [luminance(theme[role]) for role in RAMP]
        assert steps in (sorted(steps), sorted(steps, reverse=True))


def test_each_colour_has_one_role() -> None:
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert LIGHT.keys() == DARK.keys()


def drawn(figure: object, name: str = "f") -> str:
    return str(inline_svg(figure, name, "A figure that shows something."))


def test_svg_is_themed_named_and_safe() -> None:
    with drawing_style():
        cell = figures.GridCell("ramp-5", ".42", strong=True, flag="caution", frame="orange",
                                tip='a < b & "c"')  # fmt: skip
        figure = figures.cell_grid(["<b>$row$</b>"], ["col"], {(0, 0): [cell]})
        svg = drawn(figure, "name")
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "A figure that shows something."
    assert "<b>$row$</b>" in [element.text for element in root.iter("text")]
    assert 'a < b & "c"' in [element.text for element in root.iter("title")]
    assert "var(--ramp-5)" in svg
    assert "style=" not in svg
    assert "#" not in re.sub(r'(?:href="|url\()#name-', "", svg)


def test_two_drawings_of_the_same_are_equal() -> None:
    with drawing_style():
        one, two = (drawn(figures.intervals([("a", 0.5, 0.4, 0.6)], "x", {})) for _ in range(2))
    assert one == two


def test_all_figures_stand_degenerate_values() -> None:
    with drawing_style():
        drawn(figures.histograms({"constant": np.array([5.0])}))
        drawn(figures.histograms({"two": np.array([1.25, 1.5]), "wide": np.array([0.0, 1e6])}))
        drawn(figures.intervals([("a", -0.2, math.nan, math.nan)], "α", {0.8: "reliable"}))
        drawn(figures.stacked_shares([("t", [("r", [0.0, 0.0])])], SCORES[:2], "ab"))
        drawn(figures.curves({"loss": {"training": ([1], [0.5])}}))
        drawn(figures.cell_grid([], [], {}))
        drawn(maps.bubble_map(np.array([90.0]), np.array([-180.0]), np.array([1.0])))
        schema = {"source": pl.String, "target": pl.String, "kind": pl.String,
                  "strength": pl.Float64}  # fmt: skip
        drawn(latent_graph(pl.DataFrame(schema=schema), ["shared_1"]))
        edge = pl.DataFrame([("a_1", "elsewhere", "directed", None)], schema=schema, orient="row")
        drawn(latent_graph(edge, ["a_1", "a_2"]))


def test_numbers_in_any_script_do_not_stop_a_figure() -> None:
    with drawing_style():
        svg = drawn(figures.cell_grid(["歌手", "مغني", "🎤"], ["x"], {}))
    assert "歌手" in svg


def test_ramp_steps_at_their_edges() -> None:
    edges = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [figures.ramp_step(v, edges) for v in (0.9, 1.0, 4.99, 5.0, 99.0)] == [
        "ramp-0", "ramp-1", "ramp-4", "ramp-5", "ramp-5",
    ]  # fmt: skip


def test_equal_earth_keeps_areas() -> None:
    """The area of a spherical rectangle is the same at every latitude, relative to the sphere."""
    edges = np.linspace(-80.0, 80.0, 17)
    for south, north in pairwise(edges):
        lat = np.linspace(south, north, 2000)
        x, y = maps.equal_earth(lat, np.full(2000, 1.0))
        area = np.trapezoid(x, y)
        sphere = np.radians(1.0) * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
        assert area == pytest.approx(sphere, rel=2e-3)


def test_equal_earth_of_known_points() -> None:
    x, y = maps.equal_earth(np.array([0.0, 0.0, 90.0]), np.array([0.0, 180.0, 0.0]))
    np.testing.assert_allclose(x, [0.0, 2.7066299836, 0.0], atol=1e-9)
    np.testing.assert_allclose(y, [0.0, 0.0, 1.3173627592], atol=1e-9)


def test_binning_keeps_everybody() -> None:
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(-90, 90, 5000), rng.uniform(-180, 180, 5000)
    mean_lat, mean_lon, counts = maps.binned(lat, lon)
    assert counts.sum() == 5000
    assert (counts * mean_lat).sum() == pytest.approx(lat.sum())
    assert (counts * mean_lon).sum() == pytest.approx(lon.sum())
