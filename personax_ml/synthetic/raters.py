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

Asked the same once more, a rater reads anew: `wobble_r * e'` is added, more of it where it is to
answer in words. On a five-point scale the cuts lie at a half and at one and a half times the
caution. About somebody without a name it knows only the group: with probability `guessing` it
takes the group's mean factor for the person's, otherwise it cannot tell.
"""

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from personax_ml.synthetic.phrases import ABSTENTIONS, DESCRIPTIONS, EVIDENCE, FRAMES
from personax_ml.synthetic.streams import normals, uniforms
from personax_ml.synthetic.worlds import TRAITS

_STEP = 0.5
_IN_WORDS = 1.6
"""How much more a rater wavers when it is to answer in words."""

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
    wobble : float
        Standard deviation of what changes when it is asked the same again.
    guessing : float
        Probability that it judges somebody by the group alone.
    """

    name: str
    bias: float
    desirability: float
    noise: float
    caution: float
    abstention: float
    wobble: float = 0.0
    guessing: float = 0.0

    def answer(
        self,
        trait_factors: Mapping[str, float],
        seed: int,
        *,
        levels: int = 3,
        in_words: bool = False,
        again: str = "",
        by_group: bool = False,
    ) -> dict[str, str | int]:
        """Rate one person.

        Parameters
        ----------
        trait_factors : Mapping
            The person's factors under the column names of `Cohort.factors` (`trait_openness`,
            ...); other keys are ignored, so a whole row will do.
        seed : int
            The person's seed (`person_seed`); the answer depends on it, the factors and the
            rater.
        levels : {3, 5}
            Points of the scale.
        in_words : bool
            Whether the scores are asked for as words (the result holds numbers all the same).
        again : str
            Which repetition of the question it is; the first has no name.
        by_group : bool
            Whether the factors are means of the person's group, for want of a name.

        Returns
        -------
        dict
            `<trait>_text` and `<trait>_score` (0 insufficient information, 1 low to 3 or 5 high).
        """
        cuts = [c * self.caution for c in ((-1, 1) if levels == 3 else (-1.5, -0.5, 0.5, 1.5))]
        abstention = 1 - self.guessing if by_group else self.abstention
        wobbles: Sequence[float] = (0.0,) * len(TRAITS)
        if again:
            scatter = self.wobble * (_IN_WORDS if in_words else 1.0)
            drawn = normals(seed, "rater", self.name, again, count=len(TRAITS))
            wobbles = [scatter * float(e) for e in drawn]
        errors = normals(seed, "rater", self.name, count=len(TRAITS))
        choices = uniforms(seed, "rater", self.name, "wording", count=3 * len(TRAITS))
        answer: dict[str, str | int] = {}
        for i, trait in enumerate(TRAITS):
            reading = (
                trait_factors[f"trait_{trait}"]
                + self.bias
                + self.desirability * _GOOD.get(trait, 0.0)
                + self.noise * float(errors[i])
                + float(wobbles[i])
            )
            unknown, opening, continuation = (float(u) for u in choices[3 * i : 3 * i + 3])
            if unknown < abstention:
                text, score = ABSTENTIONS[self.name].format(trait=trait), 0
            else:
                text = self._words(trait, reading, opening, continuation)
                score = 1 + bisect(cuts, reading)
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
            SimulatedRater(
                "chatgpt",
                0.05,
                0.15,
                noise=0.35,
                caution=0.55,
                abstention=0.02,
                wobble=0.1,
                guessing=0.15,
            ),
            SimulatedRater(
                "gemini",
                0.0,
                0.0,
                noise=0.4,
                caution=0.45,
                abstention=0.04,
                wobble=0.15,
                guessing=0.3,
            ),
            SimulatedRater(
                "llama",
                -0.05,
                0.25,
                noise=0.5,
                caution=0.65,
                abstention=0.07,
                wobble=0.25,
                guessing=0.7,
            ),
        )
    }
)
"""The raters of the embedded default, by name."""
