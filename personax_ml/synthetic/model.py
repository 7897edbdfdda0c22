"""What a structural causal model is here, and what follows from its coefficients alone.

Belongs here: the vocabulary in which a planted world is written down and the moments it implies.
Does not belong here: the two worlds themselves (`worlds`), drawing people from them (`cohort`),
the table of truths (`truth`).

Every model has the form::

    nominal variables    c ~ P(c | at most one nominal parent)
    all other variables  x = sum_k w_k f_k(parent_k) + sqrt(1 - R2) e,   e ~ N(0, 1) independent

where f_k is the identity for a parent that is such an x itself and, for a nominal parent, a
number per category, standardised. The noise fills the variance up to one, so the weight w_k is a
standardised path coefficient. What a source records (a year, centimetres, yes or no) is a fixed
scale of x. Given the nominal variables everything is jointly Gaussian, so shares, means and
correlations are finite sums: no simulation is needed to state them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import erf, inf, sqrt
from statistics import NormalDist

import numpy as np

from personax_ml.synthetic.streams import Floats


@dataclass(frozen=True)
class Effect:
    """The effect of a nominal variable on another one.

    Parameters
    ----------
    weight : float
        Standardised path coefficient.
    levels : Mapping
        A number for each category, in any unit: it is standardised before use.
    """

    weight: float
    levels: Mapping[str, float]


@dataclass(frozen=True)
class Nominal:
    """A variable with named categories.

    Parameters
    ----------
    given : Mapping
        Probability of each category by the category of the parent; under `""` without parent.
    parent : str
        The nominal variable it depends on; empty for none.
    """

    given: Mapping[str, Mapping[str, float]]
    parent: str = ""


@dataclass(frozen=True)
class Scale:
    """How x is recorded as a number: `mean + sd x`, cut to a range and rounded."""

    mean: float = 0.0
    sd: float = 1.0
    low: float = -inf
    high: float = inf
    decimals: int = 6


@dataclass(frozen=True)
class Threshold:
    """How x is recorded as yes or no: yes for its largest values, a share of `prevalence`."""

    prevalence: float

    @property
    def cut(self) -> float:
        """The x from which on it is yes; exact where x is Gaussian."""
        return NormalDist().inv_cdf(1.0 - self.prevalence)


Parents = Mapping[str, float | Effect]


@dataclass(frozen=True)
class Model:
    """A structural causal model.

    Parameters
    ----------
    nominals : Mapping
        The nominal variables, parents before children.
    equations : Mapping
        Parents and weights of all other variables, parents before children.
    records : Mapping
        How a variable is recorded, where that is not x itself.
    face_latents : tuple of str
        The face factors that count as planted latents; the other ones are cosmetic.
    """

    nominals: Mapping[str, Nominal]
    equations: Mapping[str, Parents]
    records: Mapping[str, Scale | Threshold]
    face_latents: tuple[str, ...]

    @property
    def latents(self) -> tuple[str, ...]:
        """The planted latents: face, trait, shared."""
        return (*self.face_latents, *self.named("trait_"), *self.named("shared_"))

    def named(self, prefix: str) -> tuple[str, ...]:
        """Return the variables whose name begins with `prefix`, in order."""
        return tuple(name for name in self.equations if name.startswith(prefix))

    def record(self, name: str) -> Scale | Threshold:
        """Return how a variable is recorded."""
        return self.records.get(name, Scale())

    @cached_property
    def _states(self) -> tuple[Floats, list[dict[str, str]]]:
        """Every combination of categories that can occur, and its probability."""
        chances, states = zip(*self._enumerate(1.0, {}), strict=True)
        return np.array(chances), list(states)

    def _enumerate(
        self, chance: float, state: dict[str, str]
    ) -> Iterator[tuple[float, dict[str, str]]]:
        if len(state) == len(self.nominals):
            yield chance, state
            return
        name = list(self.nominals)[len(state)]
        nominal = self.nominals[name]
        for category, share in nominal.given[state.get(nominal.parent, "")].items():
            yield from self._enumerate(chance * share, {**state, name: category})

    def shares(self, nominal: str) -> dict[str, float]:
        """Return the marginal probability of every category of a nominal variable."""
        totals: dict[str, float] = {}
        for chance, state in zip(*self._states, strict=True):
            totals[state[nominal]] = totals.get(state[nominal], 0.0) + float(chance)
        return totals

    def standardised(self, nominal: str, effect: Effect) -> dict[str, float]:
        """Return an effect's levels with mean 0 and variance 1 over the population."""
        shares = self.shares(nominal)
        mean = sum(share * effect.levels[c] for c, share in shares.items())
        variance = sum(share * (effect.levels[c] - mean) ** 2 for c, share in shares.items())
        return {c: (effect.levels[c] - mean) / sqrt(variance) for c in shares}

    @cached_property
    def _moments(self) -> dict[str, tuple[Floats, Floats]]:
        """Per variable its mean in every state and its loadings on the independent noises."""
        chances, states = self._states
        moments: dict[str, tuple[Floats, Floats]] = {}
        for k, (name, parents) in enumerate(self.equations.items()):
            mean, loading = np.zeros(len(states)), np.zeros(len(self.equations))
            for parent, effect in parents.items():
                if isinstance(effect, Effect):
                    levels = self.standardised(parent, effect)
                    mean += effect.weight * np.array([levels[s[parent]] for s in states])
                else:
                    mean += effect * moments[parent][0]
                    loading += effect * moments[parent][1]
            unexplained = 1.0 - float(chances @ mean**2 + loading @ loading)
            if unexplained <= 0.0:
                raise ValueError(f"{name}: its parents explain all of its variance; lower a weight")
            loading[k] = sqrt(unexplained)
            moments[name] = (mean, loading)
        return moments

    def noise(self, name: str) -> float:
        """Return the standard deviation of a variable's own noise."""
        return float(self._moments[name][1][list(self.equations).index(name)])

    def correlation(self, a: str, b: str) -> float:
        """Return the correlation of two variables with an equation."""
        (mean_a, load_a), (mean_b, load_b) = self._moments[a], self._moments[b]
        return float(self._states[0] @ (mean_a * mean_b) + load_a @ load_b)

    def effect_size(self, a: str, variable: str) -> float:
        """Return how strongly `a` is associated with a recorded variable, from 0 to 1.

        The root of the share of a's variance that the variable explains: a nominal variable by
        its categories, a yes or no by its two values, a number by the best cubic trend (which is
        the absolute correlation where both are Gaussian).
        """
        if variable in self.nominals:
            return self._explained_by_categories(a, variable)
        record = self.record(variable)
        if isinstance(record, Scale):
            return self._explained_by_trend(a, variable)
        return self._explained_by_answer(a, variable, record.cut)

    def _explained_by_categories(self, a: str, nominal: str) -> float:
        chances, states = self._states
        totals: dict[str, float] = {}
        for value, state in zip(chances * self._moments[a][0], states, strict=True):
            totals[state[nominal]] = totals.get(state[nominal], 0.0) + float(value)
        shares = self.shares(nominal)
        return sqrt(sum(total**2 / shares[c] for c, total in totals.items()))

    def _explained_by_trend(self, a: str, b: str) -> float:
        """Regress E[a | state, b] on powers of b, every state's b at Gauss-Hermite nodes."""
        mean_a, mean_b, slope, spread = self._conditional(a, b)
        nodes, weights = np.polynomial.hermite_e.hermegauss(12)
        offset = spread * nodes
        root = np.sqrt(np.outer(self._states[0], weights / weights.sum())).ravel()
        powers = np.vander(np.add.outer(mean_b, offset).ravel(), 4) * root[:, None]
        expected = np.add.outer(mean_a, slope * offset).ravel() * root
        coefficients = np.linalg.lstsq(powers, expected, rcond=None)[0]
        return float(np.linalg.norm(powers @ coefficients))

    def _explained_by_answer(self, a: str, b: str, cut: float) -> float:
        """Correlate a with the 0-1 variable `b > cut` (a normal distribution's partial moments)."""
        chances = self._states[0]
        mean_a, mean_b, slope, spread = self._conditional(a, b)
        standard = (mean_b - cut) / spread
        yes = np.array([(1.0 + erf(z / sqrt(2.0))) / 2.0 for z in standard])
        density = np.exp(-(standard**2) / 2.0) / sqrt(2.0 * np.pi)
        covariance = float(chances @ (mean_a * yes + slope * spread * density))
        share = float(chances @ yes)
        return abs(covariance) / sqrt(share * (1.0 - share))

    def _conditional(self, a: str, b: str) -> tuple[Floats, Floats, float, float]:
        """Per state the means of a and b; within states the slope of a on b and b's spread."""
        (mean_a, load_a), (mean_b, load_b) = self._moments[a], self._moments[b]
        variance = float(load_b @ load_b)
        return mean_a, mean_b, float(load_a @ load_b) / variance, sqrt(variance)
