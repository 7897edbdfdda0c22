import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from personax_assets.datasets import TRAITS
from personax_assets.traits.faults import KINDS, Faults
from personax_assets.traits.prompts import ANSWER_KEYS
from personax_assets.traits.rater_files import load_raters
from personax_assets.traits.raters import RaterConfig
from personax_assets.traits.simulated_server import SimulatedServer, SimulatedServerError
from personax_ml.synthetic import SIMULATED_RATERS, draw_cohort, person_seed
from tests.personax_assets.traits.conftest import SEED


def post(server: SimulatedServer, name: str, model: str, **more: object) -> tuple[int, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": f"Name: {name}"}], **more}
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.fixture(scope="module")
def server() -> Any:
    with SimulatedServer({"athlepersona": 5, "celebpersona": 4}, SEED) as server:
        yield server


@pytest.mark.parametrize(("dataset", "n"), [("athlepersona", 5), ("celebpersona", 4)])
@pytest.mark.parametrize("rater", ["chatgpt", "gemini", "llama"])
def test_it_answers_with_the_planted_factors(
    server: SimulatedServer, dataset: str, n: int, rater: str
) -> None:
    cohort = draw_cohort(dataset, n, SEED)
    person, factors = cohort.bios.row(-1, named=True), cohort.factors.row(-1, named=True)
    expected = SIMULATED_RATERS[rater].answer(factors, person_seed(SEED, person["source_id"]))
    status, body = post(server, person["name"], f"simulated-{rater}")
    assert status == 200
    assert json.loads(body["choices"][0]["message"]["content"]) == expected
    assert list(expected) == list(ANSWER_KEYS)
    assert body["model"] == f"simulated-{rater}"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 50
    assert post(server, person["name"], f"simulated-{rater}")[1]["choices"] == body["choices"]


@pytest.mark.parametrize("name", ["Michael Jordan", "", "Name:", "{name}"])
def test_nobody_outside_the_cohort_is_rated(server: SimulatedServer, name: str) -> None:
    status, body = post(server, name, "simulated-chatgpt")
    assert status == 404
    assert body["error"]["code"] == "person_not_found"


def test_only_simulated_models_answer(server: SimulatedServer) -> None:
    name = draw_cohort("athlepersona", 1, SEED).bios["name"][0]
    for model in ("chatgpt-4o-latest", "chatgpt", "simulated-claude", ""):
        status, body = post(server, name, model)
        assert (status, body["error"]["code"]) == (404, "model_not_found")


def test_string_enumerations_get_string_scores(server: SimulatedServer) -> None:
    name = draw_cohort("athlepersona", 1, SEED).bios["name"][0]
    schema = {"properties": {f"{trait}_score": {"type": "string"} for trait in TRAITS}}
    response_format = {"type": "json_schema", "json_schema": {"schema": schema}}
    _, body = post(server, name, "simulated-gemini", response_format=response_format)
    answer = json.loads(body["choices"][0]["message"]["content"])
    assert all(answer[f"{trait}_score"] in {"0", "1", "2", "3"} for trait in TRAITS)


def test_it_listens_on_the_loopback_interface_only(server: SimulatedServer) -> None:
    assert server.base_url.startswith("http://127.0.0.1:")


def test_raters_are_connected_by_seed_and_not_by_port(server: SimulatedServer) -> None:
    rater = load_raters("simulated")[0]
    connected = server.connect(rater)
    assert (connected.base_url, connected.provider) == (server.base_url, f"simulated-{SEED}")
    with pytest.raises(SimulatedServerError, match="not simulated"):
        server.connect(RaterConfig("chatgpt", "m", "https://api.example.org/v1"))


def test_it_ends_with_its_parent() -> None:
    script = (
        "import sys; from personax_assets.traits.simulated_server import SimulatedServer\n"
        "server = SimulatedServer({'athlepersona': 1}, 0); server.start()\n"
        "print(server._process.pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < deadline, "the server outlived its parent"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_stopping_ends_the_address() -> None:
    server = SimulatedServer({"athlepersona": 1}, 0)
    server.start()
    server.stop()
    server.stop()
    with pytest.raises(SimulatedServerError, match="not running"):
        _ = server.base_url


@pytest.mark.parametrize(
    ("datasets", "reason"), [({"athlepersona": 500_000}, "lexicon"), ({"nobody": 1}, "nobody")]
)
def test_a_server_that_cannot_start_says_why(datasets: dict[str, int], reason: str) -> None:
    with pytest.raises(SimulatedServerError, match=reason) as refusal:
        SimulatedServer(datasets, 0).start()
    assert "\n" not in str(refusal.value)


def test_faults_are_fixed_by_the_seed_and_have_their_rates() -> None:
    faults = Faults(rates={"refusal": 0.2, "html": 0.1}, script=("empty", None))
    kinds = [faults.kind(1, "chatgpt", f"p{i}", 2) for i in range(2_000)]
    assert kinds == [faults.kind(1, "chatgpt", f"p{i}", 2) for i in range(2_000)]
    assert kinds != [faults.kind(2, "chatgpt", f"p{i}", 2) for i in range(2_000)]
    assert kinds.count("refusal") / 2_000 == pytest.approx(0.2, abs=0.03)
    assert kinds.count("html") / 2_000 == pytest.approx(0.1, abs=0.03)
    assert [faults.kind(1, "chatgpt", "p", number) for number in (0, 1)] == ["empty", None]


def test_faults_travel_as_json_and_unknown_ones_are_refused() -> None:
    faults = Faults(dict.fromkeys(KINDS, 0.01), ("hang", None), 0.3, 2.0)
    assert Faults.from_json(faults.to_json()) == faults
    with pytest.raises(ValueError, match="unknown fault 'flood'"):
        Faults.from_json('{"rates": {"flood": 0.5}}')
    with pytest.raises(ValueError, match="latency"):
        Faults.from_json('{"latency": 1}')
    with pytest.raises(ValueError, match="more than 1"):
        Faults(rates={"html": 0.6, "hang": 0.6})
