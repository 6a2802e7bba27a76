"""What a model starts from: a folder or hub id, or the shape of a fresh one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from psycopref.settings import Settings, Stage


class Size(Settings):
    """The shape of a fresh Llama, for when there is no `base` to start from. The vocabulary is
    byte-level BPE.
    """

    vocab: int = Field(default=4096, ge=300)
    hidden: int = Field(default=256, ge=8)
    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=4, ge=1)
    kv_heads: int = Field(default=1, ge=1)
    inner: int = Field(default=640, ge=8)
    positions: int = Field(default=2048, ge=64)


class Start(Stage):
    """What a model is loaded from and how it computes: all that nets must know of a stage that
    trains, scores or drafts.

    `base` is a folder or a hub id; without one a fresh model of `size` is made. With `quantise` the
    weights are held in four bits, `recompute` keeps no activations but the layers' inputs.
    """

    base: str = ""
    size: Size = Size()
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    quantise: Literal["", "nf4"] = ""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    recompute: bool = False

    def reads(self) -> Sequence[Path]:
        """The files of a `base` folder."""
        folder = Path(self.base)
        if not self.base or not folder.is_dir():
            return ()
        return sorted(path for path in folder.rglob("*") if path.is_file())
