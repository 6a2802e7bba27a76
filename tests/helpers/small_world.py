"""A made-up dataset with topics, splits, ratings and pairs: what calibrate, evaluate, validate and
report are given.
"""

from typing import NamedTuple

import numpy as np

from psycopref.config.instruments import load_instrument
from psycopref.labels.topic_list import load_topics
from psycopref.tables import Preference, Rating, Response, Speech, Split, content_id

STYLES = {
    "fir": ("I hear you", 4.5),
    "hazel": ("There are ways", 3.6),
    "elm": ("Diagnostically speaking", 2.1),
    "ginkgo": ("Get over it", 1.3),
}
ITEMS = [item.name for item in load_instrument("psychocounsel").items]
LISTED = {group.name: [topic.name for topic in group.topics] for group in load_topics().coarse}


class SmallWorld(NamedTuple):
    speeches: list[Speech]
    responses: list[Response]
    ratings: list[Rating]
    preferences: list[Preference]
    measure: list[Preference]
    rewards: list[Rating]


def small_world(size: int = 40, noise: float = 0.8) -> SmallWorld:
    rng, topics = np.random.default_rng(0), load_topics().fine_names()
    speeches, responses, ratings, rewards = [], [], [], []
    overall: dict[str, float] = {}
    for number in range(size):
        split: Split = (  # type: ignore[assignment]
            ("train", "test", "dev", "train", "test")[number % 5]
        )
        text = f"Speech number {number}: it has been hard at home since spring, and I do not sleep."
        speech = Speech(
            content_id("speech", text),
            "made-up",
            text,
            topic=topics[number % len(topics)],
            split=split,
        )
        speeches.append(speech)
        for model, (opening, mean) in STYLES.items():
            said = f"{opening}, number {number}." + " What would help most now?" * int(
                rng.integers(0, 4)
            )
            row = Response(
                content_id("response", speech.speech_id, model, said), speech.speech_id, model, said
            )
            responses.append(row)
            scores = np.clip(np.round(rng.normal(mean, noise, len(ITEMS))), 1, 5)
            overall[row.response_id] = float(scores.mean())
            for item, score in zip(ITEMS, scores, strict=True):
                key = content_id("rating", row.response_id, item)
                ratings.append(
                    Rating(key, row.response_id, item, "judge", float(score), f"because of {item}")
                )
            reward = overall[row.response_id] + float(rng.normal(0, 0.7))
            rewards.append(
                Rating(
                    content_id("rating", row.response_id, "reward"),
                    row.response_id,
                    "reward",
                    "weights:0123456789ab",
                    reward,
                )
            )
    preferences, measure = _pairs(speeches, responses, overall)
    return SmallWorld(speeches, responses, ratings, preferences, measure, rewards)


def _pairs(
    speeches: list[Speech], responses: list[Response], overall: dict[str, float]
) -> tuple[list[Preference], list[Preference]]:
    preferences, measure = [], []
    for speech in speeches:
        own = sorted(
            (row.response_id for row in responses if row.speech_id == speech.speech_id),
            key=lambda one: overall[one],
        )
        every = [
            (high, low, overall[high] - overall[low])
            for high in own
            for low in own
            if overall[high] - overall[low] > 1e-9
        ]
        rows = [
            Preference(
                content_id("preference", high, low), speech.speech_id, high, low, gap, speech.split
            )
            for high, low, gap in every
        ]
        if speech.split == "test":
            measure += rows
            rows = [row for row in rows if (row.chosen_id, row.rejected_id) == (own[-1], own[0])]
        preferences += [row for row in rows if row.gap >= 1]
    return preferences, measure
