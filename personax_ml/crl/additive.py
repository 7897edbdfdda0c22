"""Which linear maps of a modality's codes are its latents, where each leaves a mark of its own.

Belongs here: the orientation of codes by an additive decoder, and of the shared code by simple
loadings. Does not belong here: the codes themselves (`start`), or the flow that takes them over.

A linear code is known up to an invertible map, and Gaussian latents give the likelihood nothing to
choose by. Measurements can: if x = f_1(z_1) + ... + f_k(z_k) + noise with curved f_i, then other
coordinates are no longer additive (Lachapelle, Mahajan, Mitliagkas and Lacoste-Julien 2023,
arXiv:2307.02598, on additive decoders). A text that treats one trait after another, and a face made
of brows, mouth and hair, come close to that. It is a prior: with a decoder that mixes, this
orientation means nothing.

The shared code is then rotated so that each component goes with few of the latents (varimax,
Kaiser 1958, doi:10.1007/BF02289233).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from personax_ml.crl.networks import Batch, ModalityNet, Network

Floats = NDArray[np.float64]

_CENTRES = torch.linspace(-2.2, 2.2, 9)
_WIDTH = 0.55
_RIDGE = 1e-5
_MOST_ROWS = 2000
_RESTARTS = 6
_STEPS = 60


@torch.no_grad()
def orient_additively(network: Network, rows: Batch, random_state: int) -> None:
    """Give the flow of a network the unmixing that the measurements favour."""
    network.train()
    encoded = network.encode(rows)
    first = len(network.flow.blocks) - len(network.order)
    latents = []
    for place, m in enumerate(network.order):
        if not isinstance(network.nets[m], ModalityNet):  # its codes are latents already
            latents.append(encoded.codes[m])
            continue
        whole = rows.there[m].min(dim=0).values > 0
        code, x = encoded.codes[m], torch.cat(list(rows.x[m][:, whole]), dim=1)
        unmixing = additive_unmixing(code[whole][:_MOST_ROWS], x[:_MOST_ROWS], random_state)
        network.flow.unmixing[first + place].copy_(unmixing)
        latents.append(code @ unmixing.T)
    if first:
        complete = torch.stack(list(encoded.present)).all(dim=0)
        shared, known = (_doubles(x[complete]) for x in (encoded.shared, torch.cat(latents, dim=1)))
        network.flow.unmixing[0].copy_(torch.as_tensor(simple_rotation(shared, known)))


def additive_unmixing(code: Tensor, x: Tensor, random_state: int) -> Tensor:
    """Return the map W for which x is closest to a sum of functions of single columns of W z.

    A line and bumps along each latent are fitted by ridge regression in closed form; W follows the
    gradient of what they explain (L-BFGS), from the identity and from random rotations, the best
    one wins.

    Parameters
    ----------
    code : Tensor (n, k)
        White codes z.
    x : Tensor (n, p)
        What they were made from.
    random_state : int
        Seed of the rotations to start from.

    Returns
    -------
    Tensor (k, k)
        Rows of length one, so that every latent has variance one.
    """
    z, x = code.double().cpu(), x.double().cpu()
    size = z.shape[1]
    if len(z) <= len(_CENTRES) * size:
        return torch.eye(size)  # anything fits
    generator = torch.Generator().manual_seed(random_state)
    starts = [torch.eye(size, dtype=z.dtype)] + [
        torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=z.dtype))[0]
        for _ in range(_RESTARTS)
    ]
    found = [_climb(z, x, start) for start in starts]
    return max(found, key=lambda rows: float(explained(z @ rows.T, x))).to(code)


@torch.enable_grad()
def _climb(z: Tensor, x: Tensor, start: Tensor) -> Tensor:
    rows = start.clone(memory_format=torch.contiguous_format).requires_grad_()
    optimizer = torch.optim.LBFGS([rows], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = -explained(z @ unit_rows(rows).T, x)
        torch.autograd.backward(value)
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
    return unit_rows(rows.detach())


def unit_rows(matrix: Tensor) -> Tensor:
    """Return a matrix with its rows scaled to length one."""
    scaled: Tensor = matrix / matrix.norm(dim=1, keepdim=True)
    return scaled


def explained(latents: Tensor, x: Tensor) -> Tensor:
    """Return the share of x that a sum of functions of single latents explains.

    A line and bumps: what is linear in the latents is explained in any coordinates.
    """
    distance = latents.unsqueeze(-1) - _CENTRES.to(latents)
    bumps = torch.exp(-distance.square() / (2 * _WIDTH**2)).flatten(1)
    basis = torch.cat([bumps, latents, torch.ones_like(bumps[:, :1])], dim=1)
    identity = torch.eye(basis.shape[1], dtype=basis.dtype)
    gram, moments = basis.T @ basis + _RIDGE * len(basis) * identity, basis.T @ x
    weights = torch.linalg.solve(gram, moments)
    fitted: Tensor = 2 * (weights * moments).sum() - (weights * (gram @ weights)).sum()
    return fitted / x.square().sum()


def _doubles(x: Tensor) -> Floats:
    return x.cpu().numpy().astype(np.float64)


def simple_rotation(shared: Floats, latents: Floats) -> Floats:
    """Return the rotation of the shared code after which each component has few large loadings.

    Parameters
    ----------
    shared : array (n, k)
        White shared code.
    latents : array (n, p)
        Latents that it goes with.

    Returns
    -------
    array (k, k)
        An orthogonal matrix.
    """
    standard = (latents - latents.mean(axis=0)) / latents.std(axis=0)
    loadings = standard.T @ shared / len(shared)
    rotation = np.eye(shared.shape[1])
    for _ in range(_STEPS):
        turned = loadings @ rotation
        gradient = loadings.T @ (turned**3 - turned * (turned**2).mean(axis=0))
        left, _, right = np.linalg.svd(gradient)
        rotation = left @ right
    inverse: Floats = rotation.T
    return inverse
