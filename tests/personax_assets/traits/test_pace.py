import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personax_assets.traits.pace import WINDOW_S, Pace


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def paced(clock: Clock, rpm: int | None = None, tpm: int | None = None) -> Pace:
    return Pace(rpm, tpm, clock=clock, sleep=clock.sleep)


calls = st.lists(
    st.tuples(
        st.floats(0, 20),  # seconds until the call is wanted
        st.integers(1, 60),  # reserved tokens
        st.floats(0, 1),  # share of them that is really used
    ),
    max_size=40,
)


@given(calls, st.integers(1, 8), st.integers(40, 200))
def test_no_sliding_minute_passes_either_rate(
    wanted: list[tuple[float, int, float]], rpm: int, tpm: int
) -> None:
    clock = Clock()
    pace = paced(clock, rpm, tpm)
    sent: list[tuple[float, int]] = []

    async def run() -> None:
        for gap, tokens, used in wanted:
            clock.now += gap
            slot = await pace.turn(min(tokens, tpm))
            sent.append((slot.time, max(1, int(min(tokens, tpm) * used))))
            pace.settle(slot, sent[-1][1])

    asyncio.run(run())
    for moment, _ in sent:
        minute = [tokens for time, tokens in sent if moment - 60 < time <= moment]
        assert len(minute) <= rpm
        assert sum(minute) <= tpm


def test_waiting_callers_are_served_in_order_and_without_idling() -> None:
    clock = Clock()
    pace = paced(clock, rpm=10)
    order: list[int] = []

    async def call(number: int) -> None:
        await pace.turn(1)
        order.append(number)

    async def run() -> None:
        await asyncio.gather(*(call(number) for number in range(25)))

    asyncio.run(run())
    assert order == list(range(25))
    assert clock.now == pytest.approx(2 * WINDOW_S)


def test_more_tokens_than_a_minute_has_wait_for_an_empty_minute() -> None:
    clock = Clock()
    pace = paced(clock, tpm=100)

    async def run() -> float:
        await pace.turn(30)
        return (await pace.turn(5_000)).time

    assert asyncio.run(run()) == pytest.approx(WINDOW_S)


def test_settled_tokens_make_room_at_once() -> None:
    clock = Clock()
    pace = paced(clock, tpm=100)

    async def run() -> None:
        slot = await pace.turn(90)
        pace.settle(slot, 20)
        await pace.turn(70)

    asyncio.run(run())
    assert clock.now == 0


def test_a_pause_holds_everybody_and_is_never_shortened() -> None:
    clock = Clock()
    pace = paced(clock)

    async def run() -> list[float]:
        pace.pause(30)
        pace.pause(5)
        return [(await pace.turn(1)).time for _ in range(3)]

    for time in asyncio.run(run()):
        assert 30 < time < 32


def test_whoever_waits_is_released() -> None:
    clock = Clock()
    pace = paced(clock, rpm=1)

    async def run() -> None:
        pace.pause(3_600)
        waiting = asyncio.create_task(pace.turn(1))
        await asyncio.sleep(0)
        pace.release()
        await waiting
        await pace.turn(1)

    asyncio.run(run())
    assert clock.now < 1


def test_calls_of_an_earlier_run_count() -> None:
    clock = Clock()
    pace = paced(clock, rpm=2)
    pace.recall([(WINDOW_S + 5, 1), (50.0, 1), (10.0, 1)])

    async def run() -> float:
        return (await pace.turn(1)).time

    assert asyncio.run(run()) == pytest.approx(WINDOW_S - 50)
