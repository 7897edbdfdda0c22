"""PC finds graphs that are known; broken columns do not break it."""

from itertools import combinations

import networkx as nx
import numpy as np
import polars as pl
import pytest

from personax_ml.discovery import (
    EDGE_COLUMNS,
    FREQUENCY_COLUMNS,
    as_networkx,
    draw_graph,
    edge_frequencies,
    edge_matrix,
    latent_graph,
    learned_graph,
    partial_correlations,
    to_dot,
    to_graphml,
    to_mermaid,
    with_frequencies,
)
from personax_ml.discovery.graphs import Test as ConditionalTest
from personax_ml.discovery.graphs import _quick_fisher_z

NAMES = ("shared_1", "trait_1", "trait_2", "face_1")


def collider(n: int = 4000, seed: int = 0) -> pl.DataFrame:
    """shared_1 -> face_1 <- trait_1; trait_2 stands alone."""
    rng = np.random.default_rng(seed)
    shared, trait, alone = rng.standard_normal((3, n))
    face = 0.7 * shared + 0.6 * trait + 0.5 * rng.standard_normal(n)
    return pl.DataFrame(dict(zip(NAMES, (shared, trait, alone, face), strict=True)))


def found(edges: pl.DataFrame) -> set[tuple[str, str, str]]:
    return set(edges.select("source", "target", "kind").iter_rows())


def test_collider_is_found_and_oriented() -> None:
    edges = latent_graph(collider(), alpha=0.001)
    assert found(edges) == {
        ("shared_1", "face_1", "directed"),
        ("trait_1", "face_1", "directed"),
    }
    assert edges.schema == EDGE_COLUMNS
    assert edges["method"].unique().to_list() == ["PC, Fisher z, alpha 0.001"]


def test_chain_stays_undirected_unless_tiers_tell() -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal(3000)
    b = a + rng.standard_normal(3000)
    c = b + rng.standard_normal(3000)
    chain = pl.DataFrame({"a": a, "b": b, "c": c})
    assert found(latent_graph(chain, 0.001)) == {
        ("a", "b", "undirected"), ("b", "c", "undirected"),
    }  # fmt: skip
    assert found(latent_graph(chain, 0.001, tiers=[["a"], ["b", "c"]])) == {
        ("a", "b", "directed"), ("b", "c", "directed"),
    }  # fmt: skip
    assert found(latent_graph(chain, 0.001, tiers=[["c"], ["a", "b"]])) == {
        ("b", "a", "directed"), ("c", "b", "directed"),
    }  # fmt: skip


def test_strength_is_the_partial_correlation() -> None:
    frame = collider()
    edges = latent_graph(frame, alpha=0.001)
    data = frame.to_numpy()
    design = np.delete(data, [0, 3], axis=1)
    design = np.hstack([design, np.ones((len(data), 1))])
    residuals = data - design @ np.linalg.lstsq(design, data, rcond=None)[0]
    expected = abs(np.corrcoef(residuals[:, 0], residuals[:, 3])[0, 1])
    row = edges.filter(pl.col("source") == "shared_1")
    assert row["strength"].item() == pytest.approx(expected, abs=1e-6)
    assert partial_correlations(np.eye(3)) == pytest.approx(np.eye(3))


def test_arrays_missing_values_and_degenerate_columns() -> None:
    frame = collider().with_columns(
        constant=pl.lit(2.0), copy=-3 * pl.col("trait_2"), total=pl.col("trait_1") + 1
    )
    frame = frame.with_columns(
        face_1=pl.when(pl.int_range(pl.len()) % 7 == 0).then(None).otherwise("face_1"),
        shared_1=pl.when(pl.int_range(pl.len()) % 11 == 0).then(np.nan).otherwise("shared_1"),
    )
    assert found(latent_graph(frame, 0.001)) == found(latent_graph(collider(), 0.001))
    edges = latent_graph(collider().to_numpy(), 0.001)
    assert set(edges["target"]) == {"z_4"}
    assert set(latent_graph(collider().to_numpy(), 0.001, names=NAMES)["target"]) == {"face_1"}


def test_too_little_data_gives_no_edges() -> None:
    for frame in (collider(8), collider().head(0), collider().select("face_1")):
        edges = latent_graph(frame)
        assert edges.is_empty()
        assert edges.schema == EDGE_COLUMNS


def test_doubt_about_an_inferred_cause_restores_the_dependence_it_hides() -> None:
    """A posterior mean is a function of its effects; taken at face value it ties them up."""
    rng = np.random.default_rng(4)
    shared = rng.standard_normal(20_000)
    a, b = (0.8 * shared + 0.6 * rng.standard_normal(20_000) for _ in range(2))
    mean = (a + b) / np.sqrt(2 + 2 * 0.64)  # unit variance, all that a and b say about shared
    frame = pl.DataFrame({"shared_1": mean, "a": a, "b": b})
    reliability = np.corrcoef(mean, shared)[0, 1] ** 2
    doubt = float(np.sqrt(1 / reliability - 1))
    edges = latent_graph(frame, 0.001, tiers=[["shared_1"], ["a", "b"]], doubt={"shared_1": doubt})
    assert found(edges) == {("shared_1", "a", "directed"), ("shared_1", "b", "directed")}
    assert edges["strength"].max() < 0.8
    naive = latent_graph(frame, 0.001, tiers=[["shared_1"], ["a", "b"]])
    assert found(naive) == {("shared_1", "a", "directed")}  # b adds nothing to the two


def test_same_data_same_graph() -> None:
    assert latent_graph(collider(300)).equals(latent_graph(collider(300)))


