import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest

from personax_assets.datasets import ATHLEPERSONA, CELEBPERSONA
from personax_assets.report.model import RunInfo, SubDatasetReport
from personax_assets.report.svg import drawing_style
from personax_assets.report.write import render, sub_page, sub_sections, write_report
from tests.personax_assets.report.conftest import make_report, typed
from tests.personax_assets.report.page import Page

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=y>$x_1$\x00\u202e {{ 7*7 }}"


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    run_info: RunInfo,
    athletes: SubDatasetReport,
    celebs: SubDatasetReport,
) -> Path:
    folder = tmp_path_factory.mktemp("home") / "report"
    assert write_report(folder, run_info, [athletes, celebs]) == folder / "index.html"
    return folder


PAGES = ("index.html", "athlepersona.html", "celebpersona.html")


def test_writes_one_page_per_sub_dataset_and_an_index_and_nothing_else(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(PAGES)


@pytest.mark.parametrize("name", PAGES)
class TestEveryPage:
    def test_is_well_formed_with_unique_ids(self, folder: Path, name: str) -> None:
        page = Page((folder / name).read_text("utf-8"))
        assert len(page.ids) == len(set(page.ids))
        inside = [a["href"][1:] for a in page.all("a") if a["href"].startswith("#")]
        used = [a["href"][1:] for a in page.all("use")]
        clipped = [a["clip-path"][5:-1] for _, a in page.elements if "clip-path" in a]
        assert set(inside + used + clipped) <= set(page.ids)

    def test_loads_nothing_from_outside_and_runs_nothing(self, folder: Path, name: str) -> None:
        html = (folder / name).read_text("utf-8")
        page = Page(html)
        assert not re.search(r"https?://|@import|url\((?!#)", html)
        assert all(address.startswith(("data:image/jpeg;base64,", "#")) for address in page.loaded)
        assert not page.all("script")
        assert not [a for _, a in page.elements if any(k.startswith("on") for k in a)]

    def test_policy_allows_its_own_style_alone(self, folder: Path, name: str) -> None:
        html = (folder / name).read_text("utf-8")
        policy = next(
            a["content"]
            for a in Page(html).all("meta")
            if a.get("http-equiv") == "Content-Security-Policy"
        )
        style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
        assert style
        digest = b64encode(sha256(style[1].encode()).digest()).decode()
        assert "default-src 'none'" in policy
        assert f"style-src 'sha256-{digest}'" in policy
        assert "unsafe" not in policy
        # The policy forbids style attributes: nothing may need one.
        assert not [a for _, a in Page(html).elements if "style" in a]

    def test_every_picture_is_told_in_words(self, folder: Path, name: str) -> None:
        page = Page((folder / name).read_text("utf-8"))
        assert all(image["alt"].strip() for image in page.all("img"))
        for svg in page.all("svg"):
            assert svg.get("aria-hidden") == "true" or len(svg["aria-label"]) > 20

    def test_says_that_the_people_are_invented_before_anything_else(
        self, folder: Path, name: str
    ) -> None:
        words = Page((folder / name).read_text("utf-8")).words
        assert words.index("Simulated. The people in this report are invented") < 120

    def test_colours_follow_the_theme(self, folder: Path, name: str) -> None:
        html = (folder / name).read_text("utf-8")
        assert "prefers-color-scheme:dark" in html
        drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
        assert not re.findall(r'(?:fill|stroke)="#', "".join(drawings))


def test_the_index_holds_everything_that_the_single_pages_hold(folder: Path) -> None:
    index = Page((folder / "index.html").read_text("utf-8"))
    for name in ("athlepersona", "celebpersona"):
        page = Page((folder / f"{name}.html").read_text("utf-8"))
        own = {a["id"] for a in page.all("section")} - {"overview", "run"}
        assert {f"{name}-{section}" for section in own} <= set(index.ids)
        drawn = {svg["aria-label"] for svg in page.all("svg") if "aria-label" in svg}
        assert drawn <= {svg.get("aria-label") for svg in index.all("svg")}
    assert not [a for a in index.all("a") if not a["href"].startswith("#")], "one file is enough"


def test_same_input_gives_the_same_bytes(folder: Path, tmp_path: Path, run_info: RunInfo) -> None:
    write_report(tmp_path, run_info, [make_report(ATHLEPERSONA), make_report(CELEBPERSONA)])
    for name in PAGES:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_hostile_text_is_shown_and_never_run(
    tmp_path: Path, run_info: RunInfo, athletes: SubDatasetReport
) -> None:
    bios = athletes.frames["bios"].with_columns(pl.lit(HOSTILE).alias("league"))
    edges = athletes.frames["latent_graph"].with_columns(pl.lit(HOSTILE).alias("method"))
    grid = athletes.frames["independence_tests"].with_columns(pl.lit(HOSTILE).alias("warning"))
    stages = athletes.stages.with_columns(pl.lit(HOSTILE).alias("reason"))
    raters = {"chatgpt": HOSTILE}
    hostile = replace(
        athletes,
        frames={**athletes.frames, "bios": bios, "latent_graph": edges,
                "independence_tests": grid},
        stages=stages, source=HOSTILE, training={**athletes.training, "protocol": HOSTILE},
    )  # fmt: skip
    info = replace(run_info, home=HOSTILE, raters=raters, versions={HOSTILE: HOSTILE})
    write_report(tmp_path, info, [hostile])
    html = (tmp_path / "athlepersona.html").read_text("utf-8")
    page = Page(html)
    assert not page.all("script")
    assert not [image for image in page.all("img") if image["src"] == "x"]
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7*7 }}" in page.words
    assert "\x00" not in html
    assert "\u202e" not in html


