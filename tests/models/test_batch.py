"""The batch API: handed in once whatever is killed, collected after a restart, the rows of live
calls, and a clear word about what came back empty.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Loopback
from test_kill import RECIPE

from psycopref import runs
from psycopref.errors import ModelError
from psycopref.models import batch, crew
from psycopref.models.batch import Batch
from psycopref.models.chat import Ask, Message, Reply
from psycopref.models.pool import ModelEntry
from psycopref.progress import Progress


class Provider:
    """Files and batches as the protocol has them. `looks` is how often a batch is looked at before
    it is over; `faults` requests get a 503 first.
    """

    def __init__(self, server: Loopback, looks: int = 1, faults: int = 0) -> None:
        self.server, self.looks, self.faults = server, looks, faults
        self.files: dict[str, str] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.lost: set[str] = set()  # calls that come back without an answer, once
        self.dying = ""  # an address after which the client is killed
        self.gone: set[str] = set()  # addresses that are not there
        self.after: Callable[[str], object] = lambda what: (
            None
        )  # told of every request that was answered
        server.other = self.answer

    def answer(self, method: str, path: str, raw: bytes) -> tuple[int, bytes] | None:
        where = path.removeprefix("/v1/").split("?")[0]
        if not where.startswith(("files", "batches")):
            return None
        if self.faults:
            self.faults -= 1
            return 503, b"{}"
        if where in self.gone:
            return 404, b"{}"
        found = self._answer(method, where, raw)
        self.after(f"{method} {where}")
        if self.dying and f"{method} {where}" == self.dying:
            self.dying = ""
            return 418, b"the client is gone"
        return 200, found if isinstance(found, bytes) else json.dumps(found).encode()

    def _answer(self, method: str, where: str, raw: bytes) -> Any:
        if method == "POST" and where == "files":
            assert b'name="purpose"' in raw and b"batch" in raw
            key = f"file-{len(self.files)}"
            self.files[key] = "\n".join(
                line for line in raw.decode().split("\r\n") if line.startswith("{")
            ).strip()
            return {"id": key}
        if method == "POST":
            body = json.loads(raw)
            key = f"batch-{len(self.batches)}"
            self.batches[key] = {"id": key, "status": "in_progress", "looks": self.looks, **body}
            return self.batches[key]
        if where == "batches":
            return {"data": list(self.batches.values())}
        if where.startswith("files/"):
            return self.files[where.split("/")[1]].encode()
        return self._looked(self.batches[where.split("/")[1]])

    def _looked(self, one: dict[str, Any]) -> dict[str, Any]:
        one["looks"] -= 1
        if one["looks"] < 0 and one["status"] == "in_progress":
            lines, errors = [], []
            for ask in reversed(
                [json.loads(line) for line in self.files[one["input_file_id"]].splitlines()]
            ):
                assert ask["url"] == "/v1/chat/completions"
                if ask["custom_id"] in self.lost:
                    self.lost.discard(ask["custom_id"])
                    fault = {
                        "response": {"status_code": 500, "body": None},
                        "error": {"code": "server_error"},
                    }
                    errors.append(json.dumps({"custom_id": ask["custom_id"], **fault}))
                    continue
                status, body, _ = self.server.respond(ask["body"], "", {})
                lines.append(
                    json.dumps(
                        {
                            "custom_id": ask["custom_id"],
                            "response": {"status_code": status, "body": body},
                            "error": None,
                        }
                    )
                )
            one["status"] = "completed"
            for name, kept in (("output_file_id", lines), ("error_file_id", errors)):
                if kept:
                    one[name] = f"{name}-{one['id']}"
                    self.files[one[name]] = "\n".join(kept)
        return one


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    for name, value in (("POLL", 0.01), ("AGAIN", 0.01)):
        monkeypatch.setattr(batch, name, value)
    monkeypatch.setattr(crew, "GATHER", 0.2)
    with Loopback() as server:
        yield Provider(server)


def entry(provider: Provider, **more: Any) -> ModelEntry:
    return ModelEntry(
        name="m",
        kind="openai-batch",
        url=provider.server.url,
        concurrency=1000,
        patience=5.0,
        **more,
    )


ASKS = [Ask("m", (Message("user", f"hello {n}"),), 0.5, 50) for n in range(7)]


def test_replies_are_those_of_live_calls_and_are_paid_for_once(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FILE", 3)
    provider.faults = 2
    replies = {reply.call_id: reply for reply in Batch(entry(provider), tmp_path).answer(ASKS)}
    assert set(replies) == {ask.call_id for ask in ASKS} and len(provider.batches) == 3
    assert all(
        reply.outcome == "ok" and reply.text and reply.tokens_in == 2 for reply in replies.values()
    )
    again = list(Batch(entry(provider), tmp_path).answer(ASKS))
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
    runs.run(str(recipe), tmp_path / "live", Progress(quiet=True))
    before, judge = text.split("judge = ")
    judge = judge.replace("openai", "openai-batch")
    judge = judge.replace("concurrency = 4", "concurrency = 1000")
    judged = f"{before}judge = {judge}"
    assert "openai-batch" in judged and "concurrency = 1000" in judged
    recipe.write_text(judged, encoding="utf-8")
    runs.run(str(recipe), tmp_path / "batch", Progress(quiet=True))
    assert len(provider.batches) == 1
    one, two = (
        {
            path.stem: path.read_bytes()
            for path in (tmp_path / name / "steps").glob("rate-*/ratings.parquet")
        }
        for name in ("live", "batch")
    )
    assert one == two and one
