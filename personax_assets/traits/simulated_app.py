"""Simulated raters behind the protocol that real ones speak.

Belongs here: finding the invented person whom a prompt asks about, answering for a simulated
rater in an OpenAI-compatible body, and a log of all calls. Does not belong here: processes and
sockets (`simulated_server`), or how a rater judges (`personax_ml.synthetic`).

Whoever is not in the invented cohort is not rated: no trait of a real person is ever made up.
"""

import asyncio
import hashlib
import json
import math
import re
import time
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from personax_assets.datasets import SUB_DATASETS, TRAITS
from personax_assets.traits.client import CALL_ID
from personax_assets.traits.faults import (
    KINDS,
    Completion,
    Faults,
    Reply,
    error_body,
    json_reply,
    rate_limited,
)
from personax_assets.traits.prompts import WITHHELD
from personax_assets.traits.simulated_batches import SimulatedBatches
from personax_ml.synthetic import SIMULATED_RATERS, Cohort, draw_cohort, person_seed

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

MODEL_PREFIX = "simulated-"

_NAME_LINE = re.compile(r"^Name: (.+)$", re.MULTILINE)
_GROUP_LINE = re.compile(r"^(?:League|Description): (.+)$", re.MULTILINE)
_SCORES = re.compile(r"every score is one of (.+)\.$", re.MULTILINE)
_FIRST_ASKED = ("", "main.0")
"""Call ids, less the call itself, of questions that are not repetitions of another."""