def test_real_photographs_are_never_embedded(
    tmp_path: Path, run_info: RunInfo, athletes: SubDatasetReport
) -> None:
    real = replace(athletes, simulated=False, planted=None)
    write_report(tmp_path, run_info, [real])
    page = Page((tmp_path / "athlepersona.html").read_text("utf-8"))
    assert not page.all("img")
    assert "Simulated." not in page.words
    sample = athletes.frames["crop_sample"].with_columns(simulated=pl.lit(False))
    mixed = replace(athletes, frames={**athletes.frames, "crop_sample": sample})
    write_report(tmp_path, run_info, [mixed])
    assert not Page((tmp_path / "athlepersona.html").read_text("utf-8")).all("img")


def test_names_of_people_are_not_in_the_report(folder: Path, athletes: SubDatasetReport) -> None:
    words = Page((folder / "athlepersona.html").read_text("utf-8")).words
    assert not [name for name in athletes.frames["bios"]["name"] if name in words]


def test_a_report_of_bios_alone_says_why_the_rest_is_missing(
    tmp_path: Path, run_info: RunInfo, athletes: SubDatasetReport
) -> None:
    reason = "simulated raters are not asked about real people; set PERSONAX_PROFILE=live"
    stages = pl.DataFrame(
        {
            "asset": ["athlepersona/bios", "athlepersona/face_crops", "athlepersona/trait_scores"],
            "status": ["ok", "skipped", "skipped"],
            "reason": [None, "no photographs of the athletes", reason],
            "rows": [60, 0, 0],
            "seconds": [0.1, 0.0, 0.0],
        }
    )
    empty = typed(athletes.sub, "trait_scores", athletes.frames["trait_scores"].clear())
    bare = SubDatasetReport(
        athletes.sub,
        {"bios": athletes.frames["bios"], "trait_scores": empty},
        stages,
        simulated=False,
        source="rosters my.yaml",
        skipped={"independence_tests": "the athletes have no trait scores"},
    )
    write_report(tmp_path, run_info, [bare])
    words = Page((tmp_path / "athlepersona.html").read_text("utf-8")).words
    assert words.count(reason) >= 2
    assert "There are no face crops: no photographs of the athletes." in words
    assert "No test was made: the athletes have no trait scores." in words
    assert "There is no model:" in words
    assert "Level I across both" not in Page((tmp_path / "index.html").read_text("utf-8")).words


@pytest.mark.slow
def test_every_table_may_be_missing_or_empty(
    tmp_path: Path, run_info: RunInfo, athletes: SubDatasetReport
) -> None:
    for name in athletes.frames:
        emptied = replace(athletes, frames={**athletes.frames, name: athletes.frames[name].clear()})
        with drawing_style():
            sections = sub_sections(emptied, run_info)
            Page(render(sub_page(run_info, emptied, sections)))
        assert emptied.frame(name) is None
    nothing = replace(athletes, frames={}, training=None, stages=athletes.stages.clear())
    assert nothing.frame("bios") is None
    write_report(tmp_path, run_info, [nothing])
    words = Page((tmp_path / "athlepersona.html").read_text("utf-8")).words
    assert "There are no people: the stage bios has not made anything yet." in words


def test_a_page_that_cannot_be_made_leaves_the_old_one(
    tmp_path: Path, run_info: RunInfo, athletes: SubDatasetReport
) -> None:
    write_report(tmp_path, run_info, [athletes])
    before = (tmp_path / "athlepersona.html").read_bytes()
    broken = replace(athletes, frames={**athletes.frames, "bios": pl.DataFrame({"x": [1]})})
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        write_report(tmp_path, run_info, [broken])
    assert (tmp_path / "athlepersona.html").read_bytes() == before
    assert not list(tmp_path.glob(".*"))
