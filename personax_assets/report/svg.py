"""Matplotlib figures as inline SVG that follows the page's theme.

Belongs here: the drawing style, and the rewriting of matplotlib's SVG: colours become CSS
variables, style attributes become plain ones (the page's content security policy forbids inline
styles), ids become unique, numbers short. Does not belong here: what is drawn.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markupsafe import Markup

from personax_assets.report.palette import LIGHT, VARIABLE_OF

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 360
"""Width of a figure in points: that of a phone, so that its text is readable there."""

TIP = "tip:"
"""An artist whose gid starts with this shows the rest of it when pointed at."""

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)$")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_NUMERIC = {"d", "transform", "x", "y", "width", "height", "viewBox"}
_FONT = re.compile(r"(?:(italic|oblique)\s+)?(?:(bold|\d00)\s+)?([\d.]+)px")


@contextmanager
def drawing_style() -> Iterator[None]:
    """Draw everything in the block in the style of the report."""
    import matplotlib as mpl

    style = mpl.rc_context({
        "svg.fonttype": "none",
        "svg.hashsalt": "personax",
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "font.size": 9.0,
        "figure.dpi": 72.0,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "axes.edgecolor": LIGHT["muted"],
        "axes.labelcolor": LIGHT["muted"],
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "grid.color": LIGHT["rule"],
        "grid.linewidth": 0.6,
        "text.color": LIGHT["ink"],
        "xtick.color": LIGHT["muted"],
        "ytick.color": LIGHT["muted"],
        "xtick.labelcolor": LIGHT["ink"],
        "ytick.labelcolor": LIGHT["ink"],
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
    })  # fmt: skip
    with style, warnings.catch_warnings():
        # The reader's own fonts show what matplotlib's lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def inline_svg(figure: "Figure", name: str, alt: str) -> Markup:
    """Return a figure as an `<svg>` element.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    name : str
        Unique on the page: ids inside the figure begin with it.
    alt : str
        What the figure shows, for those who cannot see it.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file = StringIO()
    FigureCanvasSVG(figure).print_figure(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())  # noqa: S314  # our own drawing
    used = {match for element in root.iter() for match in _references(element)}
    _rewrite(root, name, used)
    width = root.get("viewBox", "").split()[2]
    root.attrib = {
        "viewBox": root.get("viewBox", ""),
        "class": "wide" if float(width) > WIDTH else "narrow",
        "role": "img",
        "aria-label": alt,
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704  # escaped above


def _references(element: ElementTree.Element) -> Iterator[str]:
    for value in element.attrib.values():
        for match in _REFERENCE.finditer(value):
            yield match[1] or match[2]


def _rewrite(element: ElementTree.Element, name: str, used: set[str]) -> None:
    """Rewrite an element and everything in it."""
    element.tag = element.tag.removeprefix(_SVG)
    tip = element.get("id", "").startswith(TIP)
    text = element.attrib.pop("id")[len(TIP) :] if tip else ""
    element.attrib = {
        k: v for key, value in element.items() for k, v in _plain(key, value, name, used)
    }
    for child in list(element):
        if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
            element.remove(child)
        else:
            _rewrite(child, name, used)
    _flatten(element)
    if tip:
        title = ElementTree.Element("title")
        title.text = text
        element.insert(0, title)


def _flatten(element: ElementTree.Element) -> None:
    """Replace groups that say nothing by what is in them; drop empty groups and white space."""
    if element.tag != "text":
        element.text = element.tail = None
    children: list[ElementTree.Element] = []
    for child in element:
        child.tail = None
        if child.tag == "g" and not child.attrib and child.find("title") is None:
            children += list(child)
        elif not _invisible(child):
            children.append(child)
    element[:] = children


def _invisible(element: ElementTree.Element) -> bool:
    if element.tag in ("g", "defs"):
        return not len(element)
    return element.tag == "path" and element.get("fill") == "none" and not element.get("stroke")


def _plain(key: str, value: str, name: str, used: set[str]) -> Iterator[tuple[str, str]]:
    """Return what becomes of an attribute: none, one or several attributes."""
    if key == "style":
        for declaration in value.split(";"):
            prop, _, setting = (part.strip() for part in declaration.partition(":"))
            if prop == "font":
                yield from _font(setting)
            elif prop:
                yield from _plain(prop, setting, name, used)
    elif key == "id":
        if value in used:
            yield "id", f"{name}-{value}"
    elif key == _XLINK:
        yield "href", f"#{name}-{value[1:]}"
    elif key in ("fill", "stroke"):
        yield key, VARIABLE_OF.get(value, value)
    elif key == "clip-path":
        yield key, value.replace("url(#", f"url(#{name}-")
    elif key == "transform" and value.startswith("rotate(-0 "):
        return
    elif key in _NUMERIC:
        yield key, _LONG_NUMBER.sub(_rounded, " ".join(value.split()))
    elif key not in ("version", "type", "font-family"):
        yield key, value


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _font(setting: str) -> Iterator[tuple[str, str]]:
    match = _FONT.match(setting)
    assert match, setting
    yield "font-size", match[3]
    if match[2]:
        yield "font-weight", match[2]
    if match[1]:
        yield "font-style", match[1]
