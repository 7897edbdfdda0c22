"""Attacks on what is about to be released.

Belongs here: what an attacker can do who holds the exact bios of everybody, and perhaps the same
photographs. Does not belong here: how much of it is too much (`gate`).

The attacker is given more than a real one has: the roster holds nobody but the people in the
release, binning and suppression are known to the letter, and so is how the trait scores depend on
exact bios, as a regression fitted on the true scores of all other people.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.datasets import SubDataset
from personax_assets.release.binning import Binning
from personax_assets.release.plan import class_codes, generalise

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

_CHUNK = 2_000
_RIDGE = 1.0
_FOLDS = 10
_ROUNDS = 4
"""Rounds in which an attacker mends the rotation by the matches found so far."""


@dataclass(frozen=True)
class Linkage:
    """What matching a release against the roster comes to.

    Parameters
    ----------
    people : int
        Rows attacked.
    smallest : int
        People on the roster who fit the row that fits fewest.
    unique : float
        Share of the rows that fit one person alone: what can be claimed with certainty.
    guessed : float
        Share named correctly by somebody who guesses among those who fit.
    guessed_by_scores : float
        Share named correctly by somebody who takes the one who fits the trait scores best.
    """

    people: int
    smallest: int
    unique: float
    guessed: float
    guessed_by_scores: float

    @property
    def rate(self) -> float:
        """The share that the best of these attackers re-identifies."""
        return max(self.unique, self.guessed, self.guessed_by_scores)


@dataclass(frozen=True)
class Evidence:
    """How well people fit rows by their trait scores: squared distance of these two.

    Parameters
    ----------
    released : array (n, q)
        Scores in the release, in units in which what bios do not explain is white noise.
    expected : array (n, q)
        What the exact bios of the same people let expect.
    """

    released: Floats
    expected: Floats

    def rows(self, chosen: NDArray[np.intp]) -> "Evidence":
        """Return the evidence about some people."""
        return Evidence(self.released[chosen], self.expected[chosen])


def score_evidence(sub: SubDataset, bios: pl.DataFrame, scores: Floats) -> Evidence:
    """Regress trait scores on exact bios; what is expected of anybody is learnt from the others.

    Parameters
    ----------
    sub : SubDataset
        Names the variables.
    bios : DataFrame
        The variables of everybody.
    scores : array (n, traits)
        Scores of the same people; NaN where there is none, which then tells nothing.
    """
    known = ~np.isnan(scores)
    counts = known.sum(axis=0)
    means = np.where(counts > 0, np.nansum(scores, axis=0) / np.maximum(counts, 1), 0.0)
    y = np.where(known, scores, means) - means
    x, fitted = _design(sub, bios), np.empty_like(y)
    fold = np.arange(len(y)) % _FOLDS
    for i in range(_FOLDS):
        a, b = x[fold != i], y[fold != i]
        fitted[fold == i] = x[fold == i] @ np.linalg.solve(
            a.T @ a + _RIDGE * np.eye(x.shape[1]), a.T @ b
        )
    residual = y - fitted
    covariance = residual.T @ residual / max(len(y), 1)
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-9 * max(values[-1], 1e-300)
    whiten = vectors[:, kept] / np.sqrt(values[kept])
    return Evidence(y @ whiten, fitted @ whiten)


def _design(sub: SubDataset, bios: pl.DataFrame) -> Floats:
    """Return bios as numbers: categories as indicators, numbers with their powers."""
    columns = [np.ones(bios.height)]
    for variable in sub.variables:
        values = bios[variable.name]
        if variable.kind == "nominal":
            columns += [(values == label).fill_null(False).cast(pl.Float64).to_numpy()
                        for label in values.drop_nulls().unique().sort()]  # fmt: skip
            continue
        x = values.cast(pl.Float64).to_numpy()
        known = ~np.isnan(x)
        if not known.any() or x[known].std() == 0:
            continue
        z = np.where(known, (x - x[known].mean()) / x[known].std(), 0.0)
        columns += [z] if variable.kind == "binary" else [z, z**2, z**3]
    return np.stack(columns, axis=1)


def link_to_roster(
    people: pl.DataFrame,
    truth: Sequence[str],
    shown: Sequence[Binning],
    roster: pl.DataFrame,
    k: int,
    evidence: Evidence,
) -> Linkage:
    """Match the rows of a release against the roster.

    Parameters
    ----------
    people : DataFrame
        The release's rows, with the shown variables.
    truth : sequence of str
        Whom each row is about: a `person_id` of the roster.
    shown : sequence of Binning
        What the release says about its bins.
    roster : DataFrame
        Exact bios: `person_id` and the variables.
    k : int
        What the release says about the least size of a class.
    evidence : Evidence
        Trait scores and what bios let expect of them, rows as in `roster`.
    """
    names = [binning.variable for binning in shown]
    imitated = generalise(roster, shown, k).frame
    rows = people.with_columns(pl.Series("person_id", truth, pl.String)).select("person_id", *names)
    both = pl.concat([rows, imitated.select(rows.columns)])
    codes = class_codes(both, names)
    released, candidates = codes[: rows.height], codes[rows.height :]
    fitting = np.bincount(candidates, minlength=codes.max(initial=0) + 1)[released]
    place = {person: i for i, person in enumerate(imitated["person_id"])}
    own = np.array([place[person] for person in truth], np.intp)
    right = candidates[own] == released
    chance = np.where(right, 1 / np.maximum(fitting, 1), 0.0)
    index = {person: i for i, person in enumerate(roster["person_id"])}
    order = np.array([index[person] for person in truth], np.intp)
    told = evidence.rows(order)
    return Linkage(
        people=rows.height,
        smallest=int(fitting.min(initial=roster.height)),
        unique=float((fitting == 1).mean()) if rows.height else 0.0,
        guessed=float(chance.mean()) if rows.height else 0.0,
        guessed_by_scores=share_named(told.released, told.expected, released),
    )


def share_named(released: Floats, expected: Floats, classes: Codes) -> float:
    """Return the share of rows whose nearest candidate of the same class is the right one.

    Parameters
    ----------
    released, expected : array (n, q)
        Rows, and the candidates in the same order.
    classes : array (n,)
        Rows and candidates of different classes do not fit each other. Of several that are
        equally near one is taken at random: each counts as its share.
    """
    total = 0.0
    for rows, distances, members in _distances(released, expected, classes):
        least = distances.min(axis=1, keepdims=True)
        ties = distances <= least + 1e-9 * (1 + np.abs(least))
        right = ties[np.arange(len(rows)), np.searchsorted(members, rows)]
        total += float((right / ties.sum(axis=1)).sum())
    return total / max(len(released), 1)


def share_sharing_answers(
    answers: NDArray[np.int64], classes: Codes, same: float, rng: np.random.Generator
) -> float:
    """Return the share of rows named by somebody with answers of the same models.

    Parameters
    ----------
    answers : array (n, q)
        The released answers.
    classes : array (n,)
        Class of each row.
    same : float
        Probability that an answer of the attacker's equals the released one; otherwise it is that
        of a random person.
    rng : Generator
        Draws the attacker's answers.
    """
    n, q = answers.shape
    others = answers[rng.integers(0, n, (n, q)), np.arange(q)]
    theirs = np.where(rng.random((n, q)) < same, answers, others)
    levels = np.arange(answers.max(initial=0) + 1)
    own, told = (
        (x[:, :, None] == levels).reshape(n, -1).astype(np.float64) for x in (answers, theirs)
    )
    return share_named(own, told, classes)


def _distances(
    released: Floats, expected: Floats, classes: Codes
) -> Iterator[tuple[Codes, Floats, Codes]]:
    """Yield rows of a class, their squared distances to all candidates, and the candidates."""
    order = np.argsort(classes, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(classes[order])) + 1):
        near = (expected[members] ** 2).sum(axis=1)
        for start in range(0, len(members), _CHUNK):
            rows = members[start : start + _CHUNK]
            own = (released[rows] ** 2).sum(axis=1)[:, None]
            yield rows, own + near - 2 * released[rows] @ expected[members].T, members


@dataclass(frozen=True)
class Relinking:
    """What matching released embeddings with embeddings of the same photographs comes to.

    Parameters
    ----------
    people : int
        Rows attacked.
    known_pairs : int
        Rows that the stronger attacker knows beforehand.
    with_pairs : float
        Share of the other rows that this attacker names correctly.
    without_pairs : float
        Share of the rows named correctly by somebody who knows none.
    """

    people: int
    known_pairs: int
    with_pairs: float
    without_pairs: float


def link_by_embeddings(
    released: Floats,
    embeddings: Floats,
    classes: Codes,
    evidence: Evidence,
    noise: float,
    known_pairs: int,
    seed: int,
) -> Relinking:
    """Match obfuscated embeddings with embeddings of the same photographs, made independently.

    Both attackers also use the classes and the trait scores, and know the noise's strength. One
    starts from known pairs (Procrustes). The other starts from principal axes, from independent
    components, each signed by skewness, and from the means of classes. Both go on with mutual
    nearest neighbours as pairs; of all their answers the best one counts, and known pairs never
    help less than none.

    Parameters
    ----------
    released : array (n, d)
        What is about to be released.
    embeddings : array (n, p)
        The attacker's own, rows in the same order (which the attacker does not know).
    classes : array (n,)
        Class of each row by the shown variables.
    evidence : Evidence
        Trait scores, rows in the same order.
    noise : float
        Strength of the noise, in standard deviations of the signal.
    known_pairs : int
        Rows that the stronger attacker knows.
    seed : int
        Which ones.
    """
    d = released.shape[1]
    z, own = _axes(released, d), _axes(embeddings, d)
    share = 1 / np.sqrt(1 + noise**2)
    attack = _Matching(z, own, classes, evidence, share)
    n = len(z)
    known = np.sort(np.random.default_rng(seed).choice(n, min(known_pairs, n // 2), replace=False))
    others = np.ones(n, np.bool_)
    others[known] = False
    with_pairs = attack.best(_procrustes(own[known], z[known]), others, known)
    starts = [np.eye(d), _independent(own, z), _by_means(own, z, classes)]
    without = max(attack.best(start, np.ones(n, np.bool_)) for start in starts)
    return Relinking(n, len(known), max(with_pairs, without), without)


@dataclass(frozen=True)
class _Matching:
    """Rows, candidates, and what is known of their relation besides the rotation."""

    z: Floats
    own: Floats
    classes: Codes
    evidence: Evidence
    share: float

    def best(
        self, rotation: Floats, counted: NDArray[np.bool_], known: Codes | None = None
    ) -> float:
        """Return the largest share of the counted rows named correctly in any round."""
        known = np.empty(0, np.intp) if known is None else known
        best = 0.0
        for _ in range(_ROUNDS):
            row_guess, candidate_guess = self._guesses(rotation)
            best = max(best, float((row_guess == np.arange(len(self.z)))[counted].mean()))
            rows = np.flatnonzero(candidate_guess[row_guess] == np.arange(len(self.z)))
            rows = rows[~np.isin(rows, known)]
            if len(rows) + len(known) < self.z.shape[1]:
                break
            theirs = np.concatenate([row_guess[rows], known])
            rotation = _procrustes(self.own[theirs], self.z[np.concatenate([rows, known])])
        return best

    def _guesses(self, rotation: Floats) -> tuple[Codes, Codes]:
        """Return the best candidate of every row, and the best row of every candidate."""
        spread = np.sqrt(max(1 - self.share**2, 1e-3))
        released = np.hstack([self.z / spread, self.evidence.released])
        expected = np.hstack([self.share * self.own @ rotation / spread, self.evidence.expected])
        n = len(self.z)
        row_guess, candidate_guess = np.empty(n, np.intp), np.empty(n, np.intp)
        nearest = np.full(n, np.inf)
        for rows, distances, members in _distances(released, expected, self.classes):
            row_guess[rows] = members[distances.argmin(axis=1)]
            first = distances.argmin(axis=0)
            least = distances[first, np.arange(len(members))]
            closer = least < nearest[members]
            candidate_guess[members[closer]] = rows[first[closer]]
            nearest[members[closer]] = least[closer]
        return row_guess, candidate_guess


def _procrustes(source: Floats, target: Floats) -> Floats:
    """Return the rotation (or reflection) that brings one set of points nearest to another."""
    left, _, right = np.linalg.svd(source.T @ target)
    return np.asarray(left @ right)


def _axes(values: Floats, d: int) -> Floats:
    """Return principal components of spread one, each with its longer tail upwards."""
    centred = values - values.mean(axis=0)
    left, _, _ = np.linalg.svd(centred, full_matrices=False)
    scores = left[:, :d] * np.sqrt(len(values))
    return np.asarray(scores * np.where((scores**3).mean(axis=0) < 0, -1.0, 1.0))


def _independent(own: Floats, z: Floats) -> Floats:
    """Return the rotation that matches independent components in the order of their skewness."""
    from sklearn.decomposition import FastICA

    frames = []
    for values in (own, z):
        ica = FastICA(whiten=False, fun="cube", max_iter=50, tol=1e-3, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # components that do not settle are still a guess
            ica.fit(values)
        left, _, right = np.linalg.svd(ica.components_)
        directions = left @ right
        skewness = ((values @ directions.T) ** 3).mean(axis=0)
        order = np.argsort(-np.abs(skewness))
        frames.append((directions * np.where(skewness < 0, -1.0, 1.0)[:, None])[order])
    return np.asarray(frames[0].T @ frames[1])


def _by_means(own: Floats, z: Floats, classes: Codes) -> Floats:
    """Return the rotation that brings the means of classes together."""
    people = np.bincount(classes)[:, None]
    weights = np.sqrt(people)
    means = [
        weights * np.stack([np.bincount(classes, x) for x in values.T], axis=1) / people
        for values in (own, z)
    ]
    return _procrustes(means[0], means[1])
