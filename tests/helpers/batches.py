"""A batch API on loopback."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helpers.loopback import Loopback
from psycopref.models.calling import dispatch
from psycopref.models.entries import ModelEntry
from psycopref.models.providers import batch, batch_api
from psycopref.store.calls import Ask, Message


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
    monkeypatch.setattr(batch, "POLL", 0.01)
    monkeypatch.setattr(batch_api, "AGAIN", 0.01)
    monkeypatch.setattr(dispatch, "GATHER", 0.2)
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
