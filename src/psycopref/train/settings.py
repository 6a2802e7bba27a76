"""How to train: the settings that every training stage shares; torch is not needed to read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from psycopref.nets.start import Size
from psycopref.settings import TORCH, Stage


class Training(Stage):
    """Settings of one run of the loop. Their order is that of a model card's lines, which are in
    the digest of the weights: they stay in it.
    """

    base: str = Field(
        default="", description="Hub id or folder to start from; '' makes a fresh model of `size`."
    )
    seed: int = Field(
        default=0, description="Of fresh weights, the order of items, dropout and adapters."
    )
    epochs: float = Field(default=1.0, gt=0, description="Passes over the items.")
    steps: int = Field(
        default=0, ge=0, description="Optimiser steps; 0 leaves the length to `epochs`."
    )
    batch_size: int = Field(
        default=64,
        ge=1,
        description="Preference pairs (or responses) per optimiser step, exactly, in all processes"
        " together.",
    )
    lr: float = Field(default=1e-4, gt=0, description="The highest learning rate, of AdamW.")
    warmup: float = Field(
        default=0.1, ge=0, le=1, description="Share of the steps in which the rate rises."
    )
    decay: Literal["linear", "cosine", "constant"] = Field(
        default="cosine", description="How the rate falls to 0 after that, or that it does not."
    )
    weight_decay: float = Field(
        default=0.0, ge=0, description="AdamW's, of matrices; norms and biases have none."
    )
    clip: float = Field(default=1.0, gt=0, description="Largest norm of a step's gradient.")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share; 0 leaves what the model comes with."
    )
    batch_tokens: int = Field(
        default=8192,
        ge=64,
        description="Padded (or packed) tokens of a micro-batch at most; changes memory and not"
        " the weights, but for rounding.",
    )
    max_length: int = Field(
        default=1024, ge=16, description="Longest prompt and response trained on, in tokens."
    )
    dev_every: int = Field(
        default=0, ge=0, description="Steps between looks at the dev split; 0 is once per epoch."
    )
    best: Literal["", "loss", "accuracy"] = Field(
        default="", description="Keep the weights that were best on dev by this; '' keeps the last."
    )
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="bf16 computes under autocast; the weights stay in float32."
    )
    recompute: bool = Field(
        default=False, description="Keep no activations but the layers' inputs: less memory."
    )
    lora: int = Field(
        default=0,
        ge=0,
        description="Rank of low-rank adapters on all linear layers; 0 trains every weight.",
    )
    lora_alpha: int = Field(
        default=0, ge=0, description="Their scale; 0 stands for twice the rank."
    )
    quantise: Literal["", "nf4"] = Field(
        default="", description="Hold the frozen weights beside adapters in four bits (QLoRA)."
    )
    size: Size = Field(default=Size(), description="The shape of a fresh model.")
    snapshots: int = Field(
        default=0,
        ge=0,
        description="States kept beside the end, evenly over the steps, the last one included"
        " (policies only).",
    )
    keep_every: int = Field(
        default=100, ge=1, exclude=True, description="Steps that a killed run may lose."
    )
    tracker: Literal["", "tensorboard", "trackio", "wandb"] = Field(
        default="",
        exclude=True,
        description="Where the curves are shown while they grow: TensorBoard's files are in the"
        " workspace's `trackers`, wandb sends numbers and settings to where it is set up to.",
    )

    @model_validator(mode="after")
    def _quantised_beside_adapters(self) -> "Training":
        if self.quantise and not self.lora:
            raise ValueError(
                "quantise: four-bit weights cannot be trained themselves; set lora, such as lora"
                " = 16"
            )
        return self

    @classmethod
    def together(cls) -> bool:
        """Under `accelerate launch` every process trains its share of each batch."""
        return True

    def packages(self) -> Sequence[str]:
        """What the loop, adapters, four-bit weights and the tracker need."""
        more = {"peft": self.lora, "bitsandbytes": self.quantise, self.tracker: self.tracker}
        return (*TORCH, *(name for name, wanted in more.items() if wanted))

    def reads(self) -> Sequence[Path]:
        """The files of a `base` folder."""
        folder = Path(self.base)
        if not self.base or not folder.is_dir():
            return ()
        return sorted(path for path in folder.rglob("*") if path.is_file())
