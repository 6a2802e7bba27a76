"""Street addresses, post-office boxes and full postcodes; a bare city, state or country stays."""

import re
from collections.abc import Iterator, Set

from psycopref.text.privacy.spans import Span

_STREET = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Terrace|Terr|Circle|Cir|Highway|Hwy|Parkway|Pkwy|Way|Square|Sq"
    "|Crescent|Cres|Close|Grove|Gardens|Gdns|Mews|Row|Trail|Loop|Rise|Walk|Hill|View|Heights|Estate|Park|Nagar|Marg|Quay|Parade|Pde|Esplanade|Alley|Pike"
    "|Turnpike|Path|Run|Ridge|Green|Croft|Vale|Villas|Drove|Wynd|Strasse|Straat"
)
_SAFE = "street|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|court|terrace|circle|highway|hwy|parkway|pkwy|crescent|close|mews"
_PART = r"(?:[A-Z][A-Za-z'’.-]{0,30}|\d{1,3}(?:st|nd|rd|th)|of|the|de|la)"
_FLAT = r"(?:(?:Apt|Apartment|Unit|Suite|Ste|Flat|Room|Rm|Lot|Trailer|#)\.? ?#?\w{1,6})"
_UK = r"[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}"
_EIRCODE = r"[AC-FHKNPRTV-Y]\d[\dW] [\dAC-FHKNPRTV-Y]{4}"
_CANADA = r"[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d"
_CODE = rf"(?:{_UK}|{_EIRCODE}|{_CANADA}|\d{{5}}(?:-\d{{4}})?|\d{{6}}|\d{{4}})"
_CITY = r"(?:,? (?!I\b|And\b|But\b|My\b|He\b|She\b|We\b|It\b|The\b)[A-Z][a-z'’-]{1,25}){1,3}"
_REST = rf"(?:,? {_FLAT})?(?:{_CITY})?(?:,? [A-Z]{{2,3}}\b)?(?:,? {_CODE}\b)?"
STREET = re.compile(
    rf"(?<![\w$€£.,-])(?=[\dAUSFRLT#])(?:{_FLAT},? )?\d{{1,5}}[A-Za-z]?(?:[-/]\d{{1,4}}[A-Za-z]?)?,? (?:(?:[NSEW]|North|South|East|West|NE|NW|SE|SW)\.? )?"
    rf"(?:{_PART} ){{1,4}}(?:{_STREET})\b\.?{_REST}"
)
_NO_NAME = (
    r"(?!(?:the|this|that|our|his|her|their|and|for|from|with|off|down|miles?|minutes?|mins|blocks?|hours?|bedrooms?|times|years?|months?|weeks?|days?|cars?"
    r"|houses?|people|kids|more|other|different|long|lane|way|feet|yards|metres|meters|doors|streets)\b)"
)
SMALL_STREET = re.compile(
    rf"(?<![\w$€£.,-])(?=[\dauf])(?:(?:apt|apartment|unit|flat) ?\w{{1,5}},? )?\d{{1,5}}[a-z]? (?:(?:[nsew]|north|south|east|west) )?"
    rf"(?:{_NO_NAME}[a-z'’]{{3,20}} ){{1,3}}(?:{_SAFE})\b\.?"
    r"(?:,? (?:apt|apartment|unit|flat|#) ?#?\w{1,5})?(?:,? [a-z]{3,20}(?:,? [a-z]{2})?,? \d{5}\b)?",
    re.IGNORECASE,
)
LIVES_ON = re.compile(
    r"\b(?:[Ll]ives?|[Ll]iving|[Ll]ived|[Hh]ouse|[Ff]lat|[Aa]partment|[Hh]ome|[Aa]ddress|[Ss]taying|[Mm]oved|[Pp]lace)\b"
    r"(?: is| was)? (?:at |on |in |to |over on |down )"
    r"(?P<what>(?:[A-Z][a-z'’]+ ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Boulevard|Blvd|Crescent|Close|Terrace|Court|Drive)\b)"
)
BOX = re.compile(rf"\b[Pp]\.? ?[Oo]\.? ?[Bb]ox \d{{1,6}}\b(?:{_CITY})?(?:,? [A-Z]{{2,3}}\b)?(?:,? {_CODE}\b)?")
POSTCODE = re.compile(rf"(?<!\w)(?:{_UK}|{_EIRCODE}|[ABCEGHJ-NPRSTVXY]\d[A-Z] \d[A-Z]\d)\b|\b[A-Z]{{2}} \d{{5}}(?:-\d{{4}})?\b|\b\d{{5}}-\d{{4}}\b")
NAMED_CODE = re.compile(
    r"\b(?:zip|postal|post|pin)[ -]?(?:code)?(?: is|:| =)? (?P<what>[A-Za-z]{0,2}\d[A-Za-z\d]{0,5}(?: ?\d[A-Za-z]{2}| \d[A-Za-z]\d| \d{3})?)\b", re.IGNORECASE
)
UNITS = re.compile(
    r"\b(?:Flat|Apartment|Apt|Block|Plot|House No\.?|H\.? ?No\.?|Door No\.?|Blk) ?#?\d{1,5}[A-Za-z]?(?:[/-]\w{1,5})?,(?: [A-Z\d][\w'’.-]*,?){1,6}"
)
_WORDS = frozenset(_STREET.lower().split("|"))


def addresses(text: str, keys: Set[str], digits: bool) -> Iterator[Span]:
    """Addresses; `keys` are the words of the text, `digits` says whether it has any."""
    if not keys.isdisjoint(_WORDS):
        yield from _all(LIVES_ON, text)
        if digits:
            yield from _all(STREET, text)
            yield from _all(SMALL_STREET, text)
    if not digits:
        return
    yield from _all(POSTCODE, text)
    if "box" in keys:
        yield from _all(BOX, text)
    if not keys.isdisjoint(("zip", "postal", "post", "pin", "postcode", "zipcode", "pincode")):
        yield from _all(NAMED_CODE, text)
    if not keys.isdisjoint(("flat", "apartment", "apt", "block", "plot", "house", "h", "door", "blk")):
        yield from _all(UNITS, text)


def _all(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    for match in pattern.finditer(text):
        yield Span(*match.span("what" if "what" in pattern.groupindex else 0), "ADDRESS")
