import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.datasets import TRAITS
from personax_assets.traits.answers import read_answer, shorten, storable
from personax_assets.traits.prompts import ANSWER_KEYS, load_prompt

SCALE = load_prompt().scale
ANSWER: dict[str, Any] = {
    key: 2 if key.endswith("_score") else f"says {key}" for key in ANSWER_KEYS
}
words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00{}"), max_size=40)
answers = st.fixed_dictionaries(
    {
        key: st.sampled_from((0, 1, 2, 3)) if key.endswith("_score") else st.text(max_size=30)
        for key in ANSWER_KEYS
    }
)


@given(answers, words, words, st.booleans())
def test_words_and_fences_around_one_object_change_nothing(
    answer: dict[str, Any], before: str, after: str, fenced: bool
) -> None:
    text = json.dumps(answer, ensure_ascii=fenced)
    if fenced:
        text = f"```json\n{text}\n```"
    bare = read_answer(text, SCALE)
    assert bare[0] == "ok"
    assert read_answer(f"{before}{text}{after}", SCALE) == bare


@given(st.text())
def test_no_text_makes_it_raise(text: str) -> None:
    outcome, answer, detail = read_answer(text, SCALE)
    assert (answer is None) == (outcome != "ok")
    assert (detail is None) == (outcome == "ok")


@pytest.mark.parametrize("score", ["3", " 3 ", 3.0, 3])
def test_a_score_may_be_spelled(score: object) -> None:
    _, answer, _ = read_answer(json.dumps({**ANSWER, "openness_score": score}), SCALE)
    assert answer is not None
    assert answer["openness_score"] == 3


@pytest.mark.parametrize("score", [4, -1, 2.5, True, None, "high", "", [2], "3.5", 10**400, "²"])
def test_other_scores_are_refused(score: object) -> None:
    outcome, answer, detail = read_answer(json.dumps({**ANSWER, "openness_score": score}), SCALE)
    assert (outcome, answer) == ("schema_violation", None)
    assert detail is not None
    assert "openness_score" in detail
    assert len(detail) < 100


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("I'm sorry, but I can't help with that.", "refusal"),
        ("I cannot assess a real person.", "refusal"),
        ("They seem open.", "invalid_json"),
        ('{"openness_text": "a', "invalid_json"),
        (json.dumps(ANSWER)[:-1], "invalid_json"),
        (json.dumps(ANSWER) + json.dumps(ANSWER), "invalid_json"),
        (json.dumps([ANSWER, ANSWER]), "invalid_json"),
        ("{" * 100_000, "invalid_json"),
        ('{"a":' * 100_000, "invalid_json"),
        ("{}", "schema_violation"),
        (json.dumps({**ANSWER, "openness_text": None}), "schema_violation"),
        ('{"openness_score": 1, "openness_score": 3}', "schema_violation"),
    ],
)
def test_malformed_answers_are_told_apart(text: str, outcome: str) -> None:
    assert read_answer(text, SCALE)[0] == outcome


def test_zero_is_an_answer_and_extra_keys_are_dropped() -> None:
    given = {**ANSWER, **{f"{trait}_score": 0 for trait in TRAITS}, "comment": "…"}
    outcome, answer, _ = read_answer(json.dumps(given), SCALE)
    assert outcome == "ok"
    assert answer is not None
    assert set(answer) == set(ANSWER_KEYS)
    assert answer["neuroticism_score"] == 0


def test_texts_can_be_stored() -> None:
    given = json.dumps({**ANSWER, "openness_text": "a\x00b\ud800c"})
    _, answer, _ = read_answer(given, SCALE)
    assert answer is not None
    assert answer["openness_text"] == "ab?c"
    assert storable("é\x00") == "é"


def test_shorten_makes_one_line() -> None:
    assert shorten("a\n b") == "a b"
    assert len(shorten("x" * 999)) == 200
