"""The names of a model's metrics, in words.

Belongs here: which metrics are told first and how they are called. Does not belong here: computing
them.
"""

import re
from collections.abc import Mapping

from personax_assets.report.model import Training
from personax_assets.report.words import clean, variable_label

_PER_FACTOR = "planted_r2_held_out_"

_NAMES = (
    (r"planted_mcc_held_out", "Planted factors: MCC"),
    (r"planted_mcc_of_chance", "Planted factors: MCC of chance"),
    (r"planted_r2_held_out", "Planted factors: mean R²"),
    (r"link_correlation_held_out", "Link between modalities: correlation"),
    (r"link_p_value", "Link between modalities: p-value"),
    (r"reconstruction_r2_held_out_(.+)", "Reconstruction R²: {}"),
)

_MEANINGS = {
    "planted_mcc_held_out": (
        "MCC is the mean absolute rank correlation of planted factors with the latents matched to "
        "them on training people."
    ),
    "planted_mcc_of_chance": "Its level of chance is that of permuted people.",
    "planted_r2_held_out": (
        "R² is the share of a planted factor’s variance that a nonlinear regression on all "
        "latents explains."
    ),
    "link_correlation_held_out": (
        "The link is the largest canonical correlation between the modalities’ latents."
    ),
}


def headline_metrics(training: Training | None) -> list[tuple[str, float]]:
    """Return the metrics of a model, named, those of single factors left out."""
    metrics = (training or {}).get("metrics", {})
    named = [(*_named(key), value) for key, value in metrics.items()]
    return [
        (label, value)
        for _, label, value in sorted(named, key=lambda metric: metric[:2])
        if not label.startswith(_PER_FACTOR)
    ]


def factor_r2(training: Training | None) -> Mapping[str, float]:
    """Return the held-out R² of single planted factors, by factor."""
    metrics = (training or {}).get("metrics", {})
    return {
        key.removeprefix(_PER_FACTOR): value
        for key, value in metrics.items()
        if key.startswith(_PER_FACTOR)
    }


def meanings(training: Training) -> str:
    """Explain the metrics that are there."""
    metrics = training.get("metrics", {})
    return " ".join(text for key, text in _MEANINGS.items() if key in metrics)


def metric_label(name: str) -> str:
    """Return the name of a metric, or of a training curve, as words."""
    return _named(name)[1]


def _named(name: str) -> tuple[int, str]:
    """Return a metric's place in the order and its name."""
    if name.startswith(_PER_FACTOR):
        return len(_NAMES), name
    for place, (pattern, label) in enumerate(_NAMES):
        match = re.fullmatch(pattern, name)
        if match:
            return place, label.format(*map(variable_label, match.groups()))
    words = clean(name.replace("/", " ").replace("_", " "), 80)
    for code, written in (("r2", "R²"), ("mcc", "MCC"), ("shd", "SHD")):
        words = re.sub(rf"\b{code}\b", written, words, flags=re.IGNORECASE)
    return len(_NAMES), words[:1].upper() + words[1:]
