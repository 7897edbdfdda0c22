import asyncio
import random
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personax_assets.datasets import ATHLEPERSONA
from personax_assets.traits.budget import (
    Budget,
    BudgetError,
    check_budget,
    likely_prompt_tokens,
    most_prompt_tokens,
    most_usd,
    real_usd,
)
from personax_assets.traits.outcomes import Call, Usage
from personax_assets.traits.prompts import build_requests
from personax_assets.traits.raters import Prices, RaterConfig

PRICED = RaterConfig(
    "chatgpt",
    "m",
    "https://api.example.org/v1",
    max_tokens=1_000,
    prices=Prices(2.0, 8.0, "2026-01-05"),
)
(REQUEST,) = build_requests(
    pl.DataFrame({"person_id": ["p"], "name": ["Zoë Ågren"], "league": ["NHL"]}),
    ATHLEPERSONA,
    PRICED,
)


@settings(max_examples=40, deadline=None)
@given(
    limit=st.floats(0.0, 20.0),
    costs=st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 1.0)), max_size=25),
    seed=st.integers(0, 9),
)
def test_what_is_spent_and_on_its_way_never_passes_the_limit(
    limit: float, costs: list[tuple[float, float]], seed: int
) -> None:
    budget, chance = Budget(limit), random.Random(seed)
    under_way = 0.0

    async def call(worst: float, share: float) -> None:
        nonlocal under_way
        async with budget.reserve(worst) as reservation:
            if reservation is None:
                return
            under_way += worst
            assert budget.spent_usd + under_way <= limit + 1e-9
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
            under_way -= worst
            reservation.usd = worst * share

    async def run() -> None:
        await asyncio.gather(*(call(*cost) for cost in costs))

    asyncio.run(run())
    assert budget.spent_usd <= limit + 1e-9


def test_a_call_that_breaks_off_counts_in_full() -> None:
    budget = Budget(1.0)

    async def run() -> None:
        async with budget.reserve(0.4):
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        asyncio.run(run())
    assert budget.spent_usd == 0.4


def test_money_that_may_come_free_is_waited_for() -> None:
    budget = Budget(1.0)
    log: list[str] = []

    async def first() -> None:
        async with budget.reserve(0.9) as reservation:
            assert reservation is not None
            await asyncio.sleep(0.05)
            reservation.usd = 0.1
            log.append("first")

    async def second() -> None:
        async with budget.reserve(0.8) as reservation:
            assert reservation is not None
            log.append("second")

    async def run() -> None:
        await asyncio.gather(first(), second())

    asyncio.run(run())
    assert log == ["first", "second"]


def test_no_budget_is_promised_without_prices_or_a_bound() -> None:
    check_budget(PRICED)
    with pytest.raises(BudgetError, match="a budget needs prices"):
        check_budget(replace(PRICED, prices=None))
    with pytest.raises(BudgetError, match="max_tokens"):
        check_budget(replace(PRICED, max_tokens=None))
    assert most_usd(REQUEST, replace(PRICED, prices=None)) is None


def test_the_bound_is_above_the_likely_and_the_real() -> None:
    assert most_prompt_tokens(REQUEST) > likely_prompt_tokens(REQUEST) > 100
    worst = most_usd(REQUEST, PRICED)
    real = real_usd(Call("ok", usage=Usage(400, 500)), PRICED)
    assert real == pytest.approx(400 * 2e-6 + 500 * 8e-6)
    assert worst is not None
    assert worst > real


def test_unknown_is_not_free() -> None:
    assert real_usd(Call("timeout"), PRICED) is None
    assert real_usd(Call("transport"), PRICED) is None
    assert real_usd(Call("rate_limited"), PRICED) == 0
    assert real_usd(Call("ok", usage=Usage(1, 1)), replace(PRICED, prices=None)) is None
