"""CelebA: a user's own copy of its annotations and images."""

from personax_assets.bios.celeba.description import Celeba
from personax_assets.bios.celeba.source import CelebaSource

__all__ = ["Celeba", "CelebaSource"]
