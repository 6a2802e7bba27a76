"""Telephone numbers, dates, ids and street addresses: what has digits."""

import re
from collections.abc import Callable, Iterator, Set

from psycopref.text.privacy.addresses import addresses
from psycopref.text.privacy.lists import words
from psycopref.text.privacy.phones import phones
from psycopref.text.privacy.spans import Span, clear_of, joined

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_TH = r"(?: ?(?:st|nd|rd|th))?"
_YEAR = r"(?:19|20)\d\d"
_DATE = (
    rf"(?:{_DAY}{_TH}(?: of)?[ -]{_MONTH},?[ -](?:{_YEAR}|'\d\d)|{_MONTH} (?:the )?{_DAY}{_TH},?"
    rf" (?:of |in )?{_YEAR}|{_DAY}[/.-]{_DAY}[/.-](?:{_YEAR}|\d\d)"
    rf"|{_YEAR}[/.-](?:0?[1-9]|1[0-2])[/.-]{_DAY})"
)
_BORN = re.compile(
    r"\b(?:born(?: on)?|d\.?o\.?b\.?|date of birth|birth ?date|birthday|b-?day)(?:'s|"
    r" (?:is|was|falls|of))?(?: coming up| this year)?[:,-]? ?"
    r"(?:on )?(?:the )?(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?(?:the )?$",
    re.IGNORECASE,
)
DATE = re.compile(rf"(?<![\w/.-]){_DATE}(?![\w/-])(?!\.\d)", re.IGNORECASE)
_PART_DATE = re.compile(
    rf"(?<![\w/.-])(?:{_DATE}|{_MONTH} (?:the )?{_DAY}{_TH}|{_DAY}{_TH}(?: of)?"
    rf" {_MONTH}|{_DAY}[/.-]{_DAY}|{_DAY}[ /.-]{_DAY}[ /.-](?:{_YEAR}|\d\d)"
    r"|\d{6}|\d{8})(?![\w/])",
    re.IGNORECASE,
)
_BIRTH_WORDS = words("born birth birthday birthdate bday dob b-day d")
_OWNERS = (
    "member|membership|policy|case|claim|account|acct|student|patient|client|employee|staff|worker"
    "|passport|licen[cs]e|driver'?s licen[cs]e|driving licen[cs]e|insurance|medical record|medical"
    "|medicaid|medicare|health|health ?card|mrn|ssn|sin|nhs|ni|nino|national insurance"
    "|social security|social|badge|file|docket|reference|ref|booking|inmate|prisoner|offender"
    "|detainee|service|military|dod|va|tax|tax file|tfn|aadhaar|aadhar|adhar|pan|nin|bvn|nric|fin"
    "|ppsn|pps|bsn|tin|green card|visa|alien|a|id|i\\.d|uni|school|college|library|card|hospital"
    "|chart|group|subscriber|beneficiary|enrol?lment|roll|registration|reg|plate|licen[cs]e plate"
    "|number plate|vin|customer|ticket|tracking|confirmation|appointment|referral|court|warrant"
    "|incident|report|crime|crn|urn|upn|uci|pnr|hkid|curp|cpf|dni|nie|nif|umid|sss|philhealth"
    "|philsys|ihi|centrelink|usi|utr|ohip|phn|chi|ehic|sevis|uscis|receipt|order|complaint|fir"
    "|matric|matriculation|probation|parole|cdcr|doc|sort code|iban|routing|unit|caf|grievance"
    "|permit|prescription|rx|application|candidate|reg(?:istration)? plate|number plates?"
)
_KINDS = r"(?:number|num|numbers|nr|no|id|i\.d|card|record|code|ref|reference)"
_TO_VALUE = r"\.?(?: ?#)?(?: ?(?:is|was|'s|ends in|being|=))?[ .:#,(-]{0,4}$"
_OWNER = re.compile(rf"\b(?:{_OWNERS})\b(?P<kind>(?:[ .#]*{_KINDS}\b)*){_TO_VALUE}", re.IGNORECASE)
# "my parcel number is", "locker no:": any noun before a word for numbers, but those that are no
# person's.
_ANY_OWNER = re.compile(
    r"\b(?!(?:the|that|this|any|my|your|his|her|our|a|phone|cell|mobile|contact|home|work|telephone"
    r"|fax|whatsapp|house|flat|room|street|lucky|zip|pin|post"
    r"|postal|area"
    r"|dial|lottery|winning|total|same|wrong|right|new|old|big|large|small|first|emergency|hotline"
    r"|helpline|model|part|version|error|dress|line|page|bus|train"
    r"|flight|channel|dialling|phones?|about)\b)[a-z]{2,15}(?P<kind>"
    rf" (?:number|no|nr|id|ref|reference)\b){_TO_VALUE}",
    re.IGNORECASE,
)
_ID = re.compile(
    r"(?<![\w.,$€£/-])(?=[A-Z/_.-]{0,8}\d)[A-Z\d](?:[A-Z\d]|[-/_.](?=[A-Z\d])){3,24}(?![\w%])",
    re.IGNORECASE,
)
_SPACED_ID = re.compile(
    r"(?<![\w.,$€£/-])(?:[A-Z]{1,4}[ /-]?)?\d{1,6}+(?:[ /-]\d{1,6}+|["
    r" /-]?[A-Z]{1,3}\b){0,5}(?![\w%])"
)
_PLATE = re.compile(
    r"(?<![\w-])(?:[A-Z]{1,3}\d{1,4}[A-Z]{0,3}|\d{1,4}[A-Z]{1,3}|[A-Z]{2,3})["
    r" -]?(?:[A-Z]{1,3}|\d{1,4})(?:[ -]?\d{1,4})?(?![\w-])"
)
_CODED = re.compile(r"(?<![\w-])(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z\d]{5,10}(?![\w-])")
_STRONG = words(
    "nhs aadhaar aadhar adhar pps ppsn tfn ni nino ssn social sin uci plate plates medicare bsn ref"
    " reference mrn urn crn pnr uscis hkid booking confirmation"
)
_CODES = words(
    "plate plates reg registration rego booking confirmation reference ref pnr code referral ticket"
    " order appointment"
)
LAST_FOUR = re.compile(
    r"\b(?:last (?:4|four)(?: digits?| numbers?)?(?: (?:of|on|from|for) (?:my |his |her |the |our"
    r" )?\w{2,12}(?: \w{2,12})?)?|(?:card|account|acct|ssn"
    r"|social|visa|mastercard|debit|number)"
    r"(?: number| card)? (?:that )?(?:ending|ends|ended)(?: in| with)?)(?: is| are| was|:|,)?"
    r" (?P<what>\d{4}|x{1,5}-?\d{4})(?![\w-])",
    re.IGNORECASE,
)
_NO_ID = re.compile(
    rf"{_YEAR}(?:[-/]\d+)?|\d{{1,2}}[-/]\d{{1,2}}(?:[-/]\d{{2,4}})?"
    r"|\d+(?:st|nd|rd|th|mg|ml|kg|lbs?|am|pm|hrs?|days?|years?|yo|k)",
    re.IGNORECASE,
)
LONG_ID = re.compile(
    r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])|(?<![\w.$€£-])\d{4}[ -]\d{4}[ -]\d{4}["
    r" -]\d{1,7}(?![\w-])|(?<![\w.$€£+-])[2-9]\d{3}[ -]\d{4}[ -]\d{4}(?![ -]?\w)"
    r"|(?<![\w.,$€£-])\d{9,19}(?![\w,%-])|\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b"
    r"|\b(?=[A-Z]{0,4}\d)(?:[A-Z]{1,4}\d{6,12}[A-Z]?|\d{6,10}[A-Z]{1,2})\b|\b[A-Z]{2} ?\d{2} ?\d{2}"
    r" ?\d{2} ?[A-D]\b|\b[A-Z]{5}\d{4}[A-Z]\b"
    r"|\b[A-Z]{2,4}-\d{4,10}(?:-\d{1,6})?\b|(?<![\w-])\d{2,4}-[A-Z]{2}-\d{4,8}\b"
)
# Letters and digits in parts: nothing that people say in prose.
_TELEPHONE = re.compile(
    r"(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}\b|1?-?8(?:00|33|44|55|66|77|88)-"
)
_PARTS = re.compile(
    r"(?<![\w/-])(?=[A-Z\d]{1,12}[-/])[A-Z\d]{1,12}(?:[-/][A-Z\d]{1,12}){1,4}(?![\w/-])"
)
_FOUR = re.compile(r"\d\D{0,4}\d\D{0,4}\d\D{0,4}\d")
_LOOK_BACK = 60
_NEAR_PLATE = re.compile(r"\b(?:plates?|reg|registration|rego)\b[^.!?\n\d]{0,25}$", re.IGNORECASE)


