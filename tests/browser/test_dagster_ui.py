"""The Dagster UI as a newcomer uses it: materialise everything, see it green, look at a figure."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagster_project.build import build_resources
from dagster_project.graph import release_stages_of, stages_of, study_stages_of
from dagster_project.home import Home
from tests.browser.conftest import Open

pytestmark = pytest.mark.slow

PEOPLE = {"athlepersona": 150, "celebpersona": 130}
"""The empty home is told to invent so few, to be quick; nothing else is in it."""

PATIENCE_S = 1800
_QUERY = """{
  partitionBackfillsOrError { ... on PartitionBackfills { results { status } } }
  assetNodes { assetKey { path } latestMaterializationByPartition(partitions: null) { runId }
    assetChecksOrError { ... on AssetChecks { checks { name
      executionForLatestMaterialization { status } } } } }
}"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.manifest.write_text(json.dumps({n: {"people": people} for n, people in PEOPLE.items()}))
    return home


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    """The Dagster UI over an empty home, started by `personax ui`."""
    command = [sys.executable, "-m", "dagster_project.cli", "ui"]
    for option in ("--dagster-port", "--mlflow-port"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            command += [option, str(probe.getsockname()[1])]
    environment = os.environ | {"PERSONAX_HOME": str(home.root)}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as ui:
        assert ui.stdout is not None
        told = dict.fromkeys(["Dagster"], "")
        for line in ui.stdout:
            name, _, rest = line.strip().partition(" ")
            told[name] = rest.strip()
            if "Ctrl-C" in line:
                break
        yield told["Dagster"]
        ui.terminate()
        ui.stdout.read()


def asked(address: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/graphql", json.dumps({"query": _QUERY}).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=120) as reply:
        answer: dict[str, Any] = json.load(reply)
    assert "errors" not in answer, answer
    return answer["data"]


def test_everything_is_materialised_from_the_browser_and_a_figure_seen(
    open_browser: Open, address: str, home: Home, tmp_path: Path
) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions as expected
    from selenium.webdriver.support.ui import WebDriverWait

    browser = open_browser(1600, 1000)
    wait = WebDriverWait(browser, 120)

    def click(text: str) -> None:
        button = (By.XPATH, f"//button[normalize-space()='{text}']")
        wait.until(expected.element_to_be_clickable(button)).click()

    browser.get(f"{address}/asset-groups")
    click("Materialize all…")
    click("All")
    click("Launch backfill")
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        states = [b["status"] for b in asked(address)["partitionBackfillsOrError"]["results"]]
        if states and states[0] not in ("REQUESTED", "IN_PROGRESS"):
            break
        time.sleep(2)
    assert states == ["COMPLETED_SUCCESS"]
    checks = {
        (*node["assetKey"]["path"], check["name"]): check["executionForLatestMaterialization"]
        for node in asked(address)["assetNodes"]
        for check in node["assetChecksOrError"]["checks"]
    }
    assert checks
    bad = {key for key, run in checks.items() if run is None or run["status"] != "SUCCEEDED"}
    assert bad == set()
    resources = build_resources("demo", home)
    endings = {r.asset: (r.status, r.reason) for r in resources.warehouse.stages().values()}
    everything = (*stages_of(resources), *study_stages_of(resources))
    unasked = {stage.key for stage in release_stages_of(resources)}
    assert {key: endings.pop(key)[0] for key in unasked} == dict.fromkeys(unasked, "skipped")
    assert endings == {s.key: ("ok", None) for s in everything if s.key not in unasked}

    browser.get(f"{address}/assets/athlepersona/independence_tests")
    figure = (By.XPATH, "//*[contains(text(), 'Show Markdown')] | //img[starts-with(@src,'data:')]")
    element = wait.until(expected.presence_of_element_located(figure))
    if element.tag_name != "img":
        element.click()
    picture = wait.until(
        expected.visibility_of_element_located((By.CSS_SELECTOR, "img[src^='data:image/png']"))
    )
    assert browser.execute_script("return arguments[0].naturalWidth", picture) > 300
