"""Level II: causal representation learning from several modalities.

Belongs here: the estimator, its configuration, held-out metrics. Does not belong here: tracking,
registries, tables. Configuration and splits are light; what needs PyTorch loads on first use.
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
