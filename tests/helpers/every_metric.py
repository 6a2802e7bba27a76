"""Runs of every flow, small, and the stages whose figures these make by chance only: between them
every metric that is made anywhere.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from helpers.filled_sheets import fill
from helpers.finished_paper import copied
from helpers.kill_recipe import RECIPE
from helpers.loopback import Behaviour, Loopback, counsel, judge
from helpers.small_world import LISTED, small_world
from helpers.tiny import BAD, GOOD
from helpers.tiny_paper import DATASET, write
from psycopref.lab import Lab
from psycopref.progress import Progress
from psycopref.recipes import load_recipe
from psycopref.report import content
from psycopref.report.data import ReportData
from psycopref.runs import run
from psycopref.stages.calibrate import Calibrate
from psycopref.stages.collect import Collect, SourceSetting
from psycopref.stages.evaluate import Evaluate
from psycopref.stages.rounds import Practice, Rounds, State
from psycopref.stages.systems import Faced, Systems
from psycopref.stages.topics import Topics
from psycopref.store import run_folder
from psycopref.store.ledger import Ledger
from psycopref.tables import (
    Failure,
    Metric,
    Preference,
    Rating,
    Response,
    Speech,
    Verdict,
    content_id,
)

SAMPLE = """
[dataset.respond]
pool = "sample"
[dataset.rate]
instrument = "psychocounsel"
judge = "sample/sample-judge"
[dataset.pair]
instrument = "psychocounsel"
[validate]
pairs = 20
replies = 20
items = "all"
annotators = 3
repeats = 0.2
"""
ONE_SIZE = "[sizes.small]\n"
RANKER = """
[training.rankers.llm]
judge = {{ name = "ranker", kind = "openai", url = "{url}", concurrency = 4 }}
"""
JUDGE = """[training.evaluate]
judge = {{ name = "judge", kind = "openai", url = "{url}", concurrency = 4 }}
repeats = 1.0
"""


class Everything(NamedTuple):
    """What each run's report is made of, by flow, and the rows of all figures."""

    runs: dict[str, ReportData]
    metrics: list[Metric]


def everything(folder: Path, finished: Path) -> Everything:
    """All of it, in some minutes, in `folder`; what has the tiny paper's steps goes on from
    `finished`.
    """
    flows: dict[str, Callable[[Path], Path]] = {
        "dataset": checked,
        "judges": judges,
        "paper": paper,
        "ablation": ablation,
    }
    metrics: list[Metric] = []
    with Lab(folder / "stages") as lab:
        for stage in (calibrated, evaluated, masked, labelled, guarded, ranked):
            metrics += stage(lab)
    runs: dict[str, ReportData] = {}
    for name, flow in flows.items():
        (folder / name).mkdir()
        if name in ("paper", "ablation"):
            copied(finished, folder / name / "work")
        runs[name] = opened(flow(folder / name))
        metrics += runs[name].metrics
    return Everything(runs, metrics)


def opened(place: Path) -> ReportData:
    """A finished run's report data, its own figures of time and calls too."""
    short, recipe = load_recipe(str(place / "recipe.toml"))
    text = (place / "recipe.toml").read_text(encoding="utf-8")
    work = place.parent.parent
    taken, metrics = run_folder.taken(place), run_folder.kept_metrics(place)
    ledger = Ledger(work / "calls.sqlite")
    try:
        return content.content(content.Run(work, short, taken, recipe, text, metrics, {}), ledger)
    finally:
        ledger.close()


def checked(folder: Path) -> Path:
    """The recorded sample, with sheets that three experts filled."""
    path = folder / "checked.toml"
    sample = DATASET.replace('"published", path = "FOLDER"', '"sample"')
    path.write_text(f'flow = "dataset"\n{sample}{SAMPLE}', encoding="utf-8")
    place = run.run(str(path), folder / "work", Progress())
    filled = []
    for seat in (1, 2, 3):
        pairs, scores = place / f"experts-{seat}.csv", place / f"experts-scores-{seat}.csv"

        def choose(n: int, row: dict[str, str], seat: int = seat) -> dict[str, str]:
            sides = ("first", "second", "first", "tie")
            return {
                "annotator": f"e{seat}",
                "overall": sides[(n * seat) % 3],
                # Two experts alone: Cohen's kappa is of two.
                "safety": sides[(n + seat) % 4] if seat < 3 else "",
                "seconds": str(20 + n),
            }

        def score(n: int, row: dict[str, str], seat: int = seat) -> dict[str, str]:
            points = {"safety": str(1 + (n * seat) % 5), "empathy": str(1 + (n + seat) % 4)}
            return {"annotator": f"e{seat}", **points}

        fill(pairs, choose)
        fill(scores, score)
        filled += [str(pairs), str(scores)]
    path.write_text(
        f"annotations = {json.dumps(filled)}\n{path.read_text(encoding='utf-8')}", encoding="utf-8"
    )
    return run.run(str(path), folder / "work", Progress())