def numbers(text: str, keys: Set[str]) -> list[Span]:
    """Everything with digits, `keys` being the words of the text; of what lies over each other, the
    first that is found.
    """
    kept: list[Span] = []
    for find in _finders(text, keys):
        kept = sorted([*kept, *clear_of(joined(find(text), text), kept)])
    return kept


def _finders(text: str, keys: Set[str]) -> Iterator[Callable[[str], Iterator[Span]]]:
    digits = any(map(str.isdigit, text))
    if digits and not keys.isdisjoint(_BIRTH_WORDS):
        yield _birthdays
    yield lambda text: addresses(text, keys, digits)
    if digits and not keys.isdisjoint(_CODES):
        yield _codes
    if digits and _FOUR.search(text):
        yield from (_ids, phones, _dates, _long_ids)


def _birthdays(text: str) -> Iterator[Span]:
    """Dates, with or without a year, after a word for being born."""
    for match in _PART_DATE.finditer(text):
        if _BORN.search(text, max(0, match.start() - _LOOK_BACK), match.start()):
            yield Span(*match.span(), "DATE")


def _ids(text: str) -> Iterator[Span]:
    """Ids that a word before them names; a year or a dose is none."""
    yield from (Span(*match.span("what"), "ID") for match in LAST_FOUR.finditer(text))
    for match in _ID.finditer(text):
        what, owner = match.group(), None
        digits = sum(map(str.isdigit, what))
        if digits >= 3 and not _NO_ID.fullmatch(what):
            owner = _owner(text, match.start())
        if owner is None:
            continue
        long = digits >= 4 and len(what) > 4
        if long or (owner["kind"] and (digits >= 4 or not what.isdigit())):
            yield Span(*match.span(), "ID")
    yield from _in_parts(text)
    for match in _SPACED_ID.finditer(text):
        owner = _owner(text, match.start()) if sum(map(str.isdigit, match.group())) >= 6 else None
        if owner and (owner["kind"] or not _STRONG.isdisjoint(owner.group().lower().split())):
            yield Span(*match.span(), "ID")


