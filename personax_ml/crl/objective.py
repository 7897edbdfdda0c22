"""The training objective: five terms, each can be switched off by its weight.

Belongs here: what the terms are. Does not belong here: how they are minimised.

reconstruction
    Share of the measurements' variance that the decoders leave unexplained.
alignment
    Mean squared disagreement of a modality's measurements about its code, in whitened units.
linking
    The modalities' opinions of the shared code are to agree component by component, and the
    components are to differ: squared distance of their cross-correlation from the identity.
likelihood
    Negative log-likelihood of the codes under the causal flow, per latent, relative to a standard
    normal. The shared code is inferred with doubt, q(s|x) = N(code, doubt^2): with one draw from
    it this is the evidence lower bound. The log-determinant is exact. It fits the flow, adjacency
    and rotations within blocks included, to the codes as they are; no gradient reaches the
    encoders. They have no log-determinant of their own, so codes that are bent until they fit
    would count as more likely (measured: `docs/causal-representation.md`).
sparsity
    L1 norm of the adjacency, per latent.
"""

import math
from itertools import combinations

import torch
from torch import Tensor

from personax_ml.crl.config import TermWeights
from personax_ml.crl.networks import Batch, Encoded, Network

TERMS = ("reconstruction", "alignment", "linking", "likelihood", "sparsity")

_NORMAL_ENTROPY = 0.5 * math.log(2 * math.pi * math.e)


def objective_terms(
    network: Network, batch: Batch, generator: torch.Generator
) -> dict[str, Tensor]:
    """Return the unweighted terms over a batch, by name."""
    encoded = network.encode(batch)
    return {
        "reconstruction": _reconstruction(network, batch, encoded),
        "alignment": _alignment(batch, encoded),
        "linking": _linking(encoded),
        "likelihood": _likelihood(network, encoded, generator),
        "sparsity": network.flow.adjacency.abs().sum() / network.flow.size,
    }


def weighted_sum(terms: dict[str, Tensor], weights: TermWeights) -> Tensor:
    """Return the objective."""
    return torch.stack([getattr(weights, name) * value for name, value in terms.items()]).sum()


def _reconstruction(network: Network, batch: Batch, encoded: Encoded) -> Tensor:
    unexplained = []
    decoded = network.decode(encoded.codes, encoded.private)
    for x, y, there in zip(batch.x, decoded, batch.there, strict=True):
        error = (x - y).square().sum(dim=-1) * there
        size = x.square().sum(dim=-1) * there
        unexplained.append(error.sum(dim=1) / size.sum(dim=1).clamp_min(1e-6))
    return torch.cat(unexplained).mean()


def _alignment(batch: Batch, encoded: Encoded) -> Tensor:
    values = [
        (difference.square().mean(dim=-1) * seen).sum() / seen.sum().clamp_min(1)
        for difference, seen in zip(encoded.disagreement, batch.seen, strict=True)
        if len(seen) > 1
    ]
    return torch.stack(values).mean() if values else batch.x[0].new_zeros(())


def _linking(encoded: Encoded) -> Tensor:
    values = []
    modalities = range(len(encoded.heads)) if encoded.shared.shape[1] else ()
    for i, j in combinations(modalities, 2):
        both = encoded.present[i] & encoded.present[j]
        if int(both.sum()) <= 2 * encoded.shared.shape[1]:
            continue  # too few people with both modalities for a correlation
        a, b = _standardised(encoded.heads[i][both]), _standardised(encoded.heads[j][both])
        correlation = a.T @ b / len(a)
        identity = torch.eye(len(correlation), device=a.device)
        values.append((correlation - identity).square().sum() / len(correlation))
    return torch.stack(values).mean() if values else encoded.shared.new_zeros(())


def _standardised(x: Tensor) -> Tensor:
    centred = x - x.mean(dim=0)
    return centred / (centred.square().mean(dim=0) + 1e-8).sqrt()


def _likelihood(network: Network, encoded: Encoded, generator: torch.Generator) -> Tensor:
    complete = torch.stack(list(encoded.present)).all(dim=0)
    codes = [code[complete].detach() for code in encoded.codes]
    shared = encoded.shared[complete].detach()
    draw = torch.randn(shared.shape, generator=generator, dtype=shared.dtype).to(shared.device)
    doubted = shared + torch.exp(network.log_doubt) * draw
    log_prob = network.flow.log_prob(network.in_causal_order(doubted, codes))
    entropy = (network.log_doubt + _NORMAL_ENTROPY).sum()
    reference = _NORMAL_ENTROPY * sum(code.shape[1] for code in codes)
    mean = log_prob.sum() / max(len(log_prob), 1)
    return -(mean + entropy + reference) / network.flow.size
