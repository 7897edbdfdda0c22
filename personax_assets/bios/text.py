"""Small things about text that reading and cleaning share."""

import polars as pl


def folded_name(name: pl.Expr) -> pl.Expr:
    """Reduce a person's name to what two spellings of it have in common.

    Accents, case, punctuation and spacing are left out. A name that consists of nothing else is
    kept as it is.
    """
    plain = name.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.to_lowercase()
    plain = plain.str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
    return pl.when(plain == "").then(name).otherwise(plain)


def shown(value: object, limit: int = 60) -> str:
    """Return a value as it is quoted in a reason: one line, printable, of bounded length."""
    text = str(value)
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return '"' + "".join(c if c.isprintable() else "·" for c in text) + '"'