class SimulatedRaters:
    """Answers chat completions about invented people.

    Parameters
    ----------
    datasets : mapping of str to int
        The sub-datasets to answer for, and the size of each one's cohort.
    seed : int
        Seed of the cohorts and of the raters.
    faults : Faults
        What goes wrong.
    """

    def __init__(self, datasets: Mapping[str, int], seed: int, faults: Faults) -> None:
        self._seed, self._faults = seed, faults
        self._people: dict[str, dict[str, Any]] = {}
        self._groups: dict[str, dict[str, Any]] = {}
        for dataset, n in datasets.items():
            cohort = draw_cohort(dataset, n, seed)
            people = cohort.bios.select("source_id", "name").join(cohort.factors, on="source_id")
            self._people |= {row["name"]: row for row in people.iter_rows(named=True)}
            self._groups |= _mean_people(cohort, SUB_DATASETS[dataset].stratum)
        self._asked: Counter[tuple[str, str]] = Counter()
        self._closed_until: dict[str, float] = {}
        self.log: list[dict[str, Any]] = []

    def reply(
        self, body: Mapping[str, Any], size: int, received: float, call_id: str = ""
    ) -> Reply:
        """Answer one call and enter it into the log.

        Parameters
        ----------
        body : mapping
            What is asked.
        size : int
            Its length in bytes.
        received : float
            When it came.
        call_id : str
            What the client calls it, `<study>.<repeat>.<call>`: repetitions are read anew.
        """
        model = str(body.get("model"))
        rater = model.removeprefix(MODEL_PREFIX)
        said = "\n".join(str(message.get("content")) for message in body.get("messages", ()))
        found = _NAME_LINE.search(said)
        name = found[1].strip() if found else ""
        entry = {"received": received, "answered": time.time(), "rater": rater, "name": name}
        entry |= {"fault": None, "usage": None}
        self.log.append(entry)
        if rater not in SIMULATED_RATERS or not model.startswith(MODEL_PREFIX):
            message = f"The model {model!r} does not exist"
            return json_reply(error_body(message, "invalid_request_error", "model_not_found"), 404)
        group = _GROUP_LINE.search(said)
        subject = self._people.get(name)
        if name == WITHHELD and group is not None:
            subject = self._groups.get(group[1].strip())
        if subject is None:
            message = "This person is not in the synthetic cohort; real people are not rated"
            return json_reply(error_body(message, "invalid_request_error", "person_not_found"), 404)
        left = self._closed_until.get(rater, 0.0) - time.monotonic()
        if left > 0:
            entry["fault"] = "closed"
            return rate_limited(f"{math.ceil(left * 1000) / 1000}")
        number = self._asked[rater, name]
        self._asked[rater, name] += 1
        kind = self._faults.kind(self._seed, rater, name, number)
        entry["fault"] = kind
        if kind in {"rate_limited", "rate_limited_date"}:
            self._closed_until[rater] = time.monotonic() + self._faults.retry_after_s
        again = call_id.rpartition(".")[0]
        answer = SIMULATED_RATERS[rater].answer(
            subject,
            person_seed(self._seed, subject["source_id"] or f"{group and group[1]}/{again}"),
            again="" if again in _FIRST_ASKED else again,
            by_group=name == WITHHELD,
            **_form(said),
        )
        content = json.dumps(_spelled(answer, said, body), ensure_ascii=False)
        good = self._completion(content, size, model, f"{rater}/{name}/{number}")
        reply = json_reply(good) if kind is None else KINDS[kind](good, self._faults)
        if reply.status == 200:
            entry["usage"] = good["usage"]
        return reply

    def _completion(self, content: str, size: int, model: str, call: str) -> Completion:
        sent, received = math.ceil(size / 4), math.ceil(len(content) / 4)
        digest = hashlib.sha256(f"{self._seed}/{call}".encode()).hexdigest()
        return {
            "id": f"chatcmpl-{digest[:29]}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": f"fp_{self._seed:010x}",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content, "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": sent,
                "completion_tokens": received,
                "total_tokens": sent + received,
                "prompt_tokens_details": {"cached_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        }


def build_app(raters: SimulatedRaters, faults: Faults) -> "Starlette":
    """Return the ASGI application: chat completions, and `GET /log` for tests."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def complete(request: "Request") -> "Response":
        received = time.time()
        asked = await request.body()
        if faults.latency_s:
            await asyncio.sleep(faults.latency_s)
        call_id = request.headers.get(CALL_ID, "")
        reply = raters.reply(json.loads(asked), len(asked), received, call_id)
        if reply.hang:
            await asyncio.sleep(3600)
        headers = dict(reply.headers)
        sent = reply.body
        if reply.cut:
            headers["content-length"] = str(len(sent))
            sent = sent[: len(sent) // 2]
        return Response(sent, reply.status, headers, reply.media_type)

    async def log(request: "Request") -> "Response":
        return JSONResponse(raters.log)

    return Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/log", log),
            *SimulatedBatches(raters.reply, faults).routes(),
        ]
    )


def _mean_people(cohort: "Cohort", stratum: str) -> dict[str, dict[str, Any]]:
    """Return, for each league or occupation, somebody with its mean factors and no identity."""
    groups = cohort.bios.select("source_id", stratum).join(cohort.factors, on="source_id")
    means = groups.group_by(stratum).agg(pl.col("^trait_.*$").mean())
    return {row[stratum]: {**row, "source_id": ""} for row in means.iter_rows(named=True)}


def _scores(said: str) -> list[str]:
    """Return how the prompt wants scores to be written, from 0 on."""
    found = _SCORES.search(said)
    return found[1].split(", ") if found else ["0", "1", "2", "3"]


def _form(said: str) -> dict[str, Any]:
    scores = _scores(said)
    return {"levels": len(scores) - 1, "in_words": not scores[0].isdigit()}


def _spelled(
    answer: Mapping[str, str | int], said: str, body: Mapping[str, Any]
) -> dict[str, str | int]:
    """Return the answer with its scores written as the prompt and the schema want them."""
    scores = _scores(said)
    if not scores[0].isdigit():
        return {k: scores[v] if isinstance(v, int) else v for k, v in answer.items()}
    return {k: str(v) if _wants_strings(body) else v for k, v in answer.items()}


def _wants_strings(body: Mapping[str, Any]) -> bool:
    """Tell whether the request's schema asks for scores as strings."""
    try:
        properties = body["response_format"]["json_schema"]["schema"]["properties"]
        return bool(properties[f"{TRAITS[0]}_score"]["type"] == "string")
    except (KeyError, TypeError):
        return False
