"""What a model starts from and computes in, as settings; torch is not needed to read them."""

from typing import Literal, Protocol

from pydantic import Field

from psycopref.settings import Settings


class Size(Settings):
    """The shape of a fresh Llama, for when there is no `base` to start from. The vocabulary is
    byte-level BPE.
    """

    vocab: int = Field(
        default=4096, ge=300, description="Tokens of the vocabulary at most; fewer in few texts."
    )
    hidden: int = Field(default=256, ge=8, description="Width of the hidden states.")
    layers: int = Field(default=4, ge=1, description="Transformer layers.")
    heads: int = Field(default=4, ge=1, description="Attention heads of the queries.")
    kv_heads: int = Field(default=1, ge=1, description="Heads of keys and values.")
    inner: int = Field(default=640, ge=8, description="Width of the MLP.")
    positions: int = Field(default=2048, ge=64, description="Tokens that a sequence may have.")


class Start(Protocol):
    """What nets must know of the settings of whoever loads a model: how the weights are held and in
    what they are computed. `Training` has both.

    A protocol and no base class: the fields of a base come first in everything that is dumped, and
    a model card (whose bytes are in the digest of the weights) lists them in their order.
    """

    @property
    def precision(self) -> Literal["fp32", "bf16"]:
        """In what is computed; weights, losses and moments stay in float32."""

    @property
    def quantise(self) -> Literal["", "nf4"]:
        """In what frozen weights are held; '' is float32."""
