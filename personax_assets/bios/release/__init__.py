"""A published release of PersonaX data, from a folder or from Hugging Face."""

from personax_assets.bios.release.description import Release
from personax_assets.bios.release.source import ReleaseSource

__all__ = ["Release", "ReleaseSource"]
