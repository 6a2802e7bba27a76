"""From speeches and responses to token ids: the one place for training, scoring and generating
alike.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from psycopref.config.prompts import instruction
from psycopref.errors import TrainError
from psycopref.nets.templates import Unwritable, inert, written
from psycopref.stats.length import words as count_words
from psycopref.tables import Response, Speech

PAD, START, END = "<|pad|>", "<|im_start|>", "<|im_end|>"
CHATML = (
    "{% for m in messages %}{{ '"
    + START
    + "' + m['role'] + '\n' + m['content'] | trim + '"
    + END
    + "' }}{% endfor %}{% if add_generation_prompt %}{{ '"
    + START
    + "assistant\n' }}{% endif %}"
)
PLAIN = (
    "{% for m in messages %}{{ m['role'] | capitalize + ':\n' + m['content'] | trim }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% else %}{{ '\n\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}"
)
ENCODER = "{{ cls_token }}" + PLAIN  # sentence encoders are read at the first token
_ROLES: dict[str, Literal["user", "assistant"]] = {"client": "user", "counselor": "assistant"}


class Said(Protocol):
    """Anything that says who speaks and what: `Chat` here, a provider's Message elsewhere."""

    @property
    def role(self) -> str: ...

    @property
    def content(self) -> str: ...


class Chat(NamedTuple):
    """One message of a chat."""

    role: Literal["user", "assistant"]
    content: str


class Encoded(NamedTuple):
    """Token ids of a prompt and of a response to it; the response ends in EOS (or is empty when
    there is none yet).
    """

    prompt: list[int]
    response: list[int]

    @property
    def ids(self) -> list[int]:
        """Prompt and response as one sequence."""
        return self.prompt + self.response


def learn_tokenizer(texts: Iterable[str], vocab: int) -> Any:
    """A byte-level BPE tokenizer of at most `vocab` tokens with a ChatML-like template, learnt from
    texts alone.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[PAD, START, END],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD, eos_token=END, additional_special_tokens=[START]
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def word_target(words: int) -> int:
    """A response's length in words as a target: rounded to 10, at least 10."""
    return max(10, round(words / 10) * 10)


def taught_target(response_id: str, text: str) -> int:
    """The word target that supervised training shows with a response: for half of them, chosen by
    id; 0 for the others.
    """
    half = hashlib.sha256(response_id.encode()).digest()[0] % 2 == 0
    return word_target(count_words(text)) if half else 0


def messages(speech: Speech, words: int = 0) -> tuple[Chat, ...]:
    """A speech with the turns before it as chat messages; a word target stands as the last line of
    the client's text.

    Neighbouring turns of one speaker become one message, since many chat templates ask for turns
    that alternate.
    """
    ask = f"\n\n{instruction('length_trained', words=words)}" if words else ""
    turns = [Chat(_ROLES[turn.role], turn.text) for turn in speech.history] + [
        Chat("user", speech.text + ask)
    ]
    merged: list[Chat] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            turn = Chat(turn.role, f"{merged.pop().content}\n\n{turn.content}")
        merged.append(turn)
    return tuple(merged)


def encode(tokenizer: Any, chat: Sequence[Said], response: str | None = None) -> Encoded:
    """Token ids of a chat up to the counselor's turn, and of the response, which ends in EOS.

    TrainError where a chat template cannot write the chat, or writes a prompt whose tokens do not
    open the whole.
    """
    turns = [{"role": m.role, "content": inert(tokenizer, m.content)} for m in chat]
    prompt = _ids(tokenizer, turns, True)
    if response is None:
        return Encoded(prompt, [])
    answer = {"role": "assistant", "content": inert(tokenizer, response.strip())}
    whole = _ids(tokenizer, [*turns, answer], False)
    if whole[: len(prompt)] != prompt:
        where = f"chat template of {tokenizer.name_or_path!r}"
        raise TrainError(
            f"{where}: the prompt's tokens are not the first of prompt and response; use a model"
            " whose template keeps them"
        )
    return Encoded(prompt, _ended(tokenizer, whole[len(prompt) :]))


def encoded(
    tokenizer: Any, speeches: Sequence[Speech], responses: Sequence[Response]
) -> dict[str, Encoded]:
    """Token ids by response id; TrainError where a response's speech is not in the table."""
    by_id = {speech.speech_id: speech for speech in speeches}
    lost = [row.response_id for row in responses if row.speech_id not in by_id]
    if lost:
        raise TrainError(
            f"{len(lost)} responses answer speeches that are not in the table ({lost[0]} first);"
            " give the speeches they answer"
        )
    return {
        row.response_id: encode(tokenizer, messages(by_id[row.speech_id]), row.text)
        for row in responses
    }


def as_written(tokenizer: Any, chat: Sequence[Said], response: str) -> Encoded:
    """Token ids of a chat with its response just as the chat template writes them: nothing is cut
    after the last EOS and none is added.

    Reward models of others are read at the last of these tokens, whatever it is. The prompt is what
    the template writes before the response where that opens the whole, else the first token alone.
    """
    turns = [{"role": m.role, "content": inert(tokenizer, m.content)} for m in chat]
    whole = _ids(
        tokenizer, [*turns, {"role": "assistant", "content": inert(tokenizer, response)}], False
    )
    prompt = _ids(tokenizer, turns, True)
    opens = len(prompt) if 0 < len(prompt) < len(whole) and whole[: len(prompt)] == prompt else 1
    return Encoded(whole[:opens], whole[opens:])


def _ids(tokenizer: Any, turns: list[dict[str, str]], ask: bool) -> list[int]:
    text = fault = ""
    try:
        text = written(tokenizer, turns, ask)
    except Unwritable as error:
        fault = str(error)
    if fault:  # raised outside the `except`: what is behind it may hold the chat
        raise TrainError(fault)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _ended(tokenizer: Any, response: list[int]) -> list[int]:
    """A response cut after its last EOS (templates may write a line end after it); with an EOS
    where there is none.
    """
    eos = tokenizer.eos_token_id
    if eos not in response:
        return [*response, eos]
    return response[: len(response) - response[::-1].index(eos)]
