"""Where client speeches come from: one corpus per file, and SOURCES, written out by hand."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from psycopref.sources import (
    amod,
    counsel_chat,
    files,
    huggingface,
    mentalchat16k,
    phi2_mental_health,
    preferences,
    psych8k,
    published,
    sample,
    tabular,
    therapistqa,
    therapytalk,
)
from psycopref.sources.found import Answer, Found
from psycopref.sources.licences import UNKNOWN

__all__ = ["SOURCES", "Answer", "Found", "Source", "licences"]


class Source(NamedTuple):
    """How to read a corpus, the files a path stands for, whether its columns can be mapped, and its
    licence (SPDX, or 'unknown').

    Of a `named` one the names of the files say splits. `invented` says that nobody in it is real,
    so that nothing in it is masked.
    """

    read: Callable[[Path | None, Mapping[str, str]], Iterator[Found]]
    files: Callable[[Path | None], Sequence[Path]]
    mapped: bool = False
    licence: str = UNKNOWN
    invented: bool = False
    named: bool = True

    def names(self, path: Path | None) -> Sequence[str]:
        """What the names of its files say: those of several, below the folder that they share, and
        the split of one alone.
        """
        return tabular.names(self.files(path)) if self.named else ()


SOURCES: dict[str, Source] = {
    "sample": Source(
        sample.read,
        lambda path: [sample.FOLDER / "speeches.jsonl"],
        licence=sample.LICENCE,
        invented=True,
        named=False,
    ),
    "counsel-chat": Source(counsel_chat.read, counsel_chat.files, licence=counsel_chat.LICENCE),
    "therapytalk": Source(
        therapytalk.CORPUS.read, therapytalk.CORPUS.files, True, therapytalk.LICENCE
    ),
    "therapistqa": Source(
        therapistqa.CORPUS.read, therapistqa.CORPUS.files, True, therapistqa.LICENCE
    ),
    "psych8k": Source(psych8k.CORPUS.read, psych8k.CORPUS.files, True, psych8k.LICENCE),
    "amod": Source(amod.CORPUS.read, amod.CORPUS.files, True, amod.LICENCE),
    "mentalchat16k": Source(
        mentalchat16k.CORPUS.read, mentalchat16k.CORPUS.files, True, mentalchat16k.LICENCE
    ),
    "phi2-mental-health": Source(
        phi2_mental_health.read, phi2_mental_health.CORPUS.files, True, phi2_mental_health.LICENCE
    ),
    "published": Source(published.read, published.files),
    "preferences": Source(preferences.read, preferences.files),
    "csv": Source(
        files.read_csv, lambda path: [files.existing(path, "csv")], mapped=True, named=False
    ),
    "jsonl": Source(
        files.read_jsonl, lambda path: [files.existing(path, "jsonl")], mapped=True, named=False
    ),
    "parquet": Source(
        huggingface.read_parquet,
        lambda path: tabular.files(path, "parquet", (".parquet",)),
        mapped=True,
    ),
    "huggingface": Source(
        huggingface.read, lambda path: tabular.files(path, "huggingface"), mapped=True
    ),
}


def licences(settings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Label (or name) to licence of the sources in a collect step's settings: the known one, else
    the one stated there, else 'unknown'.
    """
    return {str(one.get("label") or one["name"]): _licence(one) for one in settings}


def _licence(setting: Mapping[str, Any]) -> str:
    known = SOURCES[setting["name"]].licence if setting["name"] in SOURCES else UNKNOWN
    return str(setting.get("licence") or UNKNOWN) if known == UNKNOWN else known