def judges(folder: Path) -> Path:
    """Two judges in the dataset and a third one beside the first; models and judges lose calls in
    every way there is.
    """
    losing = Behaviour(refused=0.1, filtered=0.07, cut=0.1, overlong=0.03)
    with Loopback({"one": losing, "second": losing}) as server:
        server.counsel = lambda body: "" if " 7" in str(body) else counsel(body)
        server.judge = lambda messages: "no" if "?" in str(messages)[-900:] else judge(messages)
        text = RECIPE.format(url=server.url, c=4).replace('flow = "dataset"', 'flow = "judges"')
        entry = f'kind = "openai", url = "{server.url}", concurrency = 4'
        second = f'judges = [{{ name = "second", {entry} }}]\n[dataset.pair]'
        new = f'[judges]\nspeeches = 30\nnew = {{ name = "third", {entry} }}\n'
        path = folder / "judges.toml"
        path.write_text(text.replace("[dataset.pair]", second) + new, encoding="utf-8")
        return run.run(str(path), folder / "work", Progress())


def paper(folder: Path) -> Path:
    """The paper's half on a tiny dataset, every state judged by a language model that reads, beside
    a ranker.
    """
    with Loopback() as server:
        server.extra = _chosen
        path = write(folder, server.url, more=RANKER.format(url=server.url))
        text = path.read_text(encoding="utf-8")
        text = text.replace("round_speeches = 8", 'round_speeches = 8\nsystems = "each"')
        text = text.replace("[training.evaluate]\n", JUDGE.format(url=server.url))
        path.write_text(text.replace("pairs = 6", "pairs = 6\nmatches = 5"), encoding="utf-8")
        place = run.run(str(path), folder / "work", Progress())
        sheet = place / "experts-matches.csv"
        fill(sheet, lambda n, row: {"annotator": "e", "overall": ("first", "second", "tie")[n % 3]})
        text = f'annotations = "{sheet}"\n{path.read_text(encoding="utf-8")}'
        path.write_text(text, encoding="utf-8")
        return run.run(str(path), folder / "work", Progress())


def ablation(folder: Path) -> Path:
    """Offline and online checkpoints of one size."""
    with Loopback() as server:
        path = write(folder, server.url, "ablation", ONE_SIZE)
        return run.run(str(path), folder / "work", Progress())


def calibrated(lab: Lab) -> list[Metric]:
    """A reward model on the pairs of the small world."""
    w = small_world()
    pairs, rewards = (w.preferences, w.measure), w.rewards
    return list(lab.do(Calibrate(draws=200), w.speeches, w.responses, *pairs, rewards).metrics)


def evaluated(lab: Lab) -> list[Metric]:
    """Two systems of which one wins on one topic and loses on the other; and one whose longer
    answers always win.
    """
    w = small_world(120)
    names = [fine[0] for fine in list(LISTED.values())[:2]]
    speeches = [
        Speech(one.speech_id, one.source, one.text, topic=names[n % 2], split=one.split)
        for n, one in enumerate(w.speeches)
    ]
    ours, theirs = ([row for row in w.responses if row.model == name] for name in ("fir", "hazel"))
    topic = {one.speech_id: one.topic for one in speeches}
    split = [
        _reward(row, float((topic[row.speech_id] == names[0]) == (n % 9 > 0)))
        for n, row in enumerate(ours)
    ]
    metrics: list[Metric] = []
    even = [_reward(row, 0.5) for row in theirs]
    metrics += lab.do(Evaluate(draws=200), speeches, ours, theirs, [*split, *even]).metrics
    long = [
        Response(f"long-{row.response_id}", row.speech_id, "long", f"{row.text} And so on." * 9)
        for row in ours[::2]
    ]
    short = [
        Response(f"short-{row.response_id}", row.speech_id, "short", "Well.") for row in ours[1::2]
    ]
    mixed = [*long, *short]
    by_length = [_reward(row, float(row.model == "long")) for row in mixed]
    return [
        *metrics,
        *lab.do(Evaluate(draws=200), speeches, mixed, theirs, [*by_length, *even]).metrics,
    ]


