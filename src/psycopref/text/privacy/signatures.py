"""Names that end a letter, and names before a therapist's degrees."""

import re
from collections.abc import Iterator, Set

from psycopref.text.privacy.lists import lists, words
from psycopref.text.privacy.spans import Span

_WORD = r"(?:[DO]['’]|Mc|Mac)?[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+(?:['’-][A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ]+)?"
_FULL = rf"{_WORD}(?: (?:[A-Z]\.? )?{_WORD}){{0,2}}(?: [A-Z]\b\.?)?"
_CREDENTIAL = (
    r"(?:LPCC?|LPC-?\w|LCPC|LCSW|LICSW|LMSW|LSW|MSW|LMFT|MFT|LMHC|LCMHC|LPE|LP|NCC|CADC|Ph\.?D"
    r"|Psy\.?D|D\.?B\.?H"
    r"|Ed\.?D|Ed\.?S|M\.?Ed|M\.?A|M\.?S|R\.?N|M\.?D)\b"
)
_WISHES = (
    r"(?:sincerely|(?:warm(?:est|ly)?|kind(?:est)?|best|many|my (?:very )?(?:best|warmest))"
    r" ?(?:regards|wishes|thanks)?(?: to you)?"
    r"|regards|thank(?:s| you|u)?(?: (?:so much|again|in advance|for (?:reading|listening|your"
    r" (?:time|help))))?|take care|be well|yours(?: truly)?|cheers"
    r"|blessings|respectfully|namaste|love|good luck|signed|xx?|xo+|ty)"
)
_SIGNED = re.compile(
    rf"(?:^|[\n.!?,;:)] ?|(?<=[a-z])(?=[A-Z]))(?i:{_WISHES}),? ?(?:[.!,\n-]|-{{1,2}}) ?\n{{0,2}}"
    rf"(?P<name>{_WORD}(?: (?:[A-Z]\.? ?)?{_WORD})?(?: [A-Z]\.?)?)(?=,?"
    rf" ?(?:{_CREDENTIAL}|\(|$)|[.!]?(?: x+o?)?\s*$)"
)
_SMALL_SIGNED = re.compile(
    r"(?:^|[\n.!?,] ?)(?:thanks|thx|thank you|cheers|love|sincerely|regards|signed),? ?[-–~,]?"
    r" ?(?P<name>[a-z]{3,12})[.!]?(?: x+)?\s*$"
)
_DASHED = re.compile(rf"(?:\n|[.!?] ?)(?:-|--|~|—|–) ?(?P<name>{_FULL})(?=[.,!]?\s*$| ?\()")
_LINE = re.compile(rf"[.!?,]\n{{1,2}}(?P<name>{_WORD}(?: {_WORD})?(?: [A-Z]\.?)?)\s*$")
_CREDENTIALED = re.compile(
    rf"(?:^|(?<=\W)|(?<=[a-z.!]))(?P<name>{_WORD} (?:[A-Z]\.? ?)?{_WORD})(?=, ?{_CREDENTIAL})"
)
_DEGREES = words(
    "lpc lpcc lpc-s lcpc lcsw licsw lmsw lsw msw lmft mft mft-c lmhc lcmhc lpe lp ncc cadc ph phd"
    " psy psyd dbh d ed edd eds med m ma ms rn r md lpcmh"
)
_TAIL = 200


def signatures(text: str, words: Set[str]) -> Iterator[Span]:
    """Names after a wish, a dash or on a line of their own at the end, and names with credentials
    anywhere.
    """
    start = max(0, len(text) - _TAIL)
    for rule in (_SIGNED, _DASHED, _LINE):
        yield from _spans(rule.finditer(text, start))
    known = lists()
    yield from (
        span
        for span in _spans(_SMALL_SIGNED.finditer(text, start))
        if text[span.start : span.end] in known.given | known.small_after_relation
    )
    if not words.isdisjoint(_DEGREES):
        yield from _spans(_CREDENTIALED.finditer(text))


def _spans(matches: Iterator[re.Match[str]]) -> Iterator[Span]:
    for match in matches:
        name = _kept(match["name"])
        if name:
            yield Span(match.start("name"), match.start("name") + len(name), "NAME")


def _kept(words: str) -> str:
    """The leading words that may be a name; nothing where the first is an everyday word."""
    kept: list[str] = []
    for word in words.split(" "):
        if len(word.strip(".")) > 1 and word.strip(".").casefold() in lists().stop:
            break
        kept.append(word)
    return " ".join(kept)
