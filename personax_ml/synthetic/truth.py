"""What is true in a planted world.

Belongs here: the causal graph, which (trait, variable) pairs depend on each other and how
strongly; all derived from the models. Does not belong here: anything estimated from data.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from personax_ml.synthetic.worlds import TRAITS, WORLDS

if TYPE_CHECKING:
    import networkx as nx

_BIO_VARIABLES = (
    *("birth_year", "birth_month", "birth_day", "latitude", "longitude"),
    *("height_cm", "weight_kg"),
)
VARIABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "athlepersona": (*_BIO_VARIABLES, "league"),
        "celebpersona": (
            *(*_BIO_VARIABLES, "occupation", "gender"),
            *("arched_eyebrows", "big_nose", "pointy_nose", "bushy_eyebrows", "big_lips"),
            *("oval_face", "double_chin", "receding_hairline", "narrow_eyes", "high_cheekbones"),
        ),
    }
)
"""What Level I tests the traits against."""

EFFECT_LADDER: Mapping[str, float] = MappingProxyType(
    {"none": 0.0, "weak": 0.0, "medium": 0.15, "strong": 0.4}
)
"""From which effect size on a dependent pair stands on a rung; independent pairs are `none`.

Effect sizes are those of `Model.effect_size`, between the trait factor (before any rater) and the
variable: what the coefficients imply, whatever a test later says.
"""


def causal_graph(dataset: str) -> "nx.DiGraph":
    """Return the causal graph of a world.

    Nodes carry `kind`: `shared`, `trait`, `face` (a planted latent), `cosmetic` (another face
    factor), `bio` (recorded), or `hidden` (neither recorded nor a latent). The graph over the
    planted latents is the subgraph on the kinds `shared`, `trait` and `face`; traits that share a
    recorded cause (the league, say) are confounded in it.
    """
    import networkx as nx

    model = WORLDS[dataset]
    graph = nx.DiGraph(name=dataset)
    for name, nominal in model.nominals.items():
        graph.add_node(name)
        if nominal.parent:
            graph.add_edge(nominal.parent, name)
    for name, parents in model.equations.items():
        graph.add_node(name)
        graph.add_edges_from((parent, name) for parent in parents)
    graph.add_edges_from([("birthday", "birth_month"), ("birthday", "birth_day")])
    for name, node in graph.nodes.items():
        node["kind"] = _kind(name, model.face_latents)
    return graph


def _kind(name: str, face_latents: tuple[str, ...]) -> str:
    if name in face_latents:
        return "face"
    if name in ("birthplace", "birthday"):
        return "hidden"
    return {"shared": "shared", "trait": "trait", "face": "cosmetic"}.get(
        name.partition("_")[0], "bio"
    )


def planted_latents(dataset: str) -> tuple[str, ...]:
    """Return the columns of `Cohort.factors` that Level II is to find: face, trait, shared."""
    return WORLDS[dataset].latents


def planted_pairs(dataset: str) -> pl.DataFrame:
    """Return what is true about every (trait, variable) pair of Level I.

    Returns
    -------
    polars.DataFrame
        `trait`, `variable`, `effect` (a rung of `EFFECT_LADDER`), `dependent` (by d-separation in
        the causal graph, nothing conditioned on), `effect_size` and `path` (why, in words). A
        rater's score is the trait factor plus noise of its own, so it depends on the same
        variables.
    """
    import networkx as nx

    graph = causal_graph(dataset)
    rows = []
    for trait in TRAITS:
        for variable in VARIABLES[dataset]:
            factor = f"trait_{trait}"
            dependent = not nx.is_d_separator(graph, {factor}, {variable}, set())
            size = WORLDS[dataset].effect_size(factor, variable) if dependent else 0.0
            rows.append(
                {
                    "trait": trait,
                    "variable": variable,
                    "effect": _rung(size) if dependent else "none",
                    "dependent": dependent,
                    "effect_size": round(size, 4),
                    "path": _why(graph, variable, factor) if dependent else _NO_PATH,
                }
            )
    return pl.DataFrame(rows)


_NO_PATH = "no directed path between them and no common cause"


def _rung(size: float) -> str:
    return max((least, rung) for rung, least in EFFECT_LADDER.items() if size >= least)[1]


def _why(graph: "nx.DiGraph", variable: str, factor: str) -> str:
    """Return the shortest path without a collider, its arrows as they point."""
    import networkx as nx

    def length(source: str) -> int:
        return len(down(source, variable)) + len(down(source, factor))

    def down(source: str, target: str) -> list[str]:
        return list(nx.shortest_path(graph, source, target))

    causes = [(nx.ancestors(graph, target) | {target}) for target in (variable, factor)]
    source = min(sorted(causes[0] & causes[1]), key=length)
    left = " ← ".join(reversed(down(source, variable)))
    right = "".join(f" → {name}" for name in down(source, factor)[1:])
    return left + right
