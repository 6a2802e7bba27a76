"""Every stage that the sample does not reach, done once on made-up tables, and what its output is
known by on any machine: what the version guards compare.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from helpers import small_world, tiny, tiny_judge
from helpers.loopback import Behaviour, Loopback
from psycopref.config.instruments import Instrument
from psycopref.experts.matches import matched
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.nets import weights
from psycopref.report.data import ReportData
from psycopref.report.drawn import Report, load_figures, load_numbers
from psycopref.report.figures import numbers
from psycopref.report.page import drawn_contents
from psycopref.stages.baseline import Baseline
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.draft import Draft
from psycopref.stages.drift import Drift
from psycopref.stages.evaluate import Evaluate
from psycopref.stages.nulls import Nulls
from psycopref.stages.policy import Policy
from psycopref.stages.rank import Rank
from psycopref.stages.rejudge import Rejudge
from psycopref.stages.reward import Reward
from psycopref.stages.rounds import Practice, Rounds, State
from psycopref.stages.score import Score
from psycopref.stages.systems import Faced, Systems
from psycopref.stages.validate import Validate
from psycopref.store.keys import digest, plain
from psycopref.tables import Annotation, Failure, Metric, Rating, Verdict, content_id

W = small_world.small_world()
OURS = [row for row in W.responses if row.model == "fir"]
THEIRS = [row for row in W.responses if row.model == "hazel"]
SHOWN = re.compile(r'<response id="\d">\n(.*?)\n</response>', re.DOTALL)
# names of weights are digests of their numbers, and these ids and keys are made of such names
OF_WEIGHTS = ("judge", "model", "rating_id", "response_id", "call_id", "failure_id")


class Made(NamedTuple):
    """A stage, the name of its step, and the digests of its outputs."""

    name: str
    version: int
    tables: dict[str, str]


def rounded(value: Any, digits: int) -> Any:
    """A value as JSON knows it, its figures to some significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") + 0.0  # no negative zero
    if isinstance(value, Mapping):
        return {key: rounded(one, digits) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one, digits) for one in value]
    return value


def known_by(rows: Any, digits: int = 4, without: tuple[str, ...] = ()) -> str:
    """The digest of rows in their order: figures rounded, columns in `without` left out."""
    kept = [{name: one for name, one in plain(row).items() if name not in without} for row in rows]
    return digest(rounded(kept, digits))


def made(stage: Any, tables: Mapping[str, Any], case: str = "", **how: Any) -> Made:
    """What a stage gave; `how` is that of `known_by`."""
    name = type(stage).known_as() + (f", {case}" if case else "")
    return Made(
        name, type(stage).version(), {key: known_by(tables[key], **how) for key in sorted(tables)}
    )


def every_stage(lab: Lab, place: Path) -> Iterator[Made]:
    """All of them; `place` is an empty folder for weights."""
    yield from _figures(lab)
    yield from _judged(lab)
    yield from _with_weights(lab, place)
    yield from _trained(lab)


def _figures(lab: Lab) -> Iterator[Made]:
    """Stages that ask and train nothing: bootstraps and closed forms agree to many digits."""
    calibrate = Calibrate(bins=5, draws=200)
    out = lab.do(calibrate, W.speeches, W.responses, W.preferences, W.measure, W.rewards)
    figures = [_fitted(row) for row in out.metrics]
    bins = [row for row in out.bins if ":tfidf" not in row.slice]
    yield made(calibrate, {"metrics": figures, "bins": bins}, digits=3)
    yield made(nulls := Nulls(), lab.do(nulls, W.speeches, W.responses, THEIRS)._asdict())
    evaluate = Evaluate(draws=200)
    won = lab.do(evaluate, W.speeches, OURS, THEIRS, W.rewards)
    yield made(evaluate, won._asdict(), "by reward")
    rejudge = Rejudge(instrument=_two_items(), draws=200)
    new = [row._replace(score=min(5.0, row.score + n % 2)) for n, row in enumerate(_rows())]
    old = [row.rating("old") for row in _rows()]
    after = lab.do(rejudge, W.responses, old, [row.rating("new") for row in new])
    yield made(rejudge, after._asdict())
    yield made(rounds := Rounds(limit=1.0), lab.do(rounds, _states())._asdict())
    yield made(systems := Systems(draws=200), lab.do(systems, _faced(), ())._asdict())
    yield _validated(lab)
    yield _reported(lab, list(won.metrics))


