"""Making a release: from tables of the home to files that passed the gate.

Belongs here: the order of things. Does not belong here: any step of it, or where tables come from
(`assets`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.analysis.counting import people_of
from personax_assets.datasets import TRAITS, SubDataset
from personax_assets.errors import PersonaXError
from personax_assets.release.attacks import (
    Evidence,
    link_by_embeddings,
    link_to_roster,
    score_evidence,
    share_named,
)
from personax_assets.release.counts import Level1Counts, level1_counts
from personax_assets.release.documents import write_documents
from personax_assets.release.facts import Diversity, ReleaseFacts, diversity_of
from personax_assets.release.gate import Bars, Obfuscated, betrays, faults, require_passed
from personax_assets.release.keys import ReleaseKey
from personax_assets.release.plan import Generalised, Plan, choose, generalise
from personax_assets.release.tables import (
    BINS,
    COUNTS,
    EMBEDDINGS,
    PEOPLE,
    bins_frame,
    people_frame,
    write_table,
)
from personax_assets.release.utility import (
    agreement,
    original_decisions,
    people_decisions,
    predicted_share,
    released_decisions,
)
from personax_assets.release.writing import put_in_place, staged
from personax_assets.schemas.level1 import score_column

if TYPE_CHECKING:
    from personax_assets.release.attacks import Linkage
    from personax_assets.release.utility import Agreement

Floats = NDArray[np.float64]

NOISES = (0.0, 0.5, 1.0, 1.5, 1.75, 2.0, 2.5)
"""Strengths of noise that are measured; the least one that betrays few enough is released."""

DIMENSIONS = 32
"""Directions of the embeddings that are kept."""

_SHARE_FOR_BIOS = 0.5
"""How much of what may be re-identified the bios may use up where embeddings come on top."""


@dataclass(frozen=True)
class Material:
    """What a release is made from.

    Parameters
    ----------
    sub : SubDataset
        The sub-dataset.
    raters : tuple of str
        The raters.
    bios : DataFrame
        `person_id`, the variables, `simulated`.
    scores : DataFrame
        The table `trait_scores`.
    faces : DataFrame, optional
        `person_id, embedding`: one per person, if embeddings are wanted.
    seed : int
        Seed of the tests, and of which pairs an attacker knows.
    """

    sub: SubDataset
    raters: tuple[str, ...]
    bios: pl.DataFrame
    scores: pl.DataFrame
    faces: pl.DataFrame | None = None
    seed: int = 0

    @cached_property
    def people(self) -> pl.DataFrame:
        """Everybody with a score, one row each: variables and scores, zero being no score."""
        wide = people_of(
            self.bios.select("person_id", *(v.name for v in self.sub.variables)).sort("person_id"),
            self.scores, self.raters,
        )  # fmt: skip
        scored = [score_column(trait, r) for trait in TRAITS for r in ("aggregate", *self.raters)]
        people = wide.filter(pl.any_horizontal(pl.col(scored).is_not_null()))
        if people.is_empty():
            raise PersonaXError(
                f"{self.sub.title}: there are no trait scores of the {self.sub.people} to release; "
                "`personax run` with raters makes them"
            )
        return people

    @property
    def simulated(self) -> bool:
        """Whether every person is invented; one real person makes it a release of real people."""
        return bool(self.bios["simulated"].all())

    @cached_property
    def mean_scores(self) -> Floats:
        """The mean score over raters, per person and trait; NaN where there is none."""
        columns = [
            pl.mean_horizontal(score_column(trait, rater) for rater in self.raters).alias(trait)
            for trait in TRAITS
        ]
        return self.people.select(columns).cast(pl.Float64).to_numpy()

    def content(self) -> bytes:
        """Return a digest of everything that decides what is released."""
        digest = sha256()
        for frame in (self.people, self.scores.sort("person_id", "trait")):
            digest.update(frame.write_csv().encode())
        if self.faces is not None:
            faces = self.faces.sort("person_id")
            digest.update("\n".join(faces["person_id"]).encode())
            digest.update(np.ascontiguousarray(faces["embedding"].to_numpy()).tobytes())
        return digest.digest()


@dataclass(frozen=True)
class Published:
    """A release that is in place.

    Parameters
    ----------
    folder : Path
        Where.
    facts : ReleaseFacts
        What was measured of it.
    """

    folder: Path
    facts: ReleaseFacts


def publish(material: Material, releases: Path, key: ReleaseKey, bars: Bars) -> Published:
    """Make a release, attack it, and put it in place if it passes.

    The same material, key and bars give the same bytes, in a folder named after them.

    Parameters
    ----------
    material : Material
        What to release.
    releases : Path
        Folder of all releases; this one goes to `<sub-dataset>/<version>` in it.
    key : ReleaseKey
        The home's secret.
    bars : Bars
        What it is held to.

    Raises
    ------
    ReleaseRefusedError
        If it does not pass; nothing is left behind.
    """
    sub, people = material.sub, material.people
    # Other bars, other ids and other noise: two releases must not be joined or averaged.
    own_key = key.derive("release", sub.name, key.fingerprint(material.content()), repr(bars))
    evidence = score_evidence(sub, people, material.mean_scores)
    plan = _planned(material, evidence, bars)
    made = generalise(people, plan.shown, bars.k)
    if made.frame.is_empty():
        require_passed(sub.title, people.height, (f"they are fewer than {bars.k}",))
    counts = level1_counts(sub, people, material.raters, bars.k)
    rows = people_frame(material.scores, made, material.raters, own_key, material.simulated)
    truth, table = rows["person_id"], rows.drop("person_id")
    frontier = _frontier(material, evidence, made, own_key, bars)
    chosen: Obfuscated | None = None
    with staged(releases, sub.name) as folder:
        write_table(table, folder / PEOPLE)
        write_table(counts.frame, folder / COUNTS)
        write_table(bins_frame(plan.shown, counts.binnings), folder / BINS)
        if frontier:
            chosen = next((p for p, _ in frontier if not [*betrays(bars, p)]), frontier[-1][0])
            vectors = next(vectors for point, vectors in frontier if point == chosen)
            by_id = rows.select("person_id", "id").join(vectors, on="person_id").sort("id")
            write_table(by_id.drop("person_id"), folder / EMBEDDINGS)
        facts = _measured(material, folder, truth, plan, made, counts, evidence, bars)
        facts = replace(facts, chosen=chosen, frontier=tuple(point for point, _ in frontier))
        found = faults(bars, facts.linkage, facts.agreement, chosen)
        require_passed(sub.title, table.height, found)
        write_documents(folder, facts)
        place = put_in_place(folder, releases / sub.name)
    return Published(place, facts)


def _planned(material: Material, evidence: Evidence, bars: Bars) -> Plan:
    """Search what may be shown of each person."""
    people = material.people
    index = {person: i for i, person in enumerate(people["person_id"])}

    def rate(made: Generalised) -> float:
        told = evidence.rows(np.array([index[p] for p in made.frame["person_id"]], np.intp))
        classes = made.classes
        guessed = (int(classes.max()) + 1) / len(classes)
        return max(guessed, share_named(told.released, told.expected, classes))

    scores = material.mean_scores
    means = np.nan_to_num(np.nanmean(scores, axis=0)) if len(scores) else np.zeros(len(TRAITS))
    share = 1.0 if material.faces is None else _SHARE_FOR_BIOS
    return choose(
        material.sub, people, np.where(np.isnan(scores), means, scores), bars.k,
        share * bars.most_reidentified, rate,
    )  # fmt: skip


def _frontier(
    material: Material, evidence: Evidence, made: Generalised, key: ReleaseKey, bars: Bars
) -> list[tuple[Obfuscated, pl.DataFrame]]:
    """Obfuscate the embeddings with every strength of noise, and attack each."""
    from personax_ml.obfuscation import obfuscate

    if material.faces is None:
        return []
    known = made.frame.select("person_id").with_columns(pl.Series("class", made.classes, pl.Int64))
    index = material.people.select("person_id").with_row_index("row")
    joined = known.join(material.faces, on="person_id").join(index, on="person_id")
    joined = joined.sort("person_id")
    if joined.height <= 2 * DIMENSIONS:
        raise PersonaXError(
            f"{material.sub.title}: {joined.height} people have face embeddings, too few to "
            "release any; leave out --embeddings"
        )
    rows = joined["row"].to_numpy().astype(np.intp)
    originals = joined["embedding"].to_numpy().astype(np.float64)
    scores = material.mean_scores[rows]
    possible = predicted_share(originals, scores)
    result = []
    for noise in NOISES:
        released = obfuscate(
            originals, dimensions=DIMENSIONS, noise=noise, generator=key.generator(f"noise {noise}")
        ).astype(np.float32)
        wide = released.astype(np.float64)
        relinking = link_by_embeddings(
            wide, originals, joined["class"].to_numpy().astype(np.intp), evidence.rows(rows),
            noise, bars.known_pairs, material.seed,
        )  # fmt: skip
        relative = predicted_share(wide, scores) / possible if possible > 0 else 0.0
        frame = pl.DataFrame(
            {"person_id": joined["person_id"], "embedding": released},
            schema_overrides={"embedding": pl.Array(pl.Float32, released.shape[1])},
        )
        result.append((Obfuscated(noise, relinking, relative), frame))
    return result


def _measured(
    material: Material, folder: Path, truth: pl.Series, plan: Plan, made: Generalised,
    counts: Level1Counts, evidence: Evidence, bars: Bars,
) -> ReleaseFacts:  # fmt: skip
    """Attack and use the files as they lie there."""
    sub, people, seed = material.sub, material.people, material.seed
    written = pl.read_parquet(folder / PEOPLE)
    linkage: Linkage = link_to_roster(
        written, truth.to_list(), plan.shown, people, bars.k, evidence
    )
    original = original_decisions(sub, people, material.raters, seed)
    tables = pl.read_parquet(folder / COUNTS)
    unchanged: Agreement = agreement(
        original, released_decisions(sub, tables, counts.binnings, seed)
    )
    names = [binning.variable for binning in plan.shown]
    by_people = None
    if names:
        by_people = agreement(
            original.filter(pl.col("variable").is_in(names)),
            people_decisions(sub, written, plan.shown, material.raters, seed),
        )
    return ReleaseFacts(
        sub=sub,
        raters=material.raters,
        simulated=material.simulated,
        people=written.height,
        bars=bars,
        plan=plan,
        suppressed=made.suppressed,
        left_out=made.left_out,
        counts=counts,
        linkage=linkage,
        agreement=unchanged,
        by_people=by_people,
        diversity=diversity_of(written, names),
        asked_again=_asked_again(material, made),
    )


def _asked_again(material: Material, made: Generalised, same: float = 0.9) -> Mapping[str, float]:
    """Link by answers: what somebody achieves who asks the same models about the whole roster.

    The attacker's answers are drawn here: equal to the released ones with probability `same`,
    else those of somebody else.
    """
    from personax_assets.release.attacks import share_sharing_answers

    index = {person: i for i, person in enumerate(material.people["person_id"])}
    rows = np.array([index[p] for p in made.frame["person_id"]], np.intp)
    columns = [score_column(trait, rater) for trait in TRAITS for rater in material.raters]
    answers = material.people.select(pl.col(columns).fill_null(0).cast(pl.Int64)).to_numpy()[rows]
    rng = np.random.default_rng(material.seed)
    return {"same": same, "named": share_sharing_answers(answers, made.classes, same, rng)}


__all__ = ["DIMENSIONS", "NOISES", "Diversity", "Material", "Published", "publish"]