def test_picture_shows_every_latent_and_edge() -> None:
    edges = latent_graph(collider(), alpha=0.001)
    figure = draw_graph(edges, NAMES, "A collider")
    axes = figure.axes[0]
    assert {text.get_text() for text in axes.texts} == {name.replace("_", "\n") for name in NAMES}
    assert len(axes.patches) == edges.height
    assert axes.get_title() == "A collider"
    graph = as_networkx(edges, NAMES)
    assert nx.is_directed_acyclic_graph(graph)
    assert graph.nodes["shared_1"]["block"] == "shared"
    empty = draw_graph(edges.clear(), NAMES)
    assert empty.axes[0].get_xlabel() == "no edges"


def test_learned_graph_keeps_what_is_above_the_threshold() -> None:
    adjacency = np.array([[0, 0, 0], [-0.6, 0, 0], [0.04, 0.2, 0]])
    edges = learned_graph(adjacency, ["a", "b", "c"])
    assert found(edges) == {("a", "b", "directed"), ("b", "c", "directed")}
    assert sorted(edges["strength"]) == [0.2, 0.6]
    assert edges.schema == EDGE_COLUMNS
    assert edge_matrix(edges, ["a", "b", "c"]).tolist() == (np.abs(adjacency) > 0.1).tolist()
    assert learned_graph(np.zeros((2, 2)), ["a", "b"]).is_empty()


def bent_chain(n: int = 400) -> pl.DataFrame:
    """a -> b -> c through even functions: no correlation anywhere."""
    rng = np.random.default_rng(5)
    a = rng.standard_normal(n)
    b = a**2 - 1 + 0.3 * rng.standard_normal(n)
    c = np.cos(1.5 * b) + 0.2 * rng.standard_normal(n)
    return pl.DataFrame({"a": a, "b": b, "c": c})


@pytest.mark.parametrize("test", ["kci", "rcit"])
def test_kernel_tests_see_what_correlations_do_not(test: ConditionalTest) -> None:
    chain = bent_chain()
    assert "a" not in set(latent_graph(chain, 0.001)["source"])
    edges = latent_graph(chain, 0.01, tiers=[["a"], ["b"], ["c"]], test=test)
    assert found(edges) == {("a", "b", "directed"), ("b", "c", "directed")}
    assert {"kci": "KCI", "rcit": "RCIT"}[test] in edges["method"][0]


def test_rcit_repeats_and_leaves_the_global_generator_alone() -> None:
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = latent_graph(bent_chain(), 0.01, test="rcit", random_state=3)
    assert first.equals(latent_graph(bent_chain(), 0.01, test="rcit", random_state=3))
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_bootstrap_counts_edges() -> None:
    frequencies = edge_frequencies(collider(600), resamples=30, alpha=0.001)
    assert frequencies.schema == FREQUENCY_COLUMNS
    top = frequencies.head(2)
    assert set(top.select("source", "target").iter_rows()) == {
        ("shared_1", "face_1"), ("trait_1", "face_1"),
    }  # fmt: skip
    assert top["frequency"].min() == 1.0
    assert top["directed"].min() > 0.8
    rest = frequencies.tail(-2)
    assert (rest["frequency"] < 0.2).all()
    assert (frequencies["directed"] + frequencies["reversed"] <= frequencies["frequency"]).all()
    assert frequencies.equals(edge_frequencies(collider(600), resamples=30, alpha=0.001))


def test_frequencies_go_with_edges_either_way_round() -> None:
    edges = latent_graph(collider(), 0.001)
    frequencies = pl.DataFrame(
        [("face_1", "shared_1", 0.9, 0.0, 0.9)], schema=FREQUENCY_COLUMNS, orient="row"
    )
    joined = with_frequencies(edges, frequencies)
    assert dict(joined.select("source", "frequency").iter_rows()) == {
        "shared_1": 0.9, "trait_1": 0.0,
    }  # fmt: skip
    texts = {t.get_text() for t in draw_graph(joined, NAMES).axes[0].texts}
    assert {"90%", "0%"} <= texts


def test_exports_can_be_read_back() -> None:
    edges = pl.DataFrame(
        [("a", 'b "x"', "directed", 0.5, "m", 0.75), ("a", "c", "undirected", 0.25, "m", 1.0)],
        schema={**EDGE_COLUMNS, "frequency": pl.Float64},
        orient="row",
    )
    names = ["a", 'b "x"', "c", "d"]
    graph = nx.parse_graphml(to_graphml(edges, names))
    assert set(graph.nodes) == set(names)
    assert graph.edges["a", "c"] == {"kind": "undirected", "strength": 0.25, "frequency": 1.0}
    assert to_mermaid(edges, names).splitlines() == [
        "flowchart TD", '  n0["a"]', '  n1["b #quot;x#quot;"]', '  n2["c"]', '  n3["d"]',
        "  n0 -->|75%| n1", "  n0 ---|100%| n2",
    ]  # fmt: skip
    assert to_dot(edges, names).splitlines() == [
        "digraph latents {", '  "a";', '  "b \\"x\\"";', '  "c";', '  "d";',
        '  "a" -> "b \\"x\\"" [penwidth=2.80, label="75%"];',
        '  "a" -> "c" [penwidth=1.80, dir=none, label="100%"];', "}",
    ]  # fmt: skip
    plain = to_dot(edges.drop("frequency"), names)
    assert "label" not in plain


def test_fishers_test_is_that_of_causal_learn() -> None:
    from causallearn.utils.cit import CIT

    data = np.random.default_rng(0).standard_normal((80, 6)) @ np.triu(np.ones((6, 6)))
    ours, theirs = CIT(data, _quick_fisher_z()), CIT(data, "fisherz")
    for x, y in combinations(range(6), 2):
        for size in range(5):
            for given in combinations(sorted({*range(6)} - {x, y}), size):
                assert ours(x, y, given) == pytest.approx(theirs(x, y, given), abs=1e-14)
