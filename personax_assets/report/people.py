"""Who is in a sub-dataset: the sections on people and on their faces.

Belongs here: counting bios and photographs. Does not belong here: anything about one real person;
photographs are shown of invented people only.
"""

import io
from base64 import b64encode
from collections.abc import Iterator

import numpy as np
import polars as pl

from personax_assets.report import figures, maps
from personax_assets.report.blocks import (
    Bar,
    Block,
    Cell,
    Gallery,
    Photograph,
    Picture,
    Pictures,
    Prose,
    Section,
    Table,
)
from personax_assets.report.model import SubDatasetReport
from personax_assets.report.svg import inline_svg
from personax_assets.report.words import (
    clean,
    count,
    listed,
    number,
    percent,
    quantity,
    variable_axis,
    variable_label,
)

MOST_STRATA = 16
"""Groups shown one by one; the smaller ones are shown together."""

MOST_CROPS = 36
"""Crops on the contact sheet."""

_CROP_SIZE = 112
_SIZES = ("birth_year", "height_cm", "weight_kg")


def people_section(report: SubDatasetReport) -> Section:
    """Return who is there, how completely they are known, and where they were born."""
    bios = report.frame("bios")
    blocks: list[Block] = []
    if bios is None:
        blocks.append(Prose(f"There are no people: {report.why_absent('bios')}."))
    else:
        blocks += [_strata(report, bios), _pictures(report, bios), _completeness(report, bios)]
    return Section("people", "People", blocks)


def _strata(report: SubDatasetReport, bios: pl.DataFrame) -> Table:
    stratum = report.sub.stratum
    known = [name for name in _SIZES if name in bios.columns]
    groups = (
        bios.group_by(pl.col(stratum).fill_null("unknown"))
        .agg(pl.len().alias("n"), *(pl.col(name).median() for name in known))
        .sort("n", stratum, descending=[True, False])
    )
    rows: list[list[Cell]] = []
    largest = groups["n"].max()
    assert isinstance(largest, int)
    for row in groups.head(MOST_STRATA).iter_rows(named=True):
        rows.append([
            clean(row[stratum]), Bar(row["n"] / largest, count(row["n"])),
            *(number(row[name], 0) for name in known),
        ])  # fmt: skip
    rest = groups["n"].to_list()[MOST_STRATA:]
    if rest:
        share = min(sum(rest) / largest, 1.0)
        rows.append([f"{len(rest)} others", Bar(share, count(sum(rest))), *("" for _ in known)])
    columns = (stratum.capitalize(), report.sub.people.capitalize(), *map(_median_header, known))
    return Table(f"{report.sub.people.capitalize()} by {stratum}, with medians", columns, rows)


def _median_header(name: str) -> str:
    unit = name.rpartition("_")[2] if name.endswith(("_cm", "_kg")) else ""
    return f"{variable_label(name).capitalize()}{f' ({unit})' if unit else ''}"


def _pictures(report: SubDatasetReport, bios: pl.DataFrame) -> Pictures:
    pictures = []
    name = report.sub.name
    places = bios.select("latitude", "longitude").drop_nulls()
    if not places.is_empty():
        bases = bios["country_basis"].drop_nulls().unique().sort().to_list()
        latitude, longitude = (places[c].to_numpy().astype(float) for c in places.columns)
        binned = maps.binned(latitude, longitude)
        alt = f"World map with the places of {quantity(places.height, 'person', 'people')}."
        meaning = (
            f"{quantity(places.height, 'person', 'people')} with known coordinates; the area grows "
            f"with the number within 2°, {figures.size_note(binned[2])}."
        )
        if bases:
            of = " or ".join(clean(basis) for basis in bases)
            meaning += f" Where only a country (of {of}) is known, one point stands for it."
        svg = inline_svg(maps.bubble_map(*binned), f"{name}-map", alt)
        pictures.append(Picture(svg, "Where they come from", meaning, wide=True))
    columns = {
        variable_axis(column): bios[column].drop_nulls().to_numpy().astype(float)
        for column in _SIZES
        if column in bios.columns and bios[column].drop_nulls().len()
    }
    if columns:
        alt = "Histograms of " + listed([variable_label(c) for c in _SIZES if c in bios.columns])
        medians = [f"median {label} {np.median(v):.0f}" for label, v in columns.items()]
        svg = inline_svg(
            figures.histograms(columns), f"{name}-sizes", f"{alt}: {'; '.join(medians)}."
        )
        caption = f"Number of {report.sub.people} per value; the line marks the median."
        pictures.append(Picture(svg, "Age and body size", caption))
    return Pictures(pictures)


