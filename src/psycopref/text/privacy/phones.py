"""Telephone numbers: by their writing, by the words before them, or by a country's numbering
plan.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from psycopref.text.privacy.lists import words
from psycopref.text.privacy.spans import Span

# Digits in groups as people write telephone numbers, 7 to 15 of them. A run of digits is one group
# and never split: splitting takes exponential time.
_CANDIDATE = re.compile(
    r"(?<![\w.,$€£/-])(?:\+ ?|00)?\(?\d{1,15}+\)?(?:(?:[-."
    r" /]{1,2}\(?|\(|(?<=\)))\d{1,8}+(?!\d)\)?){0,6}(?: ?(?:x|ext\.?)"
    r" ?\d{1,5})?(?![\w%])(?![-.,:/]\d)"
)
_NANP = re.compile(
    r"(?:\+?1[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-. /])\d{3}[-. ]\d{4}(?: ?(?:x|ext\.?) ?\d{1,5})?"
)
_WORLD = re.compile(
    r"\+ ?\d{1,3}(?:[-. ]?\(?\d{1,8}\)?){1,6}"
)  # of a candidate only, so of 15 digits or so
_TRUNK = re.compile(
    r"\(?0\d{2,5}\)?[ -]\d{3,4}[ -]?\d{3,4}|\(?0\d{1,2}\)?[ -]\d{3,4}[ -]\d{4}|0\d{4}"
    r" \d{6}|07\d{9}|08[35679]\d{7}"
)
_WORD = re.compile(
    r"\b(?:call(?:ing|ed)?|text(?:ing|ed|s)?|phone|cell|mobile|mob|number|num|no|whatsapp|reach"
    r"|ring|rang|tel|telephone|dial|contact|landline|viber|signal"
    r"|line|fax|pager|home|work|emergency)\b[^.!?\n\d]{0,40}$",
    re.IGNORECASE,
)
_TOLL_FREE = re.compile(r"\D*1?\D*8(?:00|33|44|55|66|77|88)\D?\d{3}\D?\d{4}\b")
# Crisis lines and police: help that a client names, and no number of a person.
_HELP = words(
    "116123 08001111 0800 1111 741741 85258 131114 18002738255 18007997233 18006564673 1800273 0808"
    " 8082000247"
)
_REGIONS = ("US", "GB", "IN", "IE", "AU", "NG", "ZA", "NZ", "KE", "PH", "SG", "PK", "MX", "DE")


def phones(text: str) -> Iterator[Span]:
    """Every telephone number but toll-free ones and crisis lines."""
    for match in _CANDIDATE.finditer(text):
        start, end = match.span()
        while end > start and not text[end - 1].isdigit():
            end -= 1
        what = text[start:end]
        digits = re.sub(r"\D", "", re.split(r"x|ext", what)[0])
        if (
            7 <= len(digits) <= 15
            and not _TOLL_FREE.match(what)
            and digits not in _HELP
            and _is_phone(what, digits, text[max(0, start - 60) : start])
        ):
            yield Span(start, end, "PHONE")


def _is_phone(what: str, digits: str, before: str) -> bool:
    if re.fullmatch(r"\d{3}-\d{4}", what):
        return True
    if (
        _NANP.fullmatch(what)
        or (_WORLD.fullmatch(what) and len(digits) > 7)
        or _TRUNK.fullmatch(what)
    ):
        return True
    if re.fullmatch(
        r"\d{3}-\d{2}-\d{4}|(?:19|20)\d\d\D(?:19|20)\d\d|\d{4} \d{4} \d{4} \d{1,7}", what
    ):
        return False
    if _WORD.search(before):
        return bool(re.fullmatch(r"\d{3}[-. ]?\d{4}", what)) or len(digits) >= 9
    return len(digits) >= 10 and _planned(digits)


@lru_cache(maxsize=4096)
def _planned(digits: str) -> bool:
    """Whether the digits are a number that one of the numbering plans has given out."""
    for region in _REGIONS:
        try:
            number = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(number, region):
            return True
    return False
