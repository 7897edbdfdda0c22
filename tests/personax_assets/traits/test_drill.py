"""The engine under fire; the drills themselves and what they count are in `drill`."""

from pathlib import Path

import pytest

from tests.personax_assets.traits import drill


@pytest.mark.slow
def test_a_thousand_people_and_three_raters_in_a_storm(tmp_path: Path) -> None:
    found = drill.storm(tmp_path, n=1_000, rpm=1_200)
    assert found["failed_calls_share"] > 0.25
    assert found["faults_met"] == len(drill.OUTCOMES) - 2
    counted = {key: found[key] for key in (
        "without_outcome", "untrue_outcomes", "received_answers_requested_again",
        "sent_inside_a_retry_after", "sent_above_the_rate", "calls_not_in_journal",
    )}  # fmt: skip
    assert counted == dict.fromkeys(counted, 0), found


@pytest.mark.slow
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    found = drill.kills(tmp_path, n=1_000)
    assert found["interrupted_calls"] > 0, "no kill met a call"
    assert found["most_in_flight_at_a_kill"] <= found["concurrency_of_all_raters"]
    counted = {key: found[key] for key in (
        "received_answers_asked_again", "calls_not_in_journal", "rows_lost", "texts_differ",
        "scores_differ",
    )}  # fmt: skip
    assert counted == dict.fromkeys(counted, 0), found


@pytest.mark.slow
def test_a_small_storm(tmp_path: Path) -> None:
    found = drill.storm(tmp_path, n=12, rpm=10_000)
    counted = {key: found[key] for key in (
        "without_outcome", "untrue_outcomes", "received_answers_requested_again",
        "sent_inside_a_retry_after", "calls_not_in_journal",
    )}  # fmt: skip
    assert counted == dict.fromkeys(counted, 0), found


def test_three_raters_share_a_budget_that_holds(tmp_path: Path) -> None:
    found = drill.spending(tmp_path, n=25)
    assert found["over_the_limit"] == 0
    assert found["spent_by_the_servers_log_usd"] <= found["spent_by_the_engine_usd"]
    assert found["spent_by_the_engine_usd"] <= found["limit_usd"]
    assert found["spent_by_the_servers_log_usd"] > 0.4 * found["limit_usd"]
    assert found["people_left"] > 0
