"""Training: closed-form start, minibatches, early stopping.

Belongs here: how a network gets its parameters. Does not belong here: what the objective is, or
the estimator that people use.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from personax_ml.crl.checkpoints import Checkpoint, fingerprint
from personax_ml.crl.config import CRLConfig
from personax_ml.crl.early_stopping import Course, Curves
from personax_ml.crl.networks import Batch, ModalityNet, Network
from personax_ml.crl.objective import objective_terms, weighted_sum
from personax_ml.crl.start import agreed_maps, linear_modality, linked_map

EpochCallback = Callable[[int, Mapping[str, float]], None]
"""Called after every epoch with its number and the values of the curves."""

_FLOW_RATE = 5.0
"""The flow is small and starts from nothing: it learns so many times faster than the rest."""

_MAX_GRADIENT = 5.0


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed what draws without a generator, on one thread, and leave no trace outside.

    One thread because the matrices are small: more wait for each other, and sums differ.
    """
    threads = torch.get_num_threads()
    with torch.random.fork_rng(), threadpool_limits(1, "blas"):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@torch.no_grad()
def start(network: Network, train: Batch, held_out: Batch) -> None:
    """Give a network the parameters of the closed-form linear solution."""
    fitted = np.arange(len(train) + len(held_out)) < len(train)
    blocks = [
        [np.concatenate([a[k], b[k]]).astype(np.float64) for k in range(len(a))]
        for a, b in zip(_arrays(train), _arrays(held_out), strict=True)
    ]
    codes: dict[int, NDArray[np.float64]] = {}
    # Measurements that agree with each other come first: their code tells what to look for in a
    # modality that has a single one.
    for m in sorted(range(len(blocks)), key=lambda m: -len(blocks[m])):
        net, own = network.nets[m], blocks[m]
        if not isinstance(net, ModalityNet):  # its codes are given
            codes[m] = np.mean([x[:, : net.n_latents] for x in own], axis=0)
            continue
        if len(own) > 1:
            maps = agreed_maps(own, net.n_latents, fitted)
        else:
            others = [codes.get(i, np.hstack(b)) for i, b in enumerate(blocks) if i != m]
            maps = [linked_map(own[0], others, net.n_latents, fitted)]
        codes[m], linear = linear_modality(own, maps, net.n_private, fitted)
        for k, measurement in enumerate(linear):
            net.encoder.linear[k] = _tensor(measurement.encoder, net.encoder.linear)
            net.decoder.linear[k] = _tensor(measurement.decoder, net.decoder.linear)
    if not network.n_shared:
        return
    heads = agreed_maps([codes[m] for m in range(len(blocks))], network.n_shared, fitted)
    for net, head in zip(network.nets, heads, strict=True):
        net.head.linear[0] = _tensor(head, net.head.linear)


def train(
    network: Network,
    config: CRLConfig,
    train_rows: Batch,
    held_out: Batch,
    callback: EpochCallback | None = None,
    checkpoint: Path | None = None,
) -> Curves:
    """Minimise the objective; keep the parameters of the epoch with the best held-out loss.

    With a checkpoint, a training that was killed goes on after its last whole epoch and ends with
    the very numbers of one that was not.
    """
    generator = torch.Generator().manual_seed(config.random_state)
    optimizer = _optimizer(network, config)
    course, kept = Course(), None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, fingerprint(config, (train_rows, held_out)))
        course = kept.restore(network, optimizer, generator)
    while not course.over(config.epochs, config.patience):
        epoch = len(course.curves)
        values = _epoch(network, config, train_rows, optimizer, generator) if epoch else {}
        values |= evaluate(network, config, train_rows, held_out)
        course.note(values, network)
        if kept is not None and np.isfinite(values["held_out_loss"]):
            kept.save(course, network, optimizer, generator)
        if callback is not None:
            callback(epoch, values)
    network.load_state_dict(course.best)
    network.eval()
    return course.curves


def evaluate(
    network: Network, config: CRLConfig, train_rows: Batch, held_out: Batch
) -> dict[str, float]:
    """Whiten by all training rows; return the held-out loss and terms under a fixed draw."""
    with torch.no_grad():
        network.train()
        network.encode(train_rows)
        network.eval()
        generator = torch.Generator().manual_seed(config.random_state)
        terms = objective_terms(network, held_out, generator)
        values = {"loss": weighted_sum(terms, config.weights), **terms}
    return {f"held_out_{name}": float(value) for name, value in values.items()}


def _epoch(
    network: Network,
    config: CRLConfig,
    rows: Batch,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> dict[str, float]:
    """Do one pass over the training rows; return the mean loss and terms."""
    network.train()
    order = torch.randperm(len(rows), generator=generator).to(rows.x[0].device)
    batches = order.chunk(max(round(len(rows) / config.batch_size), 1))
    sums: dict[str, Tensor] = {}
    for index in batches:
        batch = _hide(rows.rows(index), config.measurement_dropout, generator)
        terms = objective_terms(network, batch, generator)
        loss = weighted_sum(terms, config.weights)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), _MAX_GRADIENT)
        optimizer.step()
        for name, value in {"loss": loss, **terms}.items():
            sums[name] = sums.get(name, 0.0) + value.detach()
    return {f"train_{name}": float(value) / len(batches) for name, value in sums.items()}


def _hide(batch: Batch, probability: float, generator: torch.Generator) -> Batch:
    """Hide measurements from the encoder at random, but never all of a modality's."""
    seen = []
    for there in batch.there:
        drawn = torch.rand(there.shape, generator=generator).to(there.device) >= probability
        kept = there * drawn
        seen.append(torch.where(kept.sum(dim=0) > 0, kept, there))
    return Batch(batch.x, seen, batch.there)


def _optimizer(network: Network, config: CRLConfig) -> torch.optim.Optimizer:
    kept = set(network.flow.unmixing.parameters()) if config.additive else set()
    flow = [p for p in (*network.flow.parameters(), network.log_doubt) if p not in kept]
    rest = [p for p in network.parameters() if p not in {*flow, *kept}]
    rate, decay = config.learning_rate, config.weight_decay
    return torch.optim.AdamW(
        [
            {"params": rest, "lr": rate, "weight_decay": decay},
            {"params": flow, "lr": _FLOW_RATE * rate, "weight_decay": 0.0},
        ]
    )


def _arrays(batch: Batch) -> list[NDArray[np.float32]]:
    return [x.cpu().numpy() for x in batch.x]


def _tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)
