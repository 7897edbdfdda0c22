"""The metrics of a model, in words.

Belongs here: which metrics are told, in which order, beside which level of chance. Does not belong
here: computing them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from personax_assets.report.model import Training
from personax_assets.report.words import clean, count, number, variable_label

_PER_FACTOR = {
    "r2": "planted_r2_held_out_",
    "single": "planted_r_held_out_",
    "supervised": "planted_supervised_r_held_out_",
}
"""Scores of single planted factors, by what they are."""

_COUNTS = ("latents_identified", "links_significant")
_UNTOLD = ("training_seconds",)


@dataclass(frozen=True)
class _Line:
    """A metric: the pattern of its key, its name, and what is told in brackets (word, key)."""

    pattern: str
    name: str
    beside: tuple[tuple[str, str], ...] = ()


_LINES = (
    _Line(
        "planted_mcc_held_out",
        "Planted factors: MCC",
        (("chance", "planted_mcc_chance"), ("one latent for all", "planted_mcc_one_code")),
    ),
    _Line(
        "planted_r2_held_out",
        "Planted factors: mean R²",
        (("chance", "planted_r2_chance"),),
    ),
    _Line("trait_association_held_out", "Trait scores: |ρ| of best latent"),
    _Line("latents_identified", "Latents identified"),
    _Line("links_significant", "Links between modalities"),
    _Line(r"link_correlation_held_out_(\d+)", "Link {}: correlation", (("p", "link_p_value_{}"),)),
    _Line("reconstruction_r2_held_out_(.+)", "Reconstruction R²: {}"),
    _Line("held_out_score", "Score that chooses models"),
)

_MEANINGS = {
    "planted_mcc_held_out": (
        "MCC: mean absolute rank correlation of the planted factors with the latents matched to "
        "them on training people; chance is that of permuted people."
    ),
    "planted_r2_held_out": (
        "R² of a planted factor: share of its variance that a nonlinear regression on all latents "
        "explains."
    ),
    "links_significant": (
        "Links: canonical correlations between the modalities’ latents that permutation does not "
        "explain."
    ),
    "reconstruction_r2_held_out_text": (
        "Reconstruction R²: share of the embeddings’ variance that the decoders give back."
    ),
}


def headline_metrics(training: Training | None) -> list[tuple[str, str]]:
    """Return the metrics of a model as name and value, those of single factors left out."""
    metrics = (training or {}).get("metrics", {})
    told = {
        *_UNTOLD,
        *(key for key in metrics if key.startswith(tuple(_PER_FACTOR.values()))),
        *(key for line in _LINES for key in _beside(line, metrics)),
    }
    rows = []
    for line in _LINES:
        for key in sorted(metrics):
            match = re.fullmatch(line.pattern, key)
            if match and key not in told:
                told.add(key)
                rows.append((line.name.format(*map(variable_label, match.groups())),
                             _value(line, key, match.groups(), metrics)))  # fmt: skip
    rest = [key for key in sorted(metrics) if key not in told]
    return rows + [(metric_label(key), number(metrics[key], 3)) for key in rest]


def _beside(line: _Line, metrics: Mapping[str, float]) -> list[str]:
    """Return the keys that are told beside a metric that is there."""
    matches = [match for key in metrics if (match := re.fullmatch(line.pattern, key))]
    return [key.format(*match.groups()) for match in matches for _, key in line.beside]


def _value(
    line: _Line, key: str, groups: tuple[str | None, ...], metrics: Mapping[str, float]
) -> str:
    value = count(metrics[key]) if key in _COUNTS else number(metrics[key], 3)
    beside = [
        f"{word} {number(metrics[name.format(*groups)], 3)}"
        for word, name in line.beside
        if name.format(*groups) in metrics
    ]
    return f"{value} ({', '.join(beside)})" if beside else value


def factor_scores(training: Training | None, score: str) -> Mapping[str, float]:
    """Return a held-out score of single planted factors, by factor.

    Parameters
    ----------
    training : Training or None
        What is known of the model.
    score : {"r2", "single", "supervised"}
        R² by all latents, correlation with the best single latent, or the correlation that a
        regression reaches which learns the factor from the embeddings.
    """
    metrics, prefix = (training or {}).get("metrics", {}), _PER_FACTOR[score]
    return {
        key.removeprefix(prefix): value for key, value in metrics.items() if key.startswith(prefix)
    }


def meanings(training: Training) -> str:
    """Explain the metrics that are there."""
    metrics = training.get("metrics", {})
    return " ".join(text for key, text in _MEANINGS.items() if key in metrics)


def metric_label(name: str) -> str:
    """Return the name of an unknown metric, or of a training curve, as words."""
    words = clean(name.replace("/", " ").replace("_", " "), 80)
    for code, written in (("r2", "R²"), ("mcc", "MCC"), ("shd", "SHD")):
        words = re.sub(rf"\b{code}\b", written, words, flags=re.IGNORECASE)
    return words[:1].upper() + words[1:]
