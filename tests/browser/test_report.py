"""The report as people see it: on a phone and on a desk, and for those who cannot see."""

from pathlib import Path

import pytest

from personax_assets.report.model import RunInfo, SubDatasetReport
from personax_assets.report.write import write_report
from tests.browser.conftest import PATIENCE_S, Open
from tests.personax_assets.report.conftest import athletes, celebs, run_info

__all__ = ["athletes", "celebs", "run_info"]  # fixtures of the report's own tests

pytestmark = pytest.mark.slow

AXE = Path(__file__).resolve().parents[2] / "build" / "axe" / "axe.min.js"
PAGES = ("index.html", "athlepersona.html", "celebpersona.html")


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    run_info: RunInfo,
    athletes: SubDatasetReport,
    celebs: SubDatasetReport,
) -> Path:
    return write_report(tmp_path_factory.mktemp("report"), run_info, [athletes, celebs]).parent


@pytest.mark.parametrize("width", [390, 1440])
def test_it_fits_the_screen_and_nothing_is_broken(
    open_browser: Open, folder: Path, width: int
) -> None:
    browser = open_browser(width, 900)
    for name in PAGES:
        browser.get((folder / name).as_uri())
        browser.execute_script(
            "document.querySelectorAll('details').forEach(fold => fold.open = true)"
        )
        assert browser.execute_script("return window.innerWidth") == width
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{name} scrolls sideways: {wide} px at {width} px"
        broken = browser.execute_script(
            "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length"
        )
        assert browser.execute_script("return document.images.length") > 0
        assert broken == 0
        flat = browser.execute_script(
            "return [...document.querySelectorAll('figure svg')]"
            ".filter(s => s.getBoundingClientRect().height < 20).length"
        )
        assert flat == 0, "a figure is drawn with no height"
        assert browser.get_log("browser") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(open_browser: Open, folder: Path, scheme: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not here: make axe")
    browser = open_browser(1440, 900)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": scheme}],
    })  # fmt: skip
    browser.set_script_timeout(PATIENCE_S)
    for name in PAGES:
        browser.get((folder / name).as_uri())
        browser.execute_script(AXE.read_text("utf-8"))
        result = browser.execute_async_script(
            "const done = arguments[0]; axe.run({resultTypes: ['violations']}).then(done)"
        )
        serious = [
            (violation["id"], violation["help"], [n["target"] for n in violation["nodes"][:3]])
            for violation in result["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert len(result["passes"]) > 20, "the check looked at nothing"
        assert serious == [], name
