"""Getting things from the network without trusting it, and without being a nuisance."""

from personax_assets.web.client import Client, Response, WebError
from personax_assets.web.polite import Polite

__all__ = ["Client", "Polite", "Response", "WebError"]
