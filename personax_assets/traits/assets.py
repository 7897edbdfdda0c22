"""The trait stages: each rater's answers, scores over raters, their quality, embedded texts."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from personax_assets.checks import EMBEDDINGS_FINITE, Check, Verdict
from personax_assets.datasets import TRAITS
from personax_assets.embeddings import expected_embedding_hashes
from personax_assets.embeddings.rows import embedded
from personax_assets.errors import SkipStageError
from personax_assets.figures import figure_metadata
from personax_assets.pictures import score_shares
from personax_assets.progress import observer, progress
from personax_assets.stage import Layout, Spread, Stage, StageResult, StageRun, stage

if TYPE_CHECKING:
    from personax_assets.traits.estimate import Estimate
    from personax_assets.traits.raters import RaterConfig

CHUNK = 2_000
"""Texts that are embedded and committed together."""

TEXTS = tuple(f"{trait}_text" for trait in TRAITS)

SCORES = ("person_id", *(f"{trait}_score" for trait in TRAITS))


def trait_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the trait stages of a sub-dataset: one of texts per rater, then the rest."""
    texts = tuple(_texts_stage(layout, rater) for rater in layout.raters)
    names = tuple(stage.name for stage in texts)
    sub = layout.sub

    @stage(layout, "trait_scores", group="traits", deps=names)
    def trait_scores(run: StageRun) -> StageResult:
        """Zeros (insufficient information) are dropped before the median over raters."""
        from personax_assets.traits.scores import trait_scores as scores_of

        scores = scores_of(_answers(run, SCORES))
        scored = scores.filter(pl.col("score").is_not_null()).height
        nobody = None if scored else f"nobody rated the {sub.people}"
        shown = {} if nobody else score_shares(scores, layout.raters)
        return StageResult((run.replacing(scores),), {"scored": scored, **shown}, skipped=nobody)

    @stage(
        layout, "rater_quality", group="traits",
        deps=(*names, "trait_scores", "prompt_calibration"), checks=(RATERS_AGREE,),
    )  # fmt: skip
    def rater_quality(run: StageRun) -> StageResult:
        """Abstention, failures, latency, tokens, and ordinal Krippendorff's alpha per trait."""
        from personax_assets.traits.calibration import consistency
        from personax_assets.traits.figures import SIMULATED, quality_figure
        from personax_assets.traits.quality import OVERALL
        from personax_assets.traits.quality import rater_quality as quality_of

        if run.read("trait_scores", ("n_raters",), "n_raters > 0").is_empty():
            raise SkipStageError(f"nobody rated the {sub.people}")
        repeated = consistency(run.read("prompt_calibration"))
        texts = _answers(run)
        quality = quality_of(texts, run.read("trait_scores"), repeated)
        invented = any(frame["simulated"].any() for frame in texts.values())
        title = f"{sub.title}: the raters{SIMULATED if invented else ''}"
        overall = quality.filter(measure="overall", trait="all").select("rater", "value")
        picture = figure_metadata(quality_figure(quality, title), "Failures and agreement")
        about = {"overall": dict(overall.iter_rows()), "overall_is": OVERALL, "quality": picture}
        return StageResult((run.replacing(quality),), about)

    @stage(
        layout, "text_embeddings", group="traits", deps=(*names, "bios"),
        settings=lambda run: {"encoder": run.resources.encoders.identity("text")},
        checks=(EMBEDDINGS_FINITE,), spread=EMBEDDING,
    )  # fmt: skip
    def text_embeddings(run: StageRun) -> StageResult:
        """Embeds each rater's five texts about a person, with the person's name masked."""
        todo, gone = _new_texts(run)
        with progress(f"{sub.title}: text embeddings", todo.height) as advance:
            for batch in EMBEDDING.work(run, todo):
                run.upsert(batch)
                advance(batch.height)
        return StageResult((run.deleting(gone),), {"new": todo.height, "gone": gone.height})

    return (*texts, trait_scores, rater_quality, text_embeddings)


