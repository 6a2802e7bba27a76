"""Two systems' answers to the same speeches, judged against each other: win rate overall and by coarse topic."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from psycopref.columns import coarse, reward_of
from psycopref.errors import TableError
from psycopref.judging import history_text, last_object
from psycopref.lab import Lab
from psycopref.models.chat import Ask, Reply
from psycopref.models.pool import EntrySetting
from psycopref.prompts import PromptSetting, fence, load_prompt
from psycopref.settings import Stage
from psycopref.stats.intervals import Floats, mean_interval
from psycopref.stats.length import correlation, within
from psycopref.stats.winrate import WinRate, prompt_scores, win_rate
from psycopref.store.keys import canonical
from psycopref.store.parquet import table
from psycopref.tables import Failure, Metric, Rating, Response, Speech, Verdict, Winner, content_id, metric

SLACK = 0.2
SCHEMA = canonical(
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["rationale", "winner"],
        "properties": {"rationale": {"type": "string"}, "winner": {"type": "string", "enum": ["1", "2", "tie"]}},
    }
)
_WINNERS: dict[str, Winner] = {"1": "first", "2": "second", "tie": "tie"}


class Evaluated(NamedTuple):
    """One verdict for each judged order (a reward model is asked once: it cannot see an order), failures, and the figures."""

    verdicts: Sequence[Verdict]
    failures: Sequence[Failure]
    metrics: Sequence[Metric]


class _Side(NamedTuple):
    response_id: str
    text: str


class _Match(NamedTuple):
    """A speech with the answer of each system."""

    speech: Speech
    ours: _Side
    theirs: _Side


class _Game(NamedTuple):
    """A match in one order, as the judge sees it."""

    speech: Speech
    first: _Side
    second: _Side

    def verdict(self, reply: Reply, winner: Winner, judge: str) -> Verdict:
        key = content_id("verdict", self.first.response_id, self.second.response_id, "overall", judge)
        return Verdict(key, self.speech.speech_id, self.first.response_id, self.second.response_id, "overall", judge, winner, reply.call_id)

    def failure(self, outcome: str, reply: Reply) -> Failure:
        key = content_id("failure", "evaluate", self.first.response_id, self.second.response_id)
        return Failure(key, self.speech.speech_id, f"{outcome}: evaluate", reply.call_id)


class Evaluate(Stage):
    """Ours against theirs on every speech that both answered (draw 0 where a system answered more than once).

    Without a `judge` the higher reward of `scores` wins and equal rewards tie. With one, each pair is asked in both
    orders; a prompt's score is the mean of the two, so a verdict that follows the position is a tie (and a flip). A prompt with an
    unreadable or refused order is failed: counted, never scored. `name` and `arm` name the metrics:
    `<name>` with slices overall:<arm> and topic:<coarse>:<arm>, `<name>.wins`, `.ties`, `.losses`, `.flips`, `.failed` and so on.
    """

    judge: EntrySetting | None = None
    prompt: PromptSetting = Field(default_factory=lambda: load_prompt("compare"))
    attempts: int = Field(default=2, ge=1)
    name: str = "winrate"
    arm: Literal["raw", "constrained"] = "raw"
    draws: int = Field(default=2000, ge=100)
    seed: int = 0

    @classmethod
    def version(cls) -> int:
        """2: tags with a space in them are neutralised too, and a line break within an answer's string is read. 3: a field twice is malformed."""
        return 3

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        ours: Sequence[Response],
        theirs: Sequence[Response],
        scores: Sequence[Rating],
        targets: Sequence[Response] = (),
    ) -> Evaluated:
        """Answers to verdicts and figures. `targets` are the responses whose lengths were asked for in the constrained arm (default: theirs)."""
        matches, alone = _matched(speeches, ours, theirs)
        failures: list[Failure] = []
        if self.judge is None:
            verdicts = _by_reward(matches, reward_of(scores))
        else:
            verdicts, failures = self._by_judge(lab, matches)
        return Evaluated(verdicts, failures, self._figures(matches, alone, verdicts, targets))

    def _by_judge(self, lab: Lab, matches: Sequence[_Match]) -> tuple[list[Verdict], list[Failure]]:
        verdicts: list[Verdict] = []
        failures: list[Failure] = []
        games = [_Game(match.speech, *sides) for match in matches for sides in ((match.ours, match.theirs), (match.theirs, match.ours))]
        with lab.progress.track("evaluate", len(games)) as tick:
            for attempt in range(self.attempts):
                again: list[_Game] = []
                for game, reply in self._asked(lab, games, attempt):
                    outcome, winner = read_winner(reply)
                    if outcome in ("malformed", "truncated") and attempt + 1 < self.attempts:
                        again.append(game)
                        continue
                    if winner is None:
                        failures.append(game.failure(outcome, reply))
                    else:
                        verdicts.append(game.verdict(reply, winner, self.judge.name if self.judge else ""))
                    tick()
                games = again
        return sorted(verdicts, key=lambda v: v.verdict_id), sorted(failures, key=lambda f: f.failure_id)

    def _asked(self, lab: Lab, games: Sequence[_Game], attempt: int) -> Iterator[tuple[_Game, Reply]]:
        """Each game with its reply; two games with the same words are one call and share it."""
        waiting: dict[str, list[_Game]] = {}
        for game in games:
            waiting.setdefault(self.ask(game, attempt).call_id, []).append(game)
        asks = [self.ask(same[0], attempt) for same in waiting.values()]
        for ask, reply in lab.ask(asks, [self.judge] if self.judge else []):
            for game in waiting.pop(ask.call_id):
                yield game, reply

    def ask(self, game: _Game, attempt: int = 0) -> Ask:
        """The request that compares two answers in the game's order; ValueError without a judge."""
        if self.judge is None:
            raise ValueError("evaluate: no judge to ask")
        speech = game.speech
        messages = self.prompt.fill(history=history_text(speech), speech=fence(speech.text), first=fence(game.first.text), second=fence(game.second.text))
        return Ask(self.judge.name, messages, self.judge.temperature, self.judge.max_tokens, SCHEMA, attempt=attempt)

    def _figures(self, matches: Sequence[_Match], alone: int, verdicts: Sequence[Verdict], targets: Sequence[Response]) -> list[Metric]:
        if not matches:
            return []
        outcomes = _outcomes(matches, verdicts, orders=1 if self.judge is None else 2)
        clusters = [match.speech.speech_id for match in matches]
        overall = win_rate(outcomes, clusters, self.draws, self.seed)
        rows = [*_rows(self.name, f"overall:{self.arm}", overall), metric(f"{self.name}.unmatched", f"overall:{self.arm}", alone, count=alone)]
        rows += self._lengths(matches, outcomes, clusters, targets)
        for topic, where in _by_topic(matches).items():
            part = win_rate(outcomes[where], [clusters[at] for at in where], self.draws, self.seed)
            rows += _rows(self.name, f"topic:{topic}:{self.arm}", part)
        return rows

    def _lengths(self, matches: Sequence[_Match], outcomes: Floats, clusters: list[str], targets: Sequence[Response]) -> list[Metric]:
        place = f"overall:{self.arm}"
        words = np.array([[len(match.ours.text.split()), len(match.theirs.text.split())] for match in matches], dtype=np.float64)
        found = {f"{self.name}.words_{side}": mean_interval(words[:, at], clusters, self.draws, self.seed) for at, side in enumerate(("ours", "theirs"))}
        scores, _ = prompt_scores(outcomes)
        judged = np.flatnonzero(np.isfinite(scores))
        found[f"{self.name}.length_correlation"] = correlation(
            scores[judged], (words[:, 0] - words[:, 1])[judged], [clusters[at] for at in judged], self.draws, self.seed
        )
        if self.arm == "constrained":
            wanted = {row.speech_id: float(len(row.text.split())) for row in targets}
            target = np.array([wanted.get(match.speech.speech_id, words[at, 1]) for at, match in enumerate(matches)])
            found[f"{self.name}.compliance"] = mean_interval(within(words[:, 0], target, SLACK), clusters, self.draws, self.seed, share=True)
        return [metric(name, place, *figure) for name, figure in found.items() if np.isfinite(figure.value)]


