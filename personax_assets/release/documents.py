"""What a release says about itself: card, datasheet, guidelines, Croissant, manifest, report.

Belongs here: filling the templates and the machine-readable descriptions. Does not belong here:
the figures (`facts`) or the report's page (`page`).
"""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, StrictUndefined

from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.release.facts import ReleaseFacts
from personax_assets.release.page import release_page
from personax_assets.release.tables import BINS, COUNTS, EMBEDDINGS, PEOPLE
from personax_assets.report.write import render
from personax_assets.schemas.traits import AGGREGATE

GUIDELINES = "USAGE.md"
CARD = "README.md"
DATASHEET = "DATASHEET.md"
CROISSANT = "croissant.json"
MANIFEST = "manifest.json"
REPORT = "report.html"

_TABLES = {
    PEOPLE: "One row per person: an id, the trait scores, and what is shown of the bio.",
    COUNTS: "So many people have this score and this bin of a variable; every cell holds at "
    "least k people.",
    BINS: "What every bin stands for.",
    EMBEDDINGS: "Obfuscated face embeddings of the people with a photograph; not anonymous.",
}

_COLUMNS = {
    "id": "Stands for the person in this release; made with a secret key.",
    "simulated": "Whether the person is invented.",
    "table": "The file that the bin is used in.",
    "from": "Least value in the bin, where it is of a number.",
    "below": "The value from which on the next bin begins.",
    "middle": "Mean of the people in the bin.",
    "bin": "Name of the bin.",
    "variable": "The variable.",
    "rater": f"A rater, or `{AGGREGATE}` for the median over raters.",
    "trait": "One of the Big Five.",
    "score": "The score.",
    "people": "Number of people.",
    "embedding": "Truncated, noised and rotated.",
}

_CROISSANT_TYPES = {
    pl.String: "sc:Text",
    pl.Boolean: "sc:Boolean",
    pl.Int8: "sc:Integer",
    pl.Int64: "sc:Integer",
    pl.Float64: "sc:Float",
}


def guidelines(sub: SubDataset, simulated: bool) -> str:
    """Return the usage guidelines; those about real people are stricter."""
    return _filled(GUIDELINES, sub=sub, simulated=simulated)


def write_documents(folder: Path, facts: ReleaseFacts) -> None:
    """Write everything beside the tables of a release, the manifest last."""
    tables = {name: pl.read_parquet(folder / name) for name in _TABLES if (folder / name).exists()}
    values = {
        "facts": facts,
        "sub": facts.sub,
        "simulated": facts.simulated,
        "tables": {
            name: (_TABLES[name], [(c, _meaning(c, facts), str(kind))
                                   for c, kind in frame.schema.items()], frame.height)
            for name, frame in tables.items()
        },
        "size": _size_category(facts.people),
    }  # fmt: skip
    for name in (CARD, DATASHEET):
        (folder / name).write_text(_filled(name, **values), encoding="utf-8")
    text = guidelines(facts.sub, facts.simulated)
    (folder / GUIDELINES).write_text(text, encoding="utf-8")
    (folder / REPORT).write_text(render(release_page(facts)), encoding="utf-8")
    _write_json(folder / CROISSANT, croissant(folder, facts, tables))
    _write_json(folder / MANIFEST, manifest(folder, facts))


def _meaning(column: str, facts: ReleaseFacts) -> str:
    """Say what a column of a release holds."""
    trait, _, rater = column.rpartition("_")
    if trait in TRAITS:
        if rater == AGGREGATE:
            return f"{trait.capitalize()}: median of the raters' scores, 1 low to 3 high."
        return (
            f"{trait.capitalize()} as {rater} sees it: 1 low, 2 medium, 3 high, "
            "0 insufficient information, null no answer."
        )
    named = {binning.variable for binning in facts.plan.shown}
    if column in named:
        return f"{column.replace('_', ' ').capitalize()}, in bins; null is unknown or suppressed."
    return _COLUMNS[column]


