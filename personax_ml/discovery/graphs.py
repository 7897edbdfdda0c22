"""Graphs over latents, estimated from data.

Belongs here: constraint-based search (PC) and the table of edges it ends in. Does not belong
here: drawing and export (`drawing`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

if TYPE_CHECKING:
    from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge

Floats = NDArray[np.float64]

EDGE_COLUMNS = {
    "source": pl.String,
    "target": pl.String,
    "kind": pl.String,
    "strength": pl.Float64,
    "method": pl.String,
}
"""Columns of a table of edges."""

Test = Literal["fisherz", "kci", "rcit"]
"""Fisher's z of partial correlations, or the kernel tests of Zhang and of Strobl et al."""

TEST_NAMES = {"fisherz": "Fisher z", "kci": "KCI", "rcit": "RCIT"}

_MOST_ROWS = {"kci": 500, "rcit": 5000}
"""The kernel tests see a random part of more rows: KCI's cost grows with their cube."""

_LEAST_ROWS_PER_LATENT = 3
_COLLINEAR = 1e-9
_LARGEST_RHO = 1.0 - 2.0**-52
_QUICK_FISHER_Z = "personax-fisherz"


def latent_graph(
    latents: pl.DataFrame | NDArray[np.floating],
    alpha: float = 0.05,
    tiers: Sequence[Sequence[str]] = (),
    names: Sequence[str] = (),
    doubt: Mapping[str, float] | None = None,
    test: Test = "fisherz",
    random_state: int = 0,
) -> pl.DataFrame:
    """Estimate a graph over latents by the PC algorithm.

    Parameters
    ----------
    latents : DataFrame or array (n, p)
        One column per latent. Rows with a missing value are left out, and so are columns that
        are constant or a linear combination of earlier ones.
    alpha : float
        Level of the independence tests.
    tiers : sequence of sequences of str
        Background knowledge: names in tiers, causes first; no edge points to an earlier tier.
        Names in no tier are free.
    names : sequence of str
        Names of an array's columns; by default `z_1`, `z_2`, ...
    doubt : mapping of str to float, optional
        Posterior standard deviation of latents that are inferred rather than measured, such as
        shared factors. A posterior mean is a function of what it was inferred from, and would
        seem to explain it without remainder; its variance is raised by the square of the doubt,
        to what a draw from the posterior has.
    test : {"fisherz", "kci", "rcit"}
        Test of conditional independence: the first sees linear dependence only and is fast, the
        others see any; KCI takes at most 500 rows, RCIT 5,000.
    random_state : int
        Seed of RCIT's features, of the choice of rows and of draws from the posterior.

    Returns
    -------
    DataFrame
        `source`, `target`, `kind` (`directed`, or `undirected` where the tests do not settle a
        direction), `strength` (absolute partial correlation given all other latents), `method`;
        undirected edges once. Empty if there are too few people or latents.

    Notes
    -----
    PC: Spirtes and Glymour 1991. It assumes that no common cause of two latents is missing; an
    edge may stand for one. KCI: Zhang et al. 2011; RCIT: Strobl et al. 2019; the tests are
    causal-learn's.
    """
    frame = complete_rows(latents, names)
    n = frame.height
    if frame.width < 2 or n < _LEAST_ROWS_PER_LATENT * frame.width + 4:
        return pl.DataFrame(schema=EDGE_COLUMNS)
    covariance = _covariance(frame, doubt or {})
    kept = _independent(covariance)
    columns = [frame.columns[j] for j in kept]
    if len(columns) < 2:
        return pl.DataFrame(schema=EDGE_COLUMNS)
    covariance = covariance[np.ix_(kept, kept)]
    root = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(root, root)
    if test == "fisherz":
        data = _rows_with_correlation(correlation, n)
    else:
        data = _rows_drawn(frame.select(columns), doubt or {}, _MOST_ROWS[test], random_state)
    graph = _pc(data, alpha, test, _background(columns, tiers), columns, random_state)
    strength = np.abs(partial_correlations(correlation))
    method = f"PC, {TEST_NAMES[test]}, alpha {alpha:g}" + (", tiers" if tiers else "")
    rows = [
        (columns[i], columns[j], kind, float(strength[i, j]), method)
        for i, j, kind in _edges(graph)
    ]
    return pl.DataFrame(rows, schema=EDGE_COLUMNS, orient="row")


def learned_graph(
    adjacency: NDArray[np.floating], names: Sequence[str], threshold: float = 0.1
) -> pl.DataFrame:
    """Return the graph in a model's adjacency as a table of edges.

    Parameters
    ----------
    adjacency : array (p, p)
        Standardised path coefficients, effects in rows: `MultimodalCRL.adjacency`.
    names : sequence of str
        Names of the latents.
    threshold : float
        Coefficients of at most this size are no edge: L1 brings them near zero, not to it.
    """
    method = f"causal flow, path coefficient above {threshold:g}"
    strength = np.abs(adjacency)
    rows = [
        (names[j], names[i], "directed", float(strength[i, j]), method)
        for j, i in zip(*np.nonzero((strength > threshold).T), strict=True)
    ]
    return pl.DataFrame(rows, schema=EDGE_COLUMNS, orient="row")


def partial_correlations(correlation: Floats) -> Floats:
    """Return, from a correlation matrix, the correlation of every pair given all others."""
    precision = np.linalg.pinv(correlation, hermitian=True)
    root = np.sqrt(np.diag(precision))
    partial: Floats = np.clip(-precision / np.outer(root, root), -1, 1)
    np.fill_diagonal(partial, 1.0)
    return partial


