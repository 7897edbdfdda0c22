"""The stages of the calibration of prompts: its answers, and what they say about the prompts.

They run in the job `calibrate_prompts` alone: asking costs money and serves no table of the data
set.
"""

import polars as pl

from personax_assets.errors import SkipStageError
from personax_assets.figures import figure_metadata
from personax_assets.progress import progress
from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage
from personax_assets.traits.assets import connected, key_is_set, tell


def calibration_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the calibration stages of a sub-dataset."""
    sub = layout.sub

    @stage(
        layout, "prompt_answers", group="traits", deps=("bios",),
        kinds=("python", "duckdb", "openai"), settings=_asking, follows=False, fresh_for=None,
    )  # fmt: skip
    def prompt_answers(run: StageRun) -> StageResult:
        """Asks every rater the variants and arms of the prompt about a sample of people.

        Variants: numeric or textual, three or five points, each several times. Arms: the name
        alone, league or occupation alone, another person's name. Answers are kept in the journal
        and serve no other table.
        """
        from personax_assets.traits.calibration import questions, sample
        from personax_assets.traits.client import RaterUnavailableError
        from personax_assets.traits.engine import annotate

        raters = run.resources.raters
        people = sample(
            run.read("bios", ("person_id", "name", sub.stratum)), sub, raters.calibration_people
        )
        if people.is_empty():
            raise SkipStageError(f"there are no {sub.people} yet: `personax run` brings them")
        frames: list[pl.DataFrame] = []
        refused: list[str] = []
        with raters.open_journal() as journal:
            for config in raters.configs():
                try:
                    rater = connected(run, config)
                    about, requests = questions(people, sub, rater, raters.calibration_repeats)
                    label = f"{sub.title}: {config.name}, prompts"
                    with progress(label, len(requests)) as advance:
                        answers = annotate(
                            requests, rater, journal, advance,
                            budget=raters.budget(), notify=tell(run),
                        )  # fmt: skip
                except (RaterUnavailableError, SkipStageError) as error:
                    refused.append(str(error))
                    continue
                frames.append(_joined(about, config.name, answers, run))
        if not frames:
            raise SkipStageError("; ".join(dict.fromkeys(refused)))
        table = pl.concat(frames)
        counts = dict(table["status"].value_counts().iter_rows())
        spent = table["cost_usd"].sum() if table["cost_usd"].count() else None
        return StageResult(
            (run.replacing(table),),
            {"answers": counts, "people": people.height, "cost_usd": spent},
            problem=_unasked(table) or "; ".join(refused) or None,
        )

    @stage(
        layout, "prompt_calibration", group="traits",
        deps=("prompt_answers", "bios", *(f"trait_texts_{rater}" for rater in layout.raters)),
        follows=False, fresh_for=None,
    )  # fmt: skip
    def prompt_calibration(run: StageRun) -> StageResult:
        """How much answers waver between repeats per variant, and what the prompt gives away.

        Also whether abstaining depends on league or occupation, and in the main tables on any
        variable of the bios: it is not missing at random.
        """
        from personax_assets.traits.calibration import measures
        from personax_assets.traits.figures import SIMULATED, calibration_figure

        answers = run.read("prompt_answers")
        if answers.is_empty():
            raise SkipStageError("no prompt was calibrated")
        variables = [variable.name for variable in sub.variables]
        bios = run.read("bios", ("person_id", *variables))
        texts = {rater: run.read(f"trait_texts_{rater}") for rater in layout.raters}
        table = measures(answers, bios.select("person_id", sub.stratum), texts, bios, sub)
        invented = SIMULATED if answers["simulated"].any() else ""
        figure = calibration_figure(table, f"{sub.title}: prompts{invented}")
        return StageResult(
            (run.replacing(table),),
            {
                "calibration": figure_metadata(
                    figure, "Spread between repeats; what prompts give away"
                )
            },
        )

    return prompt_answers, prompt_calibration


def _asking(run: StageRun) -> dict[str, str]:
    """Return what decides the answers besides the people."""
    from personax_assets.traits.calibration import VARIANTS
    from personax_assets.traits.prompts import load_prompt

    raters = run.resources.raters
    return {
        "raters": repr(raters.configs()),
        "keys": str([key_is_set(config) for config in raters.configs()]),
        "prompts": ", ".join(load_prompt(variant).version for variant in VARIANTS),
        "people": str(raters.calibration_people),
        "repeats": str(raters.calibration_repeats),
    }


def _joined(about: pl.DataFrame, rater: str, answers: pl.DataFrame, run: StageRun) -> pl.DataFrame:
    """Return the rows of the table: the questions beside their answers, which are in order."""
    rows = pl.concat([about, answers.drop("person_id")], how="horizontal")
    return rows.with_columns(rater=pl.lit(rater)).select(run.schema.column_names)


def _unasked(table: pl.DataFrame) -> str | None:
    left = table.filter(status="not_rated").height
    if not left:
        return None
    return f"{left} of {table.height} questions were not asked; the same job goes on with them"
