"""The offline topic classifier on the sample's 42 topics and, where its file is given, on
CounselChat's 31, beside two baselines.

python benchmarks/topics.py [--counselchat CSV] [--pictures DIR] [--write-bars]

Nested cross-validation: in each outer fold, everything (vectors, weights, sharpness, thresholds)
comes from the other four. `sample to CounselChat` is what a user has who labels nothing: learnt
from the list and the sample alone. Its bars are measured on one half of the questions (by a hash of
the text) and checked on the other; `--write-bars` writes them into data/topic_bars.toml. A question
listed under two topics is one question; either is right. Intervals: 95 %, bootstrap over questions.
`--pictures` draws the confusion of topics and coverage against precision.
"""

import argparse
import hashlib
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tomli_w
import topic_pictures

from psycopref.config.toml_files import DATA
from psycopref.labels import training
from psycopref.labels.classifier import LEAST_LABELLED, Trained, bar, fit, folds, train
from psycopref.labels.topic_list import load_topics
from psycopref.sources import counsel_chat

TOPICS = load_topics()
GROUPS = TOPICS.groups()
HINTS = training.hint_rows(TOPICS)
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9)
DRAWS = 2000


class Question(NamedTuple):
    """A text and every topic it is listed under."""

    text: str
    topics: tuple[str, ...]


class Answered(NamedTuple):
    """For each question the best fine and coarse topic with their probabilities, and the label that
    was taken ('' unsure).
    """

    fine: list[str]
    fine_p: np.ndarray
    coarse: list[str]
    coarse_p: np.ndarray
    label: list[str]


def sample_questions() -> list[Question]:
    return [Question(text, (topic,)) for text, topic in training.sample_rows(TOPICS)]


def counselchat_questions(path: Path) -> list[Question]:
    """One for each text; the source gives a row for each topic it is listed under."""
    found: dict[str, Question] = {}
    for row in counsel_chat.read(path, {}):
        key = re.sub(r"\W+", " ", row.text).strip().casefold()
        before = found.get(key, Question(row.text, ()))
        found[key] = Question(before.text, tuple(dict.fromkeys([*before.topics, row.topic])))
    return list(found.values())


def rows_of(questions: Sequence[Question]) -> list[tuple[str, str]]:
    return [(one.text, one.topics[0]) for one in questions]


def answers(trained: Trained, questions: Sequence[Question]) -> Answered:
    found = list(
        trained.model.labels([one.text for one in questions], trained.fine, trained.coarse)
    )
    fine_p, coarse_p = (
        np.array([one.fine_probability for one in found]),
        np.array([one.coarse_probability for one in found]),
    )
    return Answered(
        [one.fine for one in found],
        fine_p,
        [one.coarse for one in found],
        coarse_p,
        [one.topic for one in found],
    )


def nested(
    questions: Sequence[Question],
    hints: Sequence[tuple[str, str]],
    groups: dict[str, str],
    more: Sequence[tuple[str, str]] = (),
) -> Answered:
    """Answers by models that saw nothing of the question's fold; `more` rows join every training
    set and are not measured on.
    """
    fold = folds(rows_of(questions))
    parts: dict[int, tuple[str, float, str, float, str]] = {}
    for one in range(int(fold.max()) + 1):
        own = [row for row, at in zip(rows_of(questions), fold, strict=True) if at != one]
        out = np.flatnonzero(fold == one)
        trained = train(
            [*own, *more], hints, groups, 0.8, np.arange(len(own) + len(more)) < len(own)
        )
        for at, *values in zip(
            out, *answers(trained, [questions[int(at)] for at in out]), strict=True
        ):
            parts[int(at)] = tuple(values)
    fine, fine_p, coarse, coarse_p, label = zip(
        *(parts[at] for at in range(len(questions))), strict=True
    )
    return Answered(list(fine), np.array(fine_p), list(coarse), np.array(coarse_p), list(label))


def majority(questions: Sequence[Question]) -> list[str]:
    """The topic most frequent in the other folds."""
    fold = folds(rows_of(questions))
    most = {
        one: (
            Counter(
                topic for (_, topic), at in zip(rows_of(questions), fold, strict=True) if at != one
            ).most_common(1)[0][0]
        )
        for one in set(fold.tolist())
    }
    return [most[int(at)] for at in fold]


def keywords(questions: Sequence[Question], words: dict[str, Sequence[str]]) -> list[str]:
    """The topic with the most of its words in the text; where none has any, the majority's."""
    forms = {
        topic: re.compile(r"\b(?:" + "|".join(re.escape(word.casefold()) for word in own) + r")\b")
        for topic, own in words.items()
        if own
    }
    found = []
    for one, other in zip(questions, majority(questions), strict=True):
        hits = {topic: len(set(form.findall(one.text.casefold()))) for topic, form in forms.items()}
        best = max(hits, key=lambda topic: hits[topic])
        found.append(best if hits[best] else other)
    return found


