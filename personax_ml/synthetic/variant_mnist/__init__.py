"""Variant MNIST: images of two items whose place and strength follow a known causal model.

Belongs here: a reconstruction of the image benchmark of Sun et al. (ICLR 2025, arXiv 2411.06518,
appendix D.2), whose ranges, noise and images were not published. Does not belong here: methods
that are scored on it. Importing it costs NumPy.
"""

from personax_ml.synthetic.variant_mnist.draw import (
    DIGIT,
    EDGES,
    FASHION,
    LATENTS,
    Glyphs,
    Noise,
    VariantMNIST,
    draw_variant_mnist,
)
from personax_ml.synthetic.variant_mnist.glyphs import GlyphPool, Pool, glyph_pool, read_idx

__all__ = [
    "DIGIT",
    "EDGES",
    "FASHION",
    "LATENTS",
    "GlyphPool",
    "Glyphs",
    "Noise",
    "Pool",
    "VariantMNIST",
    "draw_variant_mnist",
    "glyph_pool",
    "read_idx",
]
