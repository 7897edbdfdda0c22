"""Encoders, decoders and the module that joins them to the causal flow.

Belongs here: the parameters of a model and the forward computations. Does not belong here: how
they are started, trained or stored.

Every network is a linear map plus a perceptron whose last layer starts at zero: it begins as the
closed-form linear solution and departs from it where the data ask for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from personax_ml.crl.config import CRLConfig
from personax_ml.crl.flow import CausalFlow

_HEAD_HIDDEN = 32


@dataclass(frozen=True)
class Batch:
    """Rows of all modalities.

    Parameters
    ----------
    x : sequence of Tensor (K, n, components)
        Reduced measurements of each modality; zero where missing, and beyond the width of a
        measurement that has fewer components than another one of its modality.
    seen : sequence of Tensor (K, n)
        1 where the encoder may look, else 0.
    there : sequence of Tensor (K, n)
        1 where the measurement exists, else 0.
    """

    x: Sequence[Tensor]
    seen: Sequence[Tensor]
    there: Sequence[Tensor]

    def __len__(self) -> int:
        return self.x[0].shape[1]

    def rows(self, index: Tensor) -> "Batch":
        """Return some of the rows."""
        return Batch(
            [x[:, index] for x in self.x],
            [seen[:, index] for seen in self.seen],
            [there[:, index] for there in self.there],
        )


def mixed_precision(x: Tensor) -> torch.autocast:
    """Multiply in bfloat16 inside this block, where a GPU trains.

    Only there: on a CPU, and wherever no gradient is asked for (held-out loss, transform),
    everything is float32. Covariances, likelihood and loss are float32 everywhere.
    """
    return torch.autocast("cuda", torch.bfloat16, enabled=x.is_cuda and torch.is_grad_enabled())


class StackedNet(nn.Module):
    """K networks of the same shape, evaluated together: (K, n, inputs) to (K, n, outputs)."""

    def __init__(self, stack: int, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.randn(stack, inputs, outputs) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(stack, 1, outputs))
        self.first = nn.Parameter(torch.randn(stack, inputs, hidden) / inputs**0.5)
        self.offset = nn.Parameter(torch.zeros(stack, 1, hidden))
        self.last = nn.Parameter(torch.zeros(stack, hidden, outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Return the linear map plus the perceptron."""
        with mixed_precision(x):
            hidden = nn.functional.silu(torch.baddbmm(self.offset, x, self.first))
            out = torch.baddbmm(torch.baddbmm(self.bias, x, self.linear), hidden, self.last)
        return out.to(x.dtype)


class Whitener(nn.Module):
    """Gives codes mean zero and identity covariance; if diagonal, only unit variances.

    In training mode by the statistics of the rows at hand, with gradient, so that the likelihood
    cannot be raised by shrinking the codes; otherwise by those of the last call in training mode.
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, width: int, diagonal: bool = False) -> None:
        super().__init__()
        self.diagonal = diagonal
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("factor", torch.eye(width))

    def forward(self, codes: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Whiten codes; only the rows that are there count for the statistics.

        Returns
        -------
        Tensor (n, width)
            The whitened codes.
        Tensor (width, width)
            Cholesky factor of their covariance, which turns white codes back.
        """
        mean, factor = self.mean, self.factor
        enough = 2 * codes.shape[1]
        if self.training and int(there.sum()) > enough:
            mean, factor = _moments(codes[there])
            if self.diagonal:
                factor = factor.norm(dim=1).diag()
            self.mean, self.factor = mean.detach(), factor.detach().contiguous()
        return whiten(codes - mean, factor), factor


def whiten(centred: Tensor, factor: Tensor) -> Tensor:
    """Express the rows (..., n, width) of centred codes in whitened units."""
    white: Tensor = torch.linalg.solve_triangular(factor, centred.mT, upper=False).mT
    return white


