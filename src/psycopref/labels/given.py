"""Topics that came with a source, and what every labeller gives."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopref.errors import RecipeError
from psycopref.labels.topic_list import TopicList
from psycopref.store.parquet import Table
from psycopref.tables import Failure, Metric, TopicLabel


class Labelled(NamedTuple):
    """What a labeller said of each speech it was given, the calls that came to nothing, and what
    its labels are worth.
    """

    labels: Table[TopicLabel]
    failures: Sequence[Failure]
    metrics: Sequence[Metric]


def in_list(topics: TopicList, given: Sequence[str]) -> list[str]:
    """Topics of a source in the list's spelling ('' stays ''); RecipeError where one is not in it.

    The error counts and quotes nothing: a wrong column may hold what clients said.
    """
    names = {topic: topics.find(topic) for topic in set(given)}
    unknown = {topic for topic, name in names.items() if topic and not name}
    if unknown:
        rows = sum(topic in unknown for topic in given)
        raise RecipeError(
            f"[topics]: {len(unknown)} topics of the sources (on {rows} of {len(given)} speeches)"
            " are not in the list of topics; rename them in the source, map `topic` to another"
            ' column or to none (columns = { topic = "" }), or give a topics file that has them'
        )
    return [names[topic] for topic in given]
