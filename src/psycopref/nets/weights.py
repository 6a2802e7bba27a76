"""Weights folders: ordinary Hugging Face folders with tokenizer, chat template and a model card
beside them.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from psycopref.errors import TrainError
from psycopref.nets import quantise, shards
from psycopref.nets.no_code import NO_CODE, why
from psycopref.nets.start import Size, Start
from psycopref.nets.tokens import ENCODER, PAD, PLAIN, learn_tokenizer
from psycopref.processes import rank
from psycopref.settings import Settings
from psycopref.store.keys import folder_digest

CARDS = resources.files("psycopref") / "data" / "cards"
Kind = Literal["reward", "policy"]


class Loaded(NamedTuple):
    """A model and the tokenizer that belongs to it."""

    model: Any
    tokenizer: Any


def fresh_policy(texts: Iterable[str], size: Size, seed: int) -> Loaded:
    """A small Llama with random weights and a tokenizer learnt from texts; vocabulary as large as
    the texts allow.
    """
    from transformers import LlamaForCausalLM

    tokenizer = learn_tokenizer(texts, size.vocab)
    torch.manual_seed(seed)
    return Loaded(LlamaForCausalLM(_llama(size, tokenizer)), tokenizer)


def fresh_reward(texts: Iterable[str], size: Size, seed: int) -> Loaded:
    """A small Llama with one label and random weights, and a tokenizer learnt from texts."""
    from transformers import LlamaForSequenceClassification

    tokenizer = learn_tokenizer(texts, size.vocab)
    torch.manual_seed(seed)
    return Loaded(LlamaForSequenceClassification(_llama(size, tokenizer, num_labels=1)), tokenizer)


def _llama(size: Size, tokenizer: Any, **more: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads,
        intermediate_size=size.inner,
        max_position_embeddings=size.positions,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **more,
    )


def load_policy(source: Path | str, plan: Start | None = None) -> Loaded:
    """A causal model from a folder or a hub id, in float32 (or quantised as `plan` says), with a
    pad token and a chat template.
    """
    from transformers import AutoModelForCausalLM

    return ready(*_load(AutoModelForCausalLM, source, **quantise.quantised(plan)), source)


def load_reward(source: Path | str, seed: int = 0, plan: Start | None = None) -> Loaded:
    """A sequence classifier with one label from a folder or a hub id; the head of a causal model's
    folder starts from `seed`.

    Sentence encoders (BERT and its kin, sentence-transformers' folders) are taken too: read at
    their first token, in padded batches.
    """
    from transformers import AutoModelForSequenceClassification

    torch.manual_seed(seed)
    return ready(
        *_load(
            AutoModelForSequenceClassification, source, num_labels=1, **quantise.quantised(plan)
        ),
        source,
    )


def _load(kind: Any, source: Path | str, **more: Any) -> tuple[Any, Any]:
    from transformers import AutoTokenizer

    with quiet():
        try:
            model = kind.from_pretrained(str(source), dtype=torch.float32, **more, **NO_CODE)
            return quantise.steady(model), AutoTokenizer.from_pretrained(str(source), **NO_CODE)
        except (OSError, ValueError, RuntimeError) as error:
            raise TrainError(
                f"{source}: no weights that load as {kind.__name__} ({why(error)}); give"
                " a Hugging Face folder or hub id"
            ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Transformers without its bars and its remarks about a head that starts fresh."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def ready(model: Any, tokenizer: Any, source: Path | str) -> Loaded:
    """See to a pad token other than EOS, an embedding row for it, and a chat template, where these
    are missing.
    """
    encoder = (
        tokenizer.eos_token_id is None
        and tokenizer.sep_token_id is not None
        and tokenizer.cls_token_id is not None
    )
    if encoder:
        tokenizer.eos_token = tokenizer.sep_token  # BERT and its kin: [CLS] ... [SEP]
    if tokenizer.eos_token_id is None:
        raise TrainError(
            f"{source}: its tokenizer has no EOS token; choose a model whose tokenizer has one"
        )
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        tokenizer.add_special_tokens({"pad_token": PAD})
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        _grow(model, len(tokenizer))
    model.config.pad_token_id = tokenizer.pad_token_id
    if tokenizer.chat_template is None:
        tokenizer.chat_template = ENCODER if encoder else PLAIN
    return Loaded(model, tokenizer)


def _grow(model: Any, rows: int) -> None:
    """More embedding rows, each the mean of those that were there: the same at every load."""
    old = model.get_input_embeddings().weight.shape[0]
    model.resize_token_embeddings(rows, mean_resizing=False)
    with torch.no_grad():
        layers = [model.get_input_embeddings()]
        if hasattr(model, "lm_head"):
            layers.append(model.get_output_embeddings())
        for layer in layers:
            layer.weight[old:] = layer.weight[:old].mean(0)


def set_dropout(model: Any, share: float) -> None:
    """Set the dropout that a model's configuration and modules know to `share`; 0 leaves the model
    as it is.
    """
    if not share:
        return
    for module in model.modules():
        if hasattr(module, "attention_dropout") and isinstance(module.attention_dropout, float):
            module.attention_dropout = share
        if isinstance(module, torch.nn.Dropout):
            module.p = share


def save(
    loaded: Loaded, folder: Path, kind: Kind, plan: Settings, facts: dict[str, object]
) -> Path:
    """Write a weights folder; `facts` and the settings go into its card (data/cards). Whatever was
    there goes away first.

    Of several processes the first one writes; weights that are spread over them are put together.
    """
    whole = shards.whole(loaded.model)
    if rank():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model, tokenizer = loaded
    if kind == "policy":
        _say_how_to_generate(model, tokenizer)
    with quiet():
        model.save_pretrained(folder, state_dict=whole)
        tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(_card(kind, plan, facts), encoding="utf-8")
    return folder


def _card(kind: Kind, plan: Settings, facts: dict[str, object]) -> str:
    """The model card: the text of its kind, with the facts and settings as a list."""
    said = {**facts, **plan.model_dump(mode="json")}
    lines = [f"- {name}: {value}" for name, value in said.items()]
    text = (CARDS / f"{kind}.md").read_text(encoding="utf-8")
    return text.replace("{facts}", "\n".join(lines))


def _say_how_to_generate(model: Any, tokenizer: Any) -> None:
    known = model.generation_config
    known.pad_token_id = tokenizer.pad_token_id
    known.do_sample = True
    if known.eos_token_id is None:
        known.eos_token_id = tokenizer.eos_token_id


def stop_ids(loaded: Loaded) -> set[int]:
    """The tokens that end a response: the tokenizer's EOS and those of the generation config."""
    return _ends(loaded.tokenizer, getattr(loaded.model, "generation_config", None))


def _ends(tokenizer: Any, config: Any) -> set[int]:
    found = config.eos_token_id if config is not None else None
    ends = found if isinstance(found, list) else [found]
    return {tokenizer.eos_token_id, *ends} - {None}


def tokenizer_and_ends(folder: Path) -> tuple[Any, set[int]]:
    """The tokenizer of a policy's folder and the tokens that end its responses, without its
    weights.
    """
    from transformers import AutoTokenizer, GenerationConfig

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **NO_CODE)
        config = GenerationConfig.from_pretrained(folder, **NO_CODE)
    except (OSError, ValueError) as error:
        raise TrainError(
            f"{folder}: its tokenizer does not load ({why(error)}); give the folder of a policy"
        ) from error
    return tokenizer, _ends(tokenizer, config)


def fitting(model: Any, tokens: int, what: str) -> None:
    """TrainError where so many tokens are more than a model has positions for."""
    limit = getattr(model.config, "max_position_embeddings", None)
    if limit and tokens > limit:
        raise TrainError(
            f"{what} needs {tokens} tokens and the model reads {limit}; lower max_tokens, or leave"
            " long speeches out"
        )


def name_of(folder: Path) -> str:
    """What weights are called where they judge or write: `weights:` and 12 hex digits of the digest
    of their folder.
    """
    return f"weights:{folder_digest(folder)[:12]}"
