"""Pictures show what the grid says."""

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure

from personax_ml.independence import VariableSpec, independence_grid
from personax_ml.independence.plots import (
    conditional_comparison,
    p_value_heatmap,
    p_value_qq,
    rater_heatmap,
)
from tests.personax_ml.independence.conftest import KINDS


@pytest.fixture(scope="module")
def grid(cohort):
    scores, variables = cohort
    variables = variables.with_columns(flat=pl.lit(1.0))
    kinds = {**KINDS, "flat": VariableSpec("numeric", discrete=True)}
    return independence_grid(scores, variables, kinds, seed=0, given=(None, "league"))


def marks(figure: Figure, marker: str) -> int:
    return sum(line.get_marker() == marker for axes in figure.axes for line in axes.lines)


def rows(grid, **wanted):
    return grid.filter(*(pl.col(name).eq_missing(value) for name, value in wanted.items()))


@pytest.mark.parametrize("value", ["p_value", "q_value"])
@pytest.mark.parametrize("profile", ["paper", "recommended"])
def test_a_heatmap_marks_what_is_significant_and_what_is_not_testable(grid, profile, value):
    figure = p_value_heatmap(grid, "kci", profile=profile, value=value)
    shown = rows(grid, profile=profile, given=None, test="kci", rater="aggregate")
    assert marks(figure, "o") == (shown[value] < 0.05).sum()
    assert marks(figure, "x") == (shown["status"] != "ok").sum() == 2
    image = figure.axes[0].images[0].get_array()
    assert image.shape == (2, len(KINDS) + 1)
    assert image.mask.sum() == 2
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["openness", "neuroticism"]


def test_a_heatmap_of_effect_sizes_names_the_measure(grid):
    figure = p_value_heatmap(grid, "chi2", value="effect_size")
    assert "Cramér's V" in figure.get_suptitle()
    shown = rows(grid, profile="recommended", given=None, test="chi2", rater="aggregate")
    image = figure.axes[0].images[0].get_array()
    assert image.max() == pytest.approx(shown["effect_size"].max())


def test_raters_are_blocks_separated_by_dashed_lines(grid):
    figure = rater_heatmap(grid, "hsic")
    axes = figure.axes[0]
    labels = [t.get_text() for t in axes.get_yticklabels()]
    assert [label.split()[-1] for label in labels] == ["O", "N", "O", "N"]
    assert labels[0].startswith("aggregate")
    assert [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"] == [1.5]


def test_the_comparison_draws_both_ends_of_every_testable_pair(grid):
    figure = conditional_comparison(grid, "league")
    shown = rows(grid, profile="recommended", given="league", test="kci", rater="aggregate")
    diamonds = sum(len(points.get_offsets()) for axes in figure.axes for points in axes.collections)
    assert diamonds == 2 * (shown["status"] == "ok").sum()
    assert [axes.get_title() for axes in figure.axes] == ["openness", "neuroticism"]


def test_the_qq_plot_holds_every_p_value(grid):
    figure = p_value_qq(grid)
    points = {
        line.get_label(): len(line.get_xdata())
        for line in figure.axes[0].lines
        if not line.get_label().startswith("_")
    }
    shown = rows(grid, profile="recommended", given=None, status="ok")
    assert points == {
        label: (shown["test"] == test).sum()
        for test, label in (
            ("kci", "KCI"),
            ("rcit", "RCIT"),
            ("hsic", "HSIC"),
            ("chi2", "χ²"),
            ("gsq", "G²"),
        )
    }


def test_what_is_not_in_the_grid_is_refused(grid):
    with pytest.raises(ValueError, match="no rows of test dcor"):
        p_value_heatmap(grid, "dcor")


def test_drawing_is_repeatable(grid):
    first, second = (np.asarray(_pixels(rater_heatmap(grid, "kci"))) for _ in range(2))
    assert (first == second).all()


def _pixels(figure: Figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.buffer_rgba()
