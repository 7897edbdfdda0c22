"""Everything that is known about one person, and where it came from.

Belongs here: finding people by name or id, retired ones too, and reading what there is about one.
Does not belong here: showing it (the command `personax person`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from personax_assets.bios.text import folded_name
from personax_assets.datasets import SUB_DATASETS, TRAITS, SubDataset
from personax_assets.resources import Resources
from personax_assets.schemas.level2 import latent_names
from personax_assets.schemas.tables import sub_dataset_tables
from personax_assets.table_schema import TableSchema
from personax_assets.warehouse import StageRecord

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Match:
    """Somebody whom a search found.

    Parameters
    ----------
    sub : SubDataset
        Where the person belongs.
    person_id, name : str
        Who it is.
    group : str or None
        League or occupation.
    birth_year : int or None
        Year of birth.
    retired : bool
        Whether the person has left.
    """

    sub: SubDataset
    person_id: str
    name: str
    group: str | None
    birth_year: int | None
    retired: bool


@dataclass(frozen=True)
class Answer:
    """What one rater says about a person.

    Parameters
    ----------
    rater, status : str
        Who, and how the call ended.
    values : mapping
        `<trait>_text` and `<trait>_score`.
    origin : mapping
        Model, prompt version, request id and time of the answer, and where it is kept.
    simulated : bool
        Whether the rater is simulated.
    """

    rater: str
    status: str
    values: Row
    origin: Row
    simulated: bool


@dataclass(frozen=True)
class Dossier:
    """What is known about one person.

    Parameters
    ----------
    match : Match
        Who it is.
    simulated : bool
        Whether the person is invented.
    history : sequence of mappings
        Versions of the bio, oldest first.
    rows : sequence of mappings
        The rows of the source that the bio was made from: file, row number, time.
    crops, answers, scores
        Rows of `face_crops`, answers by rater, rows of `trait_scores`.
    latents : mapping
        Latents by name, and `model_version`; empty if there are none.
    made : mapping of str to StageRecord
        By which run each kind of thing was made last, by the name of the stage.
    """

    match: Match
    simulated: bool
    history: Sequence[Row]
    rows: Sequence[Row]
    crops: Sequence[Row]
    answers: Sequence[Answer]
    scores: Sequence[Row]
    latents: Row
    made: Mapping[str, StageRecord]


def find_people(resources: Resources, wanted: str) -> list[Match]:
    """Return the people whom an id or a name may mean, also those who have left.

    An id of ours or of a source finds its people; else the whole name, whatever its case and
    accents; else a part of it.
    """
    found: list[tuple[int, Match]] = []
    for sub in SUB_DATASETS.values():
        schema = sub_dataset_tables(sub)["bios_history"]
        columns = ("person_id", "valid_from", "valid_to", "name", "birth_year", "source_id",
                   sub.stratum)  # fmt: skip
        people = resources.warehouse.read(sub.table(schema.name), schema, columns)
        names = pl.DataFrame({"name": [wanted]}).select(folded_name(pl.col("name"))).item()
        folded = folded_name(pl.col("name"))
        rank = (
            pl.when((pl.col("person_id") == wanted) | (pl.col("source_id") == wanted))
            .then(0)
            .when(folded == names)
            .then(1)
            .when(folded.str.contains(names, literal=True))
            .then(2)
        )
        # whoever once had the name is found by it
        ranked = people.with_columns(rank.alias("rank")).with_columns(
            pl.col("rank").min().over("person_id")
        )
        last = ranked.filter(pl.col("rank").is_not_null()).unique(
            "person_id", keep="last", maintain_order=True
        )
        found += [
            (row["rank"], Match(
                sub, row["person_id"], row["name"], row[sub.stratum], row["birth_year"],
                row["valid_to"] is not None,
            ))
            for row in last.sort("name", "person_id").iter_rows(named=True)
        ]  # fmt: skip
    best = min((rank for rank, _ in found), default=0)
    return [match for rank, match in found if rank == best]


def dossier(resources: Resources, match: Match) -> Dossier:
    """Read everything about a person."""
    sub = match.sub
    raters = [rater.name for rater in resources.raters.configs()]
    tables = sub_dataset_tables(
        sub, raters, resources.encoders.encoder("face").dim, resources.encoders.encoder("text").dim
    )
    stages = resources.warehouse.stages()

    def rows(name: str) -> list[Row]:
        return _rows(resources, sub, tables[name], match.person_id)

    history = rows("bios_history")
    latents = rows("latents")
    return Dossier(
        match=match,
        simulated=bool(history[-1]["simulated"]),
        history=history,
        rows=_source_rows(resources, sub, tables["raw_bios"], history[-1]),
        crops=rows("face_crops"),
        answers=_answers(resources, match, history, {r: rows(f"trait_texts_{r}") for r in raters}),
        scores=rows("trait_scores"),
        latents={
            name: latents[0][name] for name in (*latent_names(sub), "model_version")
        } if latents else {},
        made={
            name: stages[f"{sub.name}/{name}"] for name in tables if f"{sub.name}/{name}" in stages
        },
    )  # fmt: skip


def _rows(resources: Resources, sub: SubDataset, schema: TableSchema, person_id: str) -> list[Row]:
    frame = resources.warehouse.rows_where(sub.table(schema.name), schema, {"person_id": person_id})
    return list(frame.iter_rows(named=True))


def _source_rows(resources: Resources, sub: SubDataset, schema: TableSchema, bio: Row) -> list[Row]:
    """Return the source's rows about a person: by its id, or else by the name."""
    key = "source_id" if bio["source_id"] is not None else "name"
    frame = resources.warehouse.rows_where(
        sub.table(schema.name), schema, {"source": bio["source"], key: bio[key]}
    ).sort("snapshot", "source_file", "source_row")
    return list(frame.iter_rows(named=True))


def _answers(
    resources: Resources,
    match: Match,
    history: Sequence[Row],
    tables: Mapping[str, list[Row]],
) -> list[Answer]:
    """Return each rater's answer: from its table, or for who has left from the journal."""
    answers = []
    for rater, rows in tables.items():
        for row in rows:
            origin = {
                "model": row["model"],
                "prompt": row["prompt_version"],
                "request": row["request_id"],
                "rated at": row["rated_at"],
                "kept in": f"{match.sub.name}.trait_texts_{rater}",
            }
            answers.append(Answer(rater, row["status"], row, origin, bool(row["simulated"])))
        if not rows and resources.home.joinpath("journal.sqlite").exists():
            answers += _remembered(resources, match, history, rater)
    return answers


def _remembered(
    resources: Resources, match: Match, history: Sequence[Row], rater: str
) -> list[Answer]:
    """Return the answer to the latest question about a person that the rater answered."""
    from personax_assets.traits.asking import identified
    from personax_assets.traits.prompts import build_requests

    sub, source = match.sub, resources.sources.config(match.sub)
    columns = ("person_id", "name", sub.stratum)
    named = [{c: bio[c] for c in columns} for bio in history if bio["name"] is not None]
    people = pl.DataFrame(named, schema=dict.fromkeys(columns, pl.String))
    config = identified(resources.raters.config(rater), source.seed)
    with resources.raters.open_journal() as journal:
        number, _ = journal.round_of(sub.name, rater)
        keys = [request.key for request in build_requests(people, sub, config, repeat=number)]
        records = journal.records(keys)
    answered = [records[key] for key in keys if key in records and records[key].answer]
    if not answered:
        return []
    record = answered[-1]
    origin = {
        "model": record.model,
        "prompt": record.prompt_version,
        "request": record.request_id,
        "kept in": "journal.sqlite",
    }
    return [Answer(rater, record.outcome, record.answer or {}, origin, record.simulated)]


def trait_values(answer: Answer) -> list[tuple[str, Any, str | None]]:
    """Return trait, score and text of an answer, in the usual order."""
    return [
        (trait, answer.values.get(f"{trait}_score"), answer.values.get(f"{trait}_text"))
        for trait in TRAITS
    ]
