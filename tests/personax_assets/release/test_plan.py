from collections.abc import Callable

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.release.binning import ladder
from personax_assets.release.make import Material
from personax_assets.release.plan import NEVER_SHOWN, Generalised, choose, generalise

LEAGUE, HEIGHT = (next(v for v in ATHLEPERSONA.variables if v.name == name)
                  for name in ("league", "height_cm"))  # fmt: skip


def people(leagues: list[str | None], heights: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person_id": [f"p{i}" for i in range(len(leagues))],
            "league": pl.Series(leagues, dtype=pl.String),
            "height_cm": pl.Series(heights, dtype=pl.Float64),
        }
    )


def test_what_too_few_share_is_suppressed_from_the_last_variable_on() -> None:
    # Six tall players of the NBA, five small and five tall ones of the NHL, and two who are rare:
    # a small player of the NBA, and one of the ATP.
    leagues = ["NBA"] * 6 + ["NHL"] * 10 + ["NBA"] * 5 + ["ATP"]
    heights = [200.0] * 6 + [180.0] * 5 + [200.0] * 5 + [180.0, None, None, None, None] + [180.0]
    bios = people(leagues, heights)
    shown = (ladder(LEAGUE, bios["league"], 1)[-1], ladder(HEIGHT, bios["height_cm"], 1)[0])
    made = generalise(bios, shown, 5)
    rows = {row["person_id"]: row for row in made.frame.iter_rows(named=True)}
    assert {rows[f"p{i}"]["height_cm"] for i in range(6)} == {"200 or more"}
    assert rows["p16"] == {"person_id": "p16", "league": "NBA", "height_cm": None}
    assert "p21" not in rows, "nobody shares even that nothing is known"
    assert (made.suppressed, made.left_out) == (1, 1)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(["NBA", "NFL", "NHL", None]), st.sampled_from([170, 185, 200])),
        min_size=1, max_size=80,
    ),
    st.integers(2, 7),
)  # fmt: skip
def test_every_class_has_k_people(rows: list[tuple[str | None, int]], k: int) -> None:
    bios = people([league for league, _ in rows], [float(height) for _, height in rows])
    shown = [
        step[-1]
        for step in (ladder(LEAGUE, bios["league"], 1), ladder(HEIGHT, bios["height_cm"], 1))
        if step
    ]
    made = generalise(bios, shown, k)
    classes = made.classes
    assert not len(classes) or np.bincount(classes).min() >= k
    assert made.frame.height + made.left_out == len(rows)


def searched(athletes: Material, most: float, rate: Callable[[Generalised], float]) -> list[str]:
    scores = np.nan_to_num(athletes.mean_scores, nan=2.0)
    plan = choose(ATHLEPERSONA, athletes.people, scores, 5, most, rate)
    assert all(step.rate <= most for step in plan.steps if step.taken)
    return [binning.variable for binning in plan.shown]


def test_the_search_shows_what_tells_about_traits_as_far_as_it_may(athletes: Material) -> None:
    def classes(made: Generalised) -> float:
        return (int(made.classes.max()) + 1) / made.frame.height

    assert searched(athletes, 0.0, classes) == []
    # Of the planted variables league and birth year act on most traits.
    shown = searched(athletes, 30 / 900, classes)
    assert {"league", "birth_year"} <= set(shown)
    assert not set(shown) & set(NEVER_SHOWN)


def test_chance_shows_nothing(athletes: Material) -> None:
    noise = np.random.default_rng(0).standard_normal(athletes.mean_scores.shape)
    plan = choose(ATHLEPERSONA, athletes.people, noise, 5, 1.0, lambda made: 0.0)
    assert len(plan.shown) <= 1