def read_winner(reply: Reply) -> tuple[str, Winner | None]:
    """The outcome and winner of a reply: the last JSON object of the answer that names one; anything else is 'malformed', never a tie."""
    if reply.outcome != "ok":
        return reply.outcome, None
    answer = last_object(reply.text, "winner")
    winner = _WINNERS.get(str(answer["winner"]).strip().lower()) if answer else None
    return ("ok", winner) if winner else ("malformed", None)


def _matched(speeches: Sequence[Speech], ours: Sequence[Response], theirs: Sequence[Response]) -> tuple[list[_Match], int]:
    """The speeches that both answered, in order of speech id, and how many only one of them answered."""
    known = {speech.speech_id: speech for speech in speeches}
    sides = [_one_each(rows, known, name) for name, rows in (("ours", ours), ("theirs", theirs))]
    both = sorted(sides[0].keys() & sides[1].keys())
    return [_Match(known[one], sides[0][one], sides[1][one]) for one in both], len(sides[0].keys() ^ sides[1].keys())


def _one_each(rows: Sequence[Response], known: dict[str, Speech], name: str) -> dict[str, _Side]:
    """Draw 0 of each known speech; TableError where a side has two, since a system answers once."""
    found: dict[str, _Side] = {}
    for response_id, speech_id, text in table(Response, rows).frame.filter(pl.col("draw") == 0).select("response_id", "speech_id", "text").iter_rows():
        if speech_id in found:
            raise TableError(f"evaluate: {name} holds two answers (draw 0) to speech {speech_id!r}; give the answers of one system")
        if speech_id in known:
            found[speech_id] = _Side(response_id, text)
    return found


