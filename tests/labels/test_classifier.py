"""The topic classifier: bars by hand, folds without leaks, labels only where held-out speeches say
that they hold.
"""

import random

import numpy as np
import pytest

from psycopref.labels.classifier import (
    LEAST_LABELLED,
    Bar,
    Classifier,
    bar,
    cross_fit,
    folds,
    train,
    warmed,
)

GROUPS = {"cats": "animals", "dogs": "animals", "rain": "weather", "snow": "weather"}
WORDS = {
    "cats": "meow purr whiskers",
    "dogs": "bark leash kennel",
    "rain": "umbrella puddle drizzle",
    "snow": "sledge icicle frost",
}
HINTS = [(word, topic) for topic, words in WORDS.items() for word in words.split()]
FILLER = [
    "today",
    "again",
    "morning",
    "house",
    "garden",
    "window",
    "table",
    "chair",
    "street",
    "evening",
    "door",
    "letter",
    "paper",
    "bottle",
]


def text(rng: random.Random, *words: str) -> str:
    return " ".join([*rng.sample(FILLER, 8), *words])


def clear(count: int) -> list[tuple[str, str]]:
    rng, topics = random.Random(1), sorted(GROUPS)
    return [(text(rng, *WORDS[topic].split()[:2]), topic) for topic in (topics * count)[:count]]


def test_a_bar_is_the_lowest_probability_that_holds_the_precision() -> None:
    p = np.linspace(1, 0, 101)[:100]
    right = np.arange(100) < 40  # the first 40 are right: of the first 50, 80 %
    found = bar(p, right, 0.8)
    assert found.threshold == pytest.approx(p[49]) and found.precision and found.coverage
    assert (found.precision.value, found.precision.n) == (0.8, 50) and (
        found.coverage.value,
        found.coverage.n,
    ) == (0.5, 100)
    assert found.precision.low is not None and 0.66 < found.precision.low < 0.68
    given = bar(p, right, 0.8, threshold=0.5)
    assert given.threshold == 0.5 and given.precision is not None and given.precision.n == 51


def test_equal_probabilities_fall_on_one_side_and_a_few_lucky_ones_are_no_bar() -> None:
    right = np.array([True] * 30 + [False] * 30)
    assert bar(np.full(60, 0.7), right, 0.8).threshold is None
    lucky = np.arange(60) < LEAST_LABELLED - 1
    never = bar(np.linspace(1, 0, 60), lucky, 1.0)
    assert (
        never.threshold is None
        and never.precision is None
        and never.coverage is not None
        and never.coverage.value == 0
    )


def test_folds_keep_equal_texts_together_and_spread_each_topic() -> None:
    rows = [*clear(200), *clear(200)]
    fold = folds(rows)
    assert all(a == b for a, b in zip(fold[:200], fold[200:], strict=True))
    counts = np.array(
        [
            [
                sum(
                    1
                    for (_, own), at in zip(rows[:200], fold, strict=False)
                    if own == topic and at == one
                )
                for one in range(5)
            ]
            for topic in GROUPS
        ]
    )
    assert counts.min() >= 9 and counts.max() <= 11


def test_what_is_held_out_was_not_seen() -> None:
    """Random labels and every row twice: a model that had seen a row's twin would know its
    label.
    """
    rng = random.Random(2)
    rows = [(" ".join(rng.sample(FILLER, 8)), rng.choice(sorted(GROUPS))) for _ in range(200)] * 2
    found = train(rows, HINTS, GROUPS, 0.8)
    assert found.fine_right is not None and found.fine_right.value < 0.45
    assert found.fine.threshold is None


def test_clear_speeches_are_labelled_and_others_are_unsure() -> None:
    found = train(clear(120), HINTS, GROUPS, 0.9)
    assert (
        found.fine.precision is not None
        and found.fine.precision.value >= 0.9
        and found.fine.coverage is not None
        and found.fine.coverage.value > 0.9
    )
    strict = Bar(0.9, None, None)
    odd = list(
        found.model.labels(["meow purr whiskers", "\u0436\u0444 \u0449\u044b"], strict, strict)
    )
    assert (
        odd[0].topic == odd[0].fine == "cats" and odd[0].coarse == "animals" and odd[1].topic == ""
    )


def blurred(count: int) -> list[tuple[str, str]]:
    """Speeches whose words say which coarse topic it is and nothing of the fine one."""
    rng = random.Random(3)
    return [
        (
            text(rng, *(["meow", "bark"] if topic in ("cats", "dogs") else ["puddle", "frost"])),
            topic,
        )
        for topic in rng.choices(sorted(GROUPS), k=count)
    ]


def test_the_coarse_topic_stands_where_only_that_is_sure() -> None:
    found = train(blurred(200), HINTS, GROUPS, 0.9)
    texts = ["today meow window bark", "evening puddle letter frost"]
    assert [one.topic for one in found.model.labels(texts, found.fine, found.coarse)] == [
        "animals",
        "weather",
    ]
    p = found.model.probabilities(texts)
    first = next(iter(found.model.labels(texts, found.fine, found.coarse)))
    assert first.fine_probability == pytest.approx(p[0].max())
    assert first.coarse_probability == pytest.approx(
        sum(p[0, found.model.topics.index(name)] for name in ("cats", "dogs"))
    )


def test_the_coarse_bar_rests_on_what_the_fine_one_left() -> None:
    found = train(blurred(200), HINTS, GROUPS, 0.9)
    assert (
        found.fine.threshold is None
        and found.coarse.threshold is not None
        and found.coarse.coverage is not None
    )
    assert (
        found.coarse.coverage.n == 200
        and found.coarse.precision is not None
        and found.coarse.precision.value >= 0.9
    )
    both = train([*blurred(100), *clear(100)], HINTS, GROUPS, 0.9)
    assert (
        both.fine.coverage is not None
        and both.coarse.coverage is not None
        and both.fine.precision is not None
    )
    assert both.coarse.coverage.n == 200 - both.fine.precision.n


def test_too_few_rows_measure_nothing() -> None:
    with pytest.raises(ValueError, match="39 labelled speeches are too few"):
        train(clear(39), HINTS, GROUPS, 0.8)
    fixed = train(clear(39), HINTS, GROUPS, 0.8, threshold=0.5)
    assert fixed.fine == Bar(0.5, None, None) and fixed.fine_right is None
    assert isinstance(fixed.model, Classifier)


def test_only_measured_rows_are_measured() -> None:
    rows = [*clear(80), *((text, "snow") for text, _ in clear(80))]
    held = cross_fit(rows, HINTS, GROUPS, np.arange(160) < 80)
    assert held.probabilities.shape == (80, 4) and len(held.truth) == 80


def test_warmth_keeps_the_order_and_sums_to_one() -> None:
    p = warmed(np.array([[1.0, 2.0, 4.0], [5.0, 5.0, 5.0]]), 2.0)
    assert (
        p.sum(axis=1) == pytest.approx([1, 1])
        and list(p[0].argsort()) == [0, 1, 2]
        and p[1] == pytest.approx([1 / 3] * 3)
    )
    assert warmed(np.array([[1.0, 2.0, 4.0]]), 4.0).max() > p[0].max()
