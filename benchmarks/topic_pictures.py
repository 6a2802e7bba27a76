"""The pictures of benchmarks/topics.py: which topics run into each other, and how right the surest
labels are.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot
from matplotlib.patches import Rectangle

from psycopref.labels.topic_list import TopicList


def picture(path: Path, width: float, height: float, draw: Callable[[Any], None]) -> None:
    """Write a figure of `width` x `height` inches as PNG."""
    figure, axis = pyplot.subplots(figsize=(width, height), layout="constrained")
    draw(axis)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
    print(path)


def confusion(path: Path, topics: TopicList, given: Sequence[str], found: Sequence[str]) -> None:
    """Rows: the topic that was given; columns: the one the classifier finds most probable; coarse
    topics are boxed.
    """
    names = list(topics.fine_names())
    shares = np.zeros((len(names), len(names)))
    for one, said in zip(given, found, strict=True):
        shares[names.index(one), names.index(said)] += 1
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)

    def draw(axis: Any) -> None:
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axis.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axis.set_yticks(range(len(names)), names, fontsize=7)
        axis.set(
            xlabel="most probable topic",
            ylabel="given topic",
            title="Share of each topic's speeches (sample, held out); boxes are coarse topics",
        )
        start = 0
        for size in (len(group.topics) for group in topics.coarse):
            axis.add_patch(
                Rectangle(
                    (start - 0.5, start - 0.5),
                    size,
                    size,
                    fill=False,
                    edgecolor="#c0562f",
                    linewidth=1.2,
                )
            )
            start += size

    picture(path, 8.6, 8.6, draw)


def curve(path: Path, title: str, levels: Mapping[str, tuple[Any, Any]], least: int) -> None:
    """Share that is right among the surest, by how many are labelled, from `least` on; a level is
    (right, probability).
    """

    def draw(axis: Any) -> None:
        for name, (right, probability) in levels.items():
            counts = np.arange(1, len(right) + 1)
            shares = np.cumsum(right[np.argsort(-probability, kind="stable")]) / counts
            axis.plot((counts / len(right))[least - 1 :], shares[least - 1 :], label=name)
        axis.axhline(0.8, color="#888888", linewidth=0.8, linestyle="--")
        axis.set(
            xlabel="share of speeches labelled",
            ylabel="share of labels right",
            xlim=(0, 1),
            ylim=(0, 1),
            title=title,
        )
        axis.legend(frameon=False)

    picture(path, 5.2, 3.6, draw)