def _fitted(row: Metric) -> dict[str, Any]:
    """A metric; of the TF-IDF model, which a solver fits, its name, slice and count."""
    whole: dict[str, Any] = plain(row)
    if ":tfidf" in row.slice:
        return {key: whole[key] for key in ("name", "slice", "count")}
    return whole


class _Row(NamedTuple):
    response_id: str
    item: str
    score: float

    def rating(self, judge: str) -> Rating:
        key = content_id("rating", self.response_id, self.item, judge)
        return Rating(key, self.response_id, self.item, judge, self.score)


def _rows() -> list[_Row]:
    two = small_world.ITEMS[:2]
    return [_Row(row.subject_id, row.item, row.score) for row in W.ratings if row.item in two]


def _two_items() -> Instrument:
    items = [
        {"name": name, "title": name, "definition": "d", "criteria": ["c"], "weight": weight}
        for name, weight in zip(small_world.ITEMS[:2], (1.0, 3.0), strict=True)
    ]
    return Instrument.model_validate(
        {"name": "two", "citation": "made up", "low": 1, "high": 5, "items": items}
    )


def _states() -> list[State]:
    """A start, and a round that trips guards: longer answers, a gold reward that falls."""
    states = []
    for number, model in enumerate(("elm", "fir")):
        answers = [row for row in W.responses if row.model == model][: 20 - number * 5]
        lost = [
            Failure(content_id("failure", number, n), f"speech-{n}", "truncated: draft", "call")
            for n in range(number * 5)
        ]
        rows = [(row.response_id, n) for n, row in enumerate(answers)]
        ours, gold, moved = (
            [
                Rating(content_id("rating", key, name), key, "reward", name, start + slope * n)
                for key, n in rows
            ]
            for name, start, slope in (
                ("r", float(number), 0.125),
                ("g", -float(number), 0.25),
                ("kl", 2.0, 0.5),
            )
        )
        drafts = [row for row in W.responses if row.model == model]
        practice = Practice(W.speeches, drafts, lost, W.preferences[: 30 - 20 * number])
        states.append(State(answers, lost, ours, gold, practice, moved))
    return states


def _faced() -> list[Faced]:
    faced = []
    for place, model in enumerate(("fir", "elm", "ginkgo")):
        answers = [row for row in W.responses if row.model == model]
        verdicts = []
        for n, (own, other) in enumerate(zip(answers, THEIRS, strict=True)):
            for order, sides in enumerate(((own, other), (other, own))):
                wins = (n * (place + 2) + order) % 5 >= 2 + place % 2
                ids = [row.response_id for row in sides]
                key = content_id("verdict", *ids)
                winner = "first" if wins == (order == 0) else "second"
                verdicts.append(
                    Verdict(key, own.speech_id, ids[0], ids[1], "overall", "judge", winner)
                )
        faced.append(Faced(model, "hazel", verdicts, answers, 2))
    return faced


def _validated(lab: Lab) -> Made:
    """Sheets with pairs, replies and matches, and two experts' answers to the matches."""
    verdicts = _faced()[0].verdicts
    matches = matched("raw", W.speeches, OURS, THEIRS, verdicts, 2)
    notes = [
        Annotation(
            content_id("annotation", row.match_id, who),
            row.match_id,
            who,
            "overall",
            ("chosen", "rejected", "tie")[(n * step) % 3],
        )
        for who, step in (("ann", 1), ("bob", 2))
        for n, row in enumerate(matches)
    ]
    stage = Validate(pairs=10, replies=5, matches=20, annotators=2, repeats=0.25, draws=200)
    out = lab.do(stage, W.speeches, W.responses, W.preferences, notes, [], W.ratings, matches)
    return made(stage, out._asdict(), "matches")


def _reported(lab: Lab, metrics: list[Metric]) -> Made:
    """What is drawn, and what its figures are called: pictures differ with fonts."""
    tables = {"speeches": W.speeches, "responses": W.responses, "preferences": W.preferences}
    data = ReportData(title="", metrics=metrics, **tables)  # type: ignore[arg-type]
    page = lab.do(stage := Report(), numbers(drawn_contents(data))).page
    names = [
        {"name": name, "says": re.findall(r"<(?:title|desc)[^>]*>(.*?)</", svg, re.DOTALL)}
        for name, svg in sorted(load_figures(page).items())
    ]
    return made(stage, {"figures": names, "numbers": [load_numbers(page)]})


