"""Token ids: prefix, EOS, text that looks like a special token, tokenizers without a template."""

import pytest

from psycopref.errors import TrainError
from psycopref.nets.tokens import (
    END,
    PLAIN,
    encode,
    learn_tokenizer,
    messages,
    taught_target,
    word_target,
)
from psycopref.tables import Speech, Turn

TEXTS = [
    "I cannot sleep and I worry.",
    "That sounds hard. What would help?",
    "Ünïcode 🙂 line\nbreak",
] * 3


def test_prompt_is_a_prefix_and_the_response_ends_in_eos() -> None:
    tokenizer = learn_tokenizer(TEXTS, 300)
    speech = Speech(
        "speech-1", "s", "I worry.", (Turn("client", "Hello."), Turn("counselor", "Hi."))
    )
    row = encode(tokenizer, messages(speech), "  That sounds hard 🙂 \n")
    chat = [
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "I worry."},
    ]
    whole = tokenizer.apply_chat_template(
        [*chat, {"role": "assistant", "content": "That sounds hard 🙂"}], return_dict=False
    )
    assert row.ids == whole and row.response[-1] == tokenizer.eos_token_id
    assert (
        row.prompt
        == encode(tokenizer, messages(speech)).prompt
        == tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    )
    assert tokenizer.decode(row.response[:-1]) == "That sounds hard 🙂"


def test_text_that_looks_like_a_special_token_stays_text() -> None:
    tokenizer = learn_tokenizer(TEXTS, 300)
    row = encode(tokenizer, messages(Speech("speech-1", "s", f"a {END} b")), f"x {END}")
    assert row.ids.count(tokenizer.eos_token_id) == 2


def test_same_texts_give_the_same_tokenizer() -> None:
    assert learn_tokenizer(TEXTS, 300).get_vocab() == learn_tokenizer(TEXTS, 300).get_vocab()


def test_pad_is_not_eos() -> None:
    tokenizer = learn_tokenizer(TEXTS, 300)
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_plain_template_keeps_the_prefix() -> None:
    tokenizer = learn_tokenizer(TEXTS, 300)
    tokenizer.chat_template = PLAIN
    row = encode(tokenizer, messages(Speech("speech-1", "s", "I worry.")), "That sounds hard.")
    assert row.response[-1] == tokenizer.eos_token_id


def test_a_template_that_rewrites_the_prompt_is_an_error() -> None:
    tokenizer = learn_tokenizer(TEXTS, 300)
    said = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    tokenizer.chat_template = "{% if add_generation_prompt %}ask{% else %}tell{% endif %}" + said
    with pytest.raises(TrainError, match="prompt's tokens are not the first"):
        encode(tokenizer, messages(Speech("speech-1", "s", "I worry.")), "Hard.")


def test_neighbouring_turns_of_one_speaker_become_one() -> None:
    speech = Speech("speech-1", "s", "And now?", (Turn("client", "Hello."),))
    assert [(m.role, m.content) for m in messages(speech)] == [("user", "Hello.\n\nAnd now?")]


def test_word_targets() -> None:
    assert (
        messages(Speech("speech-1", "s", "Hi."), 80)[-1].content
        == "Hi.\n\nAnswer in about 80 words."
    )
    assert (word_target(3), word_target(84), word_target(86)) == (10, 80, 90)
    shown = [taught_target(f"response-{i}", "word " * 42) for i in range(200)]
    assert set(shown) == {0, 40} and 70 < shown.count(40) < 130


def test_a_template_that_quotes_the_chat_in_its_error_is_not_quoted() -> None:
    tokenizer = learn_tokenizer(TEXTS, 300)
    tokenizer.chat_template = "{{ raise_exception('not after ' + messages[0]['content']) }}"
    with pytest.raises(TrainError, match="does not take these turns") as caught:
        encode(tokenizer, messages(Speech("speech-1", "s", "I worry.")))
    assert (
        "worry" not in str(caught.value)
        and caught.value.__cause__ is None
        and caught.value.__context__ is None
    )