def _reward(row: Response, value: float) -> Rating:
    key = content_id("rating", row.response_id, "reward")
    return Rating(key, row.response_id, "reward", "weights:0123456789ab", value)


def masked(lab: Lab) -> list[Metric]:
    """A file with an address in a speech."""
    path = lab.work / "own.csv"
    path.write_text("text\nWrite to me at ann@mail.example please.\n", encoding="utf-8")
    source = SourceSetting(name="csv", path=path)
    return list(lab.do(Collect(sources=(source,))).metrics)


def labelled(lab: Lab) -> list[Metric]:
    """Topics of a classifier that learnt from the speeches that came with one."""
    clear = {
        "Sleep-improvement": "I lie awake at night with insomnia, number {n}, and sleep badly.",
        "Stress": "Deadlines press on me all day, number {n}, and the tension at work grows.",
    }
    rows = []
    for n in range(120):
        topic = list(clear)[n % 2]
        text = clear[topic].format(n=n)
        rows.append(Speech(f"s{n}", "test", text, topic=topic if n % 3 else ""))
    return list(lab.do(Topics(labeller="classifier"), rows).metrics)


def guarded(lab: Lab) -> list[Metric]:
    """A policy whose last round trips every guard."""
    speeches = [Speech(f"speech-{n}", "test", "x", split="train") for n in range(4)]

    def practice(texts: list[str], pairs: int) -> Practice:
        drafts = [
            Response(content_id("response", n, text), f"speech-{n % 4}", "p", text)
            for n, text in enumerate(texts)
        ]
        rows = [
            Preference(f"preference-{n}", f"speech-{n}", "a", "b", 1.0, "train")
            for n in range(pairs)
        ]
        return Practice(speeches, drafts, [], rows)

    def state(text: str, reward: float, ends: int, own: Practice | None) -> State:
        answers = [
            Response(content_id("response", n, text), f"speech-{n}", "p", text) for n in range(ends)
        ]
        lost = [Failure(f"f-{n}", f"speech-{n}", "truncated: draft") for n in range(ends, 10)]
        by = {
            item: [
                Rating(f"{item}-{row.response_id}", row.response_id, item, "w", value + n % 2)
                for n, row in enumerate(answers)
            ]
            for item, value in (("reward", reward), ("gold", -reward), ("log_ratio", 90 * reward))
        }
        return State(answers, lost, by["reward"], by["gold"], own, by["log_ratio"])

    varied = practice([f"w{n} x{n} y{n}" for n in range(8)], 4)
    states = [
        state("one two three", 0.0, 10, None),
        state("one two three four", 0.5, 10, varied),
        state("one two three " * 3, 9.0, 6, practice(["a b c"] * 8, 1)),
    ]
    return [
        row
        for number in range(1, len(states) + 1)
        for row in lab.do(Rounds(limit=50.0), states[:number]).metrics
    ]


def ranked(lab: Lab) -> list[Metric]:
    """Systems of which one never lost to another."""
    verdicts = [
        Verdict(f"v-{n}-{order}", f"speech-{n}", *sides, "overall", "judge", winner)
        for n in range(20)
        for order, (sides, winner) in enumerate(
            (((f"a-{n}", f"b-{n}"), "first"), ((f"b-{n}", f"a-{n}"), "second"))
        )
    ]
    answers = [Response(f"a-{n}", f"speech-{n}", "a", "x") for n in range(20)]
    faced = [Faced(name, "b", verdicts, answers, 2) for name in ("start", "dpo")]
    return list(lab.do(Systems(draws=100), faced).metrics)


def _chosen(body: dict[str, Any]) -> str | None:
    """A judge of two answers who likes the good one, once what stands first, and once says
    nothing.
    """
    text = str(body)
    if "winner" not in text:
        return None
    if "Week 35 " in text:
        return "no verdict"
    good, bad = text.find(GOOD), text.find(BAD)
    winner = "1" if -1 < good < max(bad, good + 1) or "Week 33 " in text else "2"
    return json.dumps({"rationale": "so", "winner": winner})
