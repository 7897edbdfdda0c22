"""The causal flow is an exact density with an acyclic graph inside."""

import pytest
import torch
from torch import Tensor

from personax_ml.crl.flow import CausalFlow, responses


@pytest.fixture
def flow() -> CausalFlow:
    torch.manual_seed(3)
    flow = CausalFlow([2, 3, 2]).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.4 * torch.randn_like(parameter)
    return flow


def noise_of(flow: CausalFlow, codes: Tensor) -> Tensor:
    return flow.noise(flow.unmix(codes)[0])[0]


def test_log_determinant_equals_autograd(flow: CausalFlow) -> None:
    codes = torch.randn(5, 7, dtype=torch.float64)
    latents, unmixed = flow.unmix(codes)
    claimed = (unmixed + flow.noise(latents)[1]).detach()
    for row, value in zip(codes, claimed, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: noise_of(flow, v[None])[0], row)
        assert torch.linalg.slogdet(jacobian).logabsdet == pytest.approx(float(value), abs=1e-9)


def test_inverts(flow: CausalFlow) -> None:
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-5)):
        flow = flow.to(dtype)
        codes = torch.randn(200, 7, dtype=dtype)
        back = flow.mix(flow.latents(noise_of(flow, codes)))
        assert (back - codes).abs().max() < tolerance


def test_changes_every_coordinate(flow: CausalFlow) -> None:
    codes = torch.randn(50, 7, dtype=torch.float64)
    latents, _ = flow.unmix(codes)
    assert ((latents - codes).abs() > 1e-3).any(dim=0).all()
    assert ((flow.noise(latents)[0] - latents).abs() > 1e-3).any(dim=0).all()


def test_density_integrates_to_one() -> None:
    torch.manual_seed(0)
    flow = CausalFlow([1, 1]).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
        axis = torch.linspace(-12, 12, 600, dtype=torch.float64)
        grid = torch.cartesian_prod(axis, axis)
        mass = flow.log_prob(grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert float(mass) == pytest.approx(1.0, abs=1e-3)


def test_likelihood_reaches_every_edge_and_no_other(flow: CausalFlow) -> None:
    codes = torch.randn(300, 7, dtype=torch.float64)
    flow.log_prob(codes).mean().backward()
    assert flow.path.grad is not None
    strictly_lower = torch.ones(7, 7).tril(-1).bool()
    assert (flow.path.grad[strictly_lower].abs() > 0).all()
    assert (flow.path.grad[~strictly_lower] == 0).all()


def test_adjacency_is_learned_from_the_likelihood() -> None:
    """A cause and its effect: the path coefficient ends where the regression is."""
    torch.manual_seed(1)
    cause = torch.randn(4000, 1)
    effect = 0.8 * cause + 0.6 * torch.randn(4000, 1)
    codes = torch.cat([cause, effect], dim=1)
    flow = CausalFlow([1, 1])
    optimizer = torch.optim.Adam(flow.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        (-flow.log_prob(codes).mean()).backward()
        optimizer.step()
    assert float(flow.adjacency.detach()[1, 0].abs()) == pytest.approx(0.8, abs=0.04)
    noise = noise_of(flow, codes)
    assert torch.corrcoef(noise.T)[0, 1].abs() < 0.03
    assert noise.std(dim=0).sub(1).abs().max() < 0.05


def test_responses_are_orthonormal_under_a_normal() -> None:
    torch.manual_seed(0)
    values = responses(torch.randn(400_000, dtype=torch.float64))
    moments = values.T @ values / len(values)
    assert torch.allclose(moments, torch.eye(3, dtype=torch.float64), atol=0.02)
    assert values.mean(dim=0).abs().max() < 0.01
