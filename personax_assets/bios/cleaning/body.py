"""Heights and weights in any unit or notation to centimetres and kilograms.

Belongs here: reading them. Does not belong here: whether a value is believable (`plausibility`).
"""

import polars as pl

HEIGHT_UNITS = {"cm": 1.0, "m": 100.0, "mm": 0.1, "in": 2.54, "ft": 30.48}
"""Centimetres per unit of a bare number."""

WEIGHT_UNITS = {"kg": 1.0, "lb": 0.45359237, "st": 6.35029318, "g": 0.001}
"""Kilograms per unit of a bare number."""

_HEIGHT_WORDS = {
    **dict.fromkeys(("cm", "cms", "centimetre", "centimetres", "centimeter", "centimeters"), "cm"),
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), "m"),
    **dict.fromkeys(("mm", "millimetres", "millimeters"), "mm"),
    **dict.fromkeys(("in", "ins", "inch", "inches", '"'), "in"),
    **dict.fromkeys(("ft", "foot", "feet", "'"), "ft"),
}
_WEIGHT_WORDS = {
    **dict.fromkeys(("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms", "kilogrammes"), "kg"),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds", "#"), "lb"),
    **dict.fromkeys(("st", "stone", "stones"), "st"),
    **dict.fromkeys(("g", "gram", "grams"), "g"),
}

_NUMBER = r"^(\d+(?:\.\d+)?)\s*([a-z\"'#]*)\.?$"
_FEET_INCHES = (
    r"^(\d)\s*(?:'|ft\.?|feet|foot|-)\s*"
    r"(?:(\d{1,2}(?:\.\d+)?)\s*(?:\"|in\.?|ins\.?|inch|inches)?)?$"
)
_METRES_CENTIMETRES = r"^([12])\s*m\s*(\d{2})\s*(?:cm)?$"
_STONES_POUNDS = (
    r"^(\d{1,2})\s*(?:st\.?|stones?)\s*(?:(\d{1,2}(?:\.\d+)?)\s*(?:lb\.?|lbs\.?|pounds?)?)?$"
)


def _text(value: pl.Expr) -> pl.Expr:
    """Bring the many ways to type the same thing into one."""
    text = value.str.to_lowercase().str.replace_all("[′’‘ʹ´`]", "'")
    text = text.str.replace_all("″|”|“|''", '"').str.replace_all("\u00a0", " ")
    text = text.str.replace(r"\(.*\)\s*$", "").str.replace(r"(\d),(\d)", "$1.$2")
    for fraction, decimal in (("½|1/2", ".5"), ("¼|1/4", ".25"), ("¾|3/4", ".75")):
        text = text.str.replace(rf"(\d)\s*(?:{fraction})", "${1}" + decimal)
    return text.str.strip_chars()


def _group(text: pl.Expr, pattern: str, group: int) -> pl.Expr:
    return text.str.extract(pattern, group).cast(pl.Float64, strict=False)


def height_in_cm(value: pl.Expr, unit: pl.Expr) -> pl.Expr:
    """Read heights such as `6'3"`, `6-3`, `1.91 m`, `191`, `75 in`, `6 ft 3 in`.

    Parameters
    ----------
    value : polars.Expr
        The height as the source writes it.
    unit : polars.Expr
        Unit of a bare number, a key of `HEIGHT_UNITS`. If NULL the size of the number tells:
        the plausible heights in metres, feet, inches and centimetres do not overlap.
    """
    text = _text(value)
    inches = _group(text, _FEET_INCHES, 2).fill_null(0)
    feet = pl.when(inches < 12).then(_group(text, _FEET_INCHES, 1) * 30.48 + inches * 2.54)
    metric = _group(text, _METRES_CENTIMETRES, 1) * 100 + _group(text, _METRES_CENTIMETRES, 2)
    number = _group(text, _NUMBER, 1)
    by_size = (
        pl.when(number.is_between(1, 2.7))
        .then(pl.lit("m"))
        .when(number.is_between(4, 8.7))
        .then(pl.lit("ft"))
        .when(number.is_between(45, 99))
        .then(pl.lit("in"))
        .when(number.is_between(100, 270))
        .then(pl.lit("cm"))
    )
    word = text.str.extract(_NUMBER, 2)
    stated = word.replace_strict(_HEIGHT_WORDS, default=None, return_dtype=pl.String)
    known = pl.when(word != "").then(stated).otherwise(pl.coalesce(unit, by_size))
    factor = known.replace_strict(HEIGHT_UNITS, default=None, return_dtype=pl.Float64)
    return pl.coalesce(number * factor, metric, feet).round(2)


def weight_in_kg(value: pl.Expr, unit: pl.Expr) -> pl.Expr:
    """Read weights such as `187.0`, `85 kg`, `210 lbs`, `14 st 2 lb`.

    Parameters
    ----------
    value : polars.Expr
        The weight as the source writes it.
    unit : polars.Expr
        Unit of a bare number, a key of `WEIGHT_UNITS`. If NULL a bare number is not read:
        kilograms and pounds overlap.
    """
    text = _text(value)
    pounds = _group(text, _STONES_POUNDS, 2).fill_null(0)
    stones = pl.when(pounds < 14).then(
        _group(text, _STONES_POUNDS, 1) * WEIGHT_UNITS["st"] + pounds * WEIGHT_UNITS["lb"]
    )
    word = text.str.extract(_NUMBER, 2)
    stated = word.replace_strict(_WEIGHT_WORDS, default=None, return_dtype=pl.String)
    known = pl.when(word != "").then(stated).otherwise(unit)
    factor = known.replace_strict(WEIGHT_UNITS, default=None, return_dtype=pl.Float64)
    return pl.coalesce(_group(text, _NUMBER, 1) * factor, stones).round(2)
