"""Level II on the page: the learned latents, how good they are and how they hang together.

Belongs here: training curves, held-out metrics, latents against traits, bios and planted factors,
the graph. Does not belong here: computing any metric of the model.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from personax_assets.datasets import TRAITS
from personax_assets.report import figures
from personax_assets.report.associations import (
    Floats,
    explained_by_categories,
    rank_correlations,
)
from personax_assets.report.blocks import (
    Bar,
    Block,
    Cell,
    Facts,
    Fold,
    Heading,
    Picture,
    Pictures,
    Prose,
    Section,
    Status,
    Swatches,
    Table,
)
from personax_assets.report.graphs import latent_graph
from personax_assets.report.metrics import factor_scores, headline_metrics, meanings, metric_label
from personax_assets.report.model import SubDatasetReport, Training
from personax_assets.report.palette import RAMP
from personax_assets.report.svg import inline_svg
from personax_assets.report.words import (
    clean,
    count,
    listed,
    number,
    percent,
    quantity,
    short,
    trait_header,
    variable_label,
)
from personax_assets.schemas.level2 import latent_names

STRENGTHS = (0.1, 0.2, 0.35, 0.5, 0.7)
"""Steps of a correlation's absolute value."""

STRENGTH_LEGEND = tuple(
    zip(RAMP, ("below 0.1", "0.1", "0.2", "0.35", "0.5", "0.7 and above"), strict=True)
)

RECOVERED, IN_PART = 0.8, 0.5

_HELD_OUT = "held_out_"


def level2_intro(report: SubDatasetReport) -> str:
    """Say what Level II is."""
    sub = report.sub
    parts = listed([f"{m.n_latents} of the {m.name} modality" for m in sub.modalities])
    return (
        "Level II learns latent variables behind faces and trait texts: each modality has latents "
        "of its own, seen through several measurements with noise of their own, and some are "
        f"shared. {sub.title} has {parts} and {sub.n_shared_latents} shared ones. Latents have no "
        "name, sign or unit by themselves; at best they are known up to a monotone change of each. "
        "Metrics are held out: computed on people that neither training nor selection saw."
    )


def level2_section(report: SubDatasetReport) -> Section:
    """Return the section on Level II."""
    title = "Level II: latent variables"
    latents, training = report.frame("latents"), report.training
    blocks: list[Block] = [Prose(level2_intro(report))]
    if latents is None and not training:
        reason = report.why_absent("crl_model")
        if reason.startswith("the stage"):
            reason = report.why_absent("latents")
        blocks.insert(0, Prose(f"There is no model: {reason}."))
        return Section("level-2", title, blocks)
    if training:
        blocks += _model(report, training)
    if latents is not None:
        blocks += _associations(report, latents)
        blocks += _factors(report, latents)
    blocks += _graph(report)
    return Section("level-2", title, blocks)


def _model(report: SubDatasetReport, training: Training) -> Iterator[Block]:
    name = training.get("model_name", f"personax-crl-{report.sub.name}")
    version = training.get("model_version")
    facts = [("Model", f"{clean(name)}, version {clean(version)}" if version else clean(name))]
    if training.get("protocol"):
        facts.append(("Protocol", clean(training["protocol"], 600)))
    yield Facts(facts)
    metrics = headline_metrics(training)
    if metrics:
        rows = [[label, value] for label, value in metrics]
        yield Table("Held-out metrics", ("Metric", "Value"), rows)
        explained = meanings(training)
        if explained:
            yield Prose(explained, style="note")
    identified = training.get("identified", {})
    if identified:
        claims = [_claim(latent, claim) for latent, claim in identified.items()]
        caption = "What may be claimed of each latent"
        yield Table(caption, ("Latent", "Claim", "Evidence"), claims, stacked=True)
    panels = _panels(training.get("curves", {}))
    if panels:
        alt = "Training curves per epoch: " + listed(list(panels))
        figure = figures.curves(panels)
        parts = dict.fromkeys(part for panel in panels.values() for part in panel)
        lines = ("solid", "dashed", "dotted")
        told = listed([f"{part} {lines[i % 3]}" for i, part in enumerate(parts)])
        yield Pictures([
            Picture(inline_svg(figure, f"{report.sub.name}-curves", alt), "Training",
                    f"Loss and its terms by epoch: {told}."),
        ])  # fmt: skip
    config = training.get("config", {})
    if config:
        rows = [[clean(key.replace("_", " ")), clean(value, 200)] for key, value in config.items()]
        yield Fold("Settings of the model", [Table("Settings", ("Setting", "Value"), rows)])


def _claim(latent: str, claim: str) -> list[Cell]:
    """Return the row of a latent: its name, the claim, and the evidence after the colon."""
    verdict, _, evidence = clean(claim, 200).partition(": ")
    status = Status("good" if verdict == "identified" else "quiet", verdict)
    return [clean(latent), status, evidence]


