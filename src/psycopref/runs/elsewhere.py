"""Calls made elsewhere: what a recipe still has to ask, in the providers' batch format, and the
replies taken in.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from psycopref.errors import ModelError, StoreError
from psycopref.lab import K, Lab, T
from psycopref.models.budget import cost
from psycopref.models.calling.answer import Exchange, in_rounds
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.completions import read_completion
from psycopref.models.providers.outcomes import refused_prompt
from psycopref.store.calls import Ask, Message, Reply
from psycopref.store.keys import canonical
from psycopref.store.ledger import Ledger

ASKS = "asks-missing.jsonl"
PRICES = "asks-missing.json"  # beside it: the stage that asks, and what its models cost
FORMAT = ("openai", "openai-batch")  # kinds that the batch format is made for


class _Asking(Lab):
    """A lab that asks nobody: the first stage that lacks calls writes them out and stops."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.found: list[Ask] = []
        self.entries: dict[str, ModelEntry] = {}
        self.asking = ""

    def ask(self, asks: Iterable[Ask], models: Sequence[ModelEntry]) -> Iterator[tuple[Ask, Reply]]:
        """Yield what the ledger has; collect the rest, then stop. Weights are asked as ever: they
        are here, and what comes after them may lack calls of others.
        """
        if all(entry.kind == "weights" for entry in models):
            yield from super().ask(asks, models)
            return
        every = {ask.call_id: ask for ask in asks}
        self.entries = {entry.name: entry for entry in models}
        self.asking = self._stage
        have = self.ledger.get(list(every))
        self.found = [ask for call_id, ask in every.items() if call_id not in have]
        if self.found:
            raise _Stop
        yield from ((every[call_id], reply) for call_id, reply in have.items())

    def play(
        self,
        exchanges: Iterable[tuple[K, Exchange[T]]],
        models: Sequence[ModelEntry],
        live: int | None = None,
    ) -> Iterator[tuple[K, T]]:
        """Every exchange by what `ask` yields, so that all first asks are looked at together."""
        return in_rounds(exchanges, lambda asks: self.ask(asks, models))


class _Stop(Exception):
    pass


