"""From an HTTP response to the outcome of a call.

Belongs here: telling apart everything that an OpenAI-compatible endpoint can send back, with the
habits of the providers that are known to differ. Does not belong here: the network (`client`) or
the model's words (`answers`). Pure functions of status, headers and bytes.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from personax_assets.traits.answers import read_answer, shorten, storable
from personax_assets.traits.outcomes import Call, Usage
from personax_assets.traits.prompts import Scale

_NO_CREDIT = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"}
)
_FILTERED = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})
_NO_ACCESS = frozenset({401, 403})


def read_response(status: int, headers: Mapping[str, str], content: bytes, scale: Scale) -> Call:
    """Tell what came of a call.

    Parameters
    ----------
    status : int
        HTTP status.
    headers : mapping of str to str
        Response headers, looked up in lower case.
    content : bytes
        The body.
    scale : Scale
        The allowed scores.

    Returns
    -------
    Call
        The outcome and everything that the response tells.
    """
    body = _json(content)
    if isinstance(body, list):  # Gemini wraps its errors in a list
        body = body[0] if body else None
    about: dict[str, Any] = {"request_id": headers.get("x-request-id")}
    if isinstance(body, dict):
        about |= {
            "usage": _usage(body.get("usage")),
            "model": _text(body.get("model")),
            "fingerprint": _text(body.get("system_fingerprint")),
            "request_id": about["request_id"] or _text(body.get("id")),
        }
    error = _error(body)
    if status >= 400 or error:
        call = _failure(status, headers, error, content)
    elif status >= 300:
        call = Call("transport", f"the endpoint redirects (status {status}): check base_url")
    elif not isinstance(body, dict):
        kind = headers.get("content-type", "no content type")
        call = Call("transport", f"status {status}, but the body is not a JSON object ({kind})")
    else:
        call = _completion(body, scale)
    return replace(call, **about)


def _completion(body: Mapping[str, Any], scale: Scale) -> Call:
    """Read a body that reports no error."""
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return Call("empty", "the response holds no choice")
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    finish = choice.get("finish_reason")
    said = message.get("content")
    text = storable(said) if isinstance(said, str) else ""
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return Call("refusal", shorten(storable(refusal)), text or storable(refusal))
    if finish == "content_filter":
        return Call("content_filter", "stopped by the provider's content filter", text or None)
    outcome, answer, detail = read_answer(text, scale)
    if finish == "length" and outcome != "ok":
        return Call("truncated", "the answer reached the limit of tokens", text or None)
    return Call(outcome, detail, text or None, answer)


def _failure(
    status: int, headers: Mapping[str, str], error: Mapping[str, Any], content: bytes
) -> Call:
    """Read an error, whether it came as a status or inside a 200."""
    code = error.get("code")
    if status < 400:
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
    words = {str(error.get(name)).lower() for name in ("code", "type", "status") if error.get(name)}
    message = error.get("message")
    said = message if isinstance(message, str) else content[:400].decode("utf-8", "replace")
    detail = shorten(storable(f"status {status}: {said or 'no explanation'}"))
    pause = _retry_after(headers, error)
    metadata = error.get("metadata")
    flagged = isinstance(metadata, dict) and bool(metadata.get("reasons"))
    if words & _FILTERED or (status == 403 and flagged):
        return Call("content_filter", detail)
    if status == 402 or words & _NO_CREDIT or _daily_quota(error):
        return Call("quota", detail, hopeless=True)
    if status == 429:
        return Call("rate_limited", detail, retry_after_s=pause)
    if status >= 500:
        return Call("http_5xx", detail, retry_after_s=pause)
    if status == 408:
        return Call("timeout", detail, retry_after_s=pause)
    return Call("http_4xx", detail, hopeless=status in _NO_ACCESS)


def _error(body: object) -> Mapping[str, Any]:
    """Return the error that a body reports, wherever it stands; empty if there is none."""
    if not isinstance(body, dict):
        return {}
    found = body.get("error")
    choices = body.get("choices")
    if not found and isinstance(choices, list) and choices and isinstance(choices[0], dict):
        found = choices[0].get("error")  # OpenRouter, when the model fails half-way
    if isinstance(found, dict):
        return found
    return {"message": str(found)} if found else {}


def _daily_quota(error: Mapping[str, Any]) -> bool:
    """Tell whether Gemini says that the day's quota is used up."""
    return any(
        "PerDay" in str(violation.get("quotaId"))
        for detail in _details(error)
        for violation in detail.get("violations") or []
        if isinstance(violation, dict)
    )


def _retry_after(headers: Mapping[str, str], error: Mapping[str, Any]) -> float | None:
    """Return how many seconds the server asks not to be called."""
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    stated = headers.get("retry-after")
    if stated is not None:
        seconds = _seconds(stated)
        return _until(stated, headers.get("date")) if seconds is None else seconds
    for detail in _details(error):  # Gemini states it in the body only
        delay = re.fullmatch(r"([0-9.]+)s", str(detail.get("retryDelay")))
        if delay:
            return _seconds(delay[1])
    return None


def _until(date: str, now: str | None) -> float | None:
    """Return the seconds from the server's own clock to a date."""
    try:
        then = parsedate_to_datetime(date)
        start = parsedate_to_datetime(now) if now else datetime.now(UTC)
        # A date has whole seconds: the pause must not end within the last one.
        return max((then - start).total_seconds(), 0.0) + 1.0
    except (TypeError, ValueError):
        return None


def _seconds(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _usage(found: object) -> Usage:
    """Return the tokens; thinking that Gemini leaves out of the completion is added to it."""
    if not isinstance(found, dict):
        return Usage()
    prompt, completion = _count(found.get("prompt_tokens")), _count(found.get("completion_tokens"))
    total = _count(found.get("total_tokens"))
    if prompt is not None and completion is not None and total is not None:
        completion = max(completion, total - prompt)
    return Usage(
        prompt,
        completion,
        _count(_inner(found, "prompt_tokens_details").get("cached_tokens")),
        _count(_inner(found, "completion_tokens_details").get("reasoning_tokens")),
    )


def _details(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = error.get("details")
    return [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []


def _inner(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = found.get(name)
    return inner if isinstance(inner, dict) else {}


def _count(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < 2**31 else None  # type: ignore[operator, return-value]


def _text(value: object) -> str | None:
    return storable(value) if isinstance(value, str) else None


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