def _panels(
    curves: Mapping[str, Sequence[tuple[int, float]]],
) -> dict[str, dict[str, tuple[list[int], list[float]]]]:
    """Return a panel per quantity, with the lines of the parts of the data."""
    panels: dict[str, dict[str, tuple[list[int], list[float]]]] = {}
    for name, points in curves.items():
        finite = [(epoch, value) for epoch, value in points if math.isfinite(value)]
        if not finite:
            continue
        part = "validation" if name.startswith(_HELD_OUT) else "training"
        quantity_name = metric_label(name.removeprefix(_HELD_OUT).removeprefix("train_"))
        epochs, values = zip(*finite, strict=True)
        panels.setdefault(quantity_name, {})[part] = (list(epochs), list(values))
    return {name: dict(sorted(parts.items())) for name, parts in panels.items()}


def _associations(report: SubDatasetReport, latents: pl.DataFrame) -> Iterator[Block]:
    """Yield how the latents go with trait scores and bios."""
    names = [name for name in latent_names(report.sub) if name in latents.columns]
    people = quantity(latents.height, report.sub.person, report.sub.people)
    pictures = []
    scores = report.frame("trait_scores")
    if scores is not None:
        wide = scores.pivot("trait", index="person_id", values="score")
        traits = [trait for trait in TRAITS if trait in wide.columns]
        joined = latents.join(wide, on="person_id", how="left", maintain_order="left")
        values = rank_correlations(joined.select(names), joined.select(traits))
        figure = figures.cell_grid(
            names, [trait_header(t) for t in traits], _cells(values, names, traits)
        )
        alt = f"Rank correlations of latents with trait scores. {_strongest(values, names, traits)}"
        pictures.append(
            Picture(
                inline_svg(figure, f"{report.sub.name}-latent-traits", alt),
                "Latents and trait scores",
                "Spearman rank correlation with the aggregate score; signs of latents are "
                "arbitrary.",
            )
        )
    bios = report.frame("bios")
    if bios is not None:
        labels, values = _with_bios(report, latents, bios, names)
        figure = figures.cell_grid(
            names, [variable_label(v) for v in labels],
            _cells(values, names, labels, written=False), rotate=True,
        )  # fmt: skip
        alt = f"Association of latents with bio variables. {_strongest(values, names, labels)}"
        pictures.append(
            Picture(
                inline_svg(figure, f"{report.sub.name}-latent-bios", alt),
                "Latents and bios",
                "Absolute rank correlation; for categories the root of the share of variance that "
                "they explain, adjusted for chance.",
            )
        )
    if pictures:
        yield Heading("What the latents go with")
        yield Prose(f"A description over {people}, training rows included.", style="note")
        yield Swatches("Strength of the association", STRENGTH_LEGEND)
        yield Pictures(pictures)


def _with_bios(
    report: SubDatasetReport, latents: pl.DataFrame, bios: pl.DataFrame, names: list[str]
) -> tuple[list[str], Floats]:
    """Return the variables that can be associated, and how strongly each latent is."""
    variables = [v for v in report.sub.variables if v.name in bios.columns and v.kind != "circular"]
    joined = latents.join(bios, on="person_id", how="left", maintain_order="left", suffix="_bio")
    columns = []
    for variable in variables:
        if variable.kind == "nominal":
            columns.append(explained_by_categories(joined.select(names), joined[variable.name]))
        else:
            column = joined.select(pl.col(variable.name).cast(pl.Float64))
            columns.append(np.abs(rank_correlations(joined.select(names), column))[:, 0])
    return [v.name for v in variables], np.stack(columns, axis=1)


def _cells(
    values: Floats, rows: Sequence[str], columns: Sequence[str], written: bool = True
) -> dict[tuple[int, int], list[figures.GridCell]]:
    return {
        (i, j): [
            figures.GridCell("")
            if math.isnan(values[i, j])
            else figures.GridCell(
                figures.ramp_step(abs(values[i, j]), STRENGTHS),
                short(values[i, j]) if written else "",
                tip=f"{row} – {variable_label(column)}: {number(values[i, j])}",
            )
        ]
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    }


def _strongest(values: Floats, rows: Sequence[str], columns: Sequence[str], n: int = 6) -> str:
    """Name the strongest associations, for those who cannot see the figure."""
    size = np.nan_to_num(np.abs(values))
    order = np.argsort(-size, axis=None, kind="stable")[:n]
    told = [
        f"{rows[i]} with {variable_label(columns[j])} {values[i, j]:.2f}"
        for i, j in zip(*np.unravel_index(order, size.shape), strict=True)
        if size[i, j] > 0
    ]
    return f"Strongest: {'; '.join(told)}."


