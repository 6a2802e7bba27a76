"""How to train: the settings that every training stage shares; torch is not needed to read them."""

from typing import Literal

from pydantic import Field, model_validator

from psycopref.nets.start import Start


class Training(Start):
    """Settings of one run of the loop. `batch_size` counts preference pairs (or responses) per
    optimiser step, exactly.

    `steps` 0 leaves the length to `epochs`. `batch_tokens` bounds the padded tokens of a
    micro-batch; `max_length` is the longest prompt and response trained on. `best` keeps the
    weights that were best on the dev split by loss or accuracy. `lora` is the rank of low-rank
    adapters on all linear layers (0 trains every weight), `lora_alpha` 0 stands for twice the rank;
    with `quantise` the frozen weights beside them are held in four bits (QLoRA). `snapshots` states
    of the run are kept beside its end, evenly over the steps, the last one included (policies
    only). `dev_every` 0 looks at dev once per epoch. `keep_every` is how many steps a killed run
    may lose. `tracker` shows the curves while they grow (TensorBoard's files are in the workspace's
    `trackers`; wandb sends numbers and settings to where it is set up to).
    """

    epochs: float = Field(default=1.0, gt=0)
    steps: int = Field(default=0, ge=0)
    batch_size: int = Field(default=64, ge=1)
    lr: float = Field(default=1e-4, gt=0)
    warmup: float = Field(default=0.1, ge=0, le=1)
    decay: Literal["linear", "cosine", "constant"] = "cosine"
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    batch_tokens: int = Field(default=8192, ge=64)
    max_length: int = Field(default=1024, ge=16)
    dev_every: int = Field(default=0, ge=0)
    best: Literal["", "loss", "accuracy"] = ""
    lora: int = Field(default=0, ge=0)
    lora_alpha: int = Field(default=0, ge=0)
    snapshots: int = Field(default=0, ge=0)
    keep_every: int = Field(default=100, ge=1, exclude=True)
    tracker: Literal["", "tensorboard", "trackio", "wandb"] = Field(default="", exclude=True)

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
