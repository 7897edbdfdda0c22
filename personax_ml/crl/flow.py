"""The causal flow: an invertible map from codes through latents to independent noise.

Belongs here: the density of the latents, with its exact log-determinant, and the adjacency that is
part of it. Does not belong here: encoders, decoders, the objective.

The codes v of the shared block and of every modality are unmixed block by block, then every
latent is explained by its parents::

    z = W v,  W block-diagonal with rows of length one
    r_i = (z_i - sum_{j<i} A_ij f_ij(z_j) - b_i) / sigma_i
    eps_i = sinh(delta_i asinh(r_i) - gamma_i)

A is strictly lower triangular in the causal order, hence acyclic by construction. Each f_ij is a
unit-norm combination of functions that are orthonormal under a standard normal z_j, so A_ij is a
standardised path coefficient. Both steps are triangular or block-diagonal: the log-determinant is
exact and the gradient of the likelihood reaches A. The last line (sinh-arcsinh, Jones and Pewsey
2009, doi:10.1093/biomet/asp053) lets the noise be skewed, heavy- or light-tailed.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

_RESPONSES = 3


@cache
def _response_coefficients() -> tuple[tuple[float, ...], ...]:
    """Orthonormalise (1, z, g, z g), g = exp(-z^2/2), under a standard normal z."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    root = np.sqrt(weights / weights.sum())
    bump = np.exp(-(nodes**2) / 2)
    raw = np.stack([np.ones_like(nodes), nodes, bump, nodes * bump], axis=1)
    upper = np.linalg.qr(raw * root[:, None])[1]
    solution = np.linalg.inv(upper * np.sign(np.diag(upper))[:, None])
    return tuple(tuple(float(c) for c in solution[:, i]) for i in range(1, _RESPONSES + 1))


def responses(z: Tensor) -> Tensor:
    """Return the response functions of z along a new last axis: a line, a bump, a wave."""
    bump = torch.exp(-z.square() / 2)
    raw = torch.stack([torch.ones_like(z), z, bump, z * bump], dim=-1)
    return raw @ torch.tensor(_response_coefficients(), dtype=z.dtype, device=z.device).T


class CausalFlow(nn.Module):
    """Density over blocks of codes in causal order.

    Parameters
    ----------
    blocks : sequence of int
        Widths of the blocks: shared first, then the modalities, causes before effects.
    """

    mask: Tensor

    def __init__(self, blocks: Sequence[int]) -> None:
        super().__init__()
        size = sum(blocks)
        self.blocks = list(blocks)
        self.size = size
        self.unmixing = nn.ParameterList(torch.eye(width) for width in blocks)
        self.path = nn.Parameter(torch.zeros(size, size))
        shape = torch.zeros(size, size, _RESPONSES)
        shape[..., 0] = 1.0
        self.shape = nn.Parameter(shape)
        self.intercept = nn.Parameter(torch.zeros(size))
        self.log_sigma = nn.Parameter(torch.zeros(size))
        self.log_delta = nn.Parameter(torch.zeros(size))
        self.gamma = nn.Parameter(torch.zeros(size))
        self.register_buffer("mask", torch.ones(size, size).tril(-1))

    @property
    def adjacency(self) -> Tensor:
        """Standardised path coefficients, effects in rows, causes in columns."""
        return self.path * self.mask

    def unmix(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the latents and the log-determinant, which is the same for every row."""
        log_det = codes.new_zeros(())
        parts = []
        for block, rows in zip(
            torch.split(codes, self.blocks, dim=1), self.block_rows(), strict=True
        ):
            parts.append(block @ rows.T)
            log_det = log_det + torch.linalg.slogdet(rows).logabsdet
        return torch.cat(parts, dim=1), log_det

    def mix(self, latents: Tensor) -> Tensor:
        """Return the codes of latents: the inverse of `unmix`."""
        blocks = torch.split(latents, self.blocks, dim=1)
        parts = zip(blocks, self.block_rows(), strict=True)
        return torch.cat([torch.linalg.solve(rows, block.T).T for block, rows in parts], dim=1)

    def noise(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Return the noise of latents and the log-determinant of each row."""
        caused = torch.einsum("ijb,njb->ni", self._effects(), responses(latents))
        residual = (latents - caused - self.intercept) * torch.exp(-self.log_sigma)
        warped = torch.exp(self.log_delta) * torch.asinh(residual) - self.gamma
        log_slope = (
            self.log_delta
            - self.log_sigma
            + torch.log(torch.cosh(warped))
            - 0.5 * torch.log1p(residual.square())
        )
        return torch.sinh(warped), log_slope.sum(dim=1)

    def latents(self, noise: Tensor) -> Tensor:
        """Return the latents that noise causes: the inverse of `noise`, cause by cause."""
        residual = torch.sinh((torch.asinh(noise) + self.gamma) * torch.exp(-self.log_delta))
        own = residual * torch.exp(self.log_sigma) + self.intercept
        effects = self._effects()
        columns: list[Tensor] = []
        for i in range(noise.shape[1]):
            value = own[:, i]
            if columns:
                causes = responses(torch.stack(columns, dim=1))
                value = value + torch.einsum("jb,njb->n", effects[i, :i], causes)
            columns.append(value)
        return torch.stack(columns, dim=1)

    def log_prob(self, codes: Tensor) -> Tensor:
        """Return the log-density of each row of codes."""
        latents, unmixed = self.unmix(codes)
        noise, slope = self.noise(latents)
        normal = -0.5 * (noise.square() + math.log(2 * math.pi)).sum(dim=1)
        return normal + slope + unmixed

    def block_rows(self) -> list[Tensor]:
        """Return the unmixing matrix of each block, its rows of length one."""
        return [matrix / matrix.norm(dim=1, keepdim=True) for matrix in self.unmixing]

    def _effects(self) -> Tensor:
        """Return the coefficients of every edge's response functions."""
        unit: Tensor = self.shape / self.shape.norm(dim=-1, keepdim=True)
        return self.adjacency.unsqueeze(-1) * unit
