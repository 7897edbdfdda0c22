"""Seconds and peak memory of a fit at the paper's shapes, beside the paper's kind of network.

Data are random, with twenty factors behind them; a fit runs until the held-out loss has not
improved for a while or the configured number of epochs is done (`best_epoch` tells which),
everything included. Memory is the peak resident memory of a process of its own,
the data among it (191 MiB for the athletes, 502 MiB for the public figures).

`paper_like` trains all rows at once through a network with an encoder and a decoder of one hidden
layer per measurement, and a second encoder that reads the concatenation of all measurements. What
is known of the paper's network is that 47 % of its parameters re-encode the concatenation, and
nothing about its widths: the 512 hidden units per measurement are our reconstruction, and the
hidden layer over the concatenation is as wide as gives those 47 %. Forward, backward and Adam step
are timed in the same process as the fit, on the same device; `ratio` is its cost per epoch over
ours.
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import nn

from personax_ml.crl import CRLConfig, ModalitySpec, MultimodalCRL
from tests.benchmarks.crl.part import Part

Shape = tuple[int, int, int, int, int]
"""People, faces, their width, texts, their width."""

SHAPES = {"athletes": (4181, 1, 1024, 3, 3584), "public figures": (9444, 3, 1024, 3, 3584)}
QUICK_SHAPES = {"athletes": (420, 1, 256, 3, 256), "public figures": (480, 3, 256, 3, 256)}
LATENTS = {"athletes": (5, 5, 2), "public figures": (10, 5, 3)}

_FACTORS = 20
_HIDDEN = 512
_CONCATENATED_SHARE = 0.47
_PAPER_EPOCHS = 3


def measure(quick: bool) -> Part:
    """Time the fits, each in a fresh process."""
    rows = []
    for name, shape in (QUICK_SHAPES if quick else SHAPES).items():
        command = [sys.executable, "-m", __name__, name, json.dumps(shape)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    return Part({"fits": rows})


def fit(name: str, shape: Shape) -> dict[str, Any]:
    """Time a fit on random data of a shape, and the paper-like network on the same data."""
    n, faces, face_width, texts, text_width = shape
    rng = np.random.default_rng(0)
    z = rng.standard_normal((n, _FACTORS), np.float32)
    widths = {f"face_{k + 1}": face_width for k in range(faces)}
    widths |= {f"text_{k + 1}": text_width for k in range(texts)}
    measurements = {
        measurement: z @ rng.standard_normal((_FACTORS, width), np.float32)
        + rng.standard_normal((n, width), np.float32)
        for measurement, width in widths.items()
    }
    n_face, n_text, n_shared = LATENTS[name]
    face, text = (tuple(k for k in widths if k.startswith(m)) for m in ("face", "text"))
    modalities = (
        ModalitySpec("face", face, n_face, "face"),
        ModalitySpec("text", text, n_text, "trait"),
    )
    epochs: list[float] = []
    started, cpu = time.monotonic(), time.process_time()
    model = MultimodalCRL(CRLConfig(modalities, n_shared, additive=True)).fit(
        measurements, callback=lambda *_: epochs.append(time.monotonic())
    )
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held_out = [epoch["held_out_loss"] for epoch in model.curves]
    ours = (epochs[-1] - epochs[0]) / max(len(epochs) - 1, 1)
    paper, parameters = _paper_like(measurements, sum(LATENTS[name]))
    return {
        "shape": name,
        "people": n,
        "device": _device(),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mib": round(peak),
        "epochs": len(held_out) - 1,
        "best_epoch": int(np.argmin(held_out)),
        "epoch_seconds": round(ours, 3),
        "paper_like_epoch_seconds": round(paper, 3),
        "paper_like_million_parameters": round(parameters / 1e6, 1),
        "ratio": round(paper / ours, 1),
    }


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


class PaperLike(nn.Module):
    """An encoder and a decoder per measurement, and an encoder of the concatenation."""

    def __init__(self, widths: list[int], n_latents: int) -> None:
        super().__init__()
        total = sum(widths)
        share = _CONCATENATED_SHARE / (1 - _CONCATENATED_SHARE)
        joint = round(share * 2 * _HIDDEN)  # encoders and decoders have 2 x total x _HIDDEN
        self.encoders = nn.ModuleList(_perceptron(w, _HIDDEN, n_latents) for w in widths)
        self.decoders = nn.ModuleList(_perceptron(2 * n_latents, _HIDDEN, w) for w in widths)
        self.joint = _perceptron(total, joint, n_latents)

    def forward(self, x: list[torch.Tensor]) -> torch.Tensor:
        """Return the squared error of reconstruction."""
        shared = self.joint(torch.cat(x, dim=1))
        parts = zip(self.encoders, self.decoders, x, strict=True)
        errors = [
            (decode(torch.cat([encode(values), shared], dim=1)) - values).square().mean()
            for encode, decode, values in parts
        ]
        return torch.stack(errors).sum()


def _perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.LeakyReLU(), nn.Linear(hidden, outputs))


def _paper_like(measurements: dict[str, Any], n_latents: int) -> tuple[float, int]:
    """Return the fastest of some full-batch epochs, on all cores, and the number of parameters."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    x = [torch.tensor(values, device=device) for values in measurements.values()]
    network = PaperLike([values.shape[1] for values in x], n_latents).to(device)
    optimizer = torch.optim.Adam(network.parameters())
    times = []
    for _ in range(_PAPER_EPOCHS):
        started = time.monotonic()
        optimizer.zero_grad()
        torch.autograd.backward(network(x))
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.monotonic() - started)
    return min(times), sum(p.numel() for p in network.parameters())


if __name__ == "__main__":
    print(json.dumps(fit(sys.argv[1], json.loads(sys.argv[2]))))
