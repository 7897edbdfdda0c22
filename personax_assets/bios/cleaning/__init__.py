"""From raw rows, every value a string, to typed bios: pure functions over polars frames."""

from personax_assets.bios.cleaning.clean import CleanBatch, clean_bios, person_ids

__all__ = ["CleanBatch", "clean_bios", "person_ids"]