def scores(predicted: Sequence[str], truth: Sequence[tuple[str, ...]]) -> str:
    """Accuracy and macro F1 over the topics that occur, in %, with intervals."""
    meant = [one if one in all_ else all_[0] for one, all_ in zip(predicted, truth, strict=True)]
    names = sorted({*meant, *predicted})
    code = {name: at for at, name in enumerate(names)}
    p, t = np.array([code[name] for name in predicted]), np.array([code[name] for name in meant])
    occur = np.unique(t)

    def figures(rows: np.ndarray) -> tuple[float, float]:
        hit = np.bincount(t[rows][p[rows] == t[rows]], minlength=len(names))
        both = np.bincount(t[rows], minlength=len(names)) + np.bincount(
            p[rows], minlength=len(names)
        )
        f1 = np.where(both > 0, 2 * hit / np.maximum(both, 1), 0.0)
        return float((p[rows] == t[rows]).mean()), float(f1[occur].mean())

    rng = np.random.default_rng(0)
    drawn = np.array([figures(rng.integers(0, len(p), len(p))) for _ in range(DRAWS)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    whole = figures(np.arange(len(p)))
    return " | ".join(
        f"{100 * whole[at]:.0f} ({100 * low[at]:.0f} to {100 * high[at]:.0f})" for at in (0, 1)
    )


def grouped(truth: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(dict.fromkeys(GROUPS[name] for name in one)) for one in truth]


def compare(
    title: str, questions: Sequence[Question], systems: dict[str, tuple[list[str], list[str]]]
) -> None:
    truth = [one.topics for one in questions]
    print(
        f"\n{title}: {len(questions)} questions, {len({name for one in truth for name in one})}"
        " topics\n"
    )
    print(
        "| labeller | fine: right % | fine: macro F1 % | coarse: right % | coarse: macro F1 %"
        " |\n|---|---|---|---|---|"
    )
    for name, (fine, coarse) in systems.items():
        print(f"| {name} | {scores(fine, truth)} | {scores(coarse, grouped(truth))} |")


def taken(title: str, questions: Sequence[Question], found: Answered) -> None:
    """What stands in the table after labelling at the thresholds: how many labels of each kind, and
    how many of them are right.
    """
    truth, above = [one.topics for one in questions], grouped([one.topics for one in questions])
    fine = [label in own for label, own in zip(found.label, truth, strict=True) if label in GROUPS]
    coarse = [
        label in own
        for label, own in zip(found.label, above, strict=True)
        if label and label not in GROUPS
    ]
    whole = [
        GROUPS.get(label, label) in own
        for label, own in zip(found.label, above, strict=True)
        if label
    ]
    parts = {"fine labels": fine, "coarse labels": coarse, "all labels, coarse topic right": whole}
    said = "; ".join(
        f"{name}: {len(hits)} of {len(questions)}"
        + (f", right {100 * np.mean(hits):.0f} %" if hits else "")
        for name, hits in parts.items()
    )
    print(f"\n{title}: {said}; unsure: {sum(not label for label in found.label)}")


def both(fine: list[str]) -> tuple[list[str], list[str]]:
    return fine, [GROUPS[name] for name in fine]


def on_sample(pictures: Path | None) -> None:
    questions = sample_questions()
    found = nested(questions, HINTS, GROUPS)
    lists: dict[str, Sequence[str]] = {topic.name: topic.keywords for topic in TOPICS.fine()}
    systems = {
        "majority": both(majority(questions)),
        "keywords": both(keywords(questions, lists)),
        "classifier": (found.fine, found.coarse),
    }
    compare("Sample, nested 5-fold", questions, systems)
    taken("Sample, thresholds for 80 % from the other folds", questions, found)
    if pictures:
        topic_pictures.confusion(
            pictures / "topics-confusion.png",
            TOPICS,
            [one.topics[0] for one in questions],
            found.fine,
        )
        covered(pictures / "topics-coverage-sample.png", "Sample, held out", questions, found)


def on_counselchat(path: Path, pictures: Path | None, write: bool) -> None:
    questions = counselchat_questions(path)
    names = {name for one in questions for name in one.topics}
    hints, groups = (
        [row for row in HINTS if row[1] in names],
        {name: group for name, group in GROUPS.items() if name in names},
    )
    more = [row for row in training.sample_rows(TOPICS) if row[1] in names]
    systems = {
        "majority": both(majority(questions)),
        "keywords: topic names": both(
            keywords(questions, {name: (name.replace("-", " "),) for name in sorted(names)})
        ),
    }
    systems["keywords of the list"] = both(
        keywords(
            questions,
            {topic.name: topic.keywords for topic in TOPICS.fine() if topic.name in names},
        )
    )
    first = learnt(questions, write)
    transfer = answers(first, questions)
    systems["classifier, sample only (42 topics)"] = (transfer.fine, transfer.coarse)
    own = nested(questions, hints, groups, more)
    systems["classifier, own labels and sample"] = (own.fine, own.coarse)
    compare("CounselChat, nested 5-fold", questions, systems)
    taken("CounselChat, own labels, thresholds for 80 % from the other folds", questions, own)
    for name, part in (("first half (bars measured here)", 0), ("second half (the check)", 1)):
        some = [one for one in questions if half(one) == part]
        taken(f"Sample to CounselChat, {name}", some, answers(first, some))
    taken(
        "Sample to CounselChat, bars measured on the sample",
        questions,
        answers(train(training.sample_rows(TOPICS), HINTS, GROUPS, 0.8), questions),
    )
    if pictures:
        covered(
            pictures / "topics-coverage-counselchat.png",
            "CounselChat, learnt from the sample",
            questions,
            transfer,
        )


def half(question: Question) -> int:
    return hashlib.sha256(question.text.encode()).digest()[0] % 2


def learnt(questions: Sequence[Question], write: bool) -> Trained:
    """The shipped classifier with its recorded bars, which `write` measures anew on the first half
    of the questions.
    """
    if write:
        first = [one for one in questions if half(one) == 0]
        values = recorded(first)
        head = (
            "# From which probability labels of the classifier that learnt from the list and the"
            " sample alone are taken.\n"
        )
        path = DATA / "topic_bars.toml"
        path.write_text(
            f"{head}# Written by `python benchmarks/topics.py --counselchat CSV --write-bars`;"
            f" counts only, no text.\n\n{tomli_w.dumps(values)}",
            encoding="utf-8",
        )
        training.load_bars()
    return training.learn(TOPICS, [], 0.8).trained


def recorded(questions: Sequence[Question]) -> dict[str, Any]:
    """Weight and smoothing that get most coarse topics right, the heat by likelihood, and the bars
    of every level.
    """
    given = training.sample_rows(TOPICS)
    truth, above = [one.topics for one in questions], grouped([one.topics for one in questions])
    texts = [one.text for one in questions]

    def tried(
        weight: float, smoothing: float, heat: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
        model = fit(given, HINTS, GROUPS, (weight, smoothing), heat)
        p = model.probabilities(texts)
        q = p @ model.member
        right = np.array(
            [model.topics[at] in own for at, own in zip(p.argmax(axis=1), truth, strict=True)]
        )
        coarse = np.array(
            [model.coarse[at] in own for at, own in zip(q.argmax(axis=1), above, strict=True)]
        )
        spread = float(
            sum(
                np.log(max(p[row, [model.topics.index(name) for name in own]].sum(), 1e-12))
                for row, own in enumerate(truth)
            )
        )
        return p.max(axis=1), right, q.max(axis=1), coarse, spread

    weight, smoothing = max(
        ((w, s) for w in (1.0, 3.0) for s in (0.3, 1.0)),
        key=lambda pair: tried(pair[0], pair[1], 4.0)[3].sum(),
    )
    heat = max(
        (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0), key=lambda heat: tried(weight, smoothing, heat)[4]
    )
    p, right, q, coarse, _ = tried(weight, smoothing, heat)

    def counted(probability: np.ndarray, hits: np.ndarray, level: float) -> dict[str, Any]:
        found = bar(probability, hits, level).threshold
        return {"rows": len(hits)} if found is None else counts(round(found, 6), probability, hits)

    def counts(threshold: float, probability: np.ndarray, hits: np.ndarray) -> dict[str, Any]:
        threshold -= 1e-6  # rounding must not shut out the speech that it is made of
        above = probability >= threshold
        return {
            "threshold": threshold,
            "right": int(hits[above].sum()),
            "labelled": int(above.sum()),
            "rows": len(hits),
        }

    levels = []
    for level in LEVELS:
        fine = counted(p, right, level)
        rest = p < fine.get("threshold", 2.0)
        levels.append(
            {"precision": level, "fine": fine, "coarse": counted(q[rest], coarse[rest], level)}
        )
    head = {
        "measured_on": "counsel-chat",
        "digest": training.rows_digest(given, HINTS),
        "weight": weight,
        "smoothing": smoothing,
        "heat": heat,
    }
    return {
        **head,
        "fine_right": int(right.sum()),
        "coarse_right": int(coarse.sum()),
        "rows": len(texts),
        "levels": levels,
    }


def covered(path: Path, title: str, questions: Sequence[Question], found: Answered) -> None:
    """Draws the share that is right among the surest, by how many are labelled, for both levels."""
    truth = [one.topics for one in questions]
    fine = [said in own for said, own in zip(found.fine, truth, strict=True)]
    coarse = [said in own for said, own in zip(found.coarse, grouped(truth), strict=True)]
    topic_pictures.curve(
        path,
        title,
        {"fine": (np.array(fine), found.fine_p), "coarse": (np.array(coarse), found.coarse_p)},
        LEAST_LABELLED,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--counselchat", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--write-bars", action="store_true")
    args = parser.parse_args()
    start = time.process_time()
    if args.counselchat:
        on_counselchat(args.counselchat, args.pictures, args.write_bars)
    elif args.write_bars:
        parser.error("--write-bars needs --counselchat")
    on_sample(args.pictures)
    print(f"\n{time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
