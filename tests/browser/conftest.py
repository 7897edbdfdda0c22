"""A real browser for tests: Chromium, headless, that can reach this machine alone."""

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

PATIENCE_S = 600
"""Seconds that one step in the browser may take on a busy machine."""

Open = Callable[[int, int], "Chrome"]
"""Opens a browser of a width and a height in pixels."""


@pytest.fixture
def open_browser() -> Iterator[Open]:
    """Open browsers that are closed after the test; skip where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install -e '.[test]'")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium here: apt-get install chromium chromium-driver")
    opened = []

    def browser(width: int, height: int) -> "Chrome":
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                         "--disable-dev-shm-usage", "--disable-background-networking",
                         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                         f"--window-size={width},{height}"):  # fmt: skip
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path=driver)
        chrome = webdriver.Chrome(options=options, service=service)
        opened.append(chrome)
        chrome.command_executor.client_config.timeout = PATIENCE_S
        # A window cannot be made as narrow as a phone; the page can.
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        })  # fmt: skip
        return chrome

    yield browser
    for chrome in opened:
        chrome.quit()