def _judged(lab: Lab) -> Iterator[Made]:
    """A judge over loopback that likes the longer answer, and the first of two as long."""

    def says(body: Mapping[str, Any]) -> str:
        first, second = (len(one) for one in SHOWN.findall(body["messages"][-1]["content"]))
        return f'{{"rationale": "length", "winner": "{1 + (second > first)}"}}'

    with Loopback({"judge": Behaviour()}) as server:
        server.extra = says
        judge = ModelEntry(name="judge", kind="openai", url=server.url)
        rank = Rank(judge=judge)
        ranked = lab.do(rank, W.speeches, W.responses, W.preferences[:12])
        yield made(rank, ranked._asdict())
        evaluate = Evaluate(judge=judge, draws=200, repeats=0.25)
        won = lab.do(evaluate, W.speeches, OURS, THEIRS, [])
        yield made(evaluate, won._asdict(), "by judge")


def _with_weights(lab: Lab, place: Path) -> Iterator[Made]:
    """Fresh weights of a fixed seed: whom they score, and the mean to two digits."""
    world = tiny.build_world()
    texts = [row.text for row in (*world.speeches, *world.responses)]  # type: ignore[attr-defined]
    plan = Policy(size=tiny.TINY)
    policies = [
        weights.save(weights.fresh_policy(texts, tiny.TINY, n), place / str(n), "policy", plan, {})
        for n in (0, 1)
    ]
    answered = (world.speeches, world.responses)
    drifted = lab.do(drift := Drift(), *answered, *policies).ratings
    yield made(drift, _scored(drifted), digits=2, without=OF_WEIGHTS)
    folder = tiny_judge.judge(place / "judge", world)
    compared = lab.do(baseline := Baseline(model=folder), *answered)
    tables = {**_scored(compared.ratings), "failures": compared.failures}
    yield made(baseline, tables, digits=2, without=OF_WEIGHTS)
    own = weights.load_reward(Path(folder))
    kept = weights.save(own, place / "reward", "reward", Reward(size=tiny.TINY), {})
    scored = lab.do(score := Score(), *answered, kept).ratings
    yield made(score, _scored(scored), digits=2, without=OF_WEIGHTS)
    draft = Draft(samples=2, max_tokens=4)
    drafted = lab.do(draft, world.speeches, policies[0], world.responses[:24])
    calls = [row.call_id for row in drafted.responses]
    calls += [row.call_id for row in drafted.failures]
    asked = [json.loads(lab.ledger.ask_text(one) or "{}") for one in calls]
    rows = [{"messages": one["messages"], "draw": one["draw"]} for one in asked]
    yield made(draft, {"asked": sorted(rows, key=str)})


def _scored(ratings: Any) -> dict[str, list[dict[str, Any]]]:
    """Whom ratings are of, in order, and their mean and mean size."""
    scores = [row.score for row in ratings]
    means = [sum(scores) / len(scores), sum(map(abs, scores)) / len(scores)]
    return {
        "ratings": [{"subject_id": row.subject_id, "item": row.item} for row in ratings],
        "means": [{"mean": means[0], "size": means[1]}],
    }


def _trained(lab: Lab) -> Iterator[Made]:
    """Three steps: the names and shapes of the weights, the curve's points to two digits."""
    world = tiny.build_world()
    how: dict[str, Any] = {"steps": 3, "batch_size": 4, "size": tiny.TINY}
    reward = Reward(**how)
    yield made(reward, _learnt(lab.do(reward, *world, None)), digits=2)
    learnt = lab.do(sft := Policy(objective="sft", **how), *world, None)
    yield made(sft, _learnt(learnt), "sft", digits=2)
    dpo = Policy(objective="dpo", **how)
    yield made(dpo, _learnt(lab.do(dpo, *world, learnt.weights)), "dpo", digits=2)


def _learnt(out: Any) -> dict[str, list[Any]]:
    from safetensors import safe_open

    shapes = []
    for path in sorted(out.weights.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in sorted(file.keys()):
                shapes.append({"name": name, "shape": list(file.get_slice(name).get_shape())})
    return {
        "files": [{"name": path.name} for path in sorted(out.weights.iterdir())],
        "weights": shapes,
        "curve": [{"name": row.name, "step": row.step, "value": row.value} for row in out.curve],
    }
