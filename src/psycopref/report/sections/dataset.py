"""What a dataset is made of: topics in the layout of the paper's Table 4, lengths, sources, what
was dropped, overlap between sources.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from psycopref.queries.columns import words
from psycopref.report import frames, values
from psycopref.report.data import ReportData
from psycopref.report.frames import Listed, Rows
from psycopref.report.metrics import named, pivot
from psycopref.report.plots import bars, data
from psycopref.report.section import Content, Drawing, Section

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
READS = frozenset(
    {
        "collect.masked",
        "topics.coverage",
        "topics.precision",
        "topics.right",
        "topics.speeches",
        "topics.threshold",
    }
)


def content(run: ReportData) -> Content:
    """Topics, sources, their overlap and lengths."""
    topics = frames.topic_counts(run.speeches, run.listed)
    by_source = sources(run)
    overlapping = overlap(run, by_source)
    bins = histogram(run.speeches)
    of_responses = lengths(run.responses, "model") if bins else []
    of_speeches = lengths(run.speeches, "source")
    tables = {"speeches by source": of_speeches, "responses by model": of_responses}
    return {
        "topics": topics,
        "topic_table": topic_table(topics, run.listed, len(run.speeches)),
        "sources": by_source,
        "splits": splits(run.speeches),
        "overlap": overlapping if len(overlapping.get("names", ())) > 1 else {},
        "counts": {"title": "Counts", **pivot(named(run.metrics, READS), {})},
        "lengths": {"bins": bins, "responses": of_responses} if bins else {},
        "length_tables": {name: rows for name, rows in tables.items() if rows},
    }


def topic_table(
    topics: Mapping[str, Mapping[str, int]], listed: Listed, speeches: int
) -> dict[str, Any]:
    """Table 4: every coarse topic of the run's list with its fine topics and their speeches, none
    left out; what is in no list comes last.

    'rows' is empty where no speech has a topic.
    """
    counts = {fine: count for group in topics.values() for fine, count in group.items()}
    labelled = sum(counts.values())
    if not counts:
        return {"rows": [], "labelled": 0, "bare": speeches}
    coarse = frames.coarse_of(listed)
    groups = {name: list(fine) for name, fine in listed.items()}
    for fine in sorted(counts.keys() - coarse.keys()):
        groups.setdefault(fine, []).append(fine)
    rows = []
    for name, group in groups.items():
        own = [(topic, counts.get(topic, 0)) for topic in group]
        rows.append({"name": name, "count": sum(count for _, count in own), "fine": own})
    return {"rows": rows, "labelled": labelled, "bare": speeches - labelled}


def lengths(rows: Rows, group: str) -> list[dict[str, Any]]:
    """Characters and words of a table's texts by source or model: count, means, quantiles, ends;
    the largest group first, all of them last.
    """
    if not len(rows):
        return []
    measured = frames.lazy(rows).select(
        pl.col(group).alias("name"),
        characters=pl.col("text").str.len_chars().cast(pl.Int64),
        words=words("text"),
    )
    parts = frames.collected(measured.group_by("name").agg(*_summary())).sort(
        ["n", "name"], descending=[True, False]
    )
    groups = list(parts.iter_rows(named=True))
    if len(groups) < 2:
        return groups
    whole = frames.collected(measured.select(*_summary())).row(0, named=True)
    return [*groups, {"name": "all", **whole}]


def _summary() -> list[pl.Expr]:
    quantiles = [
        pl.col(column).quantile(at).alias(f"{column}_{round(100 * at)}")
        for column in ("characters", "words")
        for at in QUANTILES
    ]
    ends = [pl.col("characters").min().alias("least"), pl.col("characters").max().alias("most")]
    means = [pl.col(column).mean().alias(f"{column}_mean") for column in ("characters", "words")]
    return [pl.len().alias("n"), *means, *ends, *quantiles]


def histogram(rows: Rows, bins: int = 30) -> list[tuple[int, int, int]]:
    """Texts by length in characters: from, to (not included) and how many, in about `bins` bins of
    a round width.
    """
    if not len(rows):
        return []
    size = frames.lazy(rows).select(size=pl.col("text").str.len_chars().cast(pl.Int64))
    most = int(
        frames.collected(size.select(pl.col("size").quantile(0.995))).item()
    )  # one text of a book's length must not flatten the rest
    width = next((step for step in STEPS if step * bins >= most), STEPS[-1])
    last = max(1, most // width)
    counts = dict(
        frames.collected(
            size.select(at=(pl.col("size") // width).clip(0, last)).group_by("at").len()
        ).iter_rows()
    )
    return [
        (at * width, (at + 1) * width, counts.get(at, 0)) for at in range(min(counts), last + 1)
    ]


def splits(speeches: Rows) -> list[dict[str, Any]]:
    """Speeches by source and split, and how many have turns before them."""
    if not len(speeches):
        return []
    rows = frames.lazy(speeches).select(
        "source", "split", turns=(pl.col("history").list.len() > 0).fill_null(value=False)
    )
    names = ("train", "dev", "test", "gold")
    counted = [(pl.col("split") == name).sum().alias(name) for name in names]
    return list(
        frames.collected(
            rows.group_by("source").agg(pl.len().alias("n"), *counted, pl.col("turns").sum())
        )
        .sort("source")
        .iter_rows(named=True)
    )


def sources(run: ReportData) -> list[dict[str, Any]]:
    """Per source the entries read, those kept and those left out by reason; the parts add up where
    the reading was given.
    """
    if not len(run.speeches) and not len(run.dropped):
        return []
    read = run.read if len(run.read) else run.speeches
    lost = _lost(run.dropped, read, run.sources)
    by_reason = (
        frames.collected(lost.group_by("source", "reason").agg(pl.len()))
        if len(run.dropped)
        else pl.DataFrame()
    )
    left: dict[str, dict[str, int]] = {}
    for source, reason, count in (
        by_reason.sort("len", descending=True).iter_rows() if by_reason.height else ()
    ):
        left.setdefault(source or "not known", {})[reason] = count
    kept = _by_source(run.speeches)
    names = [*dict.fromkeys([*run.sources, *sorted(kept), *sorted(left)])]
    return [_source(name, kept.get(name, 0), left.get(name, {})) for name in names]


def _source(name: str, kept: int, left: Mapping[str, int]) -> dict[str, Any]:
    return {"name": name, "read": kept + sum(left.values()), "kept": kept, "left": left}


def _by_source(speeches: Rows) -> dict[str, int]:
    return (
        dict(frames.collected(frames.lazy(speeches).group_by("source").agg(pl.len())).iter_rows())
        if len(speeches)
        else {}
    )


def _lost(dropped: Rows, read: Rows, labels: Sequence[str]) -> pl.LazyFrame:
    """Dropped rows as (source, speech_id, reason, origin, near). An early one names its source in
    `origin`, a later one by the speech that was read.
    """
    if not len(dropped):
        return pl.LazyFrame(
            schema=dict.fromkeys(("source", "speech_id", "reason", "origin", "near"), pl.String)
        )
    rows = frames.lazy(dropped).select("speech_id", "reason", "origin", "near")
    known = (
        frames.lazy(read).select("speech_id", "source")
        if len(read)
        else pl.LazyFrame(schema={"speech_id": pl.String, "source": pl.String})
    )
    named = [
        pl.when(pl.col("origin").str.starts_with(f"{label}:")).then(pl.lit(label))
        for label in sorted(labels, key=len, reverse=True)
    ]
    first = pl.when(pl.col("origin").str.contains(":", literal=True)).then(
        pl.col("origin").str.split(":").list.first()
    )
    early = rows.filter(pl.col("origin") != "").with_columns(source=pl.coalesce([*named, first]))
    late = rows.filter(pl.col("origin") == "").join(known, on="speech_id", how="left")
    order = ("source", "speech_id", "reason", "origin", "near")
    return pl.concat([early.select(order), late.select(order)])


def overlap(run: ReportData, by_source: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many entries of one source (row) repeat one of another (column); on the diagonal those
    that repeat one of their own source.

    `by_source` is what `sources` gives. 'exact' counts texts that are alike but for case,
    punctuation and white space, 'near' those and near duplicates. Entries that repeat one and the
    same kept speech are one group, and every source of the group overlaps every other. Empty where
    nothing was read.
    """
    if not len(run.read):
        return {}
    lost = _lost(run.dropped, run.read, run.sources).filter(pl.col("near") != "")
    repeated = frames.collected(lost.filter(pl.col("origin") != "").select("source", root="near"))
    near = frames.collected(
        lost.filter(pl.col("origin") == "").select(root="speech_id", kept="near")
    )
    names = [
        name
        for name in dict.fromkeys(
            [
                *run.sources,
                *_by_source(run.read),
                *repeated["source"].drop_nulls().unique().sort(),
            ]
        )
        if name
    ]
    roots = pl.concat([repeated["root"], near["root"], near["kept"]]).unique()
    firsts = (
        frames.lazy(run.read)
        .select("source", root="speech_id")
        .filter(pl.col("root").is_in(roots.implode()))
    )
    members = pl.concat([frames.collected(firsts), repeated.drop_nulls("source")])
    matrices = {"exact": _matrix(members, names), "near": _matrix(_rooted(members, near), names)}
    totals = {row["name"]: row["read"] for row in by_source}
    return {"names": names, "read": [totals.get(name, 0) for name in names], **matrices}