def _texts_stage(layout: Layout, rater: str) -> Stage:
    """Return the stage that asks one rater."""
    sub = layout.sub

    @stage(
        layout, f"trait_texts_{rater}", group="traits", deps=("bios",),
        kinds=("python", "duckdb", "openai"), settings=lambda run: _asking(run, rater),
        checks=(ANSWERED,),
    )  # fmt: skip
    def trait_texts(run: StageRun) -> StageResult:
        """Asks the rater about everyone it has not answered for; answers are kept in a journal.

        Simulated raters are asked about the invented cohort alone. Where nobody is asked the
        status is `not_rated`.
        """
        from personax_assets.traits.asking import (
            FINAL,
            NOBODY,
            asking_of,
            identified,
            round_to_ask,
        )
        from personax_assets.traits.client import RaterUnavailableError
        from personax_assets.traits.engine import annotate, not_rated
        from personax_assets.traits.estimate import estimate

        raters, source = run.resources.raters, run.resources.sources.config(sub)
        config = raters.config(rater)
        people = run.read("bios", ("person_id", "name", sub.stratum))
        if people["name"].is_null().all() and not people.is_empty():
            nobody = run.replacing(not_rated(people, sub, config))
            return StageResult((nobody,), skipped=(
                f"nobody can be asked about nameless {sub.people}; a list of people in the "
                "description of the source says who they are"
            ))  # fmt: skip
        if config.simulated and source.kind != "synthetic":
            nobody = run.replacing(not_rated(people, sub, config))
            return StageResult((nobody,), skipped=NOBODY)
        stored = run.read(run.stage.name, ("person_id", "input_hash", "status", "simulated"))
        gone = stored.join(people, on="person_id", how="anti")
        with raters.open_journal() as journal:
            number = round_to_ask(raters.ask, journal, sub.name, rater)
            config = identified(config, source.seed)
            plan = asking_of(people, stored, sub, config, raters.ask, number)
            before = estimate(plan.asked, config, journal)
            if raters.ask == "again":
                journal.enter_round(sub.name, rater, number, finished=False)
            if config.simulated and before.calls:
                config = connected(run, config)
            unasked = people.filter(pl.col("person_id").is_in(plan.left_out))
            last = journal.last_call()
            try:
                with progress(f"{sub.title}: {rater}", len(plan.asked)) as advance:
                    answers = annotate(
                        plan.asked, config, journal, advance,
                        budget=raters.budget(), notify=tell(run),
                    )  # fmt: skip
                refused = None
            except RaterUnavailableError as error:
                answers, refused = not_rated(people.clear(), sub, config), str(error)
                wanted = [request.person_id for request in plan.asked]
                unasked = people.filter(pl.col("person_id").is_in(wanted))
            calls, cost = journal.calls_after(last, {request.key for request in plan.asked})
            run.upsert(_worth_writing(answers, not_rated(unasked, sub, config), stored, config))
            complete = refused is None and "not_rated" not in set(answers["status"])
            if number and complete:
                journal.enter_round(sub.name, rater, number, finished=True)
            left = estimate(plan.asked, config, journal)
        counts = dict(answers["status"].value_counts().iter_rows())
        about = {"answers": counts, "gone": gone.height, "not_asked": unasked.height}
        about |= {"round": number, "estimate_before": before.described(), "left": left.described()}
        return StageResult(
            (run.deleting(gone),), about,
            problem=_unanswered(rater, answers, left), skipped=refused,
            counts={
                "calls": calls,
                "failed": answers.filter(~pl.col("status").is_in(FINAL)).height,
                **({} if cost is None else {"cost_usd": cost}),
            },
        )  # fmt: skip

    return trait_texts


def _asking(run: StageRun, rater: str) -> dict[str, str]:
    """Return what decides the answers besides the people."""
    from personax_assets.traits.asking import round_to_ask
    from personax_assets.traits.prompts import load_prompt

    raters = run.resources.raters
    config = raters.config(rater)
    with raters.open_journal() as journal:
        number = round_to_ask(raters.ask, journal, run.sub.name, rater)
    return {
        "rater": repr(config),
        "prompt": load_prompt().version,
        "key": str(key_is_set(config)),
        "round": str(number),
        # After a run that left people out on purpose, the next one has to look again.
        "ask": "failed" if raters.ask == "failed" else "missing",
    }


def key_is_set(rater: "RaterConfig") -> bool:
    """Tell whether a rater has its key, or needs none."""
    return rater.key_env is None or bool(os.environ.get(rater.key_env))


def connected(run: StageRun, rater: "RaterConfig") -> "RaterConfig":
    """Return a rater ready to be asked about the people at hand; a simulated one by its server.

    Raises
    ------
    SkipStageError
        If the rater is simulated and the people are real.
    """
    from personax_assets.traits.asking import NOBODY

    if not rater.simulated:
        return rater
    source = run.resources.sources.config(run.sub)
    if source.kind != "synthetic":
        raise SkipStageError(NOBODY)
    return run.resources.raters.simulated(run.sub, source).connect(rater)