def _by_reward(matches: Sequence[_Match], rewards: pl.DataFrame) -> list[Verdict]:
    """The higher reward wins, equal rewards tie; TableError where an answer has no score."""
    score = {one: (value, judge) for one, value, judge in rewards.select("response_id", "reward", "judge").iter_rows()}
    verdicts = []
    for speech, ours, theirs in matches:
        lost = [side.response_id for side in (ours, theirs) if side.response_id not in score]
        if lost:
            raise TableError(f"evaluate: {lost[0]!r} has no reward; score the answers of both systems first")
        (first, judge), (second, other) = score[ours.response_id], score[theirs.response_id]
        if judge != other:
            raise TableError(f"evaluate: {ours.response_id!r} and {theirs.response_id!r} were scored by two reward models, whose scales do not compare")
        winner: Winner = "first" if first > second else "second" if second > first else "tie"
        key = content_id("verdict", ours.response_id, theirs.response_id, "overall", judge)
        verdicts.append(Verdict(key, speech.speech_id, ours.response_id, theirs.response_id, "overall", judge, winner))
    return sorted(verdicts, key=lambda v: v.verdict_id)


def _outcomes(matches: Sequence[_Match], verdicts: Sequence[Verdict], orders: int) -> Floats:
    """(matches, orders) from our side: 1 ours won, 0.5 tie, 0 theirs won, NaN for an order without a verdict."""
    points: dict[Winner, float] = {"first": 1.0, "tie": 0.5, "second": 0.0}
    seen = {(row.first_id, row.second_id): points[row.winner] for row in verdicts}
    out = np.full((len(matches), orders), np.nan)
    for at, (_, ours, theirs) in enumerate(matches):
        out[at, 0] = seen.get((ours.response_id, theirs.response_id), np.nan)
        if orders == 2:
            out[at, 1] = 1 - seen.get((theirs.response_id, ours.response_id), np.nan)
    return out


def _rows(name: str, place: str, found: WinRate) -> list[Metric]:
    """The rate and its counts; `.worst` and `.best` bound it over what the failed prompts might have said."""
    every = found.wins + found.ties + found.losses + found.failed
    rows = [metric(name, place, *found.rate)] if np.isfinite(found.rate.value) else []
    counts = {"wins": found.wins, "ties": found.ties, "losses": found.losses, "flips": found.flips, "failed": found.failed}
    rows += [metric(f"{name}.{field}", place, value, count=every) for field, value in counts.items()]
    if found.failed:
        rows += [metric(f"{name}.{field}", place, value, count=every) for field, value in (("worst", found.worst), ("best", found.best))]
    return rows


def _by_topic(matches: Sequence[_Match]) -> dict[str, list[int]]:
    """The matches of each coarse topic; speeches without a topic are in none."""
    found: dict[str, list[int]] = {}
    for at, match in enumerate(matches):
        if match.speech.topic:
            found.setdefault(coarse(match.speech.topic), []).append(at)
    return dict(sorted(found.items()))
