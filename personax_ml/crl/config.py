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
        Names of its measurements, each a matrix with one row per person, or images.
    n_latents : int
        Number of latents specific to the modality (z_m).
    latent_prefix : str
        Latents are called `<prefix>_1`, `<prefix>_2`, ...
    image_shape : tuple of int, optional
        Channels, height and width, if the measurements are images.
    """

    name: str
    measurements: tuple[str, ...]
    n_latents: int
    latent_prefix: str
    image_shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        if not self.measurements:
            raise ValueError(f"modality {self.name}: measurements is empty; name at least one")
        if self.n_latents < 1:
            raise ValueError(f"modality {self.name}: n_latents is {self.n_latents}; at least 1")
        if self.image_shape is not None and (
            len(self.image_shape) != 3 or min(self.image_shape) < 1
        ):
            raise ValueError(
                f"modality {self.name}: image_shape is {self.image_shape}; "
                "give channels, height and width"
            )

    @property
    def latent_names(self) -> tuple[str, ...]:
        """Names of the modality's latents."""
        return tuple(f"{self.latent_prefix}_{i + 1}" for i in range(self.n_latents))


@dataclass(frozen=True)
class ImageConfig:
    """How the latents of image modalities are found, before anything else is trained.

    Parameters
    ----------
    channels : int
        Feature maps of every convolution.
    depth : int
        Number of convolutions.
    members : int
        Networks of the stage within a modality; their scores are averaged.
    link_epochs, within_epochs : int
        Passes over the training rows in the stage between the modalities, and within one.
    batch_size : int
        Rows of a minibatch.
    learning_rate, weight_decay : float
        Of Adam with decoupled weight decay; the rate rises and falls in one cycle.
    agreement : float
        Weight of the measurements' agreement against what they say about the linked latents.
    cyclic, maximum : bool
        Whether the networks within a modality wrap around, and whether they see maxima beside
        averages; without them for ablation.
    permutations : int
        Permutations behind the p-value of a link.
    """

    channels: int = 8
    depth: int = 3
    members: int = 2
    link_epochs: int = 40
    within_epochs: int = 24
    batch_size: int = 128
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2
    agreement: float = 0.1
    cyclic: bool = True
    maximum: bool = True
    permutations: int = 199


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
    additive : bool
        Prior: each latent leaves a mark of its own in the measurements, f_1(z_1) + f_2(z_2) + ...
        The coordinates that fit it best are found before training and kept; see
        `personax_ml.crl.additive`. Without it they follow the likelihood. Images have stages of
        their own.
    images : ImageConfig
        How the latents of image modalities are found.
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
    additive: bool = False
    images: ImageConfig = field(default_factory=ImageConfig)
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
    def image_shapes(self) -> dict[str, tuple[int, int, int]]:
        """Shape of the images of each measurement that is images."""
        return {
            name: m.image_shape
            for m in self.modalities
            if m.image_shape is not None
            for name in m.measurements
        }

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
            ModalitySpec(
                **{
                    **m,
                    "measurements": tuple(m["measurements"]),
                    "image_shape": m["image_shape"] and tuple(m["image_shape"]),
                }
            )
            for m in values["modalities"]
        )
        return cls(
            **{
                **values,
                "modalities": modalities,
                "causal_order": tuple(values["causal_order"]),
                "weights": TermWeights(**values["weights"]),
                "images": ImageConfig(**values["images"]),
            }
        )
