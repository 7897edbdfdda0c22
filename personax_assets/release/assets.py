"""The release stage: files that may leave the home, made on request alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from personax_assets.errors import PersonaXError, SkipStageError, TermsError
from personax_assets.stage import Layout, Stage, StageResult, StageRun, stage

if TYPE_CHECKING:
    import polars as pl

    from personax_assets.release.gate import Bars
    from personax_assets.release.make import Material, Published

ACCEPT_TAG = "personax/accept_guidelines"
"""Run tag: `yes` accepts the usage guidelines."""

EMBEDDINGS_TAG = "personax/release_embeddings"
"""Run tag: `yes` adds obfuscated face embeddings."""

BAR_TAGS = {
    "most_reidentified": "personax/most_reidentified",
    "least_unchanged": "personax/least_unchanged",
}
"""Run tags: bars other than the default ones."""


def release_stages(layout: Layout) -> tuple[Stage, ...]:
    """Return the release stage of a sub-dataset."""

    @stage(
        layout, "release", group="release", deps=("bios", "trait_scores", "face_embeddings"),
        kinds=("python", "parquet"), follows=False, fresh_for=None,
    )  # fmt: skip
    def release(run: StageRun) -> StageResult:
        """Files that may leave the home: scores, coarse bios, Level I tables, and what they betray.

        Attacks are run on them first; a release that names too many people, or that is good for
        too little, is refused and leaves nothing behind. Releasing is a deliberate act: this runs
        in the job `release` alone, and the usage guidelines have to be accepted (run tag
        `personax/accept_guidelines: yes`).
        """
        from personax_assets.release.keys import release_key
        from personax_assets.release.make import publish

        material = _material(run)
        try:
            require_accepted(layout, material.simulated, run.tags)
        except TermsError as error:  # whoever materialises everything asked for no release
            raise SkipStageError(str(error)) from None
        bars = _bars(run.tags)
        key = release_key(run.resources.home)
        published = publish(material, run.resources.home / "release", key, bars)
        return StageResult(metadata=_told(published), data_version=published.folder.name)

    return (release,)


def require_accepted(layout: Layout, simulated: bool, tags: Mapping[str, str]) -> None:
    """Raise a `TermsError` unless the usage guidelines were accepted."""
    from personax_assets.release.documents import guidelines

    if tags.get(ACCEPT_TAG) != "yes":
        raise TermsError(
            f"{layout.sub.title}: the usage guidelines of the release are not accepted yet; read "
            "them (`personax release` without that option shows them), and if you accept "
            f"them add --accept-guidelines, or in Dagster the run tag {ACCEPT_TAG}: yes",
            guidelines(layout.sub, simulated),
        )


def _bars(tags: Mapping[str, str]) -> "Bars":
    """Return the default bars, with those that run tags replace."""
    from personax_assets.release.gate import Bars

    bars = Bars()
    found = {name: _share(tags[tag], tag) for name, tag in BAR_TAGS.items() if tag in tags}
    return replace(
        bars,
        most_reidentified=found.get("most_reidentified", bars.most_reidentified),
        least_unchanged=found.get("least_unchanged", bars.least_unchanged),
    )


def _share(text: str, tag: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise PersonaXError(f"run tag {tag}: {text!r} is no number") from None


def _material(run: StageRun) -> "Material":
    from personax_assets.release.make import Material

    sub = run.sub
    bios = run.read("bios", ("person_id", "simulated", *(v.name for v in sub.variables)))
    wanted = run.tags.get(EMBEDDINGS_TAG) == "yes"
    return Material(
        sub, run.stage.layout.raters, bios, run.read("trait_scores"),
        _faces(run) if wanted else None, run.resources.models.seed,
    )  # fmt: skip


def _faces(run: StageRun) -> "pl.DataFrame":
    """Return one embedding per person: the mean over photographs."""
    import numpy as np
    import polars as pl

    table = run.read("face_embeddings", ("person_id", "measurement", "embedding"))
    if table.is_empty():
        raise PersonaXError(
            f"{run.sub.title}: there are no face embeddings to release; leave out --embeddings"
        )
    table = table.sort("person_id", "measurement")
    people, index, counts = np.unique(
        table["person_id"].to_numpy(), return_inverse=True, return_counts=True
    )
    vectors = table["embedding"].to_numpy().astype(np.float64)
    sums = np.zeros((len(people), vectors.shape[1]))
    np.add.at(sums, index, vectors)
    means = (sums / counts[:, None]).astype(np.float32)
    kind = pl.Array(pl.Float32, means.shape[1])
    return pl.DataFrame({"person_id": pl.Series(people, dtype=pl.String),
                         "embedding": pl.Series(means, dtype=kind)})  # fmt: skip


def _told(published: "Published") -> dict[str, object]:
    facts = published.facts
    return {
        "folder": dg.MetadataValue.path(published.folder),
        "people": facts.people,
        "shown": ", ".join(b.variable for b in facts.plan.shown) or "nothing",
        "k": facts.diversity.k,
        "l": facts.diversity.l,
        "unique_links": facts.linkage.unique,
        "named_by_guessing": facts.linkage.guessed,
        "named_with_scores": facts.linkage.guessed_by_scores,
        "level1_unchanged": facts.agreement.unchanged,
        "embeddings": facts.chosen is not None,
        "simulated": facts.simulated,
    }
