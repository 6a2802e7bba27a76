"""Personal data to typed placeholders: <NAME> <EMAIL> <PHONE> <URL> <ADDRESS> <HANDLE> <DATE> <ID>.

Own patterns and rules of context. A name is masked only where the words around it say that it is one, so `Virginia`,
`Will you` and `Faith` stay; toll-free numbers and the addresses of public crisis services stay, since they are help.
"""

import re
from collections.abc import Callable
from functools import lru_cache

PLACEHOLDERS = ("<NAME>", "<EMAIL>", "<PHONE>", "<URL>", "<ADDRESS>", "<HANDLE>", "<DATE>", "<ID>")
_MONTH = r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:19|20)\d\d"
_DATE = rf"(?:{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH},? {_YEAR}|{_MONTH} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}|{_DAY}[/.-]{_DAY}[/.-](?:{_YEAR}|\d\d)|{_YEAR}[/.-](?:0?[1-9]|1[0-2])[/.-]{_DAY})"
_BORN = r"(?:born(?: on)?|d\.?o\.?b\.?|date of birth|birth ?date|birthday)(?: (?:is|was))?:? ?(?:on )?(?:the )?"

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}\b|\b[\w.+-]{1,64} ?[\[(]at[\])] ?[\w-]{1,63} ?(?:[\[(]dot[\])]|\.) ?(?:com|net|org|edu)\b|\b[\w.+-]{2,64} at (?:gmail|yahoo|hotmail|outlook|icloud|aol) ?(?:dot|\.) ?com\b", re.IGNORECASE)
URL = re.compile(r"\bhttps?://[^\s<>]+|\bwww\.[^\s<>]+|(?<![@\w.-])(?:[a-z0-9-]{2,63}\.){1,4}(?:com|org|net|edu|gov|co\.uk)\b(?:/[^\s<>]*)?", re.IGNORECASE)
HANDLE = re.compile(r"(?<![\w.@/])@[A-Za-z_][\w.]{1,29}\b|(?<![\w/])/?u/[\w-]{3,20}\b|\b\w{2,32}#\d{4}\b")
NAMED_HANDLE = re.compile(r"(?P<lead>\b(?:instagram|insta|snapchat|snap|twitter|tiktok|discord|telegram|kik|skype|username|user name|gamertag)(?: (?:name|handle|id|account))?(?: is|:) ?)(?P<what>@?[\w.#-]*[\d_.#]\w[\w.#-]*)", re.IGNORECASE)
PHONE = re.compile(r"(?<![\w.+-])(?:\+?1[-. ]?)?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?:,? ?(?:x|ext\.?) ?\d{1,5})?\b(?![-.]\d)|(?<![\w.])\+\d{1,3}(?:[-. ]?\(?\d{1,5}\)?){2,5}(?!\d)|(?<![\w.-])0\d{2,4} \d{3} ?\d{3,4}\b")
NEAR_PHONE = re.compile(r"(?P<lead>\b(?:call|text|phone|cell|mobile|number|whatsapp|reach)\b[^.!?\n\d]{0,24})(?P<what>(?<![\d.-])(?:\d{10,11}|\d{3}[-. ]\d{4})(?![\d-]))", re.IGNORECASE)
ADDRESS = re.compile(
    r"\b\d{1,5}[A-Za-z]? (?:(?:[NSEW]|North|South|East|West)\.? )?(?:(?:[A-Z][a-z'.]+|\d{1,3}(?:st|nd|rd|th)) ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Terrace|Circle|Cir|Highway|Hwy|Parkway|Pkwy|Way|Square|Crescent|Close)\b\.?"
    r"(?:,? (?:Apt|Apartment|Unit|Suite|Ste|Flat|#)\.? ?\w{1,6})?(?:, [A-Z][a-z]+(?: [A-Z][a-z]+)?)?(?:,? [A-Z]{2})?(?: \d{5}(?:-\d{4})?)?\b"
    r"|\bP\.? ?O\.? Box \d{1,6}\b|\b(?!MP)[A-Z]{1,2}\d[A-Z\d]? \d[ABD-HJLNP-UW-Z]{2}\b"
)
ZIP = re.compile(r"(?P<lead>\b(?:zip|postal|post) ?code(?: is|:)? )(?P<what>\w{3,5}[ -]?\w{0,4}\d\w{0,4})\b", re.IGNORECASE)
DATE = re.compile(rf"\b{_DATE}\b", re.IGNORECASE)
BIRTHDAY = re.compile(rf"(?P<lead>\b{_BORN})(?P<what>{_DATE}|{_MONTH} {_DAY}(?:st|nd|rd|th)?|{_DAY}(?:st|nd|rd|th)?(?: of)? {_MONTH})(?!\w)", re.IGNORECASE)
LONG_ID = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])|(?<![\w.$€£-])\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{1,7}(?![\w-])|(?<![\w.,$€£-])\d{9,19}(?![\w,%-])|\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b")
NAMED_ID = re.compile(r"(?P<lead>\b(?:member|policy|case|account|student|patient|client|employee|passport|licen[cs]e|insurance|medical record|mrn|ssn|social security|badge|file)(?: (?:number|no\.?|id|#|card|record))*(?: is|:| #)? ?)(?P<what>#?(?=[A-Z-]*\d)[A-Z\d][A-Z\d-]{4,24})\b", re.IGNORECASE)

