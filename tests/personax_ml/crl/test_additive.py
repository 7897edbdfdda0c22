"""Latents that leave a mark of their own are found, and the shared code gets simple loadings."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL
from personax_ml.crl.additive import additive_unmixing, explained, simple_rotation


def marks(z: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """A different curve through space per latent, added up."""
    parts = []
    for i in range(z.shape[1]):
        steps = np.stack([np.tanh(3 * (z[:, i] - c)) for c in (-1.0, 0.0, 1.0)], axis=1)
        parts.append(steps @ rng.standard_normal((3, width)))
    return sum(parts)


def correlated(n: int, rng: np.random.Generator) -> np.ndarray:
    """Gaussian latents that depend on each other: no rotation of white codes gives them back."""
    z = rng.standard_normal((n, 4))
    z[:, 1] = 0.6 * z[:, 0] + 0.8 * z[:, 1]
    z[:, 3] = -0.5 * z[:, 2] + np.sqrt(0.75) * z[:, 3]
    return z


def white(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White codes in random coordinates."""
    mixed = z @ rng.standard_normal((z.shape[1], z.shape[1]))
    centred = mixed - mixed.mean(axis=0)
    return np.linalg.solve(np.linalg.cholesky(np.cov(centred.T, bias=True)), centred.T).T


def agreement(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """For every true latent the best absolute correlation."""
    k = truth.shape[1]
    return np.abs(np.corrcoef(estimate.T, truth.T)[:k, k:]).max(axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_dependent_gaussian_latents_are_unmixed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = correlated(1500, rng)
    code, x = white(z, rng), marks(z, 30, rng)
    x = x - x.mean(axis=0) + 0.3 * rng.standard_normal(x.shape)
    codes, measured = torch.tensor(code), torch.tensor(x)
    unmixing = additive_unmixing(codes, measured, random_state=0)
    assert agreement(code, z).min() < 0.9  # it was not given
    assert agreement(code @ unmixing.numpy().T, z).min() > 0.99
    assert unmixing.norm(dim=1).numpy() == pytest.approx(1)
    again = additive_unmixing(codes, measured, random_state=0)
    assert torch.equal(unmixing, again)


def test_a_linear_decoder_favours_nothing() -> None:
    rng = np.random.default_rng(1)
    z = torch.tensor(rng.standard_normal((2000, 2)))
    x = z @ torch.tensor(rng.standard_normal((2, 12)))
    turn = torch.tensor([[0.6, -0.8], [0.8, 0.6]], dtype=torch.float64)
    straight, turned = (float(explained(latents, x)) for latents in (z, z @ turn))
    assert straight > 0.999
    assert turned == pytest.approx(straight, abs=1e-4)


def test_too_few_rows_are_left_as_they_are() -> None:
    code = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(additive_unmixing(code, code, 0), torch.eye(4))


def test_the_shared_code_gets_simple_loadings() -> None:
    rng = np.random.default_rng(2)
    shared = rng.standard_normal((4000, 3))
    latents = np.repeat(shared, 3, axis=1) + rng.standard_normal((4000, 9))
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    rotation = simple_rotation(shared @ turn, latents)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-9)
    assert agreement(shared @ turn @ rotation.T, shared).min() > 0.995


def test_training_keeps_the_orientation() -> None:
    rng = np.random.default_rng(3)
    z = correlated(900, rng)
    texts = {f"text_{k}": marks(z, 24, rng) + 0.3 * rng.standard_normal((900, 24)) for k in "abc"}
    face = z[:, :2] @ rng.standard_normal((2, 12)) + 0.5 * rng.standard_normal((900, 12))
    measurements = {k: x.astype(np.float32) for k, x in {**texts, "face_1": face}.items()}
    text = ModalitySpec("text", tuple(texts), 4, "text")
    image = ModalitySpec("face", ("face_1",), 2, "face")
    plain = CRLConfig((text, image), 1, components=24, hidden=16, epochs=8)
    free, kept = (
        MultimodalCRL(config).fit(measurements).transform(measurements)[:, :4]
        for config in (plain, replace(plain, additive=True))
    )
    together = kept @ np.linalg.lstsq(kept, z, rcond=None)[0]
    ceiling = np.diag(np.corrcoef(together.T, z.T)[:4, 4:])
    assert (agreement(kept, z) > 0.97 * ceiling).all()
    assert agreement(free, z).min() < 0.9 * ceiling.min()
