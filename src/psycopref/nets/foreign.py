"""Reward models that others trained: loaded with the head they have, and read as their own chat
template writes a chat.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from psycopref.errors import TrainError
from psycopref.nets.no_code import NO_CODE, why
from psycopref.nets.tokens import Encoded, as_written, messages
from psycopref.nets.weights import Loaded, quiet, ready
from psycopref.tables import Response, Speech


def load(source: str, revision: str = "", template: str = "", precision: str = "fp32") -> Loaded:
    """A sequence classifier with one label and a trained head, from a folder or a hub id at
    `revision`; `template` stands for its own chat template.

    TrainError where the head is missing (it would start at random), has other than one label, needs
    code of its own to load, or no template is known.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    where = NO_CODE | ({"revision": revision} if revision else {})
    with quiet():
        try:
            dtype = torch.bfloat16 if precision == "bf16" else torch.float32
            model, report = AutoModelForSequenceClassification.from_pretrained(
                source, dtype=dtype, output_loading_info=True, **where
            )
            tokenizer = AutoTokenizer.from_pretrained(source, **where)
        except (OSError, ValueError, RuntimeError) as error:
            what = f"{source}: does not load as a sequence classifier ({why(error)})"
            raise TrainError(
                f"{what}; give a Hugging Face folder or hub id of a reward model that needs no code"
                " of its own"
            ) from error
    if missing := sorted(report["missing_keys"]):
        raise TrainError(
            f"{source}: has no trained reward head ({missing[0]} is missing); give a model that was"
            " trained as a reward model"
        )
    if model.config.num_labels != 1:
        raise TrainError(
            f"{source}: has {model.config.num_labels} labels where a reward model has one; choose"
            " another model"
        )
    if template:
        tokenizer.chat_template = template
    if not tokenizer.chat_template:
        raise TrainError(
            f"{source}: its tokenizer has no chat template; give `template`, a Jinja file that"
            " writes the chat as the model's card shows it"
        )
    return ready(model.eval(), tokenizer, Path(source))


def encoded(
    tokenizer: Any, speeches: Sequence[Speech], responses: Sequence[Response]
) -> dict[str, Encoded]:
    """Token ids by response id, every token of the template, of responses whose speech is among the
    speeches.
    """
    by_id = {speech.speech_id: speech for speech in speeches}
    return {
        row.response_id: as_written(tokenizer, messages(by_id[row.speech_id]), row.text)
        for row in responses
        if row.speech_id in by_id
    }
