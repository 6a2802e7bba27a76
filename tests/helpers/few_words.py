"""A model folder of two layers and a few words, made on the spot."""

from pathlib import Path

import torch
import transformers

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' and no_system %}{{ raise_exception('no"
    " system') }}{% endif %}<{{ m.role }}> {{ m.content }} </s> {% endfor %}{% if"
    " add_generation_prompt %}<assistant> {% endif %}"
)
SENTENCE = (
    "I cannot sleep since my sister left and feel tired of all this what would help you most today"
    " be kind"
)
WORDS = SENTENCE.split()


def save(folder: Path, template: str | None = TEMPLATE) -> Path:
    """A two-layer Llama with random weights and a tokenizer of a few words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocab = {
        word: n
        for n, word in enumerate(
            ["<pad>", "</s>", "<unk>", "<user>", "<assistant>", "<system>", *dict.fromkeys(WORDS)]
        )
    }
    raw = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        initializer_range=0.5,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder
