"""The face stages: crops out of photographs, embeddings out of crops."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from personax_assets.checks import EMBEDDINGS_FINITE, Check, Verdict
from personax_assets.embeddings import expected_embedding_hashes
from personax_assets.embeddings.rows import embedded
from personax_assets.errors import SkipStageError
from personax_assets.pictures import Pictures, contact_sheet
from personax_assets.progress import progress
from personax_assets.stage import Layout, Spread, Stage, StageResult, StageRun, stage

if TYPE_CHECKING:
    from personax_assets.faces.photographs import Photograph

CHUNK = 500
"""Rows that are committed together; an interruption costs at most so many."""


def face_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the face stages of a sub-dataset."""
    sub = layout.sub
    fetched = (_fetching_stage(layout),) if layout.fetches_photographs else ()

    @stage(
        layout, "face_crops", group="sources",
        deps=("bios", *(stage.name for stage in fetched)), kinds=("python", "duckdb", "image"),
        settings=_photographs_version, checks=(FACES_FOUND,), spread=CROPPING,
    )  # fmt: skip
    def face_crops(run: StageRun) -> StageResult:
        """Decodes each photograph under strict limits, finds the largest face and crops it.

        Only photographs that are new, or changed, are looked at.
        """
        from personax_assets.faces.crops import crop_faces

        new, gone = _new_photographs(run)
        with progress(f"{sub.title}: faces", len(new)) as advance:
            for batch in crop_faces(new, advance=advance):
                run.upsert(batch)
        return StageResult(
            (run.deleting(gone),), {"new": len(new), "gone": gone.height, **_drawn_faces(run)}
        )

    @stage(
        layout, "face_embeddings", group="sources", deps=("face_crops",),
        settings=lambda run: {"encoder": run.resources.encoders.identity("face")},
        checks=(EMBEDDINGS_FINITE,), spread=EMBEDDING,
    )  # fmt: skip
    def face_embeddings(run: StageRun) -> StageResult:
        """Embeds each crop; a change of encoder embeds them all again."""
        todo, gone = _new_crops(run)
        with progress(f"{sub.title}: face embeddings", todo.height) as advance:
            for rows in todo.iter_slices(CHUNK):
                for batch in EMBEDDING.work(run, _with_crops(run, rows)):
                    run.upsert(batch)
                    advance(batch.height)
        return StageResult((run.deleting(gone),), {"new": todo.height, "gone": gone.height})

    return *fetched, face_crops, face_embeddings


def _fetching_stage(layout: Layout) -> Stage:
    """Return the stage that fetches photographs from the web."""
    sub = layout.sub

    @stage(layout, "photographs", group="sources", deps=("bios",),
           kinds=("python", "duckdb", "image"))  # fmt: skip
    def photographs(run: StageRun) -> StageResult:
        """Fetches each photograph once, from public addresses only, with author and licence.

        Files lie in `images/`, named after the hash of their content.
        """
        from personax_assets.faces.fetching import TRANSIENT, expected_photographs, fetch

        people = run.read("bios", ("person_id", "photograph"))
        expected = expected_photographs(people, sub.photographs)
        if expected.is_empty():
            raise SkipStageError(f"the source gives no address of a photograph of the {sub.people}")
        todo, gone = run.delta(expected, f"status NOT IN {TRANSIENT}")
        sources = run.resources.sources
        with progress(f"{sub.title}: photographs", todo.height) as advance:
            for rows in fetch(todo, sources.fetcher(sub), sources.images, sub, advance):
                run.upsert(rows)
        counts = dict(run.read("photographs", ("status",))["status"].value_counts().iter_rows())
        missing = sum(counts.get(status, 0) for status in TRANSIENT)
        problem = (
            f"{missing} of {expected.height} photographs of the {sub.people} could not be had this "
            "time (see `detail` in the table photographs); the same command tries these again"
        )
        return StageResult(
            (run.deleting(gone),),
            {"photographs": counts, "new": todo.height, "gone": gone.height},
            problem if missing else None,
        )

    return photographs


def _photographs_version(run: StageRun) -> dict[str, str]:
    """Return what makes face crops stale besides the bios: the user's folder of photographs."""
    folder = run.resources.sources.config(run.sub).photographs
    if not folder or run.stage.layout.fetches_photographs:
        return {}
    from personax_assets.faces.photographs import folder_fingerprint

    return {"photographs": folder_fingerprint(folder)}


def _drawn_faces(run: StageRun) -> Pictures:
    """Return the contact sheet of drawn portraits; photographs of real people stay where they are.

    The sheet is kept in the instance's database for ever.
    """
    sample = run.warehouse.query(
        f"SELECT crop FROM {run.table} WHERE status = 'ok' AND simulated "
        "ORDER BY person_id, measurement LIMIT 36"
    )
    return contact_sheet(run.sub, sample["crop"].to_list())


def _new_photographs(run: StageRun) -> tuple[list["Photograph"], pl.DataFrame]:
    """Return the photographs that are new or changed, and the keys of rows that go."""
    from personax_assets.faces.crops import expected_hashes

    sub = run.sub
    source = run.resources.sources.photographs(sub)
    if source is None:
        raise SkipStageError(
            f"no photographs of the {sub.people}; give a folder with --photographs DIR, or "
            "under 'images' in the description of the source"
        )
    people = run.read("bios", ("person_id", "source_id", "photograph", sub.stratum))
    if run.stage.layout.fetches_photographs:
        from personax_assets.faces.fetching import fetched_files

        people = fetched_files(people, run.read("photographs"))
        if people.is_empty():
            raise SkipStageError(f"no photograph of the {sub.people} was fetched")
    photographs = source.photographs(people)
    if not photographs:
        raise SkipStageError(
            f"no photograph belongs to one of the {people.height} {sub.people}; name each "
            "file after the source's id of the person"
        )
    todo, gone = run.delta(expected_hashes(photographs))
    wanted = set(todo.select("person_id", "measurement").iter_rows())
    return [p for p in photographs if (p.person_id, p.measurement) in wanted], gone


def _described_photographs(run: StageRun) -> pl.DataFrame:
    """Return the new photographs as a table; files stay where they are."""
    from personax_assets.faces.photographs import described

    return described(_new_photographs(run)[0])


def _cropped(run: StageRun, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Return the crops of described photographs."""
    from personax_assets.faces.crops import crop_faces
    from personax_assets.faces.photographs import undescribed

    # Parts run beside each other, so one process looks at photographs and one waits: with a single
    # one it would be this process that a hostile photograph takes down.
    return crop_faces(undescribed(rows), workers=2)


def _new_crops(run: StageRun) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the crops that have no embedding by this encoder, and the keys of rows that go."""
    crops = run.read("face_crops", ("person_id", "measurement", "input_hash"), "status = 'ok'")
    if crops.is_empty():
        raise SkipStageError(f"there are no face crops of the {run.sub.people}")
    return run.delta(expected_embedding_hashes(crops, run.resources.encoders.encoder("face")))


def _with_crops(run: StageRun, rows: pl.DataFrame) -> pl.DataFrame:
    """Return `rows` with the crop of each."""
    schema = run.stage.layout.tables["face_crops"]
    ids = rows["person_id"].unique().to_list()
    crops = run.warehouse.query(
        f"SELECT person_id, measurement, crop FROM {run.sub.table(schema.name)} "
        "WHERE list_contains(?::VARCHAR[], person_id)",
        (ids,),
    )
    return rows.join(crops, on=["person_id", "measurement"], maintain_order="left")


CROPPING = Spread(_described_photographs, lambda run, rows: rows, _cropped)

EMBEDDING = Spread(
    lambda run: _new_crops(run)[0],
    _with_crops,
    lambda run, rows: embedded(rows, "crop", run.schema, run.resources.encoders, CHUNK),
)


def _faces_found(run: StageRun) -> Verdict:
    statuses = run.warehouse.query(
        f"SELECT status, count(*) AS n FROM {run.table} GROUP BY status ORDER BY n DESC"
    )
    counts = dict(statuses.iter_rows())
    total = sum(counts.values())
    share = counts.get("ok", 0) / total if total else 1.0
    return Verdict(share >= 0.9, f"a face in {share:.1%} of {total} photographs", counts)


FACES_FOUND = Check(
    "faces_found", "A face was found in at least 90 % of the photographs.", _faces_found
)
