"""A model on this machine: batches answer as single asks do, seeds come from the ask, and a prompt
that does not fit says so.
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from helpers.few_words import TEMPLATE, WORDS, save

from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.local import Local, _Gumbel
from psycopref.store.calls import Ask, Message, Reply


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("tiny"))


def entry(folder: Path, **more: object) -> ModelEntry:
    return ModelEntry(
        name="tiny",
        kind="local",
        model=str(folder),
        **more,  # type: ignore[arg-type]
    )


def asks(count: int, **more: object) -> list[Ask]:
    return [
        Ask("tiny", (Message("user", " ".join(WORDS[: n + 1])),), max_tokens=12, **more)
        for n in range(count)
    ]  # type: ignore[arg-type]


@pytest.mark.parametrize("temperature", [0.0, 1.0, None])
def test_a_batch_answers_as_single_asks_do(folder: Path, temperature: float | None) -> None:
    asked = asks(7, temperature=temperature)
    together = {reply.call_id: reply for reply in Local(entry(folder, concurrency=3)).answer(asked)}
    provider = Local(entry(folder, concurrency=1))
    alone = {reply.call_id: reply for ask in reversed(asked) for reply in provider.answer([ask])}
    assert len(together) == 7
    for call_id, reply in together.items():
        assert replace(reply, seconds=0.0) == replace(alone[call_id], seconds=0.0)


def test_greedy_is_what_transformers_gives(folder: Path) -> None:
    ask = Ask("tiny", (Message("user", "what would help"),), temperature=0.0, max_tokens=10)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    inputs = tokenizer(
        "<user> what would help </s> <assistant>", return_tensors="pt", add_special_tokens=False
    )
    inputs.pop("token_type_ids", None)
    tokens = model.generate(**inputs, max_new_tokens=10, do_sample=False)[
        0, inputs["input_ids"].shape[1] :
    ]
    (reply,) = Local(entry(folder)).answer([ask])
    assert reply.text == tokenizer.decode(tokens, skip_special_tokens=True).strip() and reply.text
    assert reply.tokens_in == inputs["input_ids"].shape[1]


def test_draws_differ_and_repeat(folder: Path) -> None:
    asked = [
        Ask("tiny", (Message("user", "I feel tired"),), temperature=1.5, max_tokens=12, draw=draw)
        for draw in range(8)
    ]
    first, second = (
        {r.call_id: r.text for r in Local(entry(folder)).answer(asked)} for _ in range(2)
    )
    assert first == second and len(set(first.values())) >= 6


def test_an_answer_without_an_end_is_truncated(folder: Path) -> None:
    asked = [
        Ask("tiny", (Message("user", "I feel"),), temperature=2.0, max_tokens=limit, draw=n)
        for limit in (1, 30)
        for n in range(20)
    ]
    replies = list(Local(entry(folder)).answer(asked))
    ended = [reply for reply in replies if reply.outcome == "ok"]
    cut = [reply for reply in replies if reply.outcome == "truncated"]
    assert len(ended) + len(cut) == 40 and ended and cut
    assert {reply.tokens_out for reply in cut} <= {1, 30}
    assert all(len(reply.text.split()) <= reply.tokens_out - 1 for reply in ended), (
        "the end counts as a token and is no word"
    )


def test_noise_samples_the_softmax() -> None:
    scores = torch.log(torch.tensor([0.5, 0.3, 0.2])).repeat(6000, 1)
    picks = _Gumbel(range(6000), [1.0] * 6000, torch.device("cpu"))(
        torch.zeros(6000, 1, dtype=torch.long), scores
    ).argmax(1)
    shares = torch.bincount(picks, minlength=3) / 6000
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.2]), atol=0.03)


def test_a_prompt_that_does_not_fit_leaves_the_others_answered(folder: Path) -> None:
    long = Ask("tiny", (Message("user", "tired " * 60),), max_tokens=12)
    given: list[Reply] = []
    with pytest.raises(
        ModelError, match="need up to 7[0-9] tokens and the model holds 64"
    ) as caught:
        given.extend(Local(entry(folder)).answer([*asks(3), long]))
    assert len(given) == 3 and "tired" not in str(caught.value)


def test_a_template_that_takes_no_system_message(tmp_path: Path) -> None:
    place = save(tmp_path, TEMPLATE.replace("and no_system", ""))
    ask = Ask("tiny", (Message("system", "be kind"), Message("user", "I feel tired")), max_tokens=4)
    with pytest.raises(ModelError, match="system_role = false") as caught:
        list(Local(entry(place)).answer([ask]))
    assert caught.value.__context__ is None
    assert len(list(Local(entry(place, system_role=False)).answer([ask]))) == 1


def test_what_does_not_load_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not load as a causal language model"):
        list(Local(entry(tmp_path)).answer(asks(1)))
    with pytest.raises(ModelError, match="no chat template"):
        list(Local(entry(save(tmp_path / "bare", None))).answer(asks(1)))
