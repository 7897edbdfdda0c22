from pathlib import Path
from typing import Any

import pytest
import yaml

from personax_assets.traits.faults import Faults
from personax_assets.traits.rater_files import load_raters, read_rater_file
from personax_assets.traits.raters import Prices, RaterConfig, RaterConfigError

GOOD: dict[str, Any] = {"name": "chatgpt", "model": "m", "base_url": "https://api.example.org/v1"}


def written(tmp_path: Path, *raters: object) -> Path:
    path = tmp_path / "raters.yaml"
    path.write_text(yaml.safe_dump({"raters": list(raters)}))
    return path


def test_the_shipped_raters_are_those_of_the_paper() -> None:
    for source in ("simulated", "live"):
        assert [rater.name for rater in load_raters(source)] == ["chatgpt", "gemini", "llama"]
    assert all(rater.simulated for rater in load_raters("simulated"))
    live = load_raters("live")
    assert not any(rater.simulated for rater in live)
    assert all(rater.key_env and rater.base_url and rater.max_tokens for rater in live)
    assert {rater.name: rater.score_type for rater in live}["gemini"] == "string"


def test_everything_can_be_configured(tmp_path: Path) -> None:
    prices = {"input": 2, "output": 8.0, "date": "2026-01-05", "cached_input": 0.5}
    path = written(tmp_path, {**GOOD, "rpm": 500, "prices": prices, "extra": {"top_p": 0.5}})
    (rater,) = load_raters(path)
    assert rater.prices == Prices(2, 8.0, "2026-01-05", 0.5)
    assert rater.rpm == 500
    assert rater.provider == "api.example.org"


def test_a_day_need_not_be_quoted(tmp_path: Path) -> None:
    path = tmp_path / "raters.yaml"
    path.write_text(
        "raters: [{name: a, model: m, base_url: 'http://h/v1', "
        "prices: {input: 1, output: 2, date: 2026-01-05}}]"
    )
    assert load_raters(path)[0].prices == Prices(1, 2, "2026-01-05")


def test_cost_counts_cached_tokens_at_their_own_price() -> None:
    prices = Prices(2.0, 8.0, "2026-01-05", cached_input=0.5)
    assert prices.cost(1_000_000, 500_000, 400_000) == pytest.approx(1.2 + 0.2 + 4.0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": "Chat GPT"}, "identifier"),
        ({"name": "chatgpt; drop table x"}, "identifier"),
        ({"name": "score"}, "none of"),
        ({"model": " "}, "model"),
        ({"base_url": None}, "base_url"),
        ({"base_url": "ftp://example.org"}, "http or https"),
        ({"base_url": "api.example.org/v1"}, "http or https"),
        ({"capability": "xml"}, "json_schema, json_object, text"),
        ({"concurrency": 0}, "at least 1"),
        ({"rpm": -5}, "rpm"),
        ({"rpm": True}, "rpm must be int"),
        ({"concurrency": "many"}, "concurrency must be int"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"temprature": 0}, "unknown field 'temprature'"),
        ({"prices": {"input": 1}}, "output is missing"),
        ({"prices": {"input": -1, "output": 1, "date": "x"}}, "negative"),
        ({"extra": {"messages": []}}, "must not set messages"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    path = written(tmp_path, {**GOOD, **change})
    with pytest.raises(RaterConfigError) as refusal:
        load_raters(path)
    message = str(refusal.value)
    assert named in message
    assert str(path) in message
    assert "\n" not in message


@pytest.mark.parametrize("key", ["sk-s3cret", "AIzaSys3cret", "s3cret key"])
def test_a_key_in_place_of_its_variable_is_refused_and_not_repeated(
    tmp_path: Path, key: str
) -> None:
    with pytest.raises(RaterConfigError, match="name of an environment variable") as refusal:
        load_raters(written(tmp_path, {**GOOD, "key_env": key}))
    assert "s3cret" not in str(refusal.value)


def test_a_key_in_the_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for secret in ("https://user:s3cret@example.org/v1", "https://example.org/v1?key=s3cret"):
        with pytest.raises(RaterConfigError, match="key_env") as refusal:
            load_raters(written(tmp_path, {**GOOD, "base_url": secret}))
        assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "list `raters`"),
        ("raters: []", "at least one"),
        ("raters: [1]", "rater number 1"),
        ("raters: [{model: m}]", "name is missing"),
        ("raters: [", "not valid YAML"),
        ("- 1", "list `raters`"),
    ],
)
def test_unreadable_files_are_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "raters.yaml"
    path.write_text(text)
    with pytest.raises(RaterConfigError, match=named) as refusal:
        load_raters(path)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_and_a_name_used_twice_are_named(tmp_path: Path) -> None:
    with pytest.raises(RaterConfigError, match="cannot be read"):
        load_raters(tmp_path / "none.yaml")
    with pytest.raises(RaterConfigError, match="used twice"):
        load_raters(written(tmp_path, GOOD, GOOD))


def test_the_bound_on_output_may_have_either_name() -> None:
    assert RaterConfig("a", "m", "http://h").most_output_tokens is None
    assert RaterConfig("a", "m", "http://h", max_tokens=5).most_output_tokens == 5
    thinking = RaterConfig("a", "m", "http://h", extra={"max_completion_tokens": 7})
    assert thinking.most_output_tokens == 7


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("http://127.0.0.1:80/v1", True),
        ("http://127.1.2.3/v1", True),
        ("http://localhost:1234/v1", True),
        ("http://[::1]:80/v1", True),
        ("https://127.example.org/v1", False),
        ("https://api.openai.com/v1", False),
    ],
)
def test_loopback_is_recognised(address: str, loopback: bool) -> None:
    assert RaterConfig("a", "m", address).loopback is loopback


def test_the_shipped_examples_can_be_read_and_ask_nobody_by_themselves() -> None:
    file = read_rater_file("examples")
    assert file.enabled == ()
    assert {rater.capability for rater in file.raters} == {"json_schema", "json_object"}
    assert [rater.name for rater in file.raters if rater.loopback] == [
        "llama_vllm", "llama_ollama", "llama_cpp",
    ]  # fmt: skip


def test_a_budget_and_faults_stand_beside_the_raters(tmp_path: Path) -> None:
    prices = {"input": 1, "output": 2, "date": "2026-01-05"}
    rater = {**GOOD, "prices": prices, "max_tokens": 100}
    path = tmp_path / "raters.yaml"
    more = {"budget_usd": 5, "simulated_faults": {"rates": {"server_error": 0.1}}}
    path.write_text(yaml.safe_dump({"raters": [rater], **more}))
    file = read_rater_file(path)
    assert file.budget_usd == 5
    assert file.simulated_faults == Faults(rates={"server_error": 0.1})


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"budget_usd": 5}, "needs prices"),
        ({"budget_usd": 0}, "more than 0"),
        ({"budget": 5}, "unknown field 'budget'"),
        ({"simulated_faults": {"rates": {"gremlins": 1}}}, "unknown fault 'gremlins'"),
        ({"simulated_faults": {"noise": 1}}, "noise"),
    ],
)
def test_what_stands_beside_the_raters_is_checked(
    tmp_path: Path, more: dict[str, Any], named: str
) -> None:
    path = tmp_path / "raters.yaml"
    path.write_text(yaml.safe_dump({"raters": [GOOD], **more}))
    with pytest.raises(RaterConfigError, match=named):
        read_rater_file(path)
