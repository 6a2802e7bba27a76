"""Where client speeches come from: one corpus per file, and SOURCES, written out by hand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from psycopref.sources import counsel_chat, files, preferences, published, sample
from psycopref.sources.found import Answer, Found

__all__ = ["SOURCES", "Answer", "Found", "Source"]


class Source(NamedTuple):
    """How to read a corpus, the files a path stands for, and whether its columns can be mapped."""

    read: Callable[[Path | None, Mapping[str, str]], Iterator[Found]]
    files: Callable[[Path | None], Sequence[Path]]
    mapped: bool = False


SOURCES: dict[str, Source] = {
    "sample": Source(sample.read, lambda path: [sample.FOLDER / "speeches.jsonl"]),
    "counsel-chat": Source(counsel_chat.read, lambda path: [] if path is None else [files.existing(path, "counsel-chat")]),
    "published": Source(published.read, published.files),
    "preferences": Source(preferences.read, preferences.files),
    "csv": Source(files.read_csv, lambda path: [files.existing(path, "csv")], mapped=True),
    "jsonl": Source(files.read_jsonl, lambda path: [files.existing(path, "jsonl")], mapped=True),
}