def _completeness(report: SubDatasetReport, bios: pl.DataFrame) -> Table:
    columns = ("name", "birth_year", "birth_month", "birth_day", "country", "latitude",
               "longitude", "height_cm", "weight_kg", *report.sub.bio_columns)  # fmt: skip
    rows: list[list[Cell]] = []
    for name in columns:
        if name in bios.columns:
            known = bios.height - bios[name].null_count()
            bar = Bar(known / bios.height, percent(known / bios.height))
            rows.append([variable_label(name).capitalize(), bar, count(bios.height - known)])
    return Table("Completeness of the bios", ("Column", "Known", "Unknown"), rows)


def faces_section(report: SubDatasetReport) -> Section:
    """Return what became of the photographs, and a contact sheet of invented people."""
    crops = report.frame("face_crops")
    if crops is None:
        reason = report.why_absent("face_crops")
        return Section("faces", "Faces", [Prose(f"There are no face crops: {reason}.")])
    total, ok = crops.height, crops.filter(pl.col("status") == "ok").height
    blocks: list[Block] = [
        Prose(
            f"A face was found, cropped and embedded in {count(ok)} of "
            f"{quantity(total, 'photograph', 'photographs')} ({percent(ok / total)}) of "
            f"{count(crops['person_id'].n_unique())} {report.sub.people}."
        )
    ]
    statuses = crops.group_by("status").len().sort("len", "status", descending=[True, False])
    if statuses.height > 1:
        rows: list[list[Cell]] = [
            [clean(status.replace("_", " ")), Bar(n / total, count(n)), percent(n / total)]
            for status, n in statuses.iter_rows()
        ]
        blocks.append(
            Table("What became of the photographs", ("Outcome", "Photographs", "Share"), rows)
        )
    gallery = _contact_sheet(report)
    if gallery is not None:
        blocks += [
            Prose(
                "Contact sheet: crops of drawn portraits. None of these people exists.",
                style="note",
            ),
            gallery,
        ]
    return Section("faces", "Faces", blocks)


def _contact_sheet(report: SubDatasetReport) -> Gallery | None:
    """Return the crops of invented people; None for real ones, whatever frame is given."""
    sample = report.frame("crop_sample")
    if sample is None or not report.simulated:
        return None
    drawn = sample.filter(pl.col("simulated") & pl.col("crop").is_not_null()).head(MOST_CROPS)
    if drawn.is_empty():
        return None
    bios = report.frame("bios")
    known = {} if bios is None else dict(bios.select("person_id", report.sub.stratum).iter_rows())
    groups = []
    for (person,), rows in drawn.group_by("person_id", maintain_order=True):
        group = clean(known.get(person) or report.sub.person, 24)
        alt = f"Drawn portrait of an invented {report.sub.person} ({group})"
        groups.append(([Photograph(s, alt, _CROP_SIZE) for s in _sources(rows["crop"])], group))
    return Gallery(groups)


def _sources(crops: pl.Series) -> Iterator[str]:
    """Yield small versions of PNG images as data addresses."""
    from PIL import Image

    for crop in crops:
        with Image.open(io.BytesIO(crop), formats=("PNG",)) as image:
            small = image.convert("RGB").resize((_CROP_SIZE, _CROP_SIZE), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        small.save(file, "JPEG", quality=82, optimize=True)
        yield f"data:image/jpeg;base64,{b64encode(file.getvalue()).decode()}"
