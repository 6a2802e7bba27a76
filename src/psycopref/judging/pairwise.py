"""Two answers to one speech, shown to a judge in both orders: requests, and what is read from the
replies.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from psycopref.config.instruments import Instrument
from psycopref.config.prompts import Prompt, fence, history_text
from psycopref.judging.answers import last_object
from psycopref.judging.ratings import told
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask, Reply
from psycopref.store.keys import canonical
from psycopref.tables import Failure, Speech, Verdict, Winner, content_id

OVERALL = "overall"
_WINNERS: dict[str, Winner] = {"1": "first", "2": "second", "tie": "tie"}
_RATIONALE = {"type": "string"}
_WINNER = {
    "type": "object",
    "additionalProperties": False,
    "required": ["rationale", "winner"],
    "properties": {
        "rationale": _RATIONALE,
        "winner": {"type": "string", "enum": ["1", "2", "tie"]},
    },
}
SCHEMA = canonical(_WINNER)


class Side(NamedTuple):
    """One system's answer."""

    response_id: str
    text: str


class Match(NamedTuple):
    """A speech with the answer of each system."""

    speech: Speech
    ours: Side
    theirs: Side

    def games(self) -> tuple["Game", "Game"]:
        """The match in both orders."""
        game = Game(self.speech, self.ours, self.theirs)
        return game, game.swap()


class Game(NamedTuple):
    """A match in one order, as the judge sees it."""

    speech: Speech
    first: Side
    second: Side

    def swap(self) -> "Game":
        """The same match in the other order."""
        return Game(self.speech, self.second, self.first)

    def verdict(
        self, winner: Winner, judge: str, item: str = OVERALL, call_id: str = ""
    ) -> Verdict:
        """What a judge (or a reward model) said of it on one item."""
        key = content_id("verdict", self.first.response_id, self.second.response_id, item, judge)
        return Verdict(
            key,
            self.speech.speech_id,
            self.first.response_id,
            self.second.response_id,
            item,
            judge,
            winner,
            call_id,
        )

    def failure(self, outcome: str, call_id: str) -> Failure:
        """The order is without a verdict on any item."""
        key = content_id("failure", "evaluate", self.first.response_id, self.second.response_id)
        return Failure(key, self.speech.speech_id, f"{outcome}: evaluate", call_id)


class Pairwise(NamedTuple):
    """Who is asked, with which prompt, and on which items: those of `instrument` and overall in one
    call, or overall alone (None).
    """

    judge: ModelEntry
    prompt: Prompt
    instrument: Instrument | None = None

    def ask(self, game: Game, attempt: int = 0, draw: int = 0) -> Ask:
        """The request that compares the two answers in the game's order; `draw` 1 is the same
        question once more.
        """
        speech, first, second = game.speech, fence(game.first.text), fence(game.second.text)
        shown = {
            "history": history_text(speech),
            "speech": fence(speech.text),
            "first": first,
            "second": second,
        }
        asked = told(self.instrument, _form) if self.instrument else {}
        schema = items_schema(self.instrument) if self.instrument else SCHEMA
        return Ask(
            self.judge.name,
            self.prompt.fill(**shown, **asked),
            self.judge.temperature,
            self.judge.max_tokens,
            schema,
            draw,
            attempt,
        )

    def read(self, reply: Reply) -> tuple[str, dict[str, Winner]]:
        """The outcome and the winner of each item; none unless every item asked for has one."""
        if self.instrument:
            return read_winners(reply, [item.name for item in self.instrument.items])
        outcome, winner = read_winner(reply)
        return outcome, {OVERALL: winner} if winner else {}

    def play(
        self, lab: Lab, games: Sequence[Game], attempts: int, draw: int = 0
    ) -> tuple[list[Verdict], list[Failure]]:
        """Every game to a verdict on each item or one failure; what cannot be read is asked again
        up to `attempts` times.
        """
        verdicts: list[Verdict] = []
        failures: list[Failure] = []
        with lab.progress.track("evaluate", len(games)) as tick:
            for attempt in range(attempts):
                again: list[Game] = []
                for game, reply in self._asked(lab, games, attempt, draw):
                    outcome, winners = self.read(reply)
                    if outcome in ("malformed", "truncated") and attempt + 1 < attempts:
                        again.append(game)
                        continue
                    verdicts += [
                        game.verdict(winner, self.judge.name, item, reply.call_id)
                        for item, winner in winners.items()
                    ]
                    failures += [] if winners else [game.failure(outcome, reply.call_id)]
                    tick()
                games = again
        return sorted(verdicts, key=lambda v: v.verdict_id), sorted(
            failures, key=lambda f: f.failure_id
        )

    def _asked(
        self, lab: Lab, games: Sequence[Game], attempt: int, draw: int
    ) -> Iterator[tuple[Game, Reply]]:
        """Each game with its reply; two games with the same words are one call and share it."""
        waiting: dict[str, list[Game]] = {}
        for game in games:
            waiting.setdefault(self.ask(game, attempt, draw).call_id, []).append(game)
        asks = [self.ask(same[0], attempt, draw) for same in waiting.values()]
        for ask, reply in lab.ask(asks, [self.judge]):
            for game in waiting.pop(ask.call_id):
                yield game, reply


def read_winner(reply: Reply) -> tuple[str, Winner | None]:
    """The outcome and winner of a reply: the last JSON object of the answer that names one;
    anything else is 'malformed', never a tie.
    """
    if reply.outcome != "ok":
        return reply.outcome, None
    winner = _winner(last_object(reply.text, "winner"))
    return ("ok", winner) if winner else ("malformed", None)


def read_winners(reply: Reply, items: Sequence[str]) -> tuple[str, dict[str, Winner]]:
    """The outcome, and the winner of each item and overall: 'malformed' unless the last object with
    `items` has each of them once and no other.
    """
    if reply.outcome != "ok":
        return reply.outcome, {}
    answer = last_object(reply.text, "items") or {}
    own = answer.get("items")
    if not isinstance(own, Mapping) or own.keys() != set(items):
        return "malformed", {}
    found = {
        name: _winner(one)
        for name, one in [*((name, own[name]) for name in items), (OVERALL, answer.get(OVERALL))]
    }
    winners = {name: winner for name, winner in found.items() if winner}
    return ("ok", winners) if len(winners) == len(found) else ("malformed", {})


def _winner(answer: Any) -> Winner | None:
    return (
        _WINNERS.get(str(answer.get("winner")).strip().lower())
        if isinstance(answer, Mapping)
        else None
    )


def _form(instrument: Instrument) -> dict[str, Any]:
    return {
        item.name: {"rationale": "one sentence", "winner": "1 or 2 or tie"}
        for item in instrument.items
    }


@lru_cache(maxsize=64)
def items_schema(instrument: Instrument) -> str:
    """The JSON schema of an answer on all items and overall, canonical."""
    names = [item.name for item in instrument.items]
    items = {
        "type": "object",
        "additionalProperties": False,
        "required": names,
        "properties": dict.fromkeys(names, _WINNER),
    }
    whole = {
        "type": "object",
        "additionalProperties": False,
        "required": ["items", OVERALL],
        "properties": {"items": items, OVERALL: _WINNER},
    }
    return canonical(whole)
