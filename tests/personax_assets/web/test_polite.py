"""Manners: one request at a time, waiting as told, giving up in time."""

import email.utils
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from personax_assets.web import Client, Polite, WebError
from tests.loopback import Answer, Loopback, Request, served


@dataclass
class Clock:
    now: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def polite(tmp_path: Path, clock: Clock) -> Polite:
    return Polite(Client("test", allowed=None, deadline_s=5), tmp_path, clock, clock.sleep)


def in_turn(*answers: "Answer | None") -> Callable[[Request], "Answer | None"]:
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]


OK: Answer = (200, {}, b"ok")


def test_retry_after_is_obeyed(polite: Polite, clock: Clock) -> None:
    with served(in_turn((429, {"Retry-After": "37"}, b""), OK)) as server:
        assert polite.get(server.url).body == b"ok"
        assert clock.slept == [37.0]


def test_retry_after_may_be_a_date(polite: Polite, clock: Clock) -> None:
    when = email.utils.formatdate(clock.now + 50, usegmt=True)
    with served(in_turn((503, {"Retry-After": when}, b""), OK)) as server:
        assert polite.get(server.url).body == b"ok"
        assert clock.slept == [50.0]


def test_a_long_wait_ends_the_work_and_binds_later_runs(
    polite: Polite, clock: Clock, tmp_path: Path
) -> None:
    with served(in_turn((429, {"Retry-After": "86400"}, b""), OK)) as server:
        for _ in range(3):
            later = Polite(polite.client, tmp_path, clock, clock.sleep)  # as another process
            with pytest.raises(WebError, match=r"left alone until 1970-01-13 13:46:40 UTC"):
                later.get(server.url)
        assert len(server.requests) == 1, "not asked inside the window"
        clock.now += 86_401
        assert polite.get(server.url).body == b"ok"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again_a_few_times(
    polite: Polite, clock: Clock, status: int
) -> None:
    with served(in_turn((status, {}, b"busy"))) as server:
        with pytest.raises(WebError, match=f"HTTP {status}: busy"):
            polite.get(server.url)
        assert len(server.requests) == 4
        assert clock.slept == [2.0, 10.0, 30.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_what_will_not_pass_is_not_asked_again(polite: Polite, clock: Clock, status: int) -> None:
    with served(in_turn((status, {}, b"no"))) as server:
        with pytest.raises(WebError) as caught:
            polite.get(server.url)
        assert caught.value.status == status
        assert len(server.requests) == 1
        assert clock.slept == []


def test_a_server_that_fails_again_and_again_is_left_alone(polite: Polite, clock: Clock) -> None:
    with served(in_turn((503, {}, b"busy"))) as server:
        for _ in range(3):
            with pytest.raises(WebError, match="busy"):
                polite.get(server.url)
        for _ in range(1_000):
            with pytest.raises(WebError, match="is to be left alone until"):
                polite.get(server.url)
        assert len(server.requests) == 12
        server.answer = in_turn(OK)
        clock.now += 301
        assert polite.get(server.url).body == b"ok"


def test_one_address_that_fails_does_not_stop_the_others(polite: Polite) -> None:
    with served(lambda r: OK if r.path == "/good" else (500, {}, b"broken")) as server:
        for _ in range(5):
            with pytest.raises(WebError, match="broken"):
                polite.get(f"{server.url}/bad")
            assert polite.get(f"{server.url}/good").body == b"ok"


@pytest.mark.parametrize("url", ["http://[::1/", "", "http://", "file:///etc/passwd"])
def test_what_is_no_address_is_refused(polite: Polite, url: str) -> None:
    with pytest.raises(WebError) as caught:
        polite.get(url)
    assert caught.value.reason == "refused"


def test_one_request_at_a_time_over_threads(polite: Polite) -> None:
    def slow(request: Request) -> Answer:
        threading.Event().wait(0.05)
        return OK

    with served(slow) as server:
        threads = [threading.Thread(target=polite.get, args=(server.url,)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 6
        assert server.most_at_once == 1


def test_one_host_does_not_wait_for_another(polite: Polite, clock: Clock) -> None:
    with (
        served(in_turn((429, {"Retry-After": "86400"}, b""))) as first,
        served(in_turn(OK)) as other,
    ):
        with pytest.raises(WebError):
            polite.get(first.url)
        assert polite.get(other.url).body == b"ok"


def test_a_damaged_note_of_a_wait_is_no_wait(polite: Polite, clock: Clock, tmp_path: Path) -> None:
    def noted(server: Loopback) -> Path:
        (path,) = tmp_path.glob("*.json")
        return path

    with served(in_turn((429, {"Retry-After": "86400"}, b""), OK)) as server:
        with pytest.raises(WebError):
            polite.get(server.url)
        noted(server).write_text("{torn")
        assert polite.get(server.url).body == b"ok"
