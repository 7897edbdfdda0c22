import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.traits.outcomes import Usage
from personax_assets.traits.prompts import ANSWER_KEYS, load_prompt
from personax_assets.traits.responses import read_response

SCALE = load_prompt().scale
CONTENT = json.dumps({key: 2 if key.endswith("_score") else "…" for key in ANSWER_KEYS})


def completion(content: object = CONTENT, finish: str = "stop", **more: object) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "model": "gpt-x-2026",
        "system_fingerprint": "fp_1",
        "choices": [{"finish_reason": finish, "message": {"content": content, **more}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }


def read(body: object, status: int = 200, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lower = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_response(status, lower, content, SCALE)


def test_a_good_response_is_read_completely() -> None:
    call = read(completion(), x_request_id="req_1")
    assert call.outcome == "ok"
    assert call.answer["openness_score"] == 2
    assert call.usage == Usage(100, 50)
    assert (call.model, call.fingerprint, call.request_id) == ("gpt-x-2026", "fp_1", "req_1")
    assert call.text == CONTENT


ERRORS: list[tuple[int, object, str, bool]] = [
    (401, {"error": {"message": "bad key", "code": "invalid_api_key"}}, "http_4xx", True),
    (403, {"error": {"message": "region"}}, "http_4xx", True),
    (400, {"error": {"message": "bad"}}, "http_4xx", False),
    (404, b"<html>not here</html>", "http_4xx", False),
    (400, {"error": {"code": "content_filter", "message": "flagged"}}, "content_filter", False),
    (
        403,
        {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["violence"]}}},
        "content_filter",
        False,
    ),
    (402, {"error": {"code": 402, "message": "no credits"}}, "quota", True),
    (429, {"error": {"type": "insufficient_quota", "code": "insufficient_quota"}}, "quota", True),
    (429, {"error": {"code": "rate_limit_exceeded"}}, "rate_limited", False),
    (429, b"slow down", "rate_limited", False),
    (
        429,
        [
            {
                "error": {
                    "code": 429,
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [
                        {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]},
                    ],
                }
            }
        ],
        "quota",
        True,
    ),
    (408, b"", "timeout", False),
    (500, {"error": {"message": "oops"}}, "http_5xx", False),
    (503, [{"error": {"code": 503, "message": "overloaded"}}], "http_5xx", False),
    (502, b"<html>", "http_5xx", False),
    (200, {"error": {"code": 502, "message": "upstream"}}, "http_5xx", False),
    (200, {"error": {"code": 429, "message": "upstream"}}, "rate_limited", False),
    (200, {"error": {"code": 402, "message": "credits"}}, "quota", True),
    (200, {"error": "something"}, "http_5xx", False),
    (200, [{"error": {"code": 400, "message": "bad schema"}}], "http_4xx", False),
    (200, {"choices": [{"error": {"code": 502}, "finish_reason": "error"}]}, "http_5xx", False),
    (200, b"<!doctype html>", "transport", False),
    (200, b"", "transport", False),
    (200, b'{"choices": [', "transport", False),
    (200, b"null", "transport", False),
    (307, b"", "transport", False),
    (200, {"choices": []}, "empty", False),
    (200, {"choices": None}, "empty", False),
    (200, {}, "empty", False),
    (200, completion(None), "empty", False),
    (200, completion(None, "content_filter"), "content_filter", False),
    (200, completion(None, refusal="I can't help"), "refusal", False),
    (200, completion("I'm sorry, I can't."), "refusal", False),
    (200, completion(CONTENT[:40], "length"), "truncated", False),
    (200, completion("", "length"), "truncated", False),
    (200, completion(CONTENT, "length"), "ok", False),
    (200, completion("{]"), "invalid_json", False),
    (200, completion("{}"), "schema_violation", False),
]


@pytest.mark.parametrize(("status", "body", "outcome", "hopeless"), ERRORS)
def test_every_response_has_its_outcome(
    status: int, body: object, outcome: str, hopeless: bool
) -> None:
    call = read(body, status)
    assert (call.outcome, call.hopeless) == (outcome, hopeless)
    assert (call.detail is None) == (outcome == "ok")
    assert call.detail is None or "\n" not in call.detail


def test_failed_attempts_keep_their_usage() -> None:
    assert read(completion("{]")).usage == Usage(100, 50)
    assert read(completion("{]")).text == "{]"


def test_thinking_that_is_left_out_of_the_completion_is_counted() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 400}
    assert read({**completion(), "usage": usage}).usage == Usage(10, 390)


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": "many"}, {"prompt_tokens": -1}, {}])
def test_odd_usage_is_unknown_usage(usage: object) -> None:
    assert read({**completion(), "usage": usage}).usage == Usage()


def test_the_pause_is_read_in_every_form() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=30), usegmt=True)
    details = [{"@type": "RetryInfo", "retryDelay": "34.5s"}]
    assert read({}, 429, retry_after="7").retry_after_s == 7
    assert read({}, 429, retry_after="0.5").retry_after_s == 0.5
    assert read({}, 429, retry_after_ms="250").retry_after_s == 0.25
    by_date = read({}, 429, retry_after=later, date=format_datetime(now, usegmt=True))
    assert 30 <= by_date.retry_after_s <= 31
    assert read({"error": {"details": details}}, 429).retry_after_s == 34.5
    assert read({}, 503, retry_after="3").retry_after_s == 3


@pytest.mark.parametrize("odd", ["", "soon", "-5", "nan", "inf", "Mon, 99 Foo 2026"])
def test_an_odd_pause_is_no_pause(odd: str) -> None:
    assert read({}, 429, retry_after=odd).retry_after_s is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "choices", "message", "content", "usage", "code", "details", "model"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from([200, 204, 302, 400, 403, 408, 429, 500, 599]))
def test_no_json_makes_it_raise(body: object, status: int) -> None:
    assert read(body, status).outcome


@given(st.binary(max_size=60), st.sampled_from([200, 429, 500]))
def test_no_bytes_make_it_raise(body: bytes, status: int) -> None:
    assert read(body, status).outcome
