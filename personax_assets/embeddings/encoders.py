"""What an encoder is, and the encoders that can be chosen.

Belongs here: the protocol, the choice by name, and which rows need (re-)embedding. Does not belong
here: how any encoder works.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personax_assets.errors import PersonaXError


class Encoder(Protocol):
    """Turns crops (PNG files) or texts into vectors.

    A change of what it computes must come with another `name`, `version` or `dim`: vectors of
    different encoders never stand in one column.
    """

    @property
    def name(self) -> str:
        """The encoder's name."""

    @property
    def version(self) -> str:
        """Version of what it computes."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def modality(self) -> str:
        """What it embeds: `face` or `text`."""

    def embed(self, batch: Sequence[Any]) -> NDArray[np.float32]:
        """Return one row of `dim` finite numbers per item."""


@dataclass(frozen=True)
class EndpointConfig:
    """An OpenAI-compatible `/embeddings` endpoint.

    Parameters
    ----------
    model : str
        The model's name.
    base_url : str
        Address, up to and without `/embeddings`.
    dim : int
        Length of the model's vectors.
    key_env : str, optional
        Environment variable that holds the key; None if it takes none.
    batch : int
        Texts per call.
    timeout_s : float
        Longest wait for an answer.
    """

    model: str
    base_url: str
    dim: int
    key_env: str | None = None
    batch: int = 128
    timeout_s: float = 60.0


def encoder_by_name(name: str, endpoint: EndpointConfig | None = None) -> Encoder:
    """Return an encoder.

    Parameters
    ----------
    name : str
        One that needs no weights, `pixels` for faces or `ngrams` for texts; or `endpoint`.
    endpoint : EndpointConfig, optional
        What `endpoint` talks to.

    Raises
    ------
    PersonaXError
        If there is no such encoder.
    """
    from personax_assets.embeddings.ngrams import NgramEncoder
    from personax_assets.embeddings.pixels import PixelEncoder

    encoders: dict[str, Encoder] = {e.name: e for e in (PixelEncoder(), NgramEncoder())}
    if endpoint is not None:
        from personax_assets.embeddings.endpoint import EndpointEncoder

        encoders["endpoint"] = EndpointEncoder(endpoint)
    if name not in encoders:
        raise PersonaXError(f"encoder {name!r}: there is none; use one of {', '.join(encoders)}")
    return encoders[name]


def identity(encoder: Encoder) -> str:
    """Return the encoder and its version as they stand in the tables."""
    return f"{encoder.name}-{encoder.version}"


def expected_embedding_hashes(rows: pl.DataFrame, encoder: Encoder) -> pl.DataFrame:
    """Return `rows` with the hash of what each embedding is made from.

    Parameters
    ----------
    rows : DataFrame
        With a `text` to embed, or the `input_hash` of a crop.
    encoder : Encoder
        What embeds them.
    """
    content = "text" if "text" in rows.columns else "input_hash"
    prefix = f"{identity(encoder)}-{encoder.dim}/"
    hashes = [hashlib.sha256((prefix + value).encode()).hexdigest()[:32] for value in rows[content]]
    return rows.with_columns(pl.Series("input_hash", hashes, pl.String))