def croissant(
    folder: Path, facts: ReleaseFacts, tables: Mapping[str, pl.DataFrame]
) -> Mapping[str, Any]:
    """Return the description of a release in the Croissant format, version 1.0."""
    sets = []
    for name, frame in tables.items():
        stem = Path(name).stem
        sets.append({
            "@type": "cr:RecordSet",
            "@id": stem,
            "name": stem,
            "description": _TABLES[name],
            "field": [_field(stem, name, column, kind, facts)
                      for column, kind in frame.schema.items()],
        })  # fmt: skip
    return {
        "@context": {
            "@language": "en",
            "@vocab": "https://schema.org/",
            "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/",
            "dct": "http://purl.org/dc/terms/",
            "conformsTo": "dct:conformsTo",
            "citeAs": "cr:citeAs",
            "column": "cr:column",
            "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "extract": "cr:extract",
            "field": "cr:field",
            "fileObject": "cr:fileObject",
            "isLiveDataset": "cr:isLiveDataset",
            "recordSet": "cr:recordSet",
            "repeated": "cr:repeated",
            "source": "cr:source",
        },
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"{facts.sub.name}-release",
        "description": description(facts),
        "license": GUIDELINES,
        "url": CARD,
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": name,
                "name": name,
                "contentUrl": name,
                "contentSize": f"{(folder / name).stat().st_size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": sha256((folder / name).read_bytes()).hexdigest(),
            }
            for name in tables
        ],
        "recordSet": sets,
    }


def _field(
    stem: str, file: str, column: str, kind: pl.DataType, facts: ReleaseFacts
) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{stem}/{column}",
        "name": column,
        "description": _meaning(column, facts),
        "dataType": _CROISSANT_TYPES.get(kind.base_type(), "sc:Float"),
        "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
    }
    return field | ({"repeated": True} if kind.base_type() == pl.Array else {})


def description(facts: ReleaseFacts) -> str:
    """Return what a release is, in a sentence or two."""
    people = f"{facts.people:,} {facts.sub.people}"
    start = (
        f"SIMULATED: {people} who do not exist, drawn from a documented model, with trait scores "
        "by simulated raters."
        if facts.simulated
        else f"{people} with Big Five scores as language models infer them from a public image; "
        "claims by models, not measurements of a personality."
    )
    return f"{start} No names, texts, images, addresses or exact bios."


def manifest(folder: Path, facts: ReleaseFacts) -> Mapping[str, Any]:
    """Return the list of the files with their hashes, and what the gate found."""
    held = facts.bars
    return {
        "name": f"{facts.sub.name}-release",
        "program": f"personax {version('personax')}",
        "simulated": facts.simulated,
        "people": facts.people,
        "shown": [b.variable for b in facts.plan.shown],
        "gate": {
            "k": facts.diversity.k,
            "l": facts.diversity.l,
            "unique_links": facts.linkage.unique,
            "guessed_from_bios": facts.linkage.guessed,
            "guessed_from_bios_and_scores": facts.linkage.guessed_by_scores,
            "most_reidentified": held.most_reidentified,
            "level1_decisions": facts.agreement.decisions,
            "level1_unchanged": facts.agreement.unchanged,
            "least_unchanged": held.least_unchanged,
            **(_embedding_gate(facts)),
        },
        "files": {
            path.name: {
                "sha256": sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size,
            }
            for path in sorted(folder.iterdir())
        },
    }  # fmt: skip


def _embedding_gate(facts: ReleaseFacts) -> Mapping[str, float]:
    point = facts.chosen
    if point is None:
        return {}
    return {
        "embedding_noise": point.noise,
        "known_pairs": point.relinking.known_pairs,
        "linked_with_known_pairs": point.relinking.with_pairs,
        "linked_without_pairs": point.relinking.without_pairs,
        "trait_prediction_kept": point.predicted,
    }


def _size_category(people: int) -> str:
    """Return the size as dataset hubs name it."""
    names = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
    return next((name for most, name in names if people < most), "100K<n<1M")


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@cache
def _environment() -> Environment:
    # Markdown, not HTML; nothing in it comes from a source but names of bins.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.2f} %"
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    return environment


def _filled(name: str, **values: object) -> str:
    folder = files("personax_assets.release") / "templates"
    return _environment().from_string((folder / name).read_text("utf-8")).render(**values)