def _rooted(members: pl.DataFrame, near: pl.DataFrame) -> pl.DataFrame:
    """Members with the speech that was kept in the end; a kept one that was itself left out later
    leads on to the next.
    """
    for _ in range(near.height):
        moved = (
            members.join(near, on="root", how="left")
            .with_columns(root=pl.coalesce("kept", "root"))
            .drop("kept")
        )
        if moved["root"].equals(members["root"]):
            break
        members = moved
    return members


def _matrix(members: pl.DataFrame, names: Sequence[str]) -> list[list[int]]:
    counts = members.group_by("root", "source").len()
    own = dict(
        counts.filter(pl.col("len") > 1).group_by("source").agg(pl.col("len").sum()).iter_rows()
    )
    both = counts.join(counts.select("root", other="source"), on="root").filter(
        pl.col("source") != pl.col("other")
    )
    cells = {
        (source, other): count
        for source, other, count in (
            both.group_by("source", "other").agg(pl.col("len").sum()).iter_rows()
        )
    }
    return [
        [own.get(row, 0) if row == column else cells.get((row, column), 0) for column in names]
        for row in names
    ]


def _lengths(numbers: Mapping[str, Any]) -> str:
    models = [row for row in numbers["responses"] if row["name"] != "all"]
    return data.lengths(numbers["bins"], models, "model")


SECTION = Section(
    "dataset",
    "Data",
    lambda content: bool(content["topic_table"]["rows"] or content["sources"]),
    content,
    {
        "topics": Drawing(bars.topics, ("topics",)),
        "sources": Drawing(data.sources, ("collect", "clean", "dedup")),
        "lengths": Drawing(
            _lengths, ("topics", "respond"), table=lambda numbers: values.histogram(numbers["bins"])
        ),
        "overlap": Drawing(data.overlap, ("collect", "dedup")),
    },
    READS,
)
