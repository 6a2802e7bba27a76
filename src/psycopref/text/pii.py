"""Personal data to typed placeholders: <NAME> <EMAIL> <PHONE> <URL> <ADDRESS> <HANDLE> <DATE> <ID>.

Own patterns and rules of context. A name is masked only where the words around it say that it is one, so `Virginia`,
`Will you` and `Faith` stay; toll-free numbers and the addresses of public crisis services stay, since they are help.
"""

import re
from collections.abc import Callable
from functools import lru_cache

from psycopref.text.names import mask_names

PLACEHOLDERS = ("<NAME>", "<EMAIL>", "<PHONE>", "<URL>", "<ADDRESS>", "<HANDLE>", "<DATE>", "<ID>")
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_TH = r"(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d\d"
_DATE = (
    rf"(?:{_DAY}{_TH}(?: of)? {_MONTH},? {_YEAR}|{_MONTH} {_DAY}{_TH},? {_YEAR}|{_DAY}[/.-]{_DAY}[/.-](?:{_YEAR}|\d\d)"
    rf"|{_YEAR}[/.-](?:0?[1-9]|1[0-2])[/.-]{_DAY})"
)
_BORN = r"(?:born(?: on)?|d\.?o\.?b\.?|date of birth|birth ?date|birthday)(?: (?:is|was))?:? ?(?:on )?(?:the )?"
_STREET = (
    "(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Terrace|Circle|Cir|Highway|Hwy|Parkway|Pkwy|Way|Square|Crescent|Close)"
)

EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}\b"
    r"|\b[\w.+-]{1,64} ?[\[(]at[\])] ?[\w-]{1,63} ?(?:[\[(]dot[\])]|\.) ?(?:com|net|org|edu)\b"
    r"|\b[\w.+-]{2,64} at (?:gmail|yahoo|hotmail|outlook|icloud|aol) ?(?:dot|\.) ?com\b",
    re.IGNORECASE,
)
URL = re.compile(
    r"\bhttps?://[^\s<>]+|\bwww\.[^\s<>]+|(?<![@\w.-])(?:[a-z0-9-]{2,63}\.){1,4}(?-i:com|org|net|edu|gov|co\.uk)\b(?:/[^\s<>]*)?",
    re.IGNORECASE,
)
HANDLE = re.compile(r"(?<![\w.@/])@[A-Za-z_][\w.]{1,29}\b|(?<![\w/])/?u/[\w-]{3,20}\b|\b\w{2,32}#\d{4}\b")
NAMED_HANDLE = re.compile(
    r"(?P<lead>\b(?:instagram|insta|snapchat|snap|twitter|tiktok|discord|telegram|kik|skype|username|user name|gamertag)"
    r"(?: (?:name|handle|id|account))?(?: is|:) ?)(?P<what>@?[\w.#-]*[\d_.#]\w[\w.#-]*)",
    re.IGNORECASE,
)
PHONE = re.compile(
    r"(?<![\w.+-])(?:\+?1[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?:,? ?(?:x|ext\.?) ?\d{1,5})?\b(?![-.]\d)"
    r"|(?<![\w.])\+\d{1,3}(?:[-. ]?\(?\d{1,5}\)?){2,5}(?!\d)|(?<![\w.-])0\d{2,4} \d{3} ?\d{3,4}\b"
)
NEAR_PHONE = re.compile(
    r"(?P<lead>\b(?:call|text|phone|cell|mobile|number|whatsapp|reach)\b[^.!?\n\d]{0,24})"
    r"(?P<what>(?<![\d.-])(?:\d{10,11}|\d{3}[-. ]\d{4})(?![\d-]))",
    re.IGNORECASE,
)
ADDRESS = re.compile(
    rf"\b\d{{1,5}}[A-Za-z]? (?:(?:[NSEW]|North|South|East|West)\.? )?(?:(?:[A-Z][a-z'.]+|\d{{1,3}}(?:st|nd|rd|th)) ){{1,3}}{_STREET}\b\.?"
    r"(?:,? (?:Apt|Apartment|Unit|Suite|Ste|Flat|#)\.? ?\w{1,6})?(?:, [A-Z][a-z]+(?: [A-Z][a-z]+)?)?(?:,? [A-Z]{2})?(?: \d{5}(?:-\d{4})?)?\b"
    r"|\bP\.? ?O\.? Box \d{1,6}\b|\b[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}\b"
)
ZIP = re.compile(r"(?P<lead>\b(?:zip|postal|post) ?code(?: is|:)? )(?P<what>\w{3,5}[ -]?\w{0,4}\d\w{0,4})\b", re.IGNORECASE)
DATE = re.compile(rf"\b{_DATE}\b", re.IGNORECASE)
BIRTHDAY = re.compile(
    rf"(?P<lead>\b{_BORN})(?P<what>{_DATE}|{_MONTH} {_DAY}{_TH}|{_DAY}{_TH}(?: of)? {_MONTH})(?!\w)",
    re.IGNORECASE,
)
LONG_ID = re.compile(
    r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])|(?<![\w.$€£-])\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}(?![\w-])"
    r"|(?<![\w.,$€£-])\d{9,19}(?![\w,%-])|\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b"
)
NAMED_ID = re.compile(
    r"(?P<lead>\b(?:member|policy|case|account|student|patient|client|employee|passport|licen[cs]e|insurance|medical record|mrn|ssn"
    r"|social security|badge|file)(?: (?:number|no\.?|id|#|card|record))*(?: is|:| #)? ?)(?P<what>#?(?=[A-Z-]*\d)[A-Z\d][A-Z\d-]{4,24})\b",
    re.IGNORECASE,
)
_WORDED = ((EMAIL, "EMAIL"), (URL, "URL"), (NAMED_HANDLE, "HANDLE"), (HANDLE, "HANDLE"))
_NUMBERED = (
    (BIRTHDAY, "DATE"),
    (NAMED_ID, "ID"),
    (PHONE, "PHONE"),
    (NEAR_PHONE, "PHONE"),
    (ADDRESS, "ADDRESS"),
    (ZIP, "ADDRESS"),
    (DATE, "DATE"),
    (LONG_ID, "ID"),
)
_TOLL_FREE = re.compile(r"^\D*1?\D*8(?:00|33|44|55|66|77|88)\D?\d{3}\D?\d{4}\b")
_CRISIS_HOSTS = (
    "988lifeline.org",
    "suicidepreventionlifeline.org",
    "thehotline.org",
    "rainn.org",
    "crisistextline.org",
    "thetrevorproject.org",
    "nami.org",
    "samhsa.gov",
    "nimh.nih.gov",
    "samaritans.org",
    "childhelp.org",
    "loveisrespect.org",
    "aa.org",
    "na.org",
    "al-anon.org",
)
_PLACES = ("@home", "@work", "@school", "@night", "@all", "@me")


def mask(text: str) -> str:
    """The text with personal data replaced; masking twice changes nothing more."""
    for pattern, kind in _WORDED:
        text = pattern.sub(_as(kind), text)
    if any(map(str.isdigit, text)):
        for pattern, kind in _NUMBERED:
            text = pattern.sub(_as(kind), text)
    return mask_names(text)


@lru_cache(maxsize=16)
def _as(kind: str) -> Callable[[re.Match[str]], str]:
    def put(match: re.Match[str]) -> str:
        whole, parts = match.group(), match.groupdict()
        if kind == "PHONE" and _TOLL_FREE.match(parts.get("what") or whole):
            return whole
        if kind == "HANDLE" and whole.casefold() in _PLACES:
            return whole
        return _mask_url(whole) if kind == "URL" else f"{parts.get('lead') or ''}<{kind}>"

    return put


def _mask_url(whole: str) -> str:
    bare = whole.rstrip(".,;:!?)'\"")
    host = re.sub(r"^(?:https?://)?(?:www\.)?", "", bare.casefold()).split("/")[0]
    return whole if host in _CRISIS_HOSTS else "<URL>" + whole[len(bare) :]
