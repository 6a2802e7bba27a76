"""Names of people: lists of names where a capital or the words around bear them out, any word where
the words around say that it is a name.
"""

from collections.abc import Iterator, Set

from psycopref.text.privacy.capitals import capital
from psycopref.text.privacy.lists import Lists, lists, words
from psycopref.text.privacy.reading import Reading
from psycopref.text.privacy.signatures import signatures
from psycopref.text.privacy.small import ASKING, small, typed_small
from psycopref.text.privacy.spans import Span

_PARTICLES = words(
    "de la del da dos das di do van von der den bin ibn al el le los las y e ter ten"
)
# After these, a name that was found elsewhere in the text is a verb or a noun again.
_ASKS = words("you we i they he she it this that there my your the anyone anybody someone not")


def names(reading: Reading, words: Set[str]) -> Iterator[Span]:
    """The names in a text: first and last names, without titles and possessive endings. `words` are
    the text's own words.
    """
    known = lists()
    taken = reading.famous(known) if not known.famous.keys().isdisjoint(words) else set()
    found: dict[int, int] = {}  # first word to the last one
    keys: set[str] = set()
    last = -1
    for at in _candidates(reading):
        if at > last and at not in taken and _is_name(reading, at, known, found):
            last = found[at] = _last(reading, at, known, taken)
            keys.update(
                key
                for key in reading.keys[at : last + 1]
                if key not in _PARTICLES and key not in known.clear and len(key) > 1
            )
    yield from (
        Span(reading.starts[first], reading.end(last), "NAME") for first, last in found.items()
    )
    if keys:
        yield from _again(reading, keys, taken, known)
    yield from signatures(reading.text, words)


def _candidates(reading: Reading) -> Iterator[int]:
    """The places of words with a capital, of names in small letters, and of words after one that
    asks for a name.
    """
    hot, before, known = typed_small(), "", lists()
    for at, (word, key) in enumerate(zip(reading.words, reading.keys, strict=True)):
        if (
            word[0].isupper()
            or key in hot
            or before in ASKING
            or (before in known.relations and (key in known.clear or key in known.wordy))
        ):
            yield at
        before = key


def _is_name(reading: Reading, at: int, known: Lists, found: dict[int, int]) -> bool:
    word = reading.words[at]
    if word[0] == "<":
        return False
    if word[0].isupper():
        return capital(reading, at, known, found)
    return small(reading, at, known)


def _last(reading: Reading, at: int, known: Lists, taken: set[int]) -> int:
    """The last word of a name that begins here: initials, family names and what joins them."""
    last = at
    while not reading.owns(last) and last - at < 5:
        step = 1
        while (
            reading.key(last + step) in _PARTICLES and step < 4 and reading.gap(last + step) == " "
        ):
            step += 1
        if last + step in taken or not _belongs(reading, last + step, known, at):
            break
        last += step
    return last


def _belongs(reading: Reading, at: int, known: Lists, first: int) -> bool:
    """Whether the word goes on with a name that began with the first one."""
    capitals = reading.words[first][0].isupper()
    if at >= len(reading.words) or reading.gaps[at] not in (" ", ". "):
        return False
    word, key = reading.words[at], reading.keys[at]
    if not capitals or word[0].islower():
        return (
            not capitals
            and reading.gaps[at] == " "
            and key in known.surnames
            and key not in known.eponyms
        )
    if len(word) == 1:
        return key not in ("i", "a")
    if reading.gaps[at] == ". " and len(reading.words[at - 1]) > 1:
        return False
    if reading.titled(at) != reading.titled(first) and len(reading.words[first]) > 1:
        return False
    if word.isupper() and key not in known.surnames and key not in known.given:
        return False
    return key not in known.stop and key not in known.institutions


def _again(reading: Reading, keys: set[str], taken: set[int], known: Lists) -> Iterator[Span]:
    """The same names elsewhere in the text."""
    for at, key in enumerate(reading.keys):
        if key not in keys or at in taken or reading.words[at][0] == "<":
            continue
        word = key in known.wordy or key in known.clear or key in known.towns or key in known.stop
        capital = reading.words[at][0].isupper() and not (word and reading.after(at) in _ASKS)
        if capital or (key in known.given and not word and key not in known.small_after_relation):
            yield Span(reading.starts[at], reading.end(at), "NAME")