_WORDED = ((EMAIL, "EMAIL"), (URL, "URL"), (NAMED_HANDLE, "HANDLE"), (HANDLE, "HANDLE"))
_NUMBERED = (
    (BIRTHDAY, "DATE"), (NAMED_ID, "ID"), (PHONE, "PHONE"), (NEAR_PHONE, "PHONE"),
    (ADDRESS, "ADDRESS"), (ZIP, "ADDRESS"), (DATE, "DATE"), (LONG_ID, "ID"),
)
_TOLL_FREE = re.compile(r"^\D*1?\D*8(?:00|33|44|55|66|77|88)\D")
_CRISIS_HOSTS = ("988lifeline.org", "suicidepreventionlifeline.org", "thehotline.org", "rainn.org", "crisistextline.org", "thetrevorproject.org", "nami.org", "samhsa.gov", "nimh.nih.gov", "samaritans.org", "childhelp.org", "loveisrespect.org", "aa.org", "na.org", "al-anon.org")

_WORD = r"[A-Z][a-zà-öø-ÿ]+(?:['’-][A-Z]?[a-zà-öø-ÿ]+)?"
_FULL = rf"{_WORD}(?: (?:[A-Z]\.? )?{_WORD}){{0,2}}"
_CREDENTIAL = r"(?:LPCC?|LPC-?\w|LCPC|LCSW|LICSW|LMSW|LSW|MSW|LMFT|MFT|LMHC|LCMHC|LPE|LP|NCC|CADC|Ph\.?D|Psy\.?D|D\.?B\.?H|Ed\.?D|Ed\.?S|M\.?Ed|M\.?A|M\.?S|R\.?N|M\.?D)\b"
MY_NAME = re.compile(rf"(?P<lead>\b(?:[Mm]y|[Hh]is|[Hh]er|[Tt]heir) (?:(?:first|last|full|middle|real|maiden|given) )?name(?:'s| is| was)(?: also| actually| still)? )(?P<name>{_FULL})")
MY_SMALL_NAME = re.compile(r"(?P<lead>\b[Mm]y name(?:'s| is) )(?P<name>[a-z]{2,15})(?=,| and [iI]\b| [iI]'?m\b| [iI] |[.!?;\n]|$)")
GREETED = re.compile(rf"(?P<lead>\b(?:[Hh]i|[Hh]ello|[Hh]ey)\b[^.?!\n]{{0,20}}[,.!;:]? ?(?:I'm|I am|[Tt]his is) )(?P<name>{_WORD}(?: {_WORD})?)(?=[,.!;\n]| and\b| from\b| here\b|$)")
I_AM_AGED = re.compile(rf"(?P<lead>\bI(?:'m| am) )(?P<name>{_WORD}(?: {_WORD})?)(?=,? (?:and )?(?:I'm |I am |a |an )?\d{{2}}\b|, (?:a|an|I'm|I am) )")
TITLED = re.compile(rf"(?P<lead>\b(?:Dr|Mr|Mrs|Ms|Prof|Rev|Fr)\b\.? ?|\b(?:Miss|Professor|Doctor|Pastor|Reverend|Rabbi|Officer) )(?P<name>{_FULL})")
SIGNED = re.compile(
    rf"(?P<lead>(?:^|[\n.!?,;:)] ?|(?<=[a-z])(?=[A-Z]))(?:[Ss]incerely|(?:[Ww]arm(?:est|ly)?|[Kk]ind(?:est)?|[Bb]est|[Mm]any|[Mm]y (?:very )?(?:best|warmest)) ?(?:[Rr]egards|[Ww]ishes|[Tt]hanks)?(?: to you)?|[Rr]egards|[Tt]hank(?:s| you)(?: (?:so much|again|in advance))?|[Tt]ake care|[Bb]e well|[Yy]ours(?: truly)?|[Cc]heers|[Bb]lessings|[Rr]espectfully|[Nn]amaste|[Ll]ove|[Gg]ood luck|[Ss]igned),? ?(?:[.!,\n-]|-{{1,2}}) ?\n{{0,2}})(?P<name>{_WORD}(?: (?:[A-Z]\.? ?)?{_WORD})?(?: [A-Z]\.?)?)(?=,? ?(?:{_CREDENTIAL}|\(|$)|\.?\s*$)"
)
DASH_SIGNED = re.compile(rf"(?P<lead>(?:\n|[.!?] ?)(?:-|--|~|—|–) ?)(?P<name>{_FULL})(?=[.,!]?\s*$| ?\()")
CREDENTIALED = re.compile(rf"(?P<lead>(?:^|(?<=\W)|(?<=[a-z.!])))(?P<name>{_WORD} (?:[A-Z]\.? ?)?{_WORD})(?=, ?{_CREDENTIAL})")