def _moments(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the Cholesky factor of the covariance."""
    mean = codes.mean(dim=0)
    centred = codes - mean
    covariance = centred.T @ centred / len(codes)
    ridge = 1e-5 * covariance.diagonal().mean() + 1e-12
    jitter = ridge * torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)
    return mean, torch.linalg.cholesky(covariance + jitter)


class Codes(nn.Module):
    """What the codes of a modality carry: its part in the shared ones, the moments of private ones.

    Parameters
    ----------
    measurements : int
        Number of measurements.
    n_latents, n_private, n_shared : int
        Widths of the codes of z_m, eta and s.
    rotated : bool
        Whether the code of z_m is known only up to a linear map, and is whitened.
    """

    private_mean: Tensor
    private_factor: Tensor

    def __init__(
        self, measurements: int, n_latents: int, n_private: int, n_shared: int, rotated: bool
    ) -> None:
        super().__init__()
        self.n_latents, self.n_private = n_latents, n_private
        self.head = StackedNet(1, n_latents, _HEAD_HIDDEN, n_shared)
        self.whitener = Whitener(n_latents, diagonal=not rotated)
        self.register_buffer("private_mean", torch.zeros(measurements, n_private))
        self.register_buffer("private_factor", torch.eye(n_private).repeat(measurements, 1, 1))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return each measurement's opinion of the modality's code, and its private code."""
        raise NotImplementedError

    def decode(self, code: Tensor, private: Tensor) -> Tensor:
        """Return every measurement from the modality's code and the private codes."""
        raise NotImplementedError

    @torch.no_grad()
    def remember_private(self, x: Tensor, there: Tensor) -> None:
        """Keep mean and covariance of each measurement's private code, for `draw_private`."""
        for k, (own, rows) in enumerate(zip(self.encode(x)[1], there > 0, strict=True)):
            self.private_mean[k], self.private_factor[k] = _moments(own[rows])

    def private_shape(self, n: int) -> tuple[int, int, int]:
        """Return the shape of the private codes of n people."""
        return len(self.private_mean), n, self.n_private

    def draw_private(self, noise: Tensor) -> Tensor:
        """Return private codes with the moments of those in training, from normal noise."""
        device = self.private_mean.device
        drawn: Tensor = noise.to(device) @ self.private_factor.mT + self.private_mean.unsqueeze(1)
        return drawn

    def shared(self, code: Tensor) -> Tensor:
        """Return the modality's opinion of the shared code."""
        opinion: Tensor = self.head(code.unsqueeze(0))
        return opinion.squeeze(0)


class ModalityNet(Codes):
    """Encoders and decoders of one modality.

    Parameters
    ----------
    measurements, components : int
        Number of measurements and their common width.
    n_latents, n_private, n_shared : int
        Widths of the codes of z_m, eta and s.
    hidden : int
        Width of the hidden layers.
    """

    def __init__(
        self,
        measurements: int,
        components: int,
        n_latents: int,
        n_private: int,
        n_shared: int,
        hidden: int,
    ) -> None:
        encoder = StackedNet(measurements, components, hidden, n_latents + n_private)
        decoder = StackedNet(measurements, n_latents + n_private, hidden, components)
        super().__init__(measurements, n_latents, n_private, n_shared, rotated=True)
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return each measurement's opinion of the modality's code, and its private code."""
        encoded: Tensor = self.encoder(x)
        return encoded[..., : self.n_latents], encoded[..., self.n_latents :]

    def decode(self, code: Tensor, private: Tensor) -> Tensor:
        """Return every measurement from the modality's code and the private codes."""
        joined = torch.cat([code.expand(len(private), -1, -1), private], dim=-1)
        decoded: Tensor = self.decoder(joined)
        return decoded


class GivenCodes(Codes):
    """A modality whose reduction gives its latents: nothing is left to encode or to rotate.

    A row of a reduced measurement is z_m, then eta.

    Parameters
    ----------
    measurements : int
        Number of measurements.
    n_latents, n_private, n_shared : int
        Widths of the codes of z_m, eta and s.
    """

    def __init__(self, measurements: int, n_latents: int, n_private: int, n_shared: int) -> None:
        super().__init__(measurements, n_latents, n_private, n_shared, rotated=False)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Split every reduced measurement into its latents and its private code."""
        return x[..., : self.n_latents], x[..., self.n_latents :]

    def decode(self, code: Tensor, private: Tensor) -> Tensor:
        """Return the modality's code beside every private code."""
        return torch.cat([code.expand(len(private), -1, -1), private], dim=-1)


@dataclass(frozen=True)
class Encoded:
    """Codes of a batch.

    Parameters
    ----------
    disagreement : sequence of Tensor (K, n, width)
        Each measurement's opinion minus the modality's code, in whitened units.
    private : sequence of Tensor (K, n, n_private)
        Each measurement's own code.
    codes : sequence of Tensor (n, width)
        Whitened code of each modality: the mean opinion of what was seen.
    present : sequence of Tensor (n,)
        Whether any measurement of the modality was seen.
    heads : sequence of Tensor (n, n_shared)
        Each modality's opinion of the shared code, before whitening.
    shared : Tensor (n, n_shared)
        Whitened shared code: the mean opinion of the modalities that are present.
    """

    disagreement: Sequence[Tensor]
    private: Sequence[Tensor]
    codes: Sequence[Tensor]
    present: Sequence[Tensor]
    heads: Sequence[Tensor]
    shared: Tensor


class Network(nn.Module):
    """All parameters of a model.

    Parameters
    ----------
    config : CRLConfig
        The model.
    components : sequence of int
        Common width of each modality's reduced measurements.
    """

    def __init__(self, config: CRLConfig, components: Sequence[int]) -> None:
        super().__init__()
        self.n_shared = config.n_shared
        self.modalities = nn.ModuleList(
            ModalityNet(
                len(modality.measurements),
                width,
                modality.n_latents,
                config.n_private,
                config.n_shared,
                config.hidden,
            )
            if modality.image_shape is None
            else GivenCodes(
                len(modality.measurements),
                modality.n_latents,
                width - modality.n_latents,
                config.n_shared,
            )
            for modality, width in zip(config.modalities, components, strict=True)
        )
        self.shared_whitener = Whitener(config.n_shared)
        names = [modality.name for modality in config.modalities]
        self.order = [names.index(name) for name in (config.causal_order or names)]
        widths = [config.modalities[i].n_latents for i in self.order]
        self.flow = CausalFlow([config.n_shared, *widths] if config.n_shared else widths)
        rotations = list(self.flow.unmixing)[-len(widths) :]
        for i, rotation in zip(self.order, rotations, strict=True):
            rotation.requires_grad_(config.modalities[i].image_shape is None)
        self.log_doubt = nn.Parameter(torch.full((config.n_shared,), -0.7))

    @property
    def nets(self) -> list[Codes]:
        """The networks of each modality."""
        return [cast(Codes, net) for net in self.modalities]

    def encode(self, batch: Batch) -> Encoded:
        """Return the codes of a batch."""
        disagreement, private, codes, present, heads = [], [], [], [], []
        for net, x, seen in zip(self.nets, batch.x, batch.seen, strict=True):
            opinions, own = net.encode(x)
            mean, there = _mean_of_seen(opinions, seen)
            code, factor = net.whitener(mean, there)
            disagreement.append(whiten(opinions - mean, factor))
            private.append(own)
            codes.append(code)
            present.append(there)
            heads.append(net.shared(code))
        mean, there = _mean_of_seen(torch.stack(heads), torch.stack(present).to(codes[0].dtype))
        shared, _ = self.shared_whitener(mean, there)
        return Encoded(disagreement, private, codes, present, heads, shared)

    def decode(self, codes: Sequence[Tensor], private: Sequence[Tensor]) -> list[Tensor]:
        """Return every modality's measurements from the codes."""
        parts = zip(self.nets, codes, private, strict=True)
        return [net.decode(code, own) for net, code, own in parts]

    def remember_private(self, batch: Batch) -> None:
        """Keep the moments of every private code over the rows that have the measurement."""
        for net, x, there in zip(self.nets, batch.x, batch.there, strict=True):
            net.remember_private(x, there)

    def by_modality(self, codes: Tensor) -> list[Tensor]:
        """Split codes in causal order into those of each modality: undoes `in_causal_order`."""
        parts = torch.split(codes, self.flow.blocks, dim=1)[-len(self.order) :]
        return [parts[self.order.index(m)] for m in range(len(self.order))]

    def in_causal_order(self, shared: Tensor, codes: Sequence[Tensor]) -> Tensor:
        """Return shared and modality codes side by side, causes before effects."""
        return torch.cat([shared, *(codes[i] for i in self.order)], dim=1)


def _mean_of_seen(opinions: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Average opinions (K, n, width) over what was seen (K, n); also say where there is any."""
    count = seen.sum(dim=0)
    mean = (opinions * seen.unsqueeze(-1)).sum(dim=0) / count.clamp_min(1).unsqueeze(-1)
    return mean, count > 0
