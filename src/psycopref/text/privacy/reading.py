"""A text as words with what stands between them: what the rules for names look at."""

import re
from itertools import accumulate
from typing import NamedTuple

from psycopref.text.privacy.lists import Lists, folded

# A word with its apostrophes and hyphens, or a placeholder that is already there.
_WORD = re.compile(r"(<[A-Z]+>|[^\W\d_]+(?:['’-][^\W\d_]+)*)")
_MIDDLE = frozenset(
    (
        " ",
        ", ",
        ",",
        " (",
        " & ",
        "/",
        " / ",
        " - ",
        " -- ",
        " — ",
        "—",
        "–",
        " – ",
        "; ",
        " + ",
        "'",
        ' "',
        " '",
        " ~ ",
    )
)


class Reading(NamedTuple):
    """Words with their places, their folded form without a possessive ending, and the gap before
    each one.
    """

    text: str
    words: list[str]
    keys: list[str]
    starts: list[int]
    gaps: list[str]

    def key(self, at: int) -> str:
        """The folded word at a place, nothing outside the text."""
        return self.keys[at] if 0 <= at < len(self.keys) else ""

    def gap(self, at: int) -> str:
        """What stands before the word at a place; after the last word, the rest of the text."""
        return self.gaps[at] if 0 <= at < len(self.gaps) else "\n"

    def before(self, at: int) -> str:
        """The word before, where only a space is between."""
        return self.keys[at - 1] if at and self.gaps[at] == " " else ""

    def after(self, at: int) -> str:
        """The word after, where only a space is between and the word here owns nothing."""
        return (
            self.keys[at + 1]
            if at + 1 < len(self.keys) and self.gaps[at + 1] == " " and not self.owns(at)
            else ""
        )

    def owns(self, at: int) -> bool:
        """Whether the word ends in 's."""
        return self.words[at][-2:] in ("'s", "’s")

    def middle(self, at: int) -> bool:
        """Whether the word stands inside a sentence, so that a capital says something."""
        return at > 0 and self.gaps[at] in _MIDDLE

    def titled(self, at: int) -> bool:
        """Whether the word has a capital and is not in capitals as a whole."""
        word = self.words[at]
        return word[0].isupper() and not (len(word) > 1 and word.isupper())

    def end(self, at: int) -> int:
        """Where the word ends, without a possessive ending."""
        return self.starts[at] + len(self.words[at]) - (2 if self.owns(at) else 0)

    def famous(self, lists: Lists) -> set[int]:
        """The places of words that make up the name of somebody whom everybody knows."""
        found: set[int] = set()
        for at, key in enumerate(self.keys):
            if key in lists.famous and not self.words[at].startswith("<"):
                for rest in lists.famous[key]:
                    if tuple(self.keys[at + 1 : at + 1 + len(rest)]) == rest:
                        found.update(range(at, at + 1 + len(rest)))
        return found


def read(text: str) -> Reading:
    """A text as words."""
    parts = _WORD.split(text)  # gap, word, gap, ..., gap
    words, gaps = parts[1::2], parts[0::2]
    keys = list(map(str.lower if text.isascii() else folded, words))
    if "'" in text or "’" in text:
        keys = [key[:-2] if key[-2:] == "'s" else key for key in keys]
    return Reading(text, words, keys, list(accumulate(map(len, parts)))[0::2], gaps)
