"""Methods that reconstruct the images: BetaVAE, and two with a causal graph over the latents."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from personax_ml.crl.baselines.protocol import Baseline, Effort
from personax_ml.crl.config import ModalitySpec
from personax_ml.crl.flow import CausalFlow
from personax_ml.crl.networks import Whitener

_NOISE = 0.1
"""Standard deviation of a pixel around the decoder's mean, in units of grey levels."""


class BetaVAE(Baseline):
    """A variational autoencoder whose divergence is weighted by beta (Higgins et al., ICLR 2017).

    Parameters
    ----------
    modalities, effort, random_state
        As for every baseline.
    beta : float
        Weight of the divergence from a standard normal.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        effort: Effort | None = None,
        random_state: int = 0,
        beta: float = 4.0,
    ) -> None:
        super().__init__(modalities, effort, random_state)
        self.beta = beta

    def build(self) -> nn.Module:
        """Return encoders to means and log-variances, and decoders."""
        return nn.ModuleDict(
            {
                "encoders": self.encoders([2 * width for width in self.widths]),
                "decoders": self.decoders([sum(self.widths)] * len(self.widths)),
            }
        )

    def loss(
        self, images: Sequence[Tensor], rows: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        """Return the negative evidence lower bound, its divergence weighted."""
        mean, log_variance = self._posterior(images)
        draw = torch.randn(mean.shape, generator=generator, device=mean.device)
        noise = mean + torch.exp(0.5 * log_variance) * draw
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1)
        return (self.beta * divergence).mean() + self._misfit(images, self.latents(noise))

    def codes(self, images: Sequence[Tensor]) -> Tensor:
        """Return the latents of the posterior mean."""
        return self.latents(self._posterior(images)[0])

    def latents(self, noise: Tensor) -> Tensor:
        """Return the latents that independent noise causes: here, itself."""
        return noise

    def _posterior(self, images: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        encoded = [
            net(x).chunk(2, dim=1) for net, x in zip(self._nets("encoders"), images, strict=True)
        ]
        means, log_variances = zip(*encoded, strict=True)
        return torch.cat(means, dim=1), torch.cat(log_variances, dim=1).clamp(-10, 5)

    def _misfit(self, images: Sequence[Tensor], latents: Tensor) -> Tensor:
        errors = [
            (net(latents) - x).square().flatten(1).sum(dim=1)
            for net, x in zip(self._nets("decoders"), images, strict=True)
        ]
        return torch.stack(errors).sum(dim=0).mean() / (2 * _NOISE**2)

    def _nets(self, name: str) -> nn.ModuleList:
        assert isinstance(self.module, nn.ModuleDict)
        nets = self.module[name]
        assert isinstance(nets, nn.ModuleList)
        return nets


class CausalVAE(BetaVAE):
    """A VAE with a linear causal layer, z = A z + noise (Yang et al., CVPR 2021), without labels.

    Its labels are what identifies it in the paper; they are not allowed here.
    """

    def build(self) -> nn.Module:
        """Add the graph: strictly lower triangular, causes first."""
        module = super().build()
        assert isinstance(module, nn.ModuleDict)
        size = sum(self.widths)
        module["graph"] = nn.ParameterList([torch.zeros(size, size)])
        return module

    def latents(self, noise: Tensor) -> Tensor:
        """Return the latents that noise causes."""
        assert isinstance(self.module, nn.ModuleDict)
        graph = self.module["graph"]
        assert isinstance(graph, nn.ParameterList)
        size = sum(self.widths)
        system = torch.eye(size, device=noise.device) - graph[0].tril(-1)
        solved: Tensor = torch.linalg.solve_triangular(system, noise.T, upper=False)
        return solved.T


class MMCRL(Baseline):
    """Sparse causal latents of several modalities (Sun et al., ICLR 2025), in its style.

    An encoder per modality gives z and a code of its own, a decoder reconstructs the images; the z
    of all modalities are mapped to independent noise through a graph with a sparse adjacency. The
    measurements of a modality are one input: nothing aligns them. The flow is ours, with an exact
    log-determinant: the published one gives its graph no gradient.

    Parameters
    ----------
    modalities, effort, random_state
        As for every baseline.
    likelihood, sparsity : float
        Weights of the latents' negative log-likelihood and of the L1 norm of the adjacency.
    n_private : int
        Width of a modality's own code.
    """

    def __init__(
        self,
        modalities: Sequence[ModalitySpec],
        effort: Effort | None = None,
        random_state: int = 0,
        likelihood: float = 1.0,
        sparsity: float = 0.02,
        n_private: int = 4,
    ) -> None:
        super().__init__(modalities, effort, random_state)
        self.likelihood, self.sparsity, self.n_private = likelihood, sparsity, n_private

    def build(self) -> nn.Module:
        """Return encoders, decoders and the flow."""
        joint = [width + self.n_private for width in self.widths]
        return nn.ModuleDict(
            {
                "encoders": self.encoders(joint),
                "decoders": self.decoders(joint),
                "whiteners": nn.ModuleList(Whitener(width) for width in self.widths),
                "flow": CausalFlow(self.widths),
            }
        )

    def loss(
        self, images: Sequence[Tensor], rows: Tensor | None, generator: torch.Generator
    ) -> Tensor:
        """Return reconstruction, likelihood and sparsity, weighted."""
        codes, private = self._encode(images)
        errors = []
        for net, x, z, own in zip(self._part("decoders"), images, codes, private, strict=True):
            error = (net(torch.cat([z, own], dim=1)) - x).square().flatten(1).sum(dim=1)
            errors.append(error.mean() / (2 * _NOISE**2))
        flow = self._part("flow")
        likelihood = flow.log_prob(torch.cat(codes, dim=1)).mean()
        reference = 0.5 * math.log(2 * math.pi * math.e) * flow.size
        sparsity = flow.adjacency.abs().sum()
        objective: Tensor = (
            torch.stack(errors).sum()
            - self.likelihood * (likelihood + reference)
            + self.sparsity * sparsity
        )
        return objective

    def codes(self, images: Sequence[Tensor]) -> Tensor:
        """Return the unmixed latents."""
        latents: Tensor = self._part("flow").unmix(torch.cat(self._encode(images)[0], dim=1))[0]
        return latents

    def _encode(self, images: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        codes, private = [], []
        for net, whitener, x, width in zip(
            self._part("encoders"), self._part("whiteners"), images, self.widths, strict=True
        ):
            code, own = net(x).split([width, self.n_private], dim=1)
            everyone = torch.ones(len(x), dtype=torch.bool, device=x.device)
            codes.append(whitener(code, everyone)[0])
            private.append(own)
        return codes, private

    def _part(self, name: str) -> Any:
        assert isinstance(self.module, nn.ModuleDict)
        return self.module[name]
