"""Topics: labels where the source gave none, splits from a hash, failures as rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.loopback import Behaviour, Loopback, number
from pydantic import ValidationError

from psycopref.errors import RecipeError
from psycopref.lab import Lab
from psycopref.labels import training
from psycopref.labels.by_judge import ByJudge
from psycopref.labels.topic_list import load_topics
from psycopref.models.entries import ModelEntry
from psycopref.progress import Progress
from psycopref.stages.topics import Topics
from psycopref.store.calls import Reply
from psycopref.store.keys import unit
from psycopref.store.ledger import Ledger
from psycopref.tables import Metric, Speech, Split


def speech(key: str, text: str = "text", topic: str = "", split: Split = "") -> Speech:
    return Speech(key, "test", text, topic=topic, split=split)


def many(count: int, split: Split = "") -> list[Speech]:
    return [speech(f"speech-{n}", f"text {n}", split=split) for n in range(count)]


def counts(stage: Topics, speeches: list[Speech]) -> dict[str, float]:
    splits = [stage.placed(one.speech_id, one.split) for one in speeches]
    return {
        name: splits.count(name) / len(splits)  # type: ignore[arg-type]
        for name in ("train", "dev", "test", "gold")
    }


def test_shares_are_near_what_was_asked_and_independent() -> None:
    found = counts(Topics(test_share=0.2, gold_share=0.5, dev_share=0.1), many(20_000))
    assert found == pytest.approx({"test": 0.2, "gold": 0.4, "dev": 0.04, "train": 0.36}, abs=0.015)
    assert 0 <= unit("test", "a") < 1 and unit("test", "a") != unit("gold", "a")


def test_more_speeches_move_nobody_and_more_gold_leaves_test_alone() -> None:
    stage = Topics(test_share=0.2, dev_share=0.1)
    before = {one.speech_id: stage.placed(one.speech_id, "") for one in many(500)}
    with_gold = {
        one.speech_id: stage.model_copy(update={"gold_share": 0.5}).placed(one.speech_id, "")
        for one in many(5000)
    }
    assert all((with_gold[key] == "test") == (split == "test") for key, split in before.items())
    assert all(with_gold[key] in (split, "gold") for key, split in before.items())


def test_a_published_test_stays_and_train_gives_dev() -> None:
    stage = Topics(test_share=0.5, dev_share=0.1)
    assert counts(stage, many(5000, "train")) == pytest.approx(
        {"train": 0.9, "dev": 0.1, "test": 0.0, "gold": 0.0}, abs=0.015
    )
    for split in ("test", "dev", "gold"):
        assert counts(stage, many(50, split))[split] == 1  # type: ignore[arg-type]


def test_given_keeps_labels_in_the_lists_spelling(lab: Lab) -> None:
    out = lab.do(
        Topics(),
        [
            speech("a", topic="grief and loss"),
            speech("b"),
            speech("c", topic="Others", split="test"),
        ],
    )
    assert [one.topic for one in out.speeches] == ["Grief-and-loss", "", "Others"]
    assert out.speeches[2].split == "test" and len(out.failures) == 0
    rows = [
        speech("a", topic="I hate my life"),
        speech("b", topic="I hate my life"),
        speech("c", topic="Stress"),
        speech("d", topic="Weather"),
    ]
    with pytest.raises(
        RecipeError, match=r"2 topics of the sources \(on 3 of 4 speeches\).*columns = \{ topic"
    ) as caught:
        lab.do(Topics(), rows)
    assert "hate" not in str(caught.value) and "Weather" not in str(caught.value)


def test_classifier_labels_the_clear_and_leaves_the_unsure(lab: Lab) -> None:
    clear = (
        "I cannot sleep. I lie awake at night, insomnia, tired at bedtime, sleeping pills do"
        " nothing and I am awake at 3 am again."
    )
    out = lab.do(
        Topics(labeller="classifier"),
        [
            speech("a", clear),
            speech("b", "Well, hm, so it goes."),
            speech("c", clear, topic="Stress"),
        ],
    )
    assert [one.topic for one in out.speeches] == ["Sleep-improvement", "", "Stress"]
    labels = {one.speech_id: one for one in out.labels}
    assert (
        labels.keys() == {"a", "b"} and labels["a"].topic == labels["a"].fine == "Sleep-improvement"
    )
    assert (
        labels["b"].topic == ""
        and labels["b"].fine
        and 0 < (labels["b"].fine_probability or 0) <= (labels["b"].coarse_probability or 0) < 1
    )
    assert tallied(out.metrics) == {
        "given": 1,
        "fine": 1,
        "coarse": 0,
        "unsure": 1,
        "failed": 0,
        "none": 0,
    }
    shown = {(one.name, one.slice): one for one in out.metrics}
    assert (
        shown["topics.precision", "coarse: counsel-chat"].value >= 0.8
        and shown["topics.right", "fine: counsel-chat"].low is not None
    )
    assert (
        shown["topics.threshold", "coarse: counsel-chat"].value
        == training.load_bars().levels[3].coarse.threshold
    )


def tallied(metrics: Sequence[Metric]) -> dict[str, float]:
    return {one.slice: one.value for one in metrics if one.name == "topics.speeches"}


def test_speeches_that_came_with_a_topic_teach(lab: Lab) -> None:
    """Words that stand in no list and no sample: only the run's own labelled speeches can say what
    they mean.
    """
    mine = [
        speech(
            f"s{n}",
            f"The zorble {'gleefs' if n % 2 else 'wumps'} {n} {n * 7} again today",
            "Stress" if n % 2 else "Culture",
        )
        for n in range(60)
    ]
    out = lab.do(
        Topics(labeller="classifier"),
        [*mine, speech("a", "My zorble gleefs"), speech("b", "My zorble wumps")],
    )
    assert {one.speech_id: one.topic for one in out.labels} == {"a": "Stress", "b": "Culture"}
    assert {one.slice for one in out.metrics if one.name == "topics.right"} == {
        "fine: own speeches",
        "coarse: own speeches",
    }
    assert tallied(out.metrics)["given"] == 60


def test_unsure_is_not_others_and_not_unasked(lab: Lab) -> None:
    rows = [
        speech("a", topic="Others"),
        speech("b", "Well, hm, so it goes."),
        speech("c", topic="special topics"),
    ]
    asked, unasked = lab.do(Topics(labeller="classifier"), rows), lab.do(Topics(), rows)
    assert (
        [one.topic for one in asked.speeches]
        == [one.topic for one in unasked.speeches]
        == ["Others", "", "Special Topics"]
    )
    assert tallied(asked.metrics)["unsure"] == 1 and tallied(asked.metrics)["none"] == 0
    assert tallied(unasked.metrics)["unsure"] == 0 and tallied(unasked.metrics)["none"] == 1


def by_judge(stage: Topics) -> ByJudge:
    assert stage.judge is not None
    return ByJudge(stage.topics, stage.judge, stage.prompt, stage.attempts)


def recorded(path: Path, answers: dict[str, list[str]]) -> Topics:
    stage = Topics(
        labeller="judge", judge=ModelEntry(name="judge-1", kind="recorded", ledger=str(path))
    )
    ledger = Ledger(path)
    asks = [
        (by_judge(stage).ask(speech(key, key), attempt), text)
        for key, texts in answers.items()
        for attempt, text in enumerate(texts)
    ]
    ledger.add(
        [
            (ask, Reply(ask.call_id, "refused" if text == "no" else "ok", text))
            for ask, text in asks
        ],
        "topics",
    )
    ledger.close()
    return stage


def test_judge_labels_asks_again_and_fails_as_a_row(lab: Lab, tmp_path: Path) -> None:
    answers = {
        "one": ['{"topic": "anxiety"}'],
        "two": ["prose", 'so: {"topic": "Stress"}'],
        "three": ['{"topic": "Weather"}', '{"topic": 4}'],
        "four": ["no"],
        "six": ['{"topic": "Crisis and Safety Concerns"}', '{"topic": "OTHERS"}'],
    }
    stage = recorded(tmp_path / "judge.sqlite", answers)
    out = lab.do(
        stage, [speech(key, key) for key in answers] + [speech("five", "five", topic="Others")]
    )
    assert {one.speech_id: one.topic for one in out.speeches} == {
        "one": "Anxiety",
        "two": "Stress",
        "three": "",
        "four": "",
        "five": "Others",
        "six": "Others",
    }
    assert {one.speech_id: (one.fine, one.coarse) for one in out.labels} == {
        "one": ("Anxiety", "Core Mental Health Issues"),
        "two": ("Stress", "Core Mental Health Issues"),
        "six": ("Others", "Special Topics"),
    }
    assert all(
        one.call_id.startswith("call-") and one.fine_probability is None and one.labeller == "judge"
        for one in out.labels
    )
    assert tallied(out.metrics) == {
        "given": 1,
        "fine": 3,
        "coarse": 0,
        "unsure": 0,
        "failed": 2,
        "none": 0,
    }
    assert sorted((one.subject_id, one.reason) for one in out.failures) == [
        ("four", "refused: topics"),
        ("three", "malformed: topics"),
    ]
    assert all(one.call_id.startswith("call-") for one in out.failures)


def test_a_judge_over_http_is_asked_once_and_faults_add_up(tmp_path: Path) -> None:
    """Every speech is labelled or a failure; a second step over the same speeches and more asks for
    the new ones alone.
    """
    names = load_topics().fine_names()

    def topic(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"]
        return (
            json.dumps({"topic": names[int(10_000 * number(text)) % len(names)]})
            if number("list", text) < 0.8
            else '{"topic": "Weather"}'
        )

    with (
        Loopback(
            {"judge": Behaviour(busy=0.2, broken=0.1, cut=0.1, refused=0.1, filtered=0.1)}
        ) as server,
        Lab(tmp_path / "work") as lab,
    ):
        server.extra = topic
        stage = Topics(
            labeller="judge", judge=ModelEntry(name="judge", kind="openai", url=server.url)
        )
        first = lab.do(stage, many(60))
        before = sum(server.book.answers.values())
        assert len(first.labels) + len(first.failures) == 60 and not {
            one.speech_id for one in first.labels
        } & {one.subject_id for one in first.failures}
        assert {one.reason.split(":")[0] for one in first.failures} >= {
            "malformed",
            "refused",
            "filtered",
        }
        again = lab.do(stage, [*many(60), speech("new", "I am new.")])
        assert {one.speech_id: one.topic for one in again.labels if one.speech_id != "new"} == {
            one.speech_id: one.topic for one in first.labels
        }
        assert (
            1 <= sum(server.book.answers.values()) - before <= stage.attempts
            and not server.book.repeats()
        )


def test_a_judge_is_asked_in_the_open(tmp_path: Path) -> None:
    stage = recorded(tmp_path / "judge.sqlite", {})
    ask = by_judge(stage).ask(speech("a", "I </client> am"))
    assert (
        "- Anxiety: " in ask.messages[1].content and "</client> am" not in ask.messages[1].content
    )
    assert len(json.loads(ask.json_schema)["properties"]["topic"]["enum"]) == 42
    with pytest.raises(ValidationError, match="needs a judge"):
        Topics(labeller="judge")


def test_a_group_is_placed_as_one(lab: Lab) -> None:
    rows = [
        Speech(
            f"s{n}", "test", "text", group=f"group-{n % 40}", split="train" if n % 40 < 20 else ""
        )
        for n in range(200)
    ]
    out = lab.do(Topics(test_share=0.3, gold_share=0.3, dev_share=0.3), rows)
    of: dict[str, set[str]] = {}
    for one in out.speeches:
        of.setdefault(one.group, set()).add(one.split)
    assert all(len(splits) == 1 for splits in of.values()) and len(set.union(*of.values())) == 4


def test_a_group_of_most_speeches_and_empty_splits_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    one = [Speech(f"s{at}", "test", f"text {at}", group="g" if at < 6 else "") for at in range(25)]
    alone = [Speech(f"s{at}", "test", f"text {at}", group="g") for at in range(19)]
    progress = Progress()
    progress.say = (  # type: ignore[method-assign]
        lambda line: told.append(line) if line.startswith("WARNING") else None
    )
    with Lab(tmp_path / "work", progress) as lab:
        lab.do(Topics(test_share=0.5, dev_share=0.5), one)
        assert told == [
            "WARNING: 6 of 25 speeches are of one group and go into one split; look at the column"
            " of `group`, or at a text that many share"
        ]
        told.clear()
        lab.do(Topics(test_share=1e-9, dev_share=0), one[6:] + [Speech("more", "test", "more")])
        assert told == [
            "WARNING: no speech is placed in test, although test_share is 1e-09; raise it, or look"
            " at the groups"
        ]
        told.clear()
        lab.do(Topics(), alone)
        assert told == []