def tell(run: StageRun) -> Callable[[str], None]:
    """Return what tells a person something, in the log and on the screen."""

    def told(sentence: str) -> None:
        run.log(sentence)
        observer().noted(sentence)

    return told


def _worth_writing(
    answers: pl.DataFrame, unasked: pl.DataFrame, stored: pl.DataFrame, rater: "RaterConfig"
) -> pl.DataFrame:
    """Return the new rows; an answer stays where asking again, or not asking, brought none."""
    answered = stored.filter(
        pl.col("status") == "ok", pl.col("simulated").eq_missing(rater.simulated)
    )
    return pl.concat([answers, unasked]).filter(
        (pl.col("status") == "ok") | ~pl.col("person_id").is_in(answered["person_id"].implode())
    )


def _unanswered(rater: str, answers: pl.DataFrame, left: "Estimate") -> str | None:
    """Describe what the rater could not answer, if anything."""
    from personax_assets.traits.asking import FINAL

    failed = answers.filter(~pl.col("status").is_in(FINAL))
    if failed.is_empty():
        return None
    kinds = failed["status"].value_counts(sort=True).iter_rows()
    listed = ", ".join(f"{status} {n}" for status, n in kinds)
    detail = failed["detail"].drop_nulls()
    example = f"; for example: {detail[0]}" if len(detail) else ""
    return (
        f"{rater} has no answer for {failed.height} of {answers.height} people "
        f"({listed}{example}); the others are kept, the same command asks again for these only: "
        f"{left.in_words()}"
    )


def _answers(run: StageRun, columns: Sequence[str] | None = None) -> dict[str, pl.DataFrame]:
    """Return what each rater answered, or only some columns of it."""
    return {r: run.read(f"trait_texts_{r}", columns) for r in run.stage.layout.raters}


def _new_texts(run: StageRun) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the masked texts that have no embedding by this encoder, and the keys that go."""
    from personax_assets.embeddings import mask_name

    names = run.read("bios", ("person_id", "name"))
    texts = _joined_texts(_answers(run, ("person_id", "status", *TEXTS)), names)
    if texts.is_empty():
        raise SkipStageError(f"nobody rated the {run.sub.people}")
    masked = [mask_name(t, n) for t, n in texts.select("text", "name").iter_rows()]
    texts = texts.drop("name").with_columns(pl.Series("text", masked, pl.String))
    return run.delta(expected_embedding_hashes(texts, run.resources.encoders.encoder("text")))


EMBEDDING = Spread(
    lambda run: _new_texts(run)[0],
    lambda run, rows: rows,
    lambda run, rows: embedded(rows, "text", run.schema, run.resources.encoders, CHUNK),
)


def _joined_texts(answers: Mapping[str, pl.DataFrame], names: pl.DataFrame) -> pl.DataFrame:
    """Return one text per person and rater: the five trait texts in order, and the name."""
    frames = [
        frame.filter(pl.col("status") == "ok").select(
            "person_id",
            pl.lit(rater).alias("rater"),
            pl.concat_str(TEXTS, separator="\n", ignore_nulls=True).alias("text"),
        )
        for rater, frame in answers.items()
    ]
    return pl.concat(frames).join(names, on="person_id", maintain_order="left")


def _answered(run: StageRun) -> Verdict:
    found = run.warehouse.query(
        f"SELECT status, count(*) AS n FROM {run.table} GROUP BY status ORDER BY n DESC"
    )
    counts = dict(found.iter_rows())
    asked = sum(counts.values()) - counts.get("not_rated", 0)
    share = counts.get("ok", 0) / asked if asked else 1.0
    return Verdict(share >= 0.9, f"{share:.1%} of {asked} people answered", counts)


ANSWERED = Check("rater_answered", "At least 90 % of the people asked about got an answer.",
                 _answered)  # fmt: skip


def _agree(run: StageRun) -> Verdict:
    quality = run.read("rater_quality", where="measure = 'alpha'")
    alphas = dict(quality.select("trait", "value").iter_rows())
    low = [trait for trait, value in alphas.items() if value is not None and value < 0.2]
    text = f"too little agreement on {', '.join(low)}" if low else "agreement on every trait"
    return Verdict(not low, text, alphas)


RATERS_AGREE = Check(
    "raters_agree", "Krippendorff's ordinal alpha is at least 0.2 for every trait.", _agree
)