_NOT_NAMES = frozenset(
    """a about after again all also always am an and another any anyone are as at be because been before being both but by can cannot come could dad dear did do does doing don done
    even ever every everyone everything feel feeling for from get god going good got had has have he her here hers him his how however i if im in is it its jesus just know last lately let like
    lord made make many maybe me mine mom more most mother father much my need never no nobody none not nothing now of off on once one only or our out over people please probably really right sad
    said same say see she should since so some someone something sometimes sorry still such sure take tell than thank thanks that the their them then there these they thing things think this those
    though through time to today told tomorrow tonight too try two unfortunately until up us very was we well were what when where which while who why will with without won worried would yeah yes
    yesterday yet you your yours
    american african asian hispanic latino latina black white british english irish scottish canadian australian indian chinese japanese korean mexican german french italian spanish russian jewish
    christian catholic muslim hindu buddhist mormon atheist baptist protestant bipolar autistic gay lesbian bi bisexual trans transgender asexual adhd ocd ptsd anxious depressed borderline
    monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december
    right wrong perfect universe america mud ruined gone known mentioned dragged written listed hurt""".split()
)
_SHARED = frozenset(
    """will faith hope grace joy mark rose may april june summer autumn dawn chance art bill frank grant jack rich rob sue pat drew angel destiny christian
    virginia georgia carolina jordan austin charlotte paris sky star hunter mason chase ray gene guy miles skip dick victor melody harmony patience
    charity mercy heaven brook ivy lily violet ruby pearl jade amber crystal robin jay norm tad van my""".split()
)


def mask(text: str) -> str:
    """The text with personal data replaced; masking twice changes nothing more."""
    for pattern, kind in _WORDED:
        text = pattern.sub(_as(kind), text)
    if any(map(str.isdigit, text)):
        for pattern, kind in _NUMBERED:
            text = pattern.sub(_as(kind), text)
    return _mask_names(text)


@lru_cache(maxsize=16)
def _as(kind: str) -> Callable[[re.Match[str]], str]:
    def put(match: re.Match[str]) -> str:
        whole = match.group()
        if kind == "PHONE" and _TOLL_FREE.match(match.groupdict().get("what") or whole):
            return whole
        if kind == "URL":
            return _mask_url(whole)
        if kind == "HANDLE" and whole.casefold() in ("@home", "@work", "@school", "@night", "@all", "@me"):
            return whole
        return f"{match.groupdict().get('lead') or ''}<{kind}>"

    return put


def _mask_url(whole: str) -> str:
    bare = whole.rstrip(".,;:!?)'\"")
    host = re.sub(r"^(?:https?://)?(?:www\.)?", "", bare.casefold()).split("/")[0]
    return whole if host in _CRISIS_HOSTS else "<URL>" + whole[len(bare) :]


def _mask_names(text: str) -> str:
    found: set[str] = set()

    def put(match: re.Match[str]) -> str:
        name = _name_in(match["name"])
        if not name:
            return match.group()
        found.update(part for part in re.findall(_WORD, name) if len(part) > 2 and part.casefold() not in _SHARED | _NOT_NAMES)
        return f"{match['lead']}<NAME>{match['name'][len(name) :]}"

    for pattern in (MY_NAME, MY_SMALL_NAME, GREETED, I_AM_AGED, TITLED, SIGNED, DASH_SIGNED, CREDENTIALED):
        text = pattern.sub(put, text)
    if found:
        text = re.sub(rf"\b(?:{'|'.join(sorted(map(re.escape, found)))})\b(?!>)", "<NAME>", text)
    return re.sub(r"<NAME>(?: <NAME>)+", "<NAME>", text)


def _name_in(words: str) -> str:
    """The leading words that may be a name; nothing where the first is an everyday word."""
    kept: list[str] = []
    for word in words.split(" "):
        bare = word.strip(".").casefold()
        if bare in _NOT_NAMES or (not kept and word.islower() and re.search(r"(?:ed|ing|ly)$", word)):
            break
        kept.append(word)
    return " ".join(kept)
