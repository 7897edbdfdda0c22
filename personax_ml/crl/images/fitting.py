"""Minibatch training of scores; the epoch is chosen on held-out rows, without labels.

Belongs here: what both stages have in common. Does not belong here: their objectives.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from personax_ml.crl.config import ImageConfig

_CHUNK = 1024
_WARM_UP = 0.1

Loss = Callable[[Tensor], Tensor]
"""Objective of a minibatch, given the numbers of its rows."""


@dataclass(frozen=True)
class View:
    """All measurements of a modality.

    Parameters
    ----------
    x : Tensor (K, n, ...)
        Images or rows of numbers; zero where missing.
    there : Tensor of bool (K, n)
        Whether the measurement exists.
    """

    x: Tensor
    there: Tensor

    @property
    def present(self) -> Tensor:
        """Whether a person has any measurement."""
        return self.there.any(dim=0)

    def draw(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return one measurement of each row, drawn from those that it has; zero if it has none."""
        if len(self.x) == 1:
            return self.x[0, rows]
        there = self.there[:, rows]
        weight = (there | ~there.any(dim=0)).T.to(self.x.dtype)
        chosen = torch.multinomial(weight, 1, generator=generator).squeeze(1)
        return self.x[chosen, rows]

    def mean(self, net: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        """Return a network's output averaged over the measurements that a row has."""
        there = self.there[:, rows].to(self.x.dtype)
        outputs = torch.stack([in_chunks(net, x[rows]) for x in self.x])
        total = (outputs * there[..., None, None]).sum(dim=0)
        return total / there.sum(dim=0).clamp_min(1)[:, None, None]


def in_chunks(net: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a network to many rows without holding all its maps at once."""
    return torch.cat([net(part) for part in torch.split(x, _CHUNK)])


def fit_scores(
    nets: nn.ModuleList,
    loss: Loss,
    held_out_score: Callable[[], float],
    rows: Tensor,
    epochs: int,
    config: ImageConfig,
    generator: torch.Generator,
) -> None:
    """Train networks together and keep the epoch that scores best on held-out rows.

    Parameters
    ----------
    nets : ModuleList
        Their parameters are changed in place.
    loss : callable
        Objective of a minibatch.
    held_out_score : callable
        Higher is better; called after every second epoch.
    rows : Tensor of int
        Training rows.
    epochs : int
        Number of passes.
    config : ImageConfig
        Batch size and learning rate.
    generator : torch.Generator
        Order of the rows.
    """
    steps = max(len(rows) // config.batch_size, 1)
    optimizer = torch.optim.AdamW(
        nets.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    total = steps * epochs
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _one_cycle(step / total))
    best, best_score = _state(nets), -float("inf")
    for epoch in range(1, epochs + 1):
        nets.train()
        order = torch.randperm(len(rows), generator=generator, device=rows.device)
        for batch in rows[order].tensor_split(steps):
            optimizer.zero_grad()
            torch.autograd.backward(loss(batch))
            optimizer.step()
            schedule.step()
        if epoch % 2 == 0 or epoch == epochs:
            nets.eval()
            with torch.no_grad():
                score = held_out_score()
            if score > best_score:
                best, best_score = _state(nets), score
    nets.load_state_dict(best)
    nets.eval()


def _one_cycle(progress: float) -> float:
    """Return the share of the learning rate: it rises over a tenth and falls along a cosine."""
    if progress < _WARM_UP:
        return 0.04 + 0.96 * progress / _WARM_UP
    return 0.5 + 0.5 * math.cos(math.pi * (progress - _WARM_UP) / (1 - _WARM_UP))


def _state(nets: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in nets.state_dict().items()}
