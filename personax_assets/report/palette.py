"""The colours of a report, in light and in dark.

Belongs here: every colour, by role. Figures are drawn with the light values; on the page each
value becomes a CSS variable, so that figures follow the reader's theme. Does not belong here:
layout.

The categorical colours are those of Okabe and Ito (2008), made to distinguish well for every
common kind of colour vision; the ramps differ in lightness alone.
"""

from collections.abc import Mapping
from types import MappingProxyType

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "page": "#fcfbf9",
        "surface": "#fefefe",
        "ink": "#1d2126",
        "muted": "#57606b",
        "rule": "#dddad3",
        "faint": "#efedea",
        "land": "#e4e0d8",
        "accent": "#1b5e91",
        "caution": "#9a5b00",
        "caution-soft": "#fdf3df",
        "alarm": "#b3261e",
        "alarm-soft": "#fcebe9",
        "good": "#1a7350",
        "on-dark": "#fdfdff",
        # The categories.
        "blue": "#0072b2",
        "orange": "#d55e00",
        "green": "#009e73",
        "pink": "#c46a9c",
        "amber": "#b98a00",
        "grey": "#7d858d",
        # From no evidence (0) to overwhelming evidence (5).
        "ramp-0": "#f1f0ed",
        "ramp-1": "#d8e5f1",
        "ramp-2": "#aecbe5",
        "ramp-3": "#78abd4",
        "ramp-4": "#3374ad",
        "ramp-5": "#154878",
        # From a low (1) to a high (5) score; 0 is no answer.
        "score-0": "#d3d1cc",
        "score-1": "#cfe6da",
        "score-2": "#a3cfbb",
        "score-3": "#6bb096",
        "score-4": "#2a7b60",
        "score-5": "#0f5a45",
    }
)

DARK: Mapping[str, str] = MappingProxyType(
    {
        "page": "#14171a",
        "surface": "#1b1f23",
        "ink": "#e8e6e1",
        "muted": "#a3abb4",
        "rule": "#353b42",
        "faint": "#23282d",
        "land": "#30363c",
        "accent": "#84bdec",
        "caution": "#efb757",
        "caution-soft": "#2e2513",
        "alarm": "#f28b82",
        "alarm-soft": "#331b19",
        "good": "#63cfa3",
        "on-dark": "#0f1418",
        "blue": "#5aaee6",
        "orange": "#f08a45",
        "green": "#35c39a",
        "pink": "#e19cc4",
        "amber": "#e8c250",
        "grey": "#8d959d",
        "ramp-0": "#252a2f",
        "ramp-1": "#20374c",
        "ramp-2": "#254c71",
        "ramp-3": "#2c6596",
        "ramp-4": "#71afde",
        "ramp-5": "#bfe0f8",
        "score-0": "#474d53",
        "score-1": "#1d3a30",
        "score-2": "#25584a",
        "score-3": "#2b6c58",
        "score-4": "#62b899",
        "score-5": "#b0e8d3",
    }
)

CATEGORIES = ("blue", "orange", "green", "pink", "amber", "grey")
RAMP = tuple(f"ramp-{i}" for i in range(6))
SCORES = tuple(f"score-{i}" for i in range(6))


def ink_on(colour: str) -> str:
    """Return the role of the text colour that is readable on a step of a ramp, in both themes."""
    dark = colour.startswith(("ramp-", "score-")) and int(colour[-1]) >= 4
    return "on-dark" if dark else "ink"


def css_variables(theme: Mapping[str, str]) -> str:
    """Return the declarations of a theme's variables."""
    return "".join(f"--{role}:{value};" for role, value in theme.items())


VARIABLE_OF: Mapping[str, str] = MappingProxyType(
    {value: f"var(--{role})" for role, value in LIGHT.items()}
)
"""The CSS variable that stands for a light colour."""
