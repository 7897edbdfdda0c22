"""Numbers and names as a person reads them.

Belongs here: formatting for pages, figures and the terminal. Does not belong here: what is said.
"""

import math
import unicodedata
from collections.abc import Sequence

from markupsafe import Markup

from personax_assets.datasets import TRAITS

MISSING = "–"

TEST_NAMES = {"kci": "KCI", "rcit": "RCIT", "hsic": "HSIC", "chi2": "χ²", "gsq": "G²"}
TEST_MEANINGS = {
    "kci": "Kernel conditional independence test.",
    "rcit": "Randomised conditional independence test.",
    "hsic": "Hilbert–Schmidt independence criterion.",
    "chi2": "Pearson’s chi-square test; discrete variables only.",
    "gsq": "Likelihood-ratio (G-square) test; discrete variables only.",
}
EFFECT_MEASURES = {
    "cka": "kernel alignment",
    "dcor": "distance correlation",
    "cramers_v": "Cramér’s V",
}

_UNITS = {"height_cm": "cm", "weight_kg": "kg", "latitude": "° north", "longitude": "° east"}

_HYPHENATED = dict(
    zip(
        TRAITS,
        ("Open-\nness", "Conscien-\ntiousness", "Extra-\nversion", "Agree-\nableness",
         "Neuro-\nticism"),
        strict=True,
    )
)  # fmt: skip


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def clean(text: object, limit: int = 60) -> str:
    """Return text that is safe to draw: one line, no control characters, not too long."""
    spaced = "".join(
        c if unicodedata.category(c)[0] != "C" else " " if c.isspace() else "" for c in str(text)
    )
    line = " ".join(spaced.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def variable_label(name: str) -> str:
    """Return a bio column as words, without its unit."""
    return clean(name.removesuffix("_cm").removesuffix("_kg").replace("_", " "))


def variable_axis(name: str) -> str:
    """Return a bio column as words, with its unit."""
    label = variable_label(name).capitalize()
    return f"{label} ({_UNITS[name]})" if name in _UNITS else label


def trait_header(trait: str) -> str:
    """Return a trait on two lines, for narrow columns."""
    return _HYPHENATED.get(trait, clean(trait).capitalize())


def count(n: float | None) -> str:
    """Return a whole number with thousands separated."""
    return MISSING if n is None else f"{n:,.0f}"


def number(x: float | None, digits: int = 2) -> str:
    """Return a number with a fixed number of digits; a dash if there is none."""
    if x is None or not math.isfinite(x):
        return MISSING
    return f"{x:.{digits}f}".replace("-", "−") if abs(x) < 1e6 else f"{x:.2e}"


def short(x: float | None) -> str:
    """Return a number between -1 and 1 as in a crowded figure: `.42`."""
    return number(x).replace("0.", ".", 1) if x is not None and abs(x) < 0.995 else number(x, 1)


def percent(share: float | None) -> str:
    """Return a share in percent; never 0 or 100 unless it is exactly that."""
    if share is None or not math.isfinite(share):
        return MISSING
    if 0 < share < 0.005:
        return "<\u00a01\u00a0%"
    if 0.995 < share < 1:
        return ">\u00a099\u00a0%"
    return f"{100 * share:.0f}\u00a0%"


def duration(seconds: float | None) -> str:
    """Return a time span."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 100:
        return f"{seconds:.1f}\u00a0s"
    return f"{seconds // 60:.0f}\u00a0min {seconds % 60:.0f}\u00a0s"


def quantity(n: int, singular: str, plural: str) -> str:
    """Return a number and its noun."""
    return f"{count(n)} {singular if n == 1 else plural}"


def listed(words: Sequence[str]) -> str:
    """Return words as an enumeration: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def p_plain(p_value: float | None, log10_p: float | None) -> str:
    """Return a p-value in plain text."""
    parts = _scientific(p_value, log10_p)
    return parts if isinstance(parts, str) else f"{parts[0]}e−{parts[1]}"


def p_short(p_value: float) -> str:
    """Return a p-value as in a crowded figure: `.042`, or the power of ten that bounds it."""
    if p_value >= 0.995:
        return "1"
    if p_value >= 0.001:
        return f"{p_value:.{2 if p_value >= 0.1 else 3}f}".replace("0.", ".", 1)
    exponent = max(math.ceil(math.log10(p_value)), -300) if p_value > 0 else -300
    return "<10" + str(exponent).translate(_SUPERSCRIPT)


def p_markup(p_value: float | None, log10_p: float | None) -> Markup:
    """Return a p-value for a page."""
    parts = _scientific(p_value, log10_p)
    if isinstance(parts, str):
        return Markup.escape(parts)
    return Markup("{}\u00a0×\u00a010<sup>−{}</sup>").format(*parts)


def _scientific(p_value: float | None, log10_p: float | None) -> str | tuple[str, int]:
    """Return the text of an ordinary p-value, or mantissa and negative exponent of a small one."""
    if p_value is None or math.isnan(p_value):
        return MISSING
    if p_value >= 0.001:
        return f"{p_value:.3f}"
    if log10_p is None or not math.isfinite(log10_p):
        log10_p = math.log10(p_value) if p_value > 0 else -math.inf
    if log10_p < -300:
        return "< 10⁻³⁰⁰"
    exponent = math.floor(log10_p)
    mantissa = f"{10 ** (log10_p - exponent):.1f}"
    return ("1.0", -exponent - 1) if mantissa == "10.0" else (mantissa, -exponent)
