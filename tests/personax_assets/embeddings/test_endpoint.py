import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from personax_assets.embeddings import EndpointConfig, encoder_by_name
from personax_assets.embeddings.endpoint import EndpointEncoder
from personax_assets.errors import PersonaXError

KEY = "sk-secret-0123456789"
DIM = 4

Answer = tuple[int, Any]


def vector(text: str) -> list[float]:
    return [float(len(text)), 1.0, 0.5, -2.0]


def honest(texts: list[str]) -> Answer:
    data = [{"index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
    return 200, {"object": "list", "data": data, "model": "m"}


@dataclass
class Server:
    """A real HTTP server on loopback; `answer` decides what it says."""

    answer: Callable[[list[str]], Answer] = honest
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    url: str = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert self.path == "/v1/embeddings"
            state.requests.append(body)
            state.keys.add(self.headers["authorization"])
            status, answer = state.answer(body["input"])
            payload = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.send_header("retry-after-ms", "1")
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    yield state
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def encoder(server: Server, monkeypatch: pytest.MonkeyPatch) -> EndpointEncoder:
    monkeypatch.setenv("TEST_KEY", KEY)
    return EndpointEncoder(EndpointConfig("minilm", server.url, DIM, "TEST_KEY", batch=3))


def failure(encoder: EndpointEncoder, texts: tuple[str, ...] = ("a", "bb")) -> str:
    with pytest.raises(PersonaXError) as caught:
        encoder.embed(texts)
    message = str(caught.value)
    assert message.startswith("encoder 'minilm' at 127.0.0.1 ")
    assert KEY not in repr(caught.getrepr(style="long"))
    assert "\n" not in message
    return message


def test_texts_are_embedded_in_batches_and_order(server: Server, encoder: EndpointEncoder) -> None:
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]
    vectors = encoder.embed(texts)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, np.float32([vector(text) for text in texts]))
    assert [request["input"] for request in server.requests] == [texts[:3], texts[3:]]
    assert {request["model"] for request in server.requests} == {"minilm"}
    assert server.keys == {f"Bearer {KEY}"}
    assert encoder.embed([]).shape == (0, DIM)


def test_answers_may_come_in_another_order(server: Server, encoder: EndpointEncoder) -> None:
    def shuffled(texts: list[str]) -> Answer:
        status, body = honest(texts)
        return status, {**body, "data": body["data"][::-1]}

    server.answer = shuffled
    assert encoder.embed(["a", "bb"])[:, 0].tolist() == [1, 2]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_tried_again(server: Server, encoder: EndpointEncoder, status: int) -> None:
    def second_time(texts: list[str]) -> Answer:
        return honest(texts) if len(server.requests) > 1 else (status, {"error": "later"})

    server.answer = second_time
    assert len(encoder.embed(["a"])) == 1
    assert len(server.requests) == 2


def test_a_refusal_is_told_without_the_key(server: Server, encoder: EndpointEncoder) -> None:
    server.answer = lambda texts: (401, {"error": {"message": f"bad key {KEY}\nsorry"}})
    message = failure(encoder)
    assert "HTTP 401" in message
    assert "***" in message
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ((200, b"<html>"), "something else than embeddings"),
        ((200, {"error": "none"}), "something else than embeddings"),
        ((200, {"data": [{"index": 0, "embedding": "AAAA"}]}), "something else than embeddings"),
        ((200, {"data": None}), "something else than embeddings"),
        ((200, {"data": [1, 2]}), "something else than embeddings"),
        ((200, []), "something else than embeddings"),
        ((200, honest(["a"])[1]), "1 vectors where 2 texts were sent"),
        ((200, {"data": []}), "0 vectors where 2 texts were sent"),
        ((200, {"data": [honest(["a"])[1]["data"][0]] * 2}), "2 vectors where 2"),
    ],
)
def test_answers_of_another_form(
    server: Server, encoder: EndpointEncoder, answer: Answer, problem: str
) -> None:
    server.answer = lambda texts: answer
    assert problem in failure(encoder)


@pytest.mark.parametrize(
    ("embedding", "problem"),
    [
        ([1.0, 2.0], "set dim to what the model gives"),
        ([[1.0, 2.0, 3.0, 4.0]], "set dim to what the model gives"),
        ([1.0, 2.0, 3.0, float("nan")], "not finite"),
        ([1.0, 2.0, 3.0, 1e300], "not finite"),
    ],
)
def test_vectors_of_another_form(
    server: Server, encoder: EndpointEncoder, embedding: list[Any], problem: str
) -> None:
    server.answer = lambda texts: (200, {"data": [{"index": 0, "embedding": embedding}]})
    assert problem in failure(encoder, ("a",))


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personax_assets.embeddings.endpoint._RETRIES", 0)
    encoder = EndpointEncoder(EndpointConfig("minilm", "http://127.0.0.1:9/v1", DIM))
    assert "cannot be reached (APIConnectionError)" in failure(encoder)


@pytest.mark.parametrize("value", [None, "", "  ", "two words", "kéy"])
def test_no_key(
    encoder: EndpointEncoder, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("TEST_KEY")
    if value is not None:
        monkeypatch.setenv("TEST_KEY", value)
    assert "TEST_KEY" in failure(encoder)


def test_endpoints_without_keys_need_none(server: Server) -> None:
    config = EndpointConfig("minilm", server.url, DIM)
    assert encoder_by_name("endpoint", config).embed(["a"]).shape == (1, DIM)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "no http address"),
        ("ftp://host/v1", "no http address"),
        ("api.openai.com/v1", "no http address"),
        (f"https://user:{KEY}@host/v1", "holds a user or password"),
    ],
)
def test_addresses(url: str, problem: str) -> None:
    with pytest.raises(PersonaXError, match=problem) as caught:
        EndpointEncoder(EndpointConfig("minilm", url, DIM))
    assert KEY not in str(caught.value)


def test_the_key_is_written_nowhere(
    server: Server, encoder: EndpointEncoder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        encoder.embed(["a"])
    assert KEY not in caplog.text
    assert KEY not in repr(encoder) + repr(vars(encoder))


def test_organisations_are_told_to_openai_alone(
    server: Server, encoder: EndpointEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    with encoder._client(KEY) as client:
        assert client.organization is None
