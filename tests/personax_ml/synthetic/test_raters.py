"""Simulated raters: reproducible, blind, monotone, and as silent as stated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_ml.synthetic import SIMULATED_RATERS, draw_cohort, person_seed
from personax_ml.synthetic.phrases import DESCRIPTIONS, EVIDENCE
from personax_ml.synthetic.worlds import TRAITS

RATERS = list(SIMULATED_RATERS)
FACTORS = {f"trait_{trait}": 0.3 for trait in TRAITS}
factor = st.floats(-4, 4)


@pytest.fixture(scope="module")
def answered():
    people = list(draw_cohort("athlepersona", 2_000, 4).factors.iter_rows(named=True))
    return people, {
        name: [rater.answer(p, person_seed(4, p["source_id"])) for p in people]
        for name, rater in SIMULATED_RATERS.items()
    }


@pytest.mark.parametrize("name", RATERS)
def test_an_answer_has_a_text_and_a_score_per_trait(name):
    answer = SIMULATED_RATERS[name].answer(FACTORS, 1)
    assert set(answer) == {f"{t}_{part}" for t in TRAITS for part in ("text", "score")}
    assert all(answer[f"{t}_score"] in (0, 1, 2, 3) for t in TRAITS)
    assert all("{" not in str(answer[f"{t}_text"]) for t in TRAITS)


@given(st.sampled_from(RATERS), st.integers(0, 2**56), factor)
def test_the_same_question_gets_the_same_answer(name, seed, value):
    factors = {f"trait_{trait}": value for trait in TRAITS}
    rater = SIMULATED_RATERS[name]
    assert rater.answer(factors, seed) == rater.answer(factors | {"league": "NBA"}, seed)


@settings(max_examples=200)
@given(st.sampled_from(RATERS), st.integers(0, 2**56), factor, factor)
def test_more_of_a_trait_never_scores_lower(name, seed, a, b):
    rater = SIMULATED_RATERS[name]
    low, high = (rater.answer({f"trait_{t}": v for t in TRAITS}, seed) for v in sorted((a, b)))
    for trait in TRAITS:
        assert low[f"{trait}_score"] <= high[f"{trait}_score"]
        assert (low[f"{trait}_score"] == 0) == (high[f"{trait}_score"] == 0)


@pytest.mark.parametrize("name", RATERS)
def test_the_text_is_much_finer_than_the_score(name):
    rater = SIMULATED_RATERS[name]
    sweep = [rater.answer({f"trait_{t}": v for t in TRAITS}, 3) for v in np.linspace(-4, 4, 161)]
    for trait in TRAITS:
        if sweep[0][f"{trait}_score"]:
            assert len({answer[f"{trait}_text"] for answer in sweep}) >= 15


def test_no_phrase_serves_two_grades_or_two_traits():
    phrases = [p for table in (DESCRIPTIONS, EVIDENCE) for grades in table.values() for p in grades]
    assert len(set(phrases)) == len(phrases) == len(TRAITS) * (9 + 8)


def test_raters_abstain_as_often_as_stated(answered):
    _, answers = answered
    for name, rater in SIMULATED_RATERS.items():
        silent = np.mean([a[f"{t}_score"] == 0 for a in answers[name] for t in TRAITS])
        assert silent == pytest.approx(rater.abstention, abs=4 * (0.07 / 10_000) ** 0.5)


def test_raters_differ_in_words_and_errors(answered):
    _, answers = answered
    texts = [{a["openness_text"] for a in answers[name]} for name in RATERS]
    assert not texts[0] & texts[1]
    assert not texts[1] & texts[2]
    scores = [[a["openness_score"] for a in answers[name]] for name in RATERS]
    agreement = np.corrcoef(scores)[np.triu_indices(3, 1)]
    assert agreement.min() > 0.4
    assert agreement.max() < 0.95


def test_the_median_score_follows_the_factor(answered):
    people, answers = answered
    for trait in TRAITS:
        table = np.array([[a[f"{trait}_score"] for a in answers[r]] for r in RATERS], dtype=float)
        table[table == 0] = np.nan
        known = ~np.isnan(table).all(axis=0)
        score = np.nanmedian(table[:, known], axis=0)
        factors = np.array([p[f"trait_{trait}"] for p in people])[known]
        assert 0.8 < np.corrcoef(score, factors)[0, 1] < 0.95


@pytest.mark.parametrize("name", RATERS)
def test_factors_are_read_back_from_the_words(answered, name):
    """Linear regression on which words occur, fitted on one half and scored on the other."""
    people, answers = answered
    for trait in TRAITS:
        texts = [str(a[f"{trait}_text"]).lower().split() for a in answers[name]]
        words = {word: i for i, word in enumerate(sorted({w for text in texts for w in text}))}
        X = np.ones((len(texts), len(words) + 1))
        for row, text in zip(X, texts, strict=True):
            row[:-1] = 0.0
            row[[words[w] for w in text]] = 1.0
        y = np.array([p[f"trait_{trait}"] for p in people])
        half = len(y) // 2
        gram = X[:half].T @ X[:half] + np.eye(X.shape[1])
        predicted = X[half:] @ np.linalg.solve(gram, X[:half].T @ y[:half])
        assert np.corrcoef(predicted, y[half:])[0, 1] > 0.8
