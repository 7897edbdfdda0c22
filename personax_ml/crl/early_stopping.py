"""When training stops, and which epoch is kept.

Belongs here: the course of a training, by its held-out loss. Does not belong here: an epoch.
"""

from dataclasses import dataclass, field

import numpy as np
from torch import Tensor, nn

Curves = list[dict[str, float]]
"""Per epoch: `epoch`, and `train_` and `held_out_` values of `loss` and of every term."""

_MIN_GAIN = 1e-4
"""A held-out loss that is better by less than this is not better."""


@dataclass
class Course:
    """How a training has gone so far.

    Parameters
    ----------
    curves : list of dict
        The values of every epoch that is done.
    best : dict of str to Tensor
        Parameters of the epoch with the best held-out loss.
    best_loss : float
        That loss.
    best_epoch : int
        That epoch.
    """

    curves: Curves = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_loss: float = float("inf")
    best_epoch: int = 0

    def note(self, values: dict[str, float], network: nn.Module) -> None:
        """Add an epoch; keep the network's parameters if they are the best so far."""
        epoch, loss = len(self.curves), values["held_out_loss"]
        self.curves.append({"epoch": float(epoch), **values})
        if not epoch or loss < self.best_loss - _MIN_GAIN:
            self.best = {name: value.clone() for name, value in network.state_dict().items()}
            self.best_loss, self.best_epoch = loss, epoch

    def over(self, epochs: int, patience: int) -> bool:
        """Tell whether there is nothing left to do."""
        done = len(self.curves) - 1
        if done < 0:
            return False
        lost = not np.isfinite(self.curves[-1]["held_out_loss"])
        return lost or done >= epochs or done - self.best_epoch >= patience
