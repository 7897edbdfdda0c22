"""Where an interrupted training goes on.

Belongs here: keeping everything that the next epoch depends on in one file, and finding it again.
Does not belong here: training. Nothing is pickled: tensors and a JSON header, in safetensors.
"""

import json
import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from personax_ml.crl.config import CRLConfig
from personax_ml.crl.early_stopping import Course
from personax_ml.crl.networks import Batch, Network


def fingerprint(config: CRLConfig, parts: Sequence[Batch]) -> str:
    """Hash what is trained on what: another model or other rows never go on from a checkpoint."""
    content = blake2b(json.dumps(config.to_dict(), sort_keys=True).encode(), digest_size=16)
    for part in parts:
        for tensor in (*part.x, *part.there):
            content.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return content.hexdigest()


class Checkpoint:
    """One file that holds a training between two epochs.

    It is replaced in one step, so a kill at any moment leaves a whole file; a file that cannot be
    read (after a power cut), or that belongs to another training, is as good as none.

    Parameters
    ----------
    path : Path
        The file; its folder is created.
    owner : str
        `fingerprint` of the training.
    """

    def __init__(self, path: Path, owner: str) -> None:
        self.path, self.owner = path, owner

    def save(
        self,
        course: Course,
        network: Network,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
    ) -> None:
        """Write everything that the next epoch depends on."""
        tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
        tensors |= {f"best/{name}": value for name, value in course.best.items()}
        tensors["generator"] = generator.get_state()
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items()}
        tensors = {name: value.cpu().contiguous() for name, value in tensors.items()}
        header = {
            "curves": course.curves,
            "best_loss": course.best_loss,
            "best_epoch": course.best_epoch,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(f".{os.getpid()}.tmp")
        save_file(tensors, temporary, {"owner": self.owner, "course": json.dumps(header)})
        temporary.replace(self.path)

    def restore(
        self, network: Network, optimizer: torch.optim.Optimizer, generator: torch.Generator
    ) -> Course:
        """Put everything back and return the course so far; a new course if there is none."""
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
                if header.get("owner") != self.owner:
                    return Course()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError):
            return Course()
        generator.set_state(tensors["generator"])
        network.load_state_dict(_below("network/", tensors))
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in _below("optimizer/", tensors).items():
            index, key = name.split("/")
            states.setdefault(int(index), {})[key] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": states})
        device = next(network.parameters()).device
        best = {name: value.to(device) for name, value in _below("best/", tensors).items()}
        return Course(**{**json.loads(header["course"]), "best": best})


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
