"""The batch API: handed in once whatever is killed, collected after a restart, the rows of live
calls, and a clear word about what came back empty.
"""

from pathlib import Path

import pytest
from helpers.batches import ASKS, Provider, entry
from helpers.kill_recipe import RECIPE

from psycopref.errors import ModelError
from psycopref.models.providers.batch import Batch
from psycopref.progress import Progress
from psycopref.runs import run
from psycopref.store.calls import Ask, Message, Reply


def test_replies_are_those_of_live_calls_and_are_paid_for_once(
    provider: Provider, tmp_path: Path
) -> None:
    provider.faults = 2
    replies = {
        reply.call_id: reply for reply in Batch(entry(provider), tmp_path, file=3).answer(ASKS)
    }
    assert set(replies) == {ask.call_id for ask in ASKS} and len(provider.batches) == 3
    assert all(
        reply.outcome == "ok" and reply.text and reply.tokens_in == 2 for reply in replies.values()
    )
    again = list(Batch(entry(provider), tmp_path, file=3).answer(ASKS))
    assert {reply.call_id: reply for reply in again} == replies and len(provider.batches) == 3, (
        "collected again, not handed in again"
    )
    kept = "".join(path.read_text() for path in tmp_path.glob("*.json"))
    assert "hello" not in kept and all(ask.call_id in kept for ask in ASKS)


def test_a_killed_run_collects_what_it_handed_in(provider: Provider, tmp_path: Path) -> None:
    provider.looks = 3
    first = Batch(entry(provider), tmp_path)
    provider.after = lambda what: first.stop() if what == "POST batches" else None
    assert list(first.answer(ASKS)) == [] and len(provider.batches) == 1
    more = [*ASKS, Ask("m", (Message("user", "one more"),))]
    assert len(list(Batch(entry(provider), tmp_path).answer(more))) == 8
    assert [
        len(provider.files[one["input_file_id"]].splitlines()) for one in provider.batches.values()
    ] == [7, 1]


@pytest.mark.parametrize(("dying", "made"), [("POST batches", 1), ("POST files", 0)])
def test_killed_while_handing_in(provider: Provider, tmp_path: Path, dying: str, made: int) -> None:
    """The batch may have come to be although nobody heard of it: the provider's list is asked, and
    nothing is paid for twice.
    """
    provider.dying = dying
    with pytest.raises(ModelError, match="418"):
        list(Batch(entry(provider), tmp_path).answer(ASKS))
    assert len(provider.batches) == made
    assert (
        len(list(Batch(entry(provider), tmp_path).answer(ASKS))) == 7 and len(provider.batches) == 1
    )


def test_calls_without_an_answer_are_said_and_handed_in_anew(
    provider: Provider, tmp_path: Path
) -> None:
    provider.lost = {ASKS[0].call_id, ASKS[1].call_id}
    got: list[Reply] = []
    with pytest.raises(ModelError, match="completed with 2 of 7 calls unanswered.*run again"):
        got.extend(Batch(entry(provider), tmp_path).answer(ASKS))
    assert len(got) == 5
    rest = list(Batch(entry(provider), tmp_path).answer(ASKS[:2]))
    assert (
        len(rest) == 2
        and len(provider.files[provider.batches["batch-1"]["input_file_id"]].splitlines()) == 2
    )


def test_a_wrong_key_or_address_says_what_to_do(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLINIC_KEY", "sk-secret-value")
    provider.server.other = lambda method, path, raw: (401, b"sk-secret-value hello 0")
    with pytest.raises(
        ModelError, match="401: /files was not accepted; set the environment variable CLINIC_KEY"
    ) as caught:
        list(Batch(entry(provider, key_env="CLINIC_KEY"), tmp_path).answer(ASKS))
    assert "secret" not in repr(caught.value) and "secret" not in repr(
        Batch(entry(provider, key_env="CLINIC_KEY"), tmp_path)
    )


def test_a_dataset_rated_through_the_batch_api_is_the_one_rated_live(
    provider: Provider, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    text = RECIPE.format(url=provider.server.url, c=4).replace("low = 640", "low = 720")
    recipe.write_text(text, encoding="utf-8")
    run.run(str(recipe), tmp_path / "live", Progress(quiet=True))
    before, judge = text.split("judge = ")
    in_batches = judge.replace("openai", "openai-batch")
    in_batches = in_batches.replace("concurrency = 4", "concurrency = 1000")
    judged = f"{before}judge = {in_batches}"
    assert "openai-batch" in judged and "concurrency = 1000" in judged
    recipe.write_text(judged, encoding="utf-8")
    run.run(str(recipe), tmp_path / "batch", Progress(quiet=True))
    assert len(provider.batches) == 1
    one, two = (
        {
            path.stem: path.read_bytes()
            for path in (tmp_path / name / "steps").glob("rate-*/ratings.parquet")
        }
        for name in ("live", "batch")
    )
    assert one == two and one
