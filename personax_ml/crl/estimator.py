"""`MultimodalCRL`: fit, transform, reconstruct, sample, save, load.

Belongs here: the estimator that people use. Does not belong here: networks and training, which it
puts together.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, cast, overload

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from personax_ml.crl.additive import orient_additively
from personax_ml.crl.config import CRLConfig, ModalitySpec
from personax_ml.crl.early_stopping import Curves
from personax_ml.crl.exchange import AnyMeasurements, like, to_numpy
from personax_ml.crl.networks import Batch, Encoded, Network
from personax_ml.crl.reducing import fit_reductions, load_reduction
from personax_ml.crl.reduction import (
    Matrix,
    Measurements,
    Reduced,
    check_measurements,
    observed_rows,
)
from personax_ml.crl.training import EpochCallback, reproducible, start, train

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "weights.safetensors"

_HELD_OUT_SHARE = 0.15
_LEAST_ROWS = 40


class MultimodalCRL:
    """Latents of several modalities, factors that they share, and a graph over all of them.

    Measurement k of modality m is modelled as x_m^k = g_m^k(z_m, eta_m^k): all measurements of a
    modality show the same latents z_m, each with an eta of its own. The z of all modalities
    depend on each other and on shared factors s through an acyclic graph with independent noise.

    Parameters
    ----------
    config : CRLConfig
        The model and how to train it.

    Attributes
    ----------
    latent_names : tuple of str
        Names of the columns that `transform` returns.
    curves : list of dict
        Losses and terms of the objective per epoch; available after `fit`.
    """

    def __init__(self, config: CRLConfig) -> None:
        self.config = config
        self.curves: Curves = []
        self._reductions: dict[str, Reduced] = {}
        self._network: Network | None = None
        size = len(config.latent_names)
        self._columns: NDArray[np.int64] = np.arange(size)
        self._signs: Matrix = np.ones(size, np.float32)

    @property
    def latent_names(self) -> tuple[str, ...]:
        """Names of the latents: modality by modality, then the shared ones."""
        return self.config.latent_names

    @property
    def network(self) -> Network:
        """The fitted network."""
        if self._network is None:
            raise ValueError("the model is not fitted yet; call fit or load first")
        return self._network

    def fit(
        self,
        measurements: AnyMeasurements,
        validation: AnyMeasurements | None = None,
        callback: EpochCallback | None = None,
        checkpoint: Path | None = None,
    ) -> Self:
        """Estimate the model.

        Parameters
        ----------
        measurements : mapping of str to array or tensor of float32
            Per measurement a matrix (n, d), or images (n, channels, height, width); a row of NaN
            is a missing measurement.
        validation : mapping, optional
            Other people, on whom training decides when to stop. By default a random
            15 % of the rows are set aside for it.
        callback : callable, optional
            Called after every epoch with its number and its curve values.
        checkpoint : Path, optional
            File that holds the training after every epoch. A fit that was killed goes on from it,
            given the same configuration and rows, and ends with the same numbers. It stays there
            when the fit is done; delete it when it is no longer of use.
        """
        fitted = to_numpy(measurements)
        self._check(fitted)
        if validation is None:
            fitted, chosen_on = self._set_aside(fitted)
        else:
            chosen_on = to_numpy(validation)
        self._check(chosen_on)
        self._check_enough(fitted, "training")
        self._check_enough(chosen_on, "validation", least=2)
        with reproducible(self.config.random_state):
            self._reductions = fit_reductions(self.config, fitted, chosen_on)
            self._network = self._new_network()
            rows, held_out = self._batch(fitted), self._batch(chosen_on)
            start(self._network, rows, held_out)
            if self.config.additive:
                orient_additively(self._network, rows, self.config.random_state)
            self.curves = train(self._network, self.config, rows, held_out, callback, checkpoint)
            self._network.remember_private(rows)
        return self

    @overload
    def transform(self, measurements: Mapping[str, Matrix]) -> Matrix: ...
    @overload
    def transform(self, measurements: Mapping[str, Tensor]) -> Tensor: ...
    def transform(self, measurements: AnyMeasurements) -> Matrix | Tensor:
        """Return the latents, (n, number of latents), of mean 0 and variance 1 in training.

        Latents of a modality of which a person has no measurement are NaN: nothing is invented.
        The shared latents are inferred from the modalities that are there. Tensors in, tensors
        out, on their device.
        """
        return like(self._latents(to_numpy(measurements)), measurements)

    def _latents(self, measurements: Measurements) -> Matrix:
        encoded, _ = self._encode(measurements)
        network = self.network
        with torch.no_grad():
            ordered = network.in_causal_order(encoded.shared, encoded.codes)
            latents = network.flow.unmix(ordered)[0].cpu().numpy()[:, self._from_causal_order()]
        for i, modality in enumerate(self.config.modalities):
            first = self.latent_names.index(modality.latent_names[0])
            absent = ~encoded.present[i].cpu().numpy()
            latents[absent, first : first + modality.n_latents] = np.nan
        nothing = ~torch.stack(list(encoded.present)).any(dim=0).cpu().numpy()
        latents[nothing] = np.nan
        return cast(Matrix, latents[:, self._columns] * self._signs)

    @overload
    def reconstruct(self, measurements: Mapping[str, Matrix]) -> dict[str, Matrix]: ...
    @overload
    def reconstruct(self, measurements: Mapping[str, Tensor]) -> dict[str, Tensor]: ...
    def reconstruct(self, measurements: AnyMeasurements) -> dict[str, Matrix] | dict[str, Tensor]:
        """Return every measurement as the decoders see it.

        A missing measurement is filled in from the others of its modality, with an average
        private part; it stays NaN where there are none.
        """
        encoded, batch = self._encode(to_numpy(measurements))
        private = [
            own * there.unsqueeze(-1)
            for own, there in zip(encoded.private, batch.there, strict=True)
        ]
        restored = self._measured(encoded.codes, private)
        for modality, present in zip(self.config.modalities, encoded.present, strict=True):
            for name in modality.measurements:
                restored[name][~present.cpu().numpy()] = np.nan
        return cast(
            dict[str, Matrix], {name: like(x, measurements) for name, x in restored.items()}
        )

    def sample(self, n: int, random_state: int = 0) -> tuple[Matrix, dict[str, Matrix]]:
        """Draw invented people from the model.

        Noise goes through the causal graph to the latents and through the decoders to the
        measurements. Private codes are drawn from a normal distribution with the moments that
        they have in training; what the decoders leave unexplained is not added.

        Parameters
        ----------
        n : int
            Number of people.
        random_state : int
            Seed of the draw.

        Returns
        -------
        array (n, number of latents)
            Latents, in the order of `latent_names`.
        dict of str to array (n, d)
            Measurements.
        """
        network = self.network
        generator = torch.Generator().manual_seed(random_state)
        with torch.no_grad(), reproducible(random_state):
            noise = torch.randn(n, network.flow.size, generator=generator)
            latents = network.flow.latents(noise.to(network.log_doubt.device))
            codes = network.by_modality(network.flow.mix(latents))
            private = [
                net.draw_private(torch.randn(net.private_shape(n), generator=generator))
                for net in network.nets
            ]
        index = self._from_causal_order()[self._columns]
        return latents.cpu().numpy()[:, index] * self._signs, self._measured(codes, private)

    def decode(self, latents: Matrix) -> dict[str, Matrix]:
        """Return the measurements of people with given latents and an average private part.

        Parameters
        ----------
        latents : array (n, number of latents)
            In the order and with the signs of `transform`.
        """
        network = self.network
        ordered = np.empty_like(latents, np.float32)
        ordered[:, self._from_causal_order()[self._columns]] = latents * self._signs
        device = network.log_doubt.device
        with torch.no_grad():
            mixed = network.flow.mix(torch.tensor(ordered, device=device))
            private = [
                net.draw_private(torch.zeros(net.private_shape(len(latents))))
                for net in network.nets
            ]
        return self._measured(network.by_modality(mixed), private)

    def _measured(self, codes: Sequence[Tensor], private: Sequence[Tensor]) -> dict[str, Matrix]:
        """Return every measurement in its own units as the decoders see it."""
        with torch.no_grad():
            decoded = self.network.decode(codes, private)
        return {
            name: self._reductions[name].invert(x[:, : self._reductions[name].width])
            for modality, block in zip(self.config.modalities, decoded, strict=True)
            for name, x in zip(modality.measurements, block.cpu().numpy(), strict=True)
        }

    @property
    def adjacency(self) -> NDArray[np.float64]:
        """Standardised path coefficients in the order of `latent_names`: effects in rows."""
        ordered = self.network.flow.adjacency.detach().cpu().numpy().astype(np.float64)
        index = self._from_causal_order()[self._columns]
        signs = self._signs.astype(np.float64)
        matrix: NDArray[np.float64] = ordered[np.ix_(index, index)] * np.outer(signs, signs)
        return matrix

    @property
    def doubt(self) -> dict[str, float]:
        """Posterior standard deviation of each shared latent: it is inferred, not measured."""
        network = self.network
        if not self.config.n_shared:
            return {}
        rows = network.flow.block_rows()[0].detach().cpu().numpy()
        variance = np.exp(2 * network.log_doubt.detach().cpu().numpy())
        deviation = np.sqrt(rows**2 @ variance)
        shared = self._blocks()[-1]
        first = shared[0]
        return {self.latent_names[i]: float(deviation[self._columns[i] - first]) for i in shared}

    def match(
        self, measurements: AnyMeasurements, reference: Matrix, names: Sequence[str] | None = None
    ) -> NDArray[np.float64]:
        """Order and sign the latents as in another model, so that a column keeps its meaning.

        Latents are matched one to one within their modality by absolute correlation. Where the
        other model has fewer latents, those that are left take the names that are left; where it
        has more, the surplus is not looked at.

        Parameters
        ----------
        measurements : mapping
            People to compare on.
        reference : array (n, number of names)
            The other model's latents of the same people; NaN where unknown.
        names : sequence of str, optional
            Names of the other model's latents; by default the same as here.

        Returns
        -------
        array
            The absolute correlation of every latent with its namesake, after matching; NaN where
            it has none.
        """
        known = list(self.latent_names if names is None else names)
        own = self._latents(to_numpy(measurements))
        usable = np.isfinite(own).all(axis=1) & np.isfinite(reference).all(axis=1)
        size = len(self.latent_names)
        correlation = np.corrcoef(own[usable].T, reference[usable].T)[:size, size:]
        order, signs = np.arange(size), np.ones(size, np.float32)
        matched = np.full(size, np.nan)
        for block in self._blocks():
            named = [i for i in block if self.latent_names[i] in known]
            if not named:
                continue
            columns = [known.index(self.latent_names[i]) for i in named]
            part = correlation[np.ix_(block, columns)]
            rows, places = linear_sum_assignment(-np.abs(part))
            order[np.take(named, places)] = np.take(block, rows)
            signs[np.take(named, places)] = np.where(part[rows, places] < 0, -1.0, 1.0)
            matched[np.take(named, places)] = np.abs(part[rows, places])
            order[np.setdiff1d(block, named)] = np.delete(block, rows)
        self._columns = self._columns[order]
        self._signs = self._signs[order] * signs
        return matched

    def save(self, directory: Path) -> None:
        """Write configuration (JSON) and weights (safetensors) into a folder."""
        directory.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"network/{name}": np.ascontiguousarray(value.cpu().numpy())
            for name, value in self.network.state_dict().items()
        }
        for name, reduction in self._reductions.items():
            for part, value in reduction.tensors().items():
                tensors[f"reduction/{name}/{part}"] = np.ascontiguousarray(value)
        tensors["columns"], tensors["signs"] = self._columns, self._signs
        save_file(tensors, directory / WEIGHTS_FILE)
        document = {"config": self.config.to_dict(), "curves": self.curves}
        (directory / CONFIG_FILE).write_text(json.dumps(document, indent=1) + "\n")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        document = json.loads((directory / CONFIG_FILE).read_text())
        model = cls(CRLConfig.from_dict(document["config"]))
        model.curves = document["curves"]
        tensors = load_file(directory / WEIGHTS_FILE)
        for name in model.config.measurement_names:
            prefix = f"reduction/{name}/"
            stored = [key for key in tensors if key.startswith(prefix)]
            parts = {key.removeprefix(prefix): tensors.pop(key) for key in stored}
            model._reductions[name] = load_reduction(model.config, name, parts)
        model._columns, model._signs = tensors.pop("columns"), tensors.pop("signs")
        with reproducible(0):
            model._network = model._new_network()
        model._network.load_state_dict(
            {name.removeprefix("network/"): torch.tensor(value) for name, value in tensors.items()}
        )
        model._network.eval()
        return model

    def _new_network(self) -> Network:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return Network(self.config, [self._width(m) for m in self.config.modalities]).to(device)

    def _width(self, modality: ModalitySpec) -> int:
        return max(self._reductions[k].width for k in modality.measurements)

    def _batch(self, measurements: Measurements) -> Batch:
        """Reduce measurements and put them side by side."""
        device = self.network.log_doubt.device
        blocks, masks = [], []
        for modality in self.config.modalities:
            width = self._width(modality)
            reduced = [self._reductions[k].apply(measurements[k]) for k in modality.measurements]
            padded = [np.pad(x, ((0, 0), (0, width - x.shape[1]))) for x in reduced]
            there = [observed_rows(measurements[k]) for k in modality.measurements]
            blocks.append(torch.tensor(np.stack(padded), device=device))
            masks.append(torch.tensor(np.stack(there), dtype=torch.float32, device=device))
        return Batch(blocks, masks, masks)

    def _encode(self, measurements: Measurements) -> tuple[Encoded, Batch]:
        self._check(measurements)
        for name, expected in self.widths.items():
            given = measurements[name].shape[1]
            if expected != given:
                raise ValueError(
                    f"measurement {name}: {given} columns, the model was fitted on {expected}; "
                    "embed with the same encoder or fit a new model"
                )
        batch = self._batch(measurements)
        with torch.no_grad():
            return self.network.encode(batch), batch

    @property
    def widths(self) -> dict[str, int]:
        """Length of each measurement's rows: columns, or channels of images."""
        if not self._reductions:
            raise ValueError("the model is not fitted yet; call fit or load first")
        return {name: self._reductions[name].shape[0] for name in self.config.measurement_names}

    @property
    def reductions(self) -> Mapping[str, Reduced]:
        """What each measurement is reduced by before the network sees it."""
        return self._reductions

    def _check(self, measurements: Measurements) -> None:
        config = self.config
        check_measurements(measurements, config.measurement_names, config.image_shapes)

    def _from_causal_order(self) -> NDArray[np.int64]:
        """For each latent in the order of `latent_names` its place in the causal order."""
        network = self.network
        names = [f"shared_{i + 1}" for i in range(self.config.n_shared)]
        names += [name for i in network.order for name in self.config.modalities[i].latent_names]
        return np.array([names.index(name) for name in self.latent_names])

    def _blocks(self) -> list[list[int]]:
        """Columns of each modality's latents and of the shared ones."""
        widths = [*(m.n_latents for m in self.config.modalities), self.config.n_shared]
        ends = np.cumsum(widths)
        return [list(range(end - n, end)) for end, n in zip(ends.tolist(), widths, strict=True)]

    def _set_aside(self, measurements: Measurements) -> tuple[Measurements, Measurements]:
        n = len(measurements[self.config.measurement_names[0]])
        rng = np.random.default_rng(self.config.random_state)
        held_out = np.zeros(n, bool)
        held_out[rng.permutation(n)[: round(_HELD_OUT_SHARE * n)]] = True
        return (
            {name: x[~held_out] for name, x in measurements.items()},
            {name: x[held_out] for name, x in measurements.items()},
        )

    def _check_enough(
        self, measurements: Measurements, what: str, least: int = _LEAST_ROWS
    ) -> None:
        """Make sure that enough people have every modality."""
        complete: Sequence[NDArray[np.bool_]] = [
            np.any([observed_rows(measurements[name]) for name in modality.measurements], axis=0)
            for modality in self.config.modalities
        ]
        count = int(np.all(complete, axis=0).sum())
        if count < least:
            raise ValueError(
                f"{what}: {count} people have a measurement of every modality; "
                f"at least {least} are needed"
            )
