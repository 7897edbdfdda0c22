"""The paper's reported findings beside ours.

Belongs here: what the PersonaX paper reports on its real data, as facts, and what the same
question gives here. Does not belong here: anything that the paper does not report.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from personax_assets.datasets import FACE_ATTRIBUTES, TRAITS
from personax_assets.report.blocks import Block, Callout, Prose, Section, Table, Text
from personax_assets.report.grid import Grid, main_grid
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.traits import quality_values, raters_of
from personax_assets.report.words import (
    clean,
    listed,
    number,
    percent,
    quantity,
    variable_label,
)

Finder = Callable[[SubDatasetReport, Grid | None], str]


@dataclass(frozen=True)
class Finding:
    """A finding of the paper and how to say what was found here."""

    reported: str
    here: Finder


def _dependent(variables: Sequence[str]) -> Finder:
    """Return a finder that says which traits depend on some variables, by KCI."""

    def here(report: SubDatasetReport, grid: Grid | None) -> str:
        if grid is None:
            return "not tested"
        rows, sized = grid.by_pair("kci"), grid.by_pair("hsic")
        told = []
        for variable in variables:
            tested = [rows[t, variable] for t in TRAITS if (t, variable) in rows]
            tested = [row for row in tested if row["p_value"] is not None]
            found = [row for row in tested if row["dependent"]]
            if not tested:
                continue
            sizes = [
                row["effect_size"]
                for trait in TRAITS
                if (row := sized.get((trait, variable))) and row["effect_size"] is not None
            ]
            most = f" (distance correlation up to {number(max(sizes))})" if sizes else ""
            told.append(
                f"{variable_label(variable)} with {len(found)} of {len(tested)} traits{most}"
            )
        return "; ".join(told).capitalize() or "not tested"

    return here


def _attributes(report: SubDatasetReport, grid: Grid | None) -> str:
    """Say which face attributes any trait depends on."""
    if grid is None:
        return "not tested"
    found = {v for (_, v), row in grid.by_pair("kci").items() if row["dependent"]}
    named = [variable_label(v) for v in FACE_ATTRIBUTES if v in found]
    return f"Dependent with at least one trait: {listed(named) or 'none'}"


def _graph(report: SubDatasetReport, grid: Grid | None) -> str:
    """Say what the estimated graph looks like."""
    edges = report.frame("latent_graph")
    if edges is None:
        return "no graph was estimated"
    return (
        f"{report.sub.n_shared_latents} shared latents by design; "
        f"{quantity(edges.height, 'edge', 'edges')} estimated. Latents carry no names here: what "
        "they go with is shown above"
    )


def _raters(report: SubDatasetReport, grid: Grid | None) -> str:
    """Say how often each rater gave no answer and hesitated."""
    values = quality_values(report)
    told = []
    for rater in raters_of(report):
        shares = [values.get((rater, "all", m), (None, 0))[0] for m in ("missing", "hesitation")]
        if any(share is not None for share in shares):
            told.append(f"{clean(rater, 20)} {' and '.join(map(percent, shares))}")
    if not told:
        return "no rater was asked"
    return f"No answer, and hesitation: {'; '.join(told)}. Other models were not asked"


def _scale(report: SubDatasetReport, grid: Grid | None) -> str:
    return "That scale is used; the others were not compared in this run"


_RATERS = (
    Finding(
        "Of ten language models compared, ChatGPT-4o came out best overall (0.96), then "
        "Gemini-2.5-Pro and Llama-4; missing answers and hesitation were among the criteria",
        _raters,
    ),
    Finding(
        "Of numeric and textual output on 3- and 5-point scales, the numeric 3-point scale varied "
        "least",
        _scale,
    ),
)

_PLACE = Finding(
    "Latitude and longitude: moderate dependence with traits",
    _dependent(("latitude", "longitude")),
)

FINDINGS: dict[str, tuple[Finding, ...]] = {
    "athlepersona": (
        Finding(
            "Birth year and league show the strongest dependence with traits",
            _dependent(("birth_year", "league")),
        ),
        Finding(
            "Height and weight: moderate dependence with traits",
            _dependent(("height_cm", "weight_kg")),
        ),
        _PLACE,
        Finding(
            "Latent graph: two shared factors; confidence → facial expression, emotional "
            "stability → grooming, skin tone → attractiveness → facial expression",
            _graph,
        ),
        *_RATERS,
    ),
    "celebpersona": (
        Finding(
            "Gender and occupation depend with nearly all traits",
            _dependent(("gender", "occupation")),
        ),
        Finding(
            "Some face attributes do: pointy nose, high cheekbones",
            _attributes,
        ),
        _PLACE,
        *_RATERS,
    ),
}


def paper_section(report: SubDatasetReport) -> Section | None:
    """Return the comparison with the paper; None where there is nothing to compare."""
    findings = FINDINGS.get(report.sub.name, ())
    if not findings:
        return None
    grid = main_grid(report)
    if grid is None and report.frame("latent_graph") is None:
        return None
    rows: list[list[Text]] = [
        [finding.reported, finding.here(report, grid)] for finding in findings
    ]
    ours = "Here (simulated people)" if report.simulated else "Here"
    blocks: list[Block] = []
    if report.simulated:
        blocks.append(
            Callout(
                "caution",
                "Not a replication",
                [
                    "The paper’s findings are about real people and real language models; the "
                    "column beside them is about an invented cohort, whose world was shaped after "
                    "some of these findings. Agreement shows that the method finds what is there, "
                    "nothing about people."
                ],
            )
        )
    blocks += [
        Table(
            "What the paper reports, and the same question asked here (KCI, p < 0.05)",
            ("The paper (real data)", ours),
            rows,
            stacked=True,
        ),
        Prose(
            "“Strongest” and “moderate” are the words in which the findings are reported; this "
            "project knows of no effect sizes to set beside its own.",
            style="note",
        ),
    ]
    return Section("paper", "The paper’s findings beside these", blocks)
