from statistics import median

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.datasets import ATHLEPERSONA, TRAITS
from personax_assets.schemas.traits import trait_scores as schema
from personax_assets.traits.scores import trait_scores

RATERS = ("chatgpt", "gemini", "llama")
Scores = list[int | None]


def texts(scores: dict[str, Scores]) -> pl.DataFrame:
    """Answers in which everybody's five traits have one score."""
    columns = {f"{trait}_score": list(scores.values()) for trait in TRAITS}
    shape = {"person_id": pl.String, **{f"{trait}_score": pl.Int16 for trait in TRAITS}}
    flat = {name: [row[0] for row in rows] for name, rows in columns.items()}
    return pl.DataFrame({"person_id": list(scores), **flat}, schema=shape)


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.tuples(*[st.sampled_from([None, 0, 1, 2, 3])] * 3),
        max_size=8,
    )
)
def test_the_score_is_the_median_of_informed_raters(
    people: dict[str, tuple[int | None, int | None, int | None]],
) -> None:
    frames = {
        rater: texts({person: [scores[i]] for person, scores in people.items()})
        for i, rater in enumerate(RATERS)
    }
    result = trait_scores(frames)
    assert result.schema == schema(ATHLEPERSONA).polars
    assert result.height == len(people) * len(TRAITS)
    assert result["person_id"].to_list() == [p for p in sorted(people) for _ in TRAITS]
    assert result["trait"].to_list() == list(TRAITS) * len(people)
    for row in result.iter_rows(named=True):
        scores = people[row["person_id"]]
        informed = [score for score in scores if score]
        assert tuple(row[rater] for rater in RATERS) == scores
        assert row["n_raters"] == len(informed)
        assert row["score"] == (float(median(informed)) if informed else None)


def test_a_person_whom_one_rater_lacks_is_kept() -> None:
    result = trait_scores({"a": texts({"p": [1], "q": [3]}), "b": texts({"q": [2], "r": [0]})})
    by_person = {row["person_id"]: row for row in result.iter_rows(named=True)}
    assert [(r["a"], r["b"], r["score"], r["n_raters"]) for r in by_person.values()] == [
        (1, None, 1.0, 1),
        (3, 2, 2.5, 2),
        (None, 0, None, 0),
    ]


def test_any_number_of_raters_will_do() -> None:
    one = trait_scores({"a": texts({"p": [2]})})
    assert one["score"].to_list() == [2.0] * 5
    four = trait_scores({name: texts({"p": [score]}) for name, score in zip("abcd", (1, 1, 2, 3))})  # noqa: B905
    assert four["score"].to_list() == [1.5] * 5
    with pytest.raises(ValueError, match="at least one rater"):
        trait_scores({})
