"""What a page consists of.

Belongs here: sections and blocks as values, which the template turns into HTML. Does not belong
here: HTML itself, or what is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from markupsafe import Markup

Text = str | Markup
"""Plain text, escaped on the page, or markup that is already safe."""


@dataclass(frozen=True)
class Bar:
    """A table cell with a share (0 to 1) drawn as a bar and told as text."""

    share: float
    text: str
    kind: ClassVar[str] = "bar"


@dataclass(frozen=True)
class Status:
    """A table cell with a state: its mark never differs by colour alone."""

    level: Literal["good", "quiet", "caution", "alarm"]
    text: str
    kind: ClassVar[str] = "status"


Cell = Text | Bar | Status


@dataclass(frozen=True)
class Prose:
    """A paragraph; a `note` is set smaller."""

    text: Text
    style: Literal["lead", "body", "note"] = "body"
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: ClassVar[str] = "heading"


@dataclass(frozen=True)
class Callout:
    """Something that must not be overlooked."""

    level: Literal["caution", "alarm"]
    title: str
    texts: Sequence[Text]
    kind: ClassVar[str] = "callout"


@dataclass(frozen=True)
class Facts:
    """Terms and what they are."""

    rows: Sequence[tuple[str, Text]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Tiles:
    """Key figures: value, unit or noun, and a remark."""

    rows: Sequence[tuple[str, str, str]]
    kind: ClassVar[str] = "tiles"


@dataclass(frozen=True)
class Items:
    """A list of sentences; each a headline and what follows it."""

    rows: Sequence[tuple[Text, Text]]
    ordered: bool = False
    kind: ClassVar[str] = "items"


@dataclass(frozen=True)
class Table:
    """A table.

    Parameters
    ----------
    caption : str
        What it shows.
    columns : sequence of str
        Headers; the first column holds row headers.
    rows : sequence of sequence of Cell
        The rows; a row of one cell is a heading of the rows below it.
    stacked : bool
        On narrow screens set each row as a card (for tables with sentences in them).
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    stacked: bool = False
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """A drawn figure.

    Parameters
    ----------
    svg : Markup
        The drawing.
    title : str
        What it shows, in bold.
    caption : str
        How to read it.
    wide : bool
        Whether it takes the full width where there is space.
    """

    svg: Markup
    title: str
    caption: Text = ""
    wide: bool = False
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Pictures:
    """Figures side by side where there is space."""

    pictures: Sequence[Picture]
    kind: ClassVar[str] = "pictures"


@dataclass(frozen=True)
class Swatches:
    """A legend: roles of colours (see `palette`) and what they stand for."""

    title: str
    rows: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "swatches"


@dataclass(frozen=True)
class Photograph:
    """A small image, as a data address."""

    source: str
    alt: str
    size: int


@dataclass(frozen=True)
class Gallery:
    """Small images in groups: each with the text below it."""

    groups: Sequence[tuple[Sequence[Photograph], str]]
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown on demand."""

    title: str
    blocks: "Sequence[Block]"
    kind: ClassVar[str] = "fold"


Block = (
    Prose | Heading | Callout | Facts | Tiles | Items | Table | Pictures | Swatches | Gallery | Fold
)


@dataclass(frozen=True)
class Section:
    """A section of a page with an entry in its table of contents.

    Parameters
    ----------
    id, title : str
        Its anchor and its headline.
    blocks : sequence of Block
        What is in it.
    part : str
        The part of the page it belongs to, in a page of several parts.
    """

    id: str
    title: str
    blocks: Sequence[Block]
    part: str = ""

    def within(self, part: str, prefix: str) -> "Section":
        """Return the section as a section of a part, with an anchor of its own."""
        return replace(self, id=f"{prefix}-{self.id}", part=part)


@dataclass(frozen=True)
class Page:
    """A page.

    Parameters
    ----------
    title : str
        Its headline.
    subtitle : str
        One line below it.
    banner : str, optional
        A warning above everything else.
    sections : sequence of Section
        Its contents.
    links : sequence of (address, text)
        Sibling pages.
    """

    title: str
    subtitle: str
    banner: str | None
    sections: Sequence[Section]
    links: Sequence[tuple[str, str]] = ()
