"""The lists of names and of words around them, read once from data/names."""

import tomllib
import unicodedata
from functools import cache
from importlib import resources
from typing import NamedTuple

Words = frozenset[str]


class Lists(NamedTuple):
    """Sets of folded words; data/names/words.toml says what each is for. `famous` maps a first word
    to the words that follow it.
    """

    given: Words
    small: Words
    surnames: Words
    wordy: Words
    clear: Words
    towns: Words
    small_after_relation: Words
    stop: Words
    institutions: Words
    relations: Words
    titles: Words
    titles_after: Words
    verbs: Words
    weak_verbs: Words
    with_being: Words
    being: Words
    eponyms: Words
    shops: Words
    no_surname: Words
    titled_small: Words
    famous: dict[str, list[tuple[str, ...]]]


def words(text: str) -> Words:
    """The words of a line as a set."""
    return frozenset(text.split())


def folded(word: str) -> str:
    """Small letters without accents; a straight apostrophe."""
    word = word.lower().replace("’", "'")
    if word.isascii():
        return word
    return "".join(
        one for one in unicodedata.normalize("NFKD", word) if not unicodedata.combining(one)
    )


@cache
def lists() -> Lists:
    """All lists of data/names."""
    folder = resources.files("psycopref") / "data" / "names"
    files = {
        name: frozenset((folder / f"{name}.txt").read_text(encoding="utf-8").split())
        for name in ("given", "small", "surnames")
    }
    edited = tomllib.loads((folder / "words.toml").read_text(encoding="utf-8"))
    famous: dict[str, list[tuple[str, ...]]] = {}
    for name in edited["famous"].replace("\n", " ").split("|"):
        first, *rest = name.split()
        famous.setdefault(first, []).append(tuple(rest))
    sets = {
        name: frozenset(edited[name].split())
        for name in Lists._fields
        if name not in files and name != "famous"
    }
    files["given"] |= (
        frozenset(edited["given"].split()) - sets["wordy"] - sets["clear"] - sets["towns"]
    )
    return Lists(**files, **sets, famous=famous)
