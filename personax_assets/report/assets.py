"""The report stage: the HTML page that people read."""

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
        """One self-contained page per sub-dataset, and an index that sets them side by side."""
        from personax_assets.report.collect import collect_all, collect_comparison, run_info
        from personax_assets.report.write import write_report

        folder, resources = run.resources.home / "report", run.resources
        index = write_report(
            folder, run_info(resources), collect_all(resources), collect_comparison(resources)
        )
        page = folder / f"{layout.sub.name}.html"
        size = f"{page.stat().st_size / 1024:.0f} KiB"
        return StageResult(
            metadata={"page": str(page), "index": str(index), "size": size},
            data_version=run.run_id or "written",
        )

    return (report,)
