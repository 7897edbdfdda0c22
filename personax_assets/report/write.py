"""Writing the report.

Belongs here: the pages in their order, and files that appear whole or not at all. Does not belong
here: what is on a page.
"""

import os
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import polars as pl
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from personax_assets.report.blocks import Block, Items, Page, Prose, Section
from personax_assets.report.comparison import comparison_section, side_by_side_section
from personax_assets.report.level1 import LEVEL_1, level1_section
from personax_assets.report.level2 import level2_section
from personax_assets.report.model import RunInfo, SubDatasetReport
from personax_assets.report.overview import (
    banner,
    brief,
    overview_section,
    problems,
    run_section,
    stages_section,
    tiles,
    use_section,
)
from personax_assets.report.palette import DARK, LIGHT, css_variables
from personax_assets.report.paper import paper_section
from personax_assets.report.people import faces_section, people_section
from personax_assets.report.svg import drawing_style
from personax_assets.report.traits import traits_section
from personax_assets.report.truth import truth_section
from personax_assets.report.words import listed

INDEX = "index.html"


def write_report(
    folder: Path,
    run: RunInfo,
    reports: Sequence[SubDatasetReport],
    comparison: pl.DataFrame | None = None,
) -> Path:
    """Write the page that holds everything, and a page per sub-dataset.

    The pages need nothing outside themselves: no script, no font, no address. The same values
    give the same bytes.

    Parameters
    ----------
    folder : Path
        Where to; made if it is not there.
    run : RunInfo
        What was run.
    reports : sequence of SubDatasetReport
        One or more sub-datasets.
    comparison : DataFrame, optional
        The table `comparison.level1`, if there are two.

    Returns
    -------
    Path
        The page that holds everything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with drawing_style():
        chapters = [sub_sections(report, run) for report in reports]
        for report, sections in zip(reports, chapters, strict=True):
            others = [other for other in reports if other is not report]
            links = [(INDEX, "Everything"), *((_file(o), o.sub.title) for o in others)]
            _write(folder / _file(report), sub_page(run, report, sections, links))
        _write(folder / INDEX, index_page(run, reports, chapters, comparison))
    return folder / INDEX


def _file(report: SubDatasetReport) -> str:
    return f"{report.sub.name}.html"


def sub_sections(report: SubDatasetReport, run: RunInfo) -> list[Section]:
    """Return everything about one sub-dataset that follows its opening section."""
    sections = (
        people_section(report),
        faces_section(report),
        traits_section(report, run),
        level1_section(report),
        truth_section(report),
        level2_section(report),
        paper_section(report),
        stages_section(report),
        use_section(report),
    )
    return [section for section in sections if section is not None]


def sub_page(
    run: RunInfo,
    report: SubDatasetReport,
    sections: Sequence[Section],
    links: Sequence[tuple[str, str]] = (),
) -> Page:
    """Return the page of one sub-dataset, with what `sub_sections` returned."""
    return Page(
        report.sub.title,
        f"Traits, faces and bios of {report.sub.people}",
        banner(run, [report]),
        [overview_section(report), run_section(run, [report]), *sections],
        links,
    )


def index_page(
    run: RunInfo,
    reports: Sequence[SubDatasetReport],
    chapters: Sequence[Sequence[Section]],
    comparison: pl.DataFrame | None,
) -> Page:
    """Return the page that holds everything: the sub-datasets side by side, then each in full."""
    opening: list[Section | None] = [
        *(_summary(report) for report in reports),
        side_by_side_section(reports),
        comparison_section([report.sub for report in reports], comparison),
        _levels(),
        run_section(run, reports),
    ]
    full = [
        section.within(report.sub.title, report.sub.name)
        for report, sections in zip(reports, chapters, strict=True)
        for section in sections
    ]
    titles = listed([report.sub.title for report in reports])
    return Page(
        "PersonaX",
        f"Multimodal data on behaviour traits as language models infer them: {titles}",
        banner(run, reports),
        [*(section for section in opening if section is not None), *full],
    )


def _summary(report: SubDatasetReport) -> Section:
    more = Markup('<a class="more" href="#{}-people">{} in full</a>').format(
        report.sub.name, report.sub.title
    )
    findings = list(brief(report))
    blocks: list[Block] = [tiles(report)]
    if findings:
        blocks.append(Items(findings))
    return Section(report.sub.name, report.sub.title, [*blocks, *problems(report), Prose(more)])


def _levels() -> Section:
    """Return what the two levels are."""
    level_2 = (
        "Level II learns, by causal representation learning, latent variables behind faces and "
        "texts: some belong to one modality, some are shared. The graph among them is estimated "
        "and drawn. Its metrics are held out."
    )
    return Section(
        "levels", "The two levels", [Items([("Level I.", LEVEL_1), ("Level II.", level_2)])]
    )


def _write(path: Path, page: Page) -> None:
    """Put a page in place, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(render(page), encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def render(page: Page) -> str:
    """Return a page as HTML."""
    style = _style()
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return _template().render(page=page, style=Markup(style), style_hash=f"sha256-{digest}")  # noqa: S704


@cache
def _template() -> Template:
    source = (files("personax_assets.report") / "templates" / "page.html").read_text("utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source)


@cache
def _style() -> str:
    """Return the style sheet; its hash stands in the content security policy."""
    rules = (files("personax_assets.report") / "templates" / "style.css").read_text("utf-8")
    light, dark = css_variables(LIGHT), css_variables(DARK)
    themes = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f"{themes}\n{rules}"