def complete_rows(
    latents: pl.DataFrame | NDArray[np.floating], names: Sequence[str]
) -> pl.DataFrame:
    """Return the rows without a missing value."""
    if not isinstance(latents, pl.DataFrame):
        schema = list(names) or [f"z_{i + 1}" for i in range(latents.shape[1])]
        latents = pl.DataFrame(np.asarray(latents, np.float64), schema=schema, orient="row")
    return latents.fill_nan(None).drop_nulls()


def _covariance(frame: pl.DataFrame, doubt: Mapping[str, float]) -> Floats:
    """Return the covariance matrix, its variances raised by the squared doubts."""
    covariance: Floats = np.atleast_2d(np.cov(frame.to_numpy().astype(np.float64).T))
    return covariance + np.diag([doubt.get(name, 0.0) ** 2 for name in frame.columns])


def _independent(covariance: Floats) -> list[int]:
    """Return the columns that are neither constant nor a linear combination of earlier ones."""
    kept: list[int] = []
    for j, variance in enumerate(np.diag(covariance)):
        own = covariance[kept, j]
        explained = own @ np.linalg.solve(covariance[np.ix_(kept, kept)], own) if kept else 0.0
        if variance - explained > _COLLINEAR * variance:
            kept.append(j)
    return kept


def _rows_with_correlation(correlation: Floats, n: int) -> Floats:
    """Return rows that have this correlation matrix: all that Fisher's test takes from data."""
    p = len(correlation)
    noise = np.random.default_rng(0).standard_normal((n, p))
    white = np.linalg.qr(noise - noise.mean(axis=0))[0]
    values, vectors = np.linalg.eigh(correlation)
    rows: Floats = white @ (vectors * np.sqrt(np.maximum(values, 0))).T
    return rows


def _rows_drawn(
    frame: pl.DataFrame, doubt: Mapping[str, float], most: int, random_state: int
) -> Floats:
    """Return at most so many rows; doubted latents as draws from their posterior."""
    rng = np.random.default_rng(random_state)
    rows = frame.to_numpy().astype(np.float64)
    rows = rows[np.sort(rng.permutation(len(rows))[:most])]
    deviation = [doubt.get(name, 0.0) for name in frame.columns]
    drawn: Floats = rows + rng.standard_normal(rows.shape) * deviation
    return drawn


def _pc(
    data: Floats,
    alpha: float,
    test: Test,
    knowledge: "BackgroundKnowledge | None",
    names: list[str],
    random_state: int,
) -> NDArray[np.int_]:
    """Run causal-learn's PC; return its matrix of end marks."""
    from causallearn.search.ConstraintBased.PC import pc

    with _seeded(random_state):
        result = pc(
            data,
            alpha=alpha,
            indep_test=_quick_fisher_z() if test == "fisherz" else test,
            background_knowledge=knowledge,
            verbose=False,
            show_progress=False,
            node_names=names,
        )
    graph: NDArray[np.int_] = result.G.graph
    return graph


@cache
def _quick_fisher_z() -> str:
    """Register Fisher's z with causal-learn; return its name there.

    Most of the time of causal-learn's own goes into calling SciPy's normal distribution, which a
    graph with bootstrap frequencies needs some hundred thousand times.
    """
    from causallearn.utils.cit import CIT_Base, register_ci_test

    class FisherZ(CIT_Base):  # type: ignore[misc]  # causal-learn has no types
        def __init__(self, data: Floats, **options: object) -> None:
            super().__init__(data, **options)
            self.method = _QUICK_FISHER_Z
            self.correlation = np.atleast_2d(np.corrcoef(data.T))

        def __call__(self, x: int, y: int, given: Sequence[int] = ()) -> float:
            key = (min(x, y), max(x, y), tuple(sorted(given)))
            if key not in self.pvalue_cache:
                among = [*key[:2], *key[2]]
                precision = np.linalg.inv(self.correlation[np.ix_(among, among)])
                rho = -precision[0, 1] / math.sqrt(abs(precision[0, 0] * precision[1, 1]))
                rho = min(max(rho, -_LARGEST_RHO), _LARGEST_RHO)
                z = math.atanh(rho) * math.sqrt(self.sample_size - len(given) - 3)
                self.pvalue_cache[key] = math.erfc(abs(z) / math.sqrt(2.0))
            return float(self.pvalue_cache[key])

    register_ci_test(_QUICK_FISHER_Z, FisherZ)
    return _QUICK_FISHER_Z


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed NumPy's global generator, from which causal-learn's RCIT draws, and put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _edges(graph: NDArray[np.int_]) -> list[tuple[int, int, str]]:
    """Read causal-learn's end marks: -1 a tail, 1 an arrow head at the row's node."""
    edges = []
    for i in range(len(graph)):
        for j in range(i + 1, len(graph)):
            at_i, at_j = int(graph[i, j]), int(graph[j, i])
            if at_i == 0 and at_j == 0:
                continue
            if at_i == at_j:  # two tails, or two heads where collider tests contradict each other
                edges.append((i, j, "undirected"))
            else:
                edges.append((i, j, "directed") if at_j == 1 else (j, i, "directed"))
    return edges


def _background(
    names: Sequence[str], tiers: Sequence[Sequence[str]]
) -> "BackgroundKnowledge | None":
    if not tiers:
        return None
    from causallearn.graph.GraphNode import GraphNode
    from causallearn.utils.PCUtils.BackgroundKnowledge import BackgroundKnowledge

    knowledge = BackgroundKnowledge()
    for number, tier in enumerate(tiers):
        for name in tier:
            if name in names:
                knowledge.add_node_to_tier(GraphNode(name), number)
    return knowledge
