"""What the offline labeller learns from: the shipped bars belong to the shipped list, own lists and
own labels are measured on themselves.
"""

import hashlib
import random

import pytest

from psycopref.config.toml_files import checked
from psycopref.errors import RecipeError
from psycopref.labels import training
from psycopref.labels.topic_list import TopicList, load_topics
from psycopref.sources import counsel_chat

OWN = {
    "coarse": [
        {
            "name": "Money",
            "topics": [
                {"name": "Debt", "description": "Owing.", "keywords": ["loan", "creditor"]},
                {
                    "name": "Rent",
                    "description": "Paying for a home.",
                    "keywords": ["landlord", "eviction"],
                },
            ],
        },
        {
            "name": "Study",
            "topics": [
                {
                    "name": "Thesis",
                    "description": "Writing one.",
                    "keywords": ["chapter", "supervisor"],
                }
            ],
        },
    ]
}
WORDS = {
    "Debt": "loan creditor owe bank",
    "Rent": "landlord flat eviction deposit",
    "Thesis": "chapter supervisor draft library",
}


def own_list() -> TopicList:
    return checked(TopicList, OWN, "own.toml")


def own_rows(count: int) -> list[tuple[str, str]]:
    rng = random.Random(0)
    filler = [
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
    ]
    return [
        (" ".join([*rng.sample(filler, 5), *rng.sample(WORDS[topic].split(), 3)]), topic)
        for topic in (sorted(WORDS) * count)[:count]
    ]


def test_the_recorded_bars_are_those_of_the_shipped_list_and_sample() -> None:
    """Where this fails the list or the sample changed: run benchmarks/topics.py with
    --write-bars.
    """
    topics, bars = load_topics(), training.load_bars()
    assert bars.digest == training.rows_digest(
        training.sample_rows(topics), training.hint_rows(topics)
    )
    assert [one.precision for one in bars.levels] == sorted(one.precision for one in bars.levels)
    for level in bars.levels:
        for counted in (level.fine, level.coarse):
            assert counted.threshold is None or counted.right >= level.precision * counted.labelled
        assert level.coarse.rows == level.fine.rows - level.fine.labelled


def test_alone_the_shipped_list_takes_the_recorded_bars() -> None:
    topics = load_topics()
    found = training.learn(topics, own_rows(39), 0.75)  # too few to join
    level = next(one for one in training.load_bars().levels if one.precision == 0.8)
    assert (
        found.measured_on == "counsel-chat"
        and found.trained.fine == level.fine.bar()
        and found.trained.coarse == level.coarse.bar()
    )
    above = training.learn(topics, [], 0.99).trained
    assert above.fine.threshold is None and above.coarse.threshold is None
    assert {
        label.topic
        for label in training.learn(topics, [], 0.99).labels(
            ["insomnia, awake at night, cannot sleep"]
        )
    } == {""}


def test_an_own_list_needs_labels_or_a_threshold() -> None:
    with pytest.raises(
        RecipeError, match='classifier": 0 speeches came with a fine topic.*labeller = "judge"'
    ):
        training.learn(own_list(), [], 0.8)
    found = training.learn(own_list(), [], 0.8, threshold=0.5)
    assert [
        one.topic
        for one in found.labels(["The landlord sent the eviction notice, so I lose my flat"])
    ] == ["Rent"]


def test_own_labels_are_what_is_measured_on() -> None:
    found = training.learn(own_list(), own_rows(90), 0.9)
    assert found.measured_on == "own speeches" and found.trained.fine_right is not None
    assert found.trained.fine_right.n == 90 and found.trained.fine_right.value > 0.9
    assert [one.topic for one in found.labels(["owe the bank a loan again"])] == ["Debt"]
    mixed = training.learn(load_topics(), [(text, "Stress") for text, _ in own_rows(60)], 0.8)
    assert (
        mixed.measured_on == "own speeches"
        and mixed.trained.fine_right is not None
        and mixed.trained.fine_right.n == 60
    )


def test_a_part_of_the_shipped_list_is_measured_on_the_sample() -> None:
    part = TopicList(coarse=load_topics().coarse[:3])
    found = training.learn(part, [], 0.8)
    assert found.measured_on == "sample" and set(found.trained.model.topics) == set(
        part.fine_names()
    )


def test_a_list_where_a_name_could_mean_two_things_is_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"\['study'\] name a coarse topic and a fine topic of another one"
    ):
        checked(
            TopicList,
            {
                "coarse": [
                    {"name": "Money", "topics": [{"name": "Study", "description": ""}]},
                    *OWN["coarse"][1:],
                ]
            },
            "own.toml",
        )
    with pytest.raises(RecipeError, match="a coarse topic stands more than once"):
        checked(
            TopicList,
            {"coarse": [OWN["coarse"][0], {"name": "money", "topics": OWN["coarse"][1]["topics"]}]},
            "own.toml",
        )
    alike = checked(
        TopicList,
        {
            "coarse": [
                {
                    "name": "Study",
                    "topics": [
                        {"name": "Study", "description": ""},
                        {"name": "Exams", "description": ""},
                    ],
                }
            ]
        },
        "own.toml",
    )
    assert (
        alike.names() == ("Study", "Exams")
        and alike.coarse_of("Study") == "Study"
        and alike.find_fine("study") == "Study"
    )


def test_coarse_names_are_found_too() -> None:
    topics = load_topics()
    assert (
        topics.find("crisis and safety concerns")
        == "Crisis and Safety Concerns"
        == topics.coarse_of("Crisis and Safety Concerns")
    )
    assert (
        topics.find_fine("Crisis and Safety Concerns") == ""
        and topics.find_fine("self harm") == "Self-harm"
    )
    with pytest.raises(KeyError):
        topics.coarse_of("Weather")


@pytest.mark.real
def test_on_real_questions_the_bars_hold_about_what_they_say(  # type: ignore[no-untyped-def]
    real_data,
) -> None:
    """On the half of CounselChat that the bars were not measured on; benchmarks/topics.py has the
    figures.
    """
    topics = load_topics()
    found = {
        row.text: row.topic
        for row in counsel_chat.read(real_data / "counsel-chat" / "20200325_counsel_chat.csv", {})
    }
    texts = [text for text in found if hashlib.sha256(text.encode()).digest()[0] % 2]
    labels = list(training.learn(topics, [], 0.8).labels(texts))
    hits = [
        topics.coarse_of(one.topic) == topics.coarse_of(found[text])
        for text, one in zip(texts, labels, strict=True)
        if one.topic
    ]
    assert len(hits) > 0.45 * len(texts) and sum(hits) / len(hits) > 0.7
    forced = sum(
        topics.coarse_of(found[text]) == one.coarse for text, one in zip(texts, labels, strict=True)
    ) / len(texts)
    assert forced > 0.57


def test_the_error_says_how_many_speeches_counted() -> None:
    with pytest.raises(
        RecipeError,
        match=(
            r"39 speeches came with a fine topic of the list \(only those count\).*label 40"
            r" speeches or more"
        ),
    ):
        training.learn(own_list(), own_rows(39), 0.8)


def test_a_topic_needs_a_letter() -> None:
    assert own_list().find("") == own_list().find(" - ") == ""
    bare = {"coarse": [{"name": "Money", "topics": [{"name": "-", "description": "x"}]}]}
    with pytest.raises(RecipeError, match="'-' has no letter or digit"):
        checked(TopicList, bare, "own.toml")
