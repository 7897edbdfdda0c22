"""Simulated raters: they read the planted trait factors and answer as a language model would.

Belongs here: how a rater reads, scores and words a trait. Does not belong here: the protocol over
which it is asked, or its vocabulary (`phrases`).

For trait t of one person the rater r reads::

    reading = factor_t + bias_r + desirability_r * good_t + noise_r * e,   e ~ N(0, 1)

independently of everything else. With probability `abstention` it says that it cannot tell (score
0). Otherwise the reading, cut at `-caution` and `caution`, gives the score 1, 2 or 3, and in steps
of a half it picks the words: nine descriptions and, offset by half a step, eight pieces of
evidence. The text therefore carries the factor much more finely than the score. Raters never see
a bio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from personax_ml.synthetic.phrases import ABSTENTIONS, DESCRIPTIONS, EVIDENCE, FRAMES
from personax_ml.synthetic.streams import normals, uniforms
from personax_ml.synthetic.worlds import TRAITS

_STEP = 0.5
_GOOD = {"agreeableness": 1.0, "conscientiousness": 0.5, "neuroticism": -1.0}
"""Which way flattery moves a reading."""


@dataclass(frozen=True)
class SimulatedRater:
    """A rater who answers from the planted factors.

    Parameters
    ----------
    name : str
        Name; also chooses the style of writing.
    bias : float
        What it adds to every reading.
    desirability : float
        How far it flatters.
    noise : float
        Standard deviation of its reading error; the factors have standard deviation 1.
    caution : float
        How far from the middle a reading must lie to be scored low or high.
    abstention : float
        Probability that it finds too little information about a trait.
    """

    name: str
    bias: float
    desirability: float
    noise: float
    caution: float
    abstention: float

    def answer(self, trait_factors: Mapping[str, float], seed: int) -> dict[str, str | int]:
        """Rate one person.

        Parameters
        ----------
        trait_factors : Mapping
            The person's factors under the column names of `Cohort.factors` (`trait_openness`,
            ...); other keys are ignored, so a whole row will do.
        seed : int
            The person's seed (`person_seed`); the answer depends on it, the factors and the
            rater.

        Returns
        -------
        dict
            `<trait>_text` and `<trait>_score` (0 insufficient information, 1 low to 3 high).
        """
        errors = normals(seed, "rater", self.name, count=len(TRAITS))
        choices = uniforms(seed, "rater", self.name, "wording", count=3 * len(TRAITS))
        answer: dict[str, str | int] = {}
        for i, trait in enumerate(TRAITS):
            reading = (
                trait_factors[f"trait_{trait}"]
                + self.bias
                + self.desirability * _GOOD.get(trait, 0.0)
                + self.noise * float(errors[i])
            )
            unknown, opening, continuation = (float(u) for u in choices[3 * i : 3 * i + 3])
            if unknown < self.abstention:
                text, score = ABSTENTIONS[self.name].format(trait=trait), 0
            else:
                text = self._words(trait, reading, opening, continuation)
                score = 2 + (reading > self.caution) - (reading < -self.caution)
            answer[f"{trait}_text"] = text
            answer[f"{trait}_score"] = score
        return answer

    def _words(self, trait: str, reading: float, opening: float, continuation: float) -> str:
        openings, continuations = FRAMES[self.name]
        sentences = (
            openings[int(opening * len(openings))],
            continuations[int(continuation * len(continuations))],
        )
        return " ".join(sentences).format(
            trait=trait,
            description=_grade(DESCRIPTIONS[trait], reading),
            evidence=_grade(EVIDENCE[trait], reading),
        )


def _grade(phrases: tuple[str, ...], reading: float) -> str:
    """Return the phrase for a reading; the middle one (or the middle cut) stands for zero."""
    grade = round(reading / _STEP + (len(phrases) - 1) / 2)
    return phrases[min(max(grade, 0), len(phrases) - 1)]


SIMULATED_RATERS: Mapping[str, SimulatedRater] = MappingProxyType(
    {
        rater.name: rater
        for rater in (
            SimulatedRater("chatgpt", 0.05, 0.15, noise=0.35, caution=0.55, abstention=0.02),
            SimulatedRater("gemini", 0.0, 0.0, noise=0.4, caution=0.45, abstention=0.04),
            SimulatedRater("llama", -0.05, 0.25, noise=0.5, caution=0.65, abstention=0.07),
        )
    }
)
"""The raters of the embedded default, by name."""