def _codes(text: str) -> Iterator[Span]:
    """Booking codes and number plates, which may have few digits."""
    yield from (
        Span(*match.span(), "ID") for match in _CODED.finditer(text) if _owner(text, match.start())
    )
    for match in _PLATE.finditer(text):
        if any(map(str.isdigit, match.group())) and _NEAR_PLATE.search(
            text, max(0, match.start() - _LOOK_BACK), match.start()
        ):
            yield Span(*match.span(), "ID")


def _in_parts(text: str) -> Iterator[Span]:
    """Codes in parts with letters and five digits."""
    for match in _PARTS.finditer(text):
        what = match.group()
        if (
            sum(map(str.isdigit, what)) >= 5
            and any(map(str.isalpha, what))
            and not _TELEPHONE.match(what)
        ):
            yield Span(*match.span(), "ID")


def _owner(text: str, start: int) -> re.Match[str] | None:
    back = max(0, start - _LOOK_BACK)
    return _OWNER.search(text, back, start) or (
        None if _TELEPHONE.match(text, start) else _ANY_OWNER.search(text, back, start)
    )


def _dates(text: str) -> Iterator[Span]:
    return (Span(*match.span(), "DATE") for match in DATE.finditer(text))


def _long_ids(text: str) -> Iterator[Span]:
    return (Span(*match.span(), "ID") for match in LONG_ID.finditer(text))
