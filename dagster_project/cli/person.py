"""`personax person`: everything about one person.

Belongs here: showing it. Does not belong here: finding and reading it (`personax_assets.person`).
"""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster_project.build import build_resources
from dagster_project.cli.command import Command
from dagster_project.cli.console import print_heading, print_line, print_table
from dagster_project.home import Home
from personax_assets.errors import PersonaXError
from personax_assets.person import Dossier, Match, Row, dossier, find_people, trait_values
from personax_assets.report.words import clean

_MOST_LISTED = 20
_NOT_TOLD = ("person_id", "valid_from", "valid_to", "retired_at", "row_hash", "simulated")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("wanted", metavar="NAME_OR_ID",
                        help="a name, a part of one, a person_id, or the source's id")  # fmt: skip
    parser.add_argument("--crops", type=Path, metavar="DIR",
                        help="save the face crops as PNG files in this folder")  # fmt: skip


def _person(arguments: argparse.Namespace) -> int:
    home = Home.from_environment()
    if not home.warehouse.exists():
        raise PersonaXError(f"there is nobody in {home.root} yet; `personax run` makes a home")
    resources = build_resources(home=home)
    matches = find_people(resources, arguments.wanted)
    if not matches:
        raise PersonaXError(
            f"nobody in {home.root} is called {arguments.wanted!r} or has that id; a part of the "
            "name is enough"
        )
    if len(matches) > 1:
        _list(matches)
        return 0
    _show(dossier(resources, matches[0]), arguments.crops)
    return 0


def _list(matches: Sequence[Match]) -> None:
    print_line(f"{len(matches)} people; say which one by its id:")
    for m in matches[:_MOST_LISTED]:
        about = [m.group, m.birth_year and f"born {m.birth_year}", m.retired and "left"]
        words = ", ".join(_text(word) for word in (m.sub.title, *filter(None, about)))
        print_line(f"{m.person_id}  {_text(m.name)} ({words})")
    if len(matches) > _MOST_LISTED:
        print_line(f"... and {len(matches) - _MOST_LISTED} more: give more of the name")


def _show(found: Dossier, crops: Path | None) -> None:
    match = found.match
    marks = [match.sub.title]
    if found.simulated:
        marks.append("simulated: an invented person")
    if match.retired:
        marks.append(f"left on {_text(found.history[-1]['retired_at'])}")
    print_heading(f"{_text(match.name)}  ({', '.join(marks)})")
    print_line(f"person_id {match.person_id}")
    _show_history(found)
    _show_crops(found, crops)
    _show_answers(found)
    _show_latents(found)


def _show_history(found: Dossier) -> None:
    rows: list[tuple[Any, ...]] = []
    before: Row = {}
    for version in found.history:
        differs = [
            f"{name} {_text(value)}"
            for name, value in version.items()
            if name not in _NOT_TOLD and value is not None and value != before.get(name)
        ]
        differs += [
            f"{name} unknown"
            for name, value in version.items()
            if value is None and before.get(name) is not None and name not in _NOT_TOLD
        ]
        rows.append((version["valid_from"], version["valid_to"] or "now", "; ".join(differs)))
        before = version
    print_table("Bio", ("from", "to", "what was known, then what changed"), _texts(rows))
    for row in found.rows[-1:]:
        seen = f", observed {row['snapshot']}" if row["snapshot"] else ""
        more = f"; {len(found.rows) - 1} older rows" if len(found.rows) > 1 else ""
        print_line(f"from {_text(row['source_file'])}, row {row['source_row']}{seen}{more}")
    _show_made(found, "bios")


def _show_crops(found: Dossier, folder: Path | None) -> None:
    if not found.crops:
        print_heading("Face")
        print_line("no photograph")
        return
    rows = []
    for crop in found.crops:
        where = ""
        if crop["crop"] is not None:
            where = f"in {found.match.sub.name}.face_crops; --crops DIR saves it"
            if folder is not None:
                where = str(_saved(folder, found.match.person_id, crop))
        box = f"{crop['box_left']},{crop['box_top']} {crop['box_size']}"
        rows.append((crop["measurement"], crop["status"], "yes" if crop["simulated"] else "no",
                     box if crop["box_size"] else None, where or crop["detail"]))  # fmt: skip
    columns = ("photograph", "status", "simulated", "box: left,top side", "crop, 224 x 224 pixels")
    print_table("Face", columns, _texts(rows))
    print_line(f"detector {found.crops[0]['detector']}")
    _show_made(found, "face_crops")


def _saved(folder: Path, person_id: str, crop: Row) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{person_id}_{crop['measurement']}.png"
    path.write_bytes(crop["crop"])
    return path


def _show_answers(found: Dossier) -> None:
    for answer in found.answers:
        label = f"{answer.rater}{' (simulated rater)' if answer.simulated else ''}"
        if answer.status == "ok":
            print_table(label, ("trait", "score", "text"), _texts(trait_values(answer)))
        else:
            print_heading(label)
            detail = answer.values.get("detail")
            print_line(f"{answer.status}{f': {_text(detail)}' if detail else ''}")
        origin = [f"{name} {_text(value)}" for name, value in answer.origin.items() if value]
        print_line(", ".join(origin))
    if found.scores:
        rows = [(s["trait"], s["score"], s["n_raters"]) for s in found.scores]
        print_table("Aggregate", ("trait", "median score", "raters"), _texts(rows))
        _show_made(found, "trait_scores")


def _show_latents(found: Dossier) -> None:
    if not found.latents:
        print_heading("Latents")
        print_line("none: they need a face, texts and a trained model")
        return
    values = [(k, v) for k, v in found.latents.items() if k != "model_version"]
    rows = [(name, None if value is None else f"{value:.4f}") for name, value in values]
    version = found.latents["model_version"]
    name = f"personax-crl-{found.match.sub.name}"
    print_table("Latents", ("latent", "value"), _texts(rows))
    print_line(f"by {name} version {version}")
    _show_made(found, "latents")


def _show_made(found: Dossier, stage: str) -> None:
    record = found.made.get(stage)
    if record is not None:
        print_line(f"{record.asset}: last made by run {record.run_id}")


def _texts(rows: Sequence[Sequence[Any]]) -> list[list[str]]:
    return [[_text(value) for value in row] for row in rows]


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return clean(value, limit=2_000)


PERSON = Command(
    "person",
    "show one person: bio history, crop, each rater's texts and scores, latents, and their origin",
    _options,
    _person,
)
