"""A small copy of CelebA's annotation files."""

from pathlib import Path

NAMES = [
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Big_Lips", "Big_Nose", "Bushy_Eyebrows"),
    *("Double_Chin", "High_Cheekbones", "Male", "Narrow_Eyes", "Oval_Face", "Pointy_Nose"),
    "Receding_Hairline",
]

IMAGES: dict[str, tuple[int, dict[str, int]]] = {
    "000001.jpg": (7, {"Male": 1, "Big_Nose": 1}),
    "000002.jpg": (3, {"Oval_Face": 1}),
    "000003.jpg": (7, {"Male": 1, "Big_Nose": 1}),
    "000004.jpg": (7, {"Male": 1}),
    "000005.jpg": (3, {}),
    "000006.jpg": (7, {"Male": -1}),
}
"""Images of two identities: 7 is male by three of four, his nose a tie, as is 3's oval face."""


def attribute_lines(separator: str = " ") -> list[str]:
    return [
        separator.join([image, *(f"{values.get(name, -1):2d}".strip() for name in NAMES)])
        for image, (_, values) in IMAGES.items()
    ]


def write(folder: Path, **files: str) -> None:
    official = [str(len(IMAGES)), " ".join(NAMES) + " ", *attribute_lines("  ")]
    texts = {
        "list_attr_celeba.txt": "\n".join(official) + "\n",
        "identity_CelebA.txt": "".join(f"{i} {who}\n" for i, (who, _) in IMAGES.items()),
        **files,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
