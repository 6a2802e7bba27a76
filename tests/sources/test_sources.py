"""SOURCES names every reader, and the sample is whole."""

from collections import Counter
from pathlib import Path

import psycopref.sources
from psycopref.labels.topic_list import load_topics
from psycopref.sources import SOURCES, sample


def test_every_reader_is_listed() -> None:
    others = {
        "__init__",
        "cells",
        "found",
        "files",
        "hub",
        "licences",
        "lines",
        "merged",
        "preference_row",
        "prepared",
        "setting",
        "tabular",
    }
    there = {path.stem for path in Path(psycopref.sources.__file__).parent.glob("*.py")} - others
    assert {name.replace("-", "_") for name in SOURCES} == there | {"csv", "jsonl", "parquet"}


def test_the_sample_is_whole() -> None:
    found = list(sample.read(None, {}))
    responses, ratings = sample.read_responses(), sample.read_ratings()
    assert (len(found), len(responses), len(ratings)) == (222, 888, 6216)
    assert {one.topic for one in found} == set(load_topics().fine_names())
    assert Counter(row["speech_id"] for row in responses) == {one.origin: 4 for one in found}
    assert Counter(row["response_id"] for row in ratings) == {row["id"]: 7 for row in responses}


def test_topics_know_their_groups() -> None:
    topics = load_topics()
    assert (len(topics.coarse), len(topics.fine())) == (8, 42)
    assert load_topics().coarse_of("Grief-and-loss") == "Emotional Well-being and Coping Strategies"
    assert load_topics().coarse_of("") == ""
    assert topics.find("grief and LOSS") == "Grief-and-loss" and topics.find("x") == ""
    assert all(
        topic.description and (len(topic.keywords) >= 4 or topic.name == "Others")
        for topic in topics.fine()
    )