def _factors(report: SubDatasetReport, latents: pl.DataFrame) -> Iterator[Block]:
    """Yield which planted factors the latents hold."""
    factors = report.planted.factors if report.planted else None
    if factors is None or factors.is_empty():
        return
    names = [name for name in latent_names(report.sub) if name in latents.columns]
    planted = [name for name in factors.columns if name != "person_id"]
    joined = latents.join(factors, on="person_id", suffix="_planted", maintain_order="left")
    if joined.is_empty():
        return
    right = [f"{name}_planted" if name in latents.columns else name for name in planted]
    values = np.abs(rank_correlations(joined.select(names), joined.select(right)))
    figure = figures.cell_grid(
        names, [variable_label(f) for f in planted], _cells(values, names, planted, written=False),
        rotate=True,
    )  # fmt: skip
    yield Heading("Planted factors found again")
    extra = _held_out_columns(report, planted)
    rows: list[list[Cell]] = []
    for j, factor in enumerate(planted):
        column = np.nan_to_num(values[:, j])
        best = int(column.argmax())
        strength = float(column[best])
        rows.append([
            variable_label(factor), names[best], Bar(strength, number(strength)),
            _verdict(strength), *(column[factor] for column in extra.values()),
        ])  # fmt: skip
    alt = (
        "Absolute rank correlation of latents with planted factors. "
        f"{_strongest(values, names, planted)}"
    )
    yield Pictures([
        Picture(
            inline_svg(figure, f"{report.sub.name}-factors", alt),
            "Latents and planted factors",
            f"Absolute rank correlation over {count(joined.height)} people, training rows "
            "included; factors are those behind portraits and answers. A latent that holds a "
            "factor alone has one dark cell in its row and in its column.",
        )
    ])  # fmt: skip
    yield Table(
        f"Best single latent of each factor (found: |ρ| at least {RECOVERED}; in part: {IN_PART})",
        ("Planted factor", "Latent", "|ρ|", "Found?", *extra),
        rows,
    )
    if extra:
        yield Prose(
            "Held out, on people that neither training nor selection saw: the correlation with the "
            "best single latent, the one that a supervised regression reaches which is given the "
            "factor and the same embeddings, the first as a share of the second, and R² by all "
            "latents together.",
            style="note",
        )


def _held_out_columns(
    report: SubDatasetReport, planted: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Return what is measured of single factors on held-out people: columns, cells by factor."""
    single, supervised, r2 = (
        factor_scores(report.training, score) for score in ("single", "supervised", "r2")
    )
    share = {factor: r / supervised[factor] for factor, r in single.items() if factor in supervised}
    columns = {"r": single, "Supervised r": supervised, "Share": share, "R²": r2}
    return {
        title: {
            factor: (percent if title == "Share" else number)(values.get(factor))
            for factor in planted
        }
        for title, values in columns.items()
        if values
    }


def _verdict(strength: float) -> Status:
    if strength >= RECOVERED:
        return Status("good", "yes")
    return Status("quiet", "in part") if strength >= IN_PART else Status("caution", "no")


def _graph(report: SubDatasetReport) -> Iterator[Block]:
    """Yield the graph over the latents."""
    edges = report.frame("latent_graph")
    if edges is None:
        if report.frame("latents") is not None:
            yield Prose(f"There is no graph over the latents: {report.why_absent('latent_graph')}.")
        return
    methods = listed([clean(m, 80) for m in edges["method"].unique().sort()])
    yield Heading("The graph over the latents")
    yield Prose(
        f"{quantity(edges.height, 'edge', 'edges')}, estimated by {methods}. An arrow is drawn "
        "where the data decide its direction; it is a hypothesis about the latents, not about "
        "people. An edge that few bootstrap samples of the people have may be chance."
    )
    arrows = [
        f"{row['source']} {'→' if row['kind'] == 'directed' else '–'} {row['target']}"
        for row in edges.iter_rows(named=True)
    ]
    figure = latent_graph(edges, latent_names(report.sub))
    yield Pictures([
        Picture(
            inline_svg(figure, f"{report.sub.name}-graph", f"Graph: {', '.join(arrows)}."),
            "Graph over the latents",
            "Width: absolute partial correlation given all other latents. Dashed: direction open.",
        )
    ])  # fmt: skip
    rows = [
        [arrow, number(row["strength"]), percent(row["frequency"])]
        for arrow, row in zip(arrows, edges.iter_rows(named=True), strict=True)
    ]
    columns = ("Edge", "|partial ρ|", "Of bootstrap samples")
    yield Fold("Edges", [Table("Edges, their strength and how often they return", columns, rows)])
