"""A tiny reward model as others save theirs, with a chat template that writes a line end after
every message (as Qwen's does).
"""

from pathlib import Path

import torch
from transformers import LlamaForSequenceClassification

from helpers.tiny import TINY, World
from psycopref.nets import weights
from psycopref.nets.tokens import CHATML

LINES = CHATML.replace("'<|im_end|>' }}", "'<|im_end|>\n' }}")


def judge(folder: Path, world: World, labels: int = 1, template: str | None = LINES) -> str:
    """A tiny Llama classifier with a head that is not zero, saved as others save theirs."""
    loaded = weights.fresh_reward(
        [row.text for row in (*world.speeches, *world.responses)],  # type: ignore[attr-defined]
        TINY,
        3,  # type: ignore[attr-defined]
    )
    config = loaded.model.config
    config.num_labels = labels
    torch.manual_seed(3)
    model = LlamaForSequenceClassification(config)
    torch.nn.init.normal_(model.score.weight)
    model.save_pretrained(folder)
    loaded.tokenizer.chat_template = template
    loaded.tokenizer.save_pretrained(folder)
    return str(folder)
