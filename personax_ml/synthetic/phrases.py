"""The words of the simulated raters.

Belongs here: graded vocabulary, lowest first, and sentence frames. Does not belong here: who says
what about whom (`raters`). No phrase names a person, a sex, a league or an occupation.
"""

DESCRIPTIONS: dict[str, tuple[str, ...]] = {
    "openness": (
        "rigidly conventional",
        "firmly traditional",
        "rather unadventurous",
        "mildly orthodox",
        "evenly poised between habit and novelty",
        "somewhat inquisitive",
        "noticeably imaginative",
        "highly inventive",
        "boundlessly visionary",
    ),
    "conscientiousness": (
        "chaotically careless",
        "largely undisciplined",
        "rather haphazard",
        "a little lax",
        "averagely diligent",
        "fairly organised",
        "distinctly methodical",
        "strikingly meticulous",
        "relentlessly exacting",
    ),
    "extraversion": (
        "profoundly withdrawn",
        "markedly reserved",
        "rather taciturn",
        "slightly private",
        "neither loud nor silent",
        "reasonably sociable",
        "openly outgoing",
        "vividly gregarious",
        "irrepressibly exuberant",
    ),
    "agreeableness": (
        "bluntly antagonistic",
        "openly combative",
        "rather sceptical of others",
        "a touch prickly",
        "as cordial as most",
        "moderately considerate",
        "clearly kind",
        "deeply compassionate",
        "selflessly devoted",
    ),
    "neuroticism": (
        "imperturbably serene",
        "remarkably unflappable",
        "rather composed",
        "mostly even-tempered",
        "ordinarily sensitive",
        "occasionally fretful",
        "visibly tense",
        "frequently anxious",
        "overwhelmingly volatile",
    ),
}
"""Nine grades of every trait."""

EVIDENCE: dict[str, tuple[str, ...]] = {
    "openness": (
        "dismisses unfamiliar ideas outright",
        "returns to proven routines",
        "changes course only when pushed",
        "accepts a fresh angle now and then",
        "tries unusual approaches when invited",
        "seeks out art, travel and theory",
        "reinvents the craft again and again",
        "lives among daring experiments",
    ),
    "conscientiousness": (
        "abandons commitments without notice",
        "often turns up unprepared",
        "lets details slip",
        "keeps most appointments",
        "plans the week ahead",
        "works through thorough checklists",
        "rehearses every step twice",
        "never leaves a task short of perfect",
    ),
    "extraversion": (
        "avoids gatherings altogether",
        "gives the shortest interviews possible",
        "prefers small circles",
        "speaks up when addressed",
        "enjoys company after work",
        "livens up a room",
        "courts microphones and crowds",
        "turns every appearance into a celebration",
    ),
    "agreeableness": (
        "picks quarrels in public",
        "rarely concedes a point",
        "bargains hard",
        "cooperates where it pays",
        "listens before judging",
        "credits colleagues freely",
        "comforts rivals in defeat",
        "gives time and money to strangers",
    ),
    "neuroticism": (
        "shrugs off every setback",
        "sleeps soundly before great days",
        "recovers within hours",
        "worries within bounds",
        "replays mistakes for a while",
        "dreads criticism",
        "snaps under modest pressure",
        "spirals after minor slights",
    ),
}
"""Eight grades of every trait; they change half a step away from where the descriptions do."""

FRAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chatgpt": (
        (
            "Publicly this person comes across as {description}.",
            "The overall impression is of someone {description}.",
            "Based on what is known, they appear {description}.",
        ),
        (
            "For instance, such a person {evidence}.",
            "This is consistent with someone who {evidence}.",
            "A typical sign: the person {evidence}.",
        ),
    ),
    "gemini": (
        (
            "The public record suggests a profile of {trait} that is {description}.",
            "With regard to {trait}, the individual can be characterised as {description}.",
            "On {trait}, the available material points to a character that is {description}.",
        ),
        (
            "Supporting observation: the individual {evidence}.",
            "Reports indicate that the individual {evidence}.",
            "It is documented that the individual {evidence}.",
        ),
    ),
    "llama": (
        (
            "Seems {description}.",
            "Pretty clearly {description}.",
            "I'd say {description}.",
        ),
        (
            "Usually {evidence}.",
            "From what I gather, {evidence}.",
            "Word is, {evidence}.",
        ),
    ),
}
"""How each rater writes: openings, then continuations."""

ABSTENTIONS = {
    "chatgpt": "There is insufficient information to assess {trait} for this person.",
    "gemini": "The available material does not permit an assessment of {trait}.",
    "llama": "Not enough information on {trait}, so I can't say.",
}
