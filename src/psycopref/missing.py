"""Calls made elsewhere: what a recipe still has to ask, in the providers' batch format, and the replies taken in."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from psycopref.errors import ModelError, StoreError
from psycopref.lab import Lab
from psycopref.models.chat import Ask, Message, Outcome, Reply
from psycopref.models.pool import ModelEntry
from psycopref.store.keys import canonical
from psycopref.store.ledger import Ledger

ASKS = "asks-missing.jsonl"


class _Asking(Lab):
    """A lab that asks nobody: the first stage that lacks calls writes them out and stops."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.found: list[Ask] = []
        self.entries: dict[str, ModelEntry] = {}

    def ask(self, asks: Iterable[Ask], models: Sequence[ModelEntry]) -> Iterator[tuple[Ask, Reply]]:
        """Yield what the ledger has; collect the rest, then stop."""
        every = {ask.call_id: ask for ask in asks}
        self.entries = {entry.name: entry for entry in models}
        have = self.ledger.get(list(every))
        self.found = [ask for call_id, ask in every.items() if call_id not in have]
        if self.found:
            raise _Stop
        yield from ((every[call_id], reply) for call_id, reply in have.items())


class _Stop(Exception):
    pass


def missing(work: Path, recipe_name: str) -> int:
    """Print, one JSON line each, the calls that the next unfinished stage of a recipe lacks; keeps them in the workspace too."""
    from psycopref.recipes import load_recipe
    from psycopref.runs import _flow

    _, recipe = load_recipe(recipe_name)
    with _Asking(work) as lab:
        try:
            _flow(recipe, lab)
        except _Stop:
            pass
        with (work / ASKS).open("w", encoding="utf-8") as file:
            file.writelines(canonical(ask) + "\n" for ask in lab.found)
        for ask in lab.found:
            line = {"custom_id": ask.call_id, "method": "POST", "url": "/v1/chat/completions", "body": lab.entries[ask.model].request(ask)}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        print(f"{len(lab.found)} calls are missing", file=sys.stderr)
        return len(lab.found)


def add(ledger: Ledger, path: Path) -> int:
    """Take replies into the ledger from another ledger file or a batch answer file; gives how many were new."""
    if not path.is_file():
        raise StoreError(f"{path}: no such file; give a ledger (.sqlite) or the batch answers (.jsonl)")
    if path.suffix == ".sqlite":
        return ledger.merge(path)
    asked = _asked(ledger.path.with_name(ASKS))
    rows = list(_replies(path, asked))
    return ledger.add(rows, "batch")


def _asked(path: Path) -> dict[str, Ask]:
    if not path.is_file():
        raise StoreError(f"{path}: missing, so replies cannot be matched to their requests; run `psycopref calls missing RECIPE` in this workspace first")
    asks = [_ask(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    return {ask.call_id: ask for ask in asks}


def _ask(values: dict[str, Any]) -> Ask:
    messages = tuple(Message(**message) for message in values.pop("messages"))
    return Ask(messages=messages, **values)


def _replies(path: Path, asked: dict[str, Ask]) -> Iterator[tuple[Ask, Reply]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            call_id, response = row["custom_id"], row.get("response") or {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(
                f"{path} line {number}: not a batch answer ({type(error).__name__}); each line needs custom_id and response; nothing was added"
            ) from error
        if call_id not in asked:
            raise ModelError(f"{path} line {number}: {call_id!r} was not asked for by the last `psycopref calls missing`; nothing was added")
        if response.get("status_code", 200) == 200 and "body" in response:
            yield asked[call_id], _reply(call_id, response["body"], f"{path} line {number}")


def _reply(call_id: str, answer: dict[str, Any], where: str) -> Reply:
    try:
        choice = answer["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
    except (KeyError, IndexError, TypeError) as error:
        raise StoreError(f"{where}: the body is not a chat completion ({type(error).__name__}); nothing was added") from error
    outcome: Outcome = "refused" if message.get("refusal") else {"length": "truncated", "content_filter": "filtered"}.get(reason, "ok")  # type: ignore[assignment]
    usage = answer.get("usage") or {}
    text = message.get("content") or message.get("refusal") or ""
    return Reply(call_id, outcome, text, usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), 0.0, answer.get("model", ""))
