"""What a model is made of and how it is trained, as data.

Belongs here: the frozen description of a model; it is saved beside the weights as JSON. Does not
belong here: anything that computes. Importing it costs nothing.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

SHARED = "shared"
"""Latent prefix of the factors that are shared across modalities."""


@dataclass(frozen=True)
class ModalitySpec:
    """One modality: several noisy measurements of the same latents.

    Parameters
    ----------
    name : str
        Name of the modality.
    measurements : tuple of str
        Names of its measurements, each a matrix with one row per person.
    n_latents : int
        Number of latents specific to the modality (z_m).
    latent_prefix : str
        Latents are called `<prefix>_1`, `<prefix>_2`, ...
    """

    name: str
    measurements: tuple[str, ...]
    n_latents: int
    latent_prefix: str

    def __post_init__(self) -> None:
        if not self.measurements:
            raise ValueError(f"modality {self.name}: measurements is empty; name at least one")
        if self.n_latents < 1:
            raise ValueError(f"modality {self.name}: n_latents is {self.n_latents}; at least 1")

    @property
    def latent_names(self) -> tuple[str, ...]:
        """Names of the modality's latents."""
        return tuple(f"{self.latent_prefix}_{i + 1}" for i in range(self.n_latents))


@dataclass(frozen=True)
class TermWeights:
    """Weights of the terms of the training objective; zero switches a term off.

    Parameters
    ----------
    reconstruction : float
        Share of each measurement's variance that the decoder leaves unexplained.
    alignment : float
        Disagreement between the measurements of one modality.
    linking : float
        Distance of the cross-correlation between the modalities' shared codes from identity.
    likelihood : float
        Negative log-likelihood of the latents under the causal flow, per latent.
    sparsity : float
        L1 norm of the adjacency, per latent.
    """

    reconstruction: float = 1.0
    alignment: float = 2.0
    linking: float = 0.5
    likelihood: float = 0.1
    sparsity: float = 0.02


@dataclass(frozen=True)
class CRLConfig:
    """Configuration of `MultimodalCRL`.

    Parameters
    ----------
    modalities : tuple of ModalitySpec
        The modalities; measurement names are unique over all of them.
    n_shared : int
        Number of latents shared across modalities (s); 0 if all dependence is to be explained by
        the modalities' own latents.
    causal_order : tuple of str
        Names of the modalities, causes before effects: latents of a later modality cause none of
        an earlier one. The shared latents come before all. Empty: the order of `modalities`.
    n_private : int
        Width of the code that each measurement keeps to itself (eta).
    components : int
        Each measurement is first reduced to at most so many principal components.
    hidden : int
        Width of the hidden layers.
    weights : TermWeights
        Weights of the objective's terms.
    epochs : int
        At most so many passes over the training rows.
    patience : int
        Stop after so many epochs without a better held-out loss.
    batch_size : int
        Rows of a minibatch.
    learning_rate, weight_decay : float
        Of Adam with decoupled weight decay.
    measurement_dropout : float
        Probability with which a measurement is hidden from the encoder (not from the decoder) in
        training, where its modality has another one.
    random_state : int
        Seed of everything random.
    """

    modalities: tuple[ModalitySpec, ...]
    n_shared: int
    causal_order: tuple[str, ...] = ()
    n_private: int = 4
    components: int = 64
    hidden: int = 64
    weights: TermWeights = field(default_factory=TermWeights)
    epochs: int = 150
    patience: int = 15
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    measurement_dropout: float = 0.2
    random_state: int = 0

    def __post_init__(self) -> None:
        names = self.measurement_names
        if len(set(names)) < len(names):
            raise ValueError("modalities: two measurements have the same name; rename one")
        if self.causal_order and sorted(self.causal_order) != sorted(
            m.name for m in self.modalities
        ):
            raise ValueError("causal_order must name every modality once")
        if self.n_shared < 0:
            raise ValueError(f"n_shared is {self.n_shared}; at least 0")

    @property
    def measurement_names(self) -> tuple[str, ...]:
        """Names of all measurements, modality by modality."""
        return tuple(name for m in self.modalities for name in m.measurements)

    @property
    def latent_names(self) -> tuple[str, ...]:
        """Names of all latents: modality by modality, then the shared ones."""
        return (
            *(name for m in self.modalities for name in m.latent_names),
            *(f"{SHARED}_{i + 1}" for i in range(self.n_shared)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON-serialisable values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CRLConfig":
        """Return the configuration that `to_dict` described."""
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"configuration: unknown field {unknown[0]}; this is another version's"
            )
        modalities = tuple(
            ModalitySpec(**{**m, "measurements": tuple(m["measurements"])})
            for m in values["modalities"]
        )
        return cls(
            **{
                **values,
                "modalities": modalities,
                "causal_order": tuple(values["causal_order"]),
                "weights": TermWeights(**values["weights"]),
            }
        )
