"""Vectors of crops and texts: one protocol, defaults that need no weights."""

from personax_assets.embeddings.encoders import (
    Encoder,
    EndpointConfig,
    encoder_by_name,
    expected_embedding_hashes,
    identity,
)
from personax_assets.embeddings.masking import mask_name

__all__ = [
    "Encoder",
    "EndpointConfig",
    "encoder_by_name",
    "expected_embedding_hashes",
    "identity",
    "mask_name",
]