def missing(work: Path, recipe_name: str) -> list[dict[str, Any]]:
    """The calls that the next unfinished stage of a recipe lacks, each as a line of the batch
    format; they are kept in the workspace too.
    """
    from psycopref.recipes import flow_of, load_recipe

    _, recipe = load_recipe(recipe_name)
    with _Asking(work) as lab:
        try:
            flow_of(recipe).run(recipe, lab)
        except _Stop:
            pass
        with os.fdopen(
            os.open(work / ASKS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            "w",
            encoding="utf-8",
        ) as file:  # client text
            file.writelines(canonical(ask) + "\n" for ask in lab.found)
        _remember(work, lab)
        return [
            {
                "custom_id": ask.call_id,
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": lab.entries[ask.model].request(ask),
            }
            for ask in lab.found
        ]


def _remember(work: Path, lab: _Asking) -> None:
    """Keep stage and prices for `add`; ModelError where a model does not take the batch format."""
    asked = {ask.model for ask in lab.found}
    other = next(
        (
            entry
            for name, entry in lab.entries.items()
            if name in asked and entry.kind not in FORMAT
        ),
        None,
    )
    if other is not None:
        raise ModelError(
            f"calls missing: model {other.name!r} is of kind {other.kind!r}, and these are OpenAI's"
            " batch lines; ask it by a run"
        )
    prices = {name: [entry.price_in, entry.price_out] for name, entry in lab.entries.items()}
    (work / PRICES).write_text(
        json.dumps({"stage": lab.asking, "prices": prices}), encoding="utf-8"
    )


def _remembered(path: Path) -> tuple[str, dict[str, ModelEntry]]:
    if not path.is_file():
        return "batch", {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    entries = {
        name: ModelEntry(name=name, kind="openai", price_in=given, price_out=made)
        for name, (given, made) in kept["prices"].items()
    }
    return str(kept["stage"]), entries


class Added(NamedTuple):
    """How many replies were new, and the lines that were passed over by reason: their calls are
    still missing.
    """

    new: int
    passed: Counter[str]


def add(ledger: Ledger, path: Path) -> Added:
    """Take replies into the ledger from another ledger file or a batch answer file. StoreError or
    ModelError where it is no such file; nothing of it is added then.
    """
    if not path.is_file():
        raise StoreError(
            f"{path}: no such file; give a ledger (.sqlite) or the batch answers (.jsonl)"
        )
    if path.suffix == ".sqlite":
        return Added(ledger.merge(path), Counter())
    asked, passed = _asked(ledger.path.with_name(ASKS)), Counter[str]()
    stage, prices = _remembered(ledger.path.with_name(PRICES))
    new = ledger.add(
        list(_replies(path, asked, passed)),
        stage,
        lambda ask, reply: cost(prices[ask.model], ask, reply) if ask.model in prices else None,
    )
    return Added(new, passed)


def _asked(path: Path) -> dict[str, Ask]:
    if not path.is_file():
        raise StoreError(
            f"{path}: missing, so replies cannot be matched to their requests; run `psycopref calls"
            " missing RECIPE` in this workspace first"
        )
    asks = [_ask(json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return {ask.call_id: ask for ask in asks}


def _ask(values: dict[str, Any]) -> Ask:
    messages = tuple(Message(**message) for message in values.pop("messages"))
    return Ask(messages=messages, **values)


def _replies(
    path: Path, asked: dict[str, Ask], passed: Counter[str]
) -> Iterator[tuple[Ask, Reply]]:
    """The final answers of a batch answer file; what is none is counted in `passed` by its
    reason.
    """
    for where, row in _lines(path):
        call_id, response = row.get("custom_id"), row.get("response") or {}
        if not isinstance(call_id, str) or not isinstance(response, dict):
            raise StoreError(
                f"{where}: not a batch answer; each line needs custom_id and response; nothing was"
                " added"
            )
        if call_id not in asked:
            called = (
                repr(call_id) if re.fullmatch(r"call-[0-9a-f]{1,24}", call_id) else "its custom_id"
            )
            raise ModelError(
                f"{where}: {called} was not asked for by the last `psycopref calls missing`;"
                " nothing was added"
            )
        status, body = response.get("status_code", 200), response.get("body")
        outcome = None
        if isinstance(status, int):
            outcome = refused_prompt(status, body) or refused_prompt(status, row.get("error"))
        if outcome:
            yield asked[call_id], Reply(call_id, outcome, "")
        elif status == 200 and body is not None:
            yield asked[call_id], _reply(call_id, body, where)
        else:
            passed[_reason(status, row.get("error"))] += 1


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of each line that is not empty; errors hold none of it."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path} line {number}"
            try:
                encoding = "utf-8-sig" if number == 1 else "utf-8"
                row = json.loads(line.decode(encoding)) if line.strip() else None
            except UnicodeDecodeError as error:
                raise StoreError(
                    f"{where}: not UTF-8 (byte {error.start + 1} of the line); save the file as"
                    " UTF-8; nothing was added"
                ) from None
            except (ValueError, RecursionError):
                raise StoreError(
                    f"{where}: not a batch answer, not even JSON; each line needs custom_id and"
                    " response; nothing was added"
                ) from None
            if isinstance(row, dict):
                yield where, row
            elif line.strip():
                raise StoreError(
                    f"{where}: not a batch answer; each line needs custom_id and response; nothing"
                    " was added"
                )


def _reason(status: Any, error: Any) -> str:
    if status != 200:
        return (
            f"with status {status}"
            if isinstance(status, int)
            else "with a status that is no number"
        )
    code = error.get("code") if isinstance(error, dict) else None
    return (
        f"with error {code}"
        if isinstance(code, str) and re.fullmatch(r"\w{1,40}", code)
        else "without an answer"
    )


def _reply(call_id: str, answer: Any, where: str) -> Reply:
    try:
        return read_completion(call_id, answer, 0.0)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise StoreError(
            f"{where}: the body is not a chat completion ({type(error).__name__}); nothing was"
            " added"
        ) from None
