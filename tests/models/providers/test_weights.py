"""A weights folder as a model that is asked: a reply depends on its ask alone, and no one waits for
a chunk that nobody wants.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from helpers.few_words import WORDS, save

from psycopref.errors import ModelError, TrainError
from psycopref.lab import Lab
from psycopref.models.connect import connect
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.weights import Weights
from psycopref.nets import sampling
from psycopref.nets.tokens import encode
from psycopref.nets.weights import load_policy, stop_ids
from psycopref.store.calls import Ask, Message, Reply


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("weights"))


def entry(folder: Path, **more: object) -> ModelEntry:
    return ModelEntry(name="w", kind="weights", model=str(folder), **more)  # type: ignore[arg-type]


def asks(prompts: int, draws: int, **more: object) -> list[Ask]:
    return [
        Ask(
            "w",
            (Message("user", " ".join(WORDS[: n + 1])),),
            1.0,
            12,
            draw=draw,
            **more,  # type: ignore[arg-type]
        )
        for n in range(prompts)
        for draw in range(draws)
    ]


def told(replies: Iterator[Reply]) -> dict[str, tuple[str, str, int]]:
    return {one.call_id: (one.outcome, one.text, one.tokens_out) for one in replies}


def test_a_reply_is_what_sampling_by_its_call_id_gives(folder: Path) -> None:
    loaded = load_policy(folder)
    every = asks(2, 3)
    prompts = [encode(loaded.tokenizer, every[n].messages).prompt for n in (0, 3)]
    names = [[ask.call_id for ask in part] for part in (every[:3], every[3:])]
    found = sampling.sample(
        loaded.model, prompts, names, 1.0, 12, stop_ids(loaded), loaded.tokenizer.pad_token_id
    )
    samples = [one for part in found for one in part]
    assert told(Weights(entry(folder)).answer(every)) == {
        ask.call_id: (
            "ok" if one.ended else "truncated",
            loaded.tokenizer.decode(one.ids, skip_special_tokens=True).strip(),
            len(one.ids),
        )
        for ask, one in zip(every, samples, strict=True)
    }


def test_it_does_not_depend_on_what_is_asked_beside_it(folder: Path) -> None:
    every = asks(5, 3) + [Ask("w", (Message("user", WORDS[0]),), 0.0, 7)]
    together = told(Weights(entry(folder, concurrency=64)).answer(every))
    provider = Weights(entry(folder, concurrency=1))
    alone = [told(provider.answer([ask])) for ask in reversed(every)]
    assert together == {key: value for one in alone for key, value in one.items()}
    assert len(together) == 16 and together[every[-1].call_id][2] <= 7


def test_all_that_is_asked_is_handed_in_together_and_then_never_again(
    folder: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes of its batches are its own: it sees all prompts, and puts those of like length
    together.
    """
    handed: list[int] = []
    answer = Weights.answer

    def watched(self: Weights, part: list[Ask]) -> Iterator[Reply]:
        handed.append(len(part))
        return answer(self, part)

    monkeypatch.setattr(Weights, "answer", watched)
    every = asks(6, 30)
    began = time.monotonic()
    assert len(list(lab.ask(iter(every), [entry(folder, concurrency=16)]))) == 180
    assert handed == [180] and lab.calls_made == 180 and time.monotonic() - began < 60
    assert len(list(lab.ask(iter(every), [entry(folder)]))) == 180 and handed == [180]


def test_it_breaks_off_at_the_next_token(folder: Path) -> None:
    provider = Weights(entry(folder, concurrency=1))
    replies = provider.answer(asks(4, 3))
    first = next(replies)
    provider.stop()
    assert [one.call_id for one in (first, *replies)] == [ask.call_id for ask in asks(1, 3)], (
        "the chunk that was there is given, and no other sampled"
    )


def test_stopped_from_another_thread_it_ends_soon(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Weights(entry(folder, concurrency=1))
    pick = sampling.pick

    def slow(*given: object) -> object:
        time.sleep(0.2)
        return pick(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(sampling, "pick", slow)
    got: list[Reply] = []
    work = threading.Thread(target=lambda: got.extend(provider.answer(asks(2, 20))))
    work.start()
    time.sleep(0.5)
    provider.stop()
    work.join(20.0)
    assert not work.is_alive() and len(got) < 40


def test_what_does_not_fit_or_load_says_so(folder: Path, tmp_path: Path, lab: Lab) -> None:
    with pytest.raises(TrainError, match="the model reads 64; lower max_tokens"):
        list(Weights(entry(folder)).answer([Ask("w", (Message("user", WORDS[0]),), 1.0, 80)]))
    with pytest.raises(ModelError, match="model 'w': no weights in the folder"):
        connect(entry(tmp_path))
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="2 of 2 calls got no answer.*no weights that load"):
        list(lab.ask(asks(1, 2), [entry(tmp_path)]))
    with pytest.raises(ValueError, match="the path of its folder"):
        ModelEntry(name="w", kind="weights")


def test_its_repr_shows_no_text(folder: Path) -> None:
    assert repr(connect(entry(folder))) == "Weights('w')"
    assert repr(connect(entry(folder, engine="vllm"))) == "VllmWeights('w')"
