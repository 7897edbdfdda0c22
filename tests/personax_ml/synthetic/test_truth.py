"""The table of truths, recomputed another way."""

import networkx as nx
import pytest

from personax_assets.datasets import SUB_DATASETS
from personax_ml.synthetic import (
    EFFECT_LADDER,
    VARIABLES,
    causal_graph,
    draw_cohort,
    planted_latents,
    planted_pairs,
)
from personax_ml.synthetic.worlds import TRAITS, WORLDS

DATASETS = list(SUB_DATASETS)


def origins(dataset: str, variable: str) -> set[str]:
    """A variable and everything upstream of it, read off the equations and not the graph."""
    model = WORLDS[dataset]
    if variable in ("birth_month", "birth_day"):
        return {variable, "birthday"}
    if variable in model.nominals:
        parents = [model.nominals[variable].parent] if model.nominals[variable].parent else []
    else:
        parents = list(model.equations[variable])
    return {variable}.union(*(origins(dataset, parent) for parent in parents))


@pytest.mark.parametrize("dataset", DATASETS)
def test_all_pairs_that_are_tested_are_there_once(dataset):
    expected = [(t, v.name) for t in TRAITS for v in SUB_DATASETS[dataset].variables]
    assert planted_pairs(dataset).select("trait", "variable").rows() == expected
    assert VARIABLES[dataset] == tuple(v.name for v in SUB_DATASETS[dataset].variables)


@pytest.mark.parametrize("dataset", DATASETS)
def test_dependent_means_a_common_origin(dataset):
    """With nothing conditioned on, d-connection is having an ancestor (or oneself) in common."""
    for row in planted_pairs(dataset).iter_rows(named=True):
        common = origins(dataset, f"trait_{row['trait']}") & origins(dataset, row["variable"])
        assert row["dependent"] == bool(common), row


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_rung_fits_the_size(dataset):
    for row in planted_pairs(dataset).iter_rows(named=True):
        assert (row["effect"] == "none") == (not row["dependent"]) == (row["effect_size"] == 0)
        if row["dependent"]:
            reached = [rung for rung, least in EFFECT_LADDER.items() if row["effect_size"] >= least]
            assert row["effect"] == reached[-1]


@pytest.mark.parametrize("dataset", DATASETS)
def test_independent_pairs_have_no_effect_in_the_moments_either(dataset):
    for row in planted_pairs(dataset).iter_rows(named=True):
        if not row["dependent"] and row["variable"] not in ("birth_month", "birth_day"):
            size = WORLDS[dataset].effect_size(f"trait_{row['trait']}", row["variable"])
            assert size == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("dataset", DATASETS)
def test_both_ways_of_being_wrong_are_possible(dataset):
    counts = dict(planted_pairs(dataset)["effect"].value_counts().iter_rows())
    assert counts["none"] >= 20
    assert min(counts[rung] for rung in ("weak", "medium", "strong")) >= 4


@pytest.mark.parametrize("dataset", DATASETS)
def test_month_and_day_go_with_nothing(dataset):
    graph = causal_graph(dataset)
    for node in set(graph) - {"birthday", "birth_month", "birth_day"}:
        assert nx.is_d_separator(graph, {"birth_month", "birth_day"}, {node}, set())


@pytest.mark.parametrize("dataset", DATASETS)
def test_skin_says_nothing_about_traits_or_birthplaces(dataset):
    graph = causal_graph(dataset)
    others = {f"trait_{trait}" for trait in TRAITS} | {"birthplace", "country"}
    assert nx.is_d_separator(graph, {"face_skin"}, others, set())


def test_the_league_confounds_height_and_extraversion():
    graph = causal_graph("athlepersona")
    assert not nx.is_d_separator(graph, {"height_cm"}, {"trait_extraversion"}, set())
    assert nx.is_d_separator(graph, {"height_cm"}, {"trait_extraversion"}, {"league"})


def test_independences_reach_beyond_the_calendar():
    athletes = planted_pairs("athlepersona").filter(~planted_pairs("athlepersona")["dependent"])
    assert {"league", "height_cm", "latitude", "birth_year"} <= set(athletes["variable"])
    figures = planted_pairs("celebpersona").filter(~planted_pairs("celebpersona")["dependent"])
    assert {"gender", "occupation", "longitude", "narrow_eyes"} <= set(figures["variable"])


@pytest.mark.parametrize("dataset", DATASETS)
def test_paths_are_in_the_graph_and_hold_no_collider(dataset):
    graph = causal_graph(dataset)
    for row in planted_pairs(dataset).filter(planted_pairs(dataset)["dependent"]).rows(named=True):
        words = row["path"].split()
        nodes, arrows = words[::2], words[1::2]
        assert (nodes[0], nodes[-1]) == (row["variable"], f"trait_{row['trait']}")
        for a, arrow, b in zip(nodes, arrows, nodes[1:], strict=False):
            assert graph.has_edge(a, b) if arrow == "→" else graph.has_edge(b, a)
        assert "".join(arrows).lstrip("←").strip("→") == ""


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_graph_is_acyclic_and_knows_its_nodes(dataset):
    graph = causal_graph(dataset)
    assert nx.is_directed_acyclic_graph(graph)
    kinds = nx.get_node_attributes(graph, "kind")
    latent = {node for node, kind in kinds.items() if kind in ("shared", "trait", "face")}
    assert latent == set(planted_latents(dataset))
    factors = set(draw_cohort(dataset, 1, 0).factors.columns) - {"source_id"}
    assert factors == latent | {node for node, kind in kinds.items() if kind == "cosmetic"}
    assert {node for node, kind in kinds.items() if kind == "bio"} >= set(VARIABLES[dataset])


@pytest.mark.parametrize("dataset", DATASETS)
def test_latents_are_as_many_as_the_model_has(dataset):
    sub, latents = SUB_DATASETS[dataset], planted_latents(dataset)
    counts = {"face": 0, "trait": 0, "shared": 0}
    for name in latents:
        counts[name.partition("_")[0]] += 1
    assert counts["shared"] == sub.n_shared_latents
    assert [counts[m.latent_prefix] for m in sub.modalities] == [
        m.n_latents for m in sub.modalities
    ]


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_shared_factor_acts_on_both_modalities(dataset):
    graph = causal_graph(dataset)
    for factor in (name for name in planted_latents(dataset) if name.startswith("shared_")):
        prefixes = {child.partition("_")[0] for child in graph.successors(factor)}
        assert prefixes == {"trait", "face"}
