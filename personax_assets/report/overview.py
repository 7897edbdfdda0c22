"""The first and the last of a page: what is there, what was run, what did not run.

Belongs here: key figures, findings in brief, the run and its stages. Does not belong here: the
levels themselves.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from personax_assets.report.blocks import (
    Block,
    Callout,
    Cell,
    Facts,
    Items,
    Prose,
    Section,
    Status,
    Table,
    Text,
    Tiles,
)
from personax_assets.report.grid import dependencies, direction, main_grid
from personax_assets.report.level1 import headline
from personax_assets.report.metrics import headline_metrics
from personax_assets.report.model import RunInfo, SubDatasetReport
from personax_assets.report.traits import quality_values, raters_of
from personax_assets.report.truth import recovery
from personax_assets.report.words import (
    MISSING,
    clean,
    count,
    duration,
    listed,
    number,
    percent,
    quantity,
)

_STATUS: dict[str, Status] = {
    "ok": Status("good", "ok"),
    "skipped": Status("quiet", "skipped"),
    "degraded": Status("caution", "degraded"),
    "failed": Status("alarm", "failed"),
}

_BRIEF = 3
"""Dependencies named in the summary."""


def banner(run: RunInfo, reports: Sequence[SubDatasetReport]) -> str | None:
    """Say what is simulated; None where nothing is."""
    invented = [report.sub.title for report in reports if report.simulated]
    if not invented:
        return None
    where = "this report" if len(invented) == len(reports) else listed(invented)
    facts = [f"the people in {where} are invented", "their portraits are drawn"]
    if any("simulated" in about for about in run.raters.values()):
        facts.append("their raters are simulated")
    sentence = listed(facts)
    return f"{sentence[:1].upper()}{sentence[1:]}. Nothing said of them is about a real person."


def problems(report: SubDatasetReport) -> Iterator[Callout]:
    """Yield what failed, what is incomplete and what was skipped, with what to do."""
    titles = (
        ("failed", "alarm", "Failed"),
        ("degraded", "alarm", "Finished with losses"),
        ("skipped", "caution", "Skipped"),
    )
    for status, level, title in titles:
        stages: dict[str, list[str]] = {}
        for row in (
            report.stages_in_order().filter(pl.col("status") == status).iter_rows(named=True)
        ):
            reason = clean(row["reason"] or "no reason given", 400)
            stages.setdefault(reason, []).append(clean(_stage(row["asset"])))
        if stages:
            told = [f"{listed(names)}: {reason}" for reason, names in stages.items()]
            yield Callout("alarm" if level == "alarm" else "caution", title, told)


def _stage(asset: str) -> str:
    return asset.rpartition("/")[2]


def tiles(report: SubDatasetReport) -> Tiles:
    """Return the key figures of a sub-dataset."""
    bios, crops = report.frame("bios"), report.frame("face_crops")
    rows = []
    if bios is not None:
        groups = bios[report.sub.stratum].drop_nulls().n_unique()
        rows.append((count(bios.height), report.sub.people, f"{groups} {report.sub.stratum}s"))
    if crops is not None:
        ok = crops.filter(pl.col("status") == "ok").height
        rows.append(
            (percent(ok / crops.height), "face crops", f"of {count(crops.height)} photographs")
        )
    scores = report.frame("trait_scores")
    if scores is not None and scores["score"].count():
        scored = scores["score"].count()
        rows.append(
            (
                count(scored),
                "trait scores",
                f"by {quantity(len(raters_of(report)), 'rater', 'raters')}",
            )
        )
    grid = main_grid(report)
    if grid is not None:
        counts = grid.counts("kci")
        rows.append((str(counts.dependent), "dependent pairs", f"of {counts.tested}, by KCI"))
    latents = report.frame("latents")
    if latents is not None:
        version = (report.training or {}).get("model_version")
        n = len([name for name in latents.columns if name not in ("person_id", "model_version")])
        rows.append((str(n), "latents", f"model version {clean(version)}" if version else ""))
    return Tiles(rows)


def brief(report: SubDatasetReport) -> Iterator[tuple[Text, Text]]:
    """Yield the findings in a few sentences."""
    values = quality_values(report)
    alphas = {
        trait: value for (_, trait, measure), (value, _) in values.items() if measure == "alpha"
    }
    if alphas:
        low, high = min(alphas, key=lambda t: alphas[t]), max(alphas, key=lambda t: alphas[t])
        yield (
            "Raters",
            f"Agreement (Krippendorff’s α) from {number(alphas[low])} ({low}) to "
            f"{number(alphas[high])} ({high}); 0 is chance, 1 is perfect.",
        )
    grid = main_grid(report)
    if grid is not None:
        counts = grid.counts("kci")
        chance = f"{0.05 * counts.tested:.0f}"
        yield (
            "Level I",
            f"KCI calls {counts.dependent} of {counts.tested} trait–variable pairs dependent, "
            f"where about {chance} are expected by chance alone; {counts.discoveries} remain at "
            "q < 0.05.",
        )
        found = dependencies(grid)[:_BRIEF]
        if found:
            told = []
            for dependency in found:
                trend = direction(report, dependency)
                told.append(headline(dependency).lower() + (f": {trend}" if trend else ""))
            sentence = "; ".join(told)
            yield "Strongest evidence", sentence[:1].upper() + sentence[1:] + "."
        found_again = recovery(report, grid, "kci")
        if found_again is not None:
            strong, n_strong = found_again.of("strong")
            false, n_none = found_again.of("none")
            yield (
                "Planted truth",
                f"KCI finds {strong} of {n_strong} strongly planted dependencies and calls {false} "
                f"of {n_none} independent pairs dependent.",
            )
    metrics = headline_metrics(report.training)
    if metrics:
        told = [f"{label} {value}" for label, value in metrics[:4]]
        yield "Level II, held out", "; ".join(told) + "."


def overview_section(report: SubDatasetReport) -> Section:
    """Return the opening section."""
    blocks: list[Block] = [tiles(report)]
    findings = list(brief(report))
    if findings:
        blocks.append(Items(findings))
    blocks += list(problems(report))
    return Section("overview", "At a glance", blocks)


def run_section(run: RunInfo, reports: Sequence[SubDatasetReport]) -> Section:
    """Return what was run, on what, with which versions."""
    facts: list[tuple[str, Text]] = [("Made", f"{run.when:%d %B %Y, %H:%M} UTC")]
    facts += [(report.sub.title, clean(report.source, 300)) for report in reports]
    raters = [f"{clean(name)}: {clean(about, 160)}" for name, about in run.raters.items()]
    versions = [f"{clean(name)} {clean(version, 30)}" for name, version in run.versions.items()]
    facts += [
        ("Raters", "; ".join(raters) or "none"),
        ("Seed", str(run.seed)),
        ("Home", clean(run.home, 300)),
        ("Versions", ", ".join(versions) or MISSING),
    ]
    return Section("run", "What was run", [Facts(facts)])


def stages_section(report: SubDatasetReport) -> Section:
    """Return every stage, how it ended and what it took."""
    if report.stages.is_empty():
        return Section("stages", "Stages", [Prose("No stage has run yet.")])
    rows: list[list[Cell]] = [
        [
            clean(_stage(row["asset"])),
            _STATUS.get(row["status"], Status("quiet", clean(row["status"]))),
            count(row["rows"]),
            duration(row["seconds"]),
            clean(row["reason"] or "", 400),
        ]
        for row in report.stages_in_order().iter_rows(named=True)
    ]
    total = report.stages["seconds"].sum()
    columns = ["Stage", "Ended", "Rows", "Time", "Reason, and what to do"]
    if not any(row[-1] for row in rows):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    caption = f"Stages in order; {duration(float(total))} in all"
    return Section("stages", "Stages", [Table(caption, columns, rows, stacked=True)])


def use_section(report: SubDatasetReport) -> Section:
    """Return what these results may not be used for."""
    return Section(
        "use",
        "Reading this responsibly",
        [
            Items(
                [
                    (
                        "Scores are opinions of language models",
                        "They are formed from a name and a few words, on three points. They "
                        "measure what models say, not what a person is like.",
                    ),
                    (
                        "Groups, not persons",
                        f"Nothing here describes a single {report.sub.person}; do not profile "
                        "individuals with it or decide about them.",
                    ),
                    (
                        "Dependence is not cause",
                        "And a missing dependence is not proof of independence: look at the "
                        "effect size, at n and at the warnings.",
                    ),
                ]
            )
        ],
    )
