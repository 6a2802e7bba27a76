"""Texts to vectors by a sentence encoder: what sentence-transformers' folders say of pooling and
length, read with transformers alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from psycopref.errors import TrainError
from psycopref.nets import device
from psycopref.nets.no_code import NO_CODE, why
from psycopref.nets.weights import quiet
from psycopref.progress import Progress

_READ = {"Transformer", "Pooling", "Normalize"}


def embedded(
    source: str, texts: Sequence[str], batch_tokens: int, progress: Progress
) -> npt.NDArray[np.float32]:
    """One vector of length 1 for each text, (texts, dimensions); TrainError where the encoder
    cannot be read.

    Pooling (the mean of a text's tokens, or its first token) and the number of tokens that are read
    are the folder's own; a folder that says nothing has the mean, and all tokens that its model has
    positions for. What is longer is cut off there, as sentence-transformers does.
    """
    model, tokenizer, first, lower = _load(source)
    model.to(device.device()).eval()
    limit = _limit(source, model, tokenizer)
    out = np.zeros((len(texts), model.config.hidden_size), np.float32)
    order = sorted(range(len(texts)), key=lambda at: (len(texts[at]), at))
    with progress.track("embed", len(texts)) as tick, torch.inference_mode():
        for start in range(0, len(order), 1024):
            some = [texts[at].lower() if lower else texts[at] for at in order[start : start + 1024]]
            rows = tokenizer(some, truncation=True, max_length=limit)["input_ids"]
            for group in _batches([len(row) for row in rows], batch_tokens):
                batch = tokenizer.pad(
                    {"input_ids": [rows[at] for at in group]}, return_tensors="pt"
                ).to(model.device)
                states_BTD = model(
                    input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]
                ).last_hidden_state.float()
                out[[order[start + at] for at in group]] = (
                    _pooled(states_BTD, batch["attention_mask"], first).cpu().numpy()
                )
            tick(len(some))
    return out


def _pooled(states_BTD: torch.Tensor, mask_BT: torch.Tensor, first: bool) -> torch.Tensor:
    weight_BT1 = mask_BT[..., None].to(states_BTD.dtype)
    pooled_BD = (
        states_BTD[:, 0]
        if first
        else (states_BTD * weight_BT1).sum(1) / weight_BT1.sum(1).clamp(min=1e-9)
    )
    return torch.nn.functional.normalize(pooled_BD, dim=-1)


def _batches(lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Positions in order, so many together that the longest times their number is within the
    budget.
    """
    groups: list[list[int]] = []
    longest = 0
    for at, length in enumerate(lengths):
        longest = max(longest, length)
        if groups and longest * (len(groups[-1]) + 1) <= batch_tokens:
            groups[-1].append(at)
        else:
            groups.append([at])
            longest = length
    return groups


def _load(source: str) -> tuple[Any, Any, bool, bool]:
    from transformers import AutoModel, AutoTokenizer

    modules = _read(source, "modules.json")
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules or ()]
    if set(kinds) - _READ:
        raise TrainError(
            f"{source}: an encoder with {sorted(set(kinds) - _READ)}, which is not read here; give"
            " one of a transformer and a pooling layer"
        )
    pooling = (
        next(
            (
                _read(source, f"{module['path']}/config.json")
                for module, kind in zip(modules or (), kinds, strict=True)
                if kind == "Pooling"
            ),
            None,
        )
        or {}
    )
    asked = _pooling(pooling)
    if asked not in ("mean", "cls"):
        raise TrainError(
            f"{source}: its pooling is {asked!r}; only the mean of all tokens ('mean') and the"
            " first token ('cls') are read here"
        )
    with quiet():
        try:
            loaded = (
                AutoModel.from_pretrained(source, dtype=torch.float32, **NO_CODE),
                AutoTokenizer.from_pretrained(source, **NO_CODE),
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise TrainError(
                f"{source}: no encoder ({why(error)}); give a Hugging Face folder or hub id"
            ) from error
    return (
        *loaded,
        asked == "cls",
        bool((_read(source, "sentence_bert_config.json") or {}).get("do_lower_case")),
    )


def _pooling(said: dict[str, Any]) -> str:
    """'mean', 'cls' or another: as one name (sentence-transformers from 6 on), or as one switch for
    each (before).
    """
    on = [
        name.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for name, value in said.items()
        if value is True and "mode_" in name
    ]
    named = said.get("pooling_mode") or "+".join(sorted(on)) or "mean"
    return named if isinstance(named, str) else "+".join(named)


def _limit(source: str, model: Any, tokenizer: Any) -> int:
    said = (_read(source, "sentence_bert_config.json") or {}).get("max_seq_length")
    positions = getattr(model.config, "max_position_embeddings", None)
    return min(int(limit) for limit in (said, positions, tokenizer.model_max_length) if limit)


def _read(source: str, name: str) -> Any:
    """A JSON file of a folder or hub repository, None where it has none."""
    from transformers.utils import cached_file

    found = cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return json.loads(Path(found).read_text(encoding="utf-8")) if found else None
