"""The report stage: the HTML page that people read."""

import dagster as dg

from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage

_SHOWN = (
    "bios",
    "face_crops",
    "trait_scores",
    "rater_quality",
    "independence_tests",
    "crl_model",
    "latents",
    "latent_graph",
    "comparison/level1",
)


def report_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the report stage of a sub-dataset."""

    @stage(layout, "report", group="release", deps=_SHOWN, kinds=("python", "html"))
    def report(run: StageRun) -> StageResult:
        """A self-contained page on the sub-dataset, and one on both that holds everything."""
        from personax_assets.report.anew import write_anew
        from personax_assets.report.summary import summary_rows

        index, reports = write_anew(run.resources)
        page = index.with_name(f"{layout.sub.name}.html")
        own = next(report for report in reports if report.sub == layout.sub)
        figures = "\n".join(
            f"| {_cell(what)} | {_cell(value)} |" for what, value in summary_rows(own, False)
        )
        return StageResult(
            metadata={
                "page": dg.MetadataValue.path(page),
                "everything": dg.MetadataValue.path(index),
                "size": f"{page.stat().st_size / 1024:.0f} KiB",
                "in_numbers": dg.MetadataValue.md(f"| | value |\n|---|---|\n{figures}"),
            },
            data_version=run.run_id or "written",
        )

    return (report,)


def _cell(text: str) -> str:
    """Return text as a cell of a Markdown table."""
    return text.strip().replace("|", "\\|")
