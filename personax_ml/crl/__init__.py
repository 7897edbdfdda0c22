"""Level II: causal representation learning from several modalities.

Belongs here: the estimator, its configuration, held-out metrics. Does not belong here: tracking,
registries, tables. Configuration and splits are light; what needs PyTorch loads on first use.

A `CRLConfig` names the modalities, the measurements of each and how many latents to look for;
`MultimodalCRL(config).fit(train, validation).transform(people)` gives a column per latent.
`identification` says of each latent whether the other modalities support it and whether refits
find it again: only then is it called identified. `linking.modality_links` says, without a model,
how many links there are to be found; `metrics` scores latents whose truth is known;
`personax_ml.discovery` estimates graphs over them. What is estimated, under which assumptions and
how to read it: `docs/causal-representation.md`.
"""

from typing import TYPE_CHECKING, Any

from personax_ml.crl.config import CRLConfig, ModalitySpec, TermWeights
from personax_ml.crl.splits import Split, three_way_split

if TYPE_CHECKING:
    from personax_ml.crl.estimator import MultimodalCRL

__all__ = [
    "CRLConfig",
    "ModalitySpec",
    "MultimodalCRL",
    "Split",
    "TermWeights",
    "three_way_split",
]


def __getattr__(name: str) -> Any:
    if name == "MultimodalCRL":
        from personax_ml.crl.estimator import MultimodalCRL

        return MultimodalCRL
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
