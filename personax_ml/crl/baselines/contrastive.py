"""Multimodal contrastive learning."""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from personax_ml.crl.baselines.protocol import Baseline

_TEMPERATURE = 0.1


class MCL(Baseline):
    """Multimodal contrastive learning (Daunhawer et al., ICLR 2023; CLIP's symmetric InfoNCE).

    A person's codes of two modalities are to be closer to each other than to other people's.
    Codes are as wide as the narrowest modality, and compared by their squared distance.
    """

    def build(self) -> nn.Module:
        """Return an encoder per modality."""
        return self.encoders([min(self.widths)] * len(self.widths))

    def loss(
        self, images: Sequence[Tensor], rows: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        """Return the symmetric InfoNCE loss, in chunks of a minibatch's size."""
        codes = self._encode(images)
        size = self.effort.batch_size
        chunks = zip(*(torch.split(code, size) for code in codes), strict=True)
        return torch.stack([_info_nce(chunk) for chunk in chunks]).mean()

    def codes(self, images: Sequence[Tensor]) -> Tensor:
        """Return all modalities' codes side by side."""
        return torch.cat(self._encode(images), dim=1)

    def _encode(self, images: Sequence[Tensor]) -> list[Tensor]:
        assert isinstance(self.module, nn.ModuleList)
        return [net(x) for net, x in zip(self.module, images, strict=True)]


def _info_nce(codes: Sequence[Tensor]) -> Tensor:
    losses = []
    for a, b in combinations(codes, 2):
        logits = -torch.cdist(a, b).square() / _TEMPERATURE
        own = torch.arange(len(a), device=a.device)
        losses += [
            nn.functional.cross_entropy(scores, own) - torch.log(torch.tensor(float(len(a))))
            for scores in (logits, logits.T)
        ]
    return torch.stack(losses).mean()
