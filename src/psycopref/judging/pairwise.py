"""Two answers to one speech, shown to a judge in both orders: requests, and what is read from the
replies.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from psycopref.config.instruments import Instrument
from psycopref.config.prompts import Prompt, fence, history_text
from psycopref.judging.answers import own_object
from psycopref.judging.calls import asked
from psycopref.judging.ratings import told
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.store.calls import Ask
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
        speech = game.speech
        first = fence(game.first.text)
        second = fence(game.second.text)
        shown = {
            "history": history_text(speech),
            "speech": fence(speech.text),
            "first": first,
            "second": second,
        }
        form = told(self.instrument, _form) if self.instrument else {}
        schema = items_schema(self.instrument) if self.instrument else SCHEMA
        return Ask(
            self.judge.name,
            self.prompt.fill(**shown, **form),
            self.judge.temperature,
            self.judge.max_tokens,
            schema,
            draw,
            attempt,
        )

    def read(self, text: str, game: Game) -> dict[str, Winner] | None:
        """The winner of each item that was asked for; None unless every one of them has one. An
        object that stands in an answer (or in the speech) is no verdict.
        """
        shown = (game.first.text, game.second.text, game.speech.text)
        if self.instrument:
            return read_winners(text, [item.name for item in self.instrument.items], shown)
        winner = read_winner(text, shown)
        return {OVERALL: winner} if winner else None

    def play(
        self, lab: Lab, games: Sequence[Game], attempts: int, draw: int = 0
    ) -> tuple[list[Verdict], list[Failure]]:
        """Every game to a verdict on each item or one failure, sorted by id; what cannot be read is
        asked again up to `attempts` times. Games with the same words are one call.
        """
        verdicts: list[Verdict] = []
        failures: list[Failure] = []
        exchanges = (
            (
                game,
                asked(partial(self.ask, game, draw=draw), partial(self.read, game=game), attempts),
            )
            for game in games
        )
        with lab.progress.track("evaluate", len(games)) as tick:
            for game, answer in lab.play(exchanges, [self.judge]):
                call_id = answer.reply.call_id
                if answer.value is None:
                    failures.append(game.failure(answer.outcome, call_id))
                for item, winner in (answer.value or {}).items():
                    verdicts.append(game.verdict(winner, self.judge.name, item, call_id))
                tick()
        verdicts.sort(key=lambda row: row.verdict_id)
        failures.sort(key=lambda row: row.failure_id)
        return verdicts, failures


def read_winner(text: str, shown: Sequence[str] = ()) -> Winner | None:
    """The winner that the judge's own object names; None where none is named, never a tie."""
    return _winner(own_object(text, "winner", shown))


def read_winners(
    text: str, items: Sequence[str], shown: Sequence[str] = ()
) -> dict[str, Winner] | None:
    """The winner of each item and overall; None unless the judge's own object with `items` has each
    of them once and no other.
    """
    answer = own_object(text, "items", shown) or {}
    own = answer.get("items")
    if not isinstance(own, Mapping) or own.keys() != set(items):
        return None
    said = {**{name: own[name] for name in items}, OVERALL: answer.get(OVERALL)}
    winners = {name: winner for name, one in said.items() if (winner := _winner(one))}
    return winners if len(winners) == len(said) else None


def _winner(answer: Any) -> Winner | None:
    if not isinstance(answer, Mapping):
        return None
    return _WINNERS.get(str(answer.get("winner")).strip().lower())


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
