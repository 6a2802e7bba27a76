"""E-mail addresses, web addresses and handles."""

import re
from collections.abc import Iterator, Set

from psycopref.text.privacy.lists import words
from psycopref.text.privacy.spans import Span

_TLD = "com|net|org|edu|gov|io|me|us|ca|ie|in|ng|za|nz|au|uk|co|info|biz|app|dev|blog|online|site|xyz|co\\.uk|org\\.uk|ac\\.uk|com\\.au|co\\.in|co\\.za|co\\.nz"
_MAILERS = "gmail|googlemail|yahoo|ymail|hotmail|outlook|icloud|aol|protonmail|proton|live|msn|mail"
EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}\b"
    r"|(?<![\w.+-])[\w.+-]{1,64}(?: ?[\[(]dot[\])] ?\w{1,40}){0,2} ?[\[(]at[\])] ?[\w-]{1,63} ?(?:[\[(]dot[\])]|\.|dot) ?(?:com|net|org|edu|co)\b"
    rf"|(?<![\w.+-])[\w.+-]{{2,64}} at (?:{_MAILERS}) ?(?:dot|\.) ?(?:com|net|co ?(?:dot|\.) ?uk|me)\b"
    r"|(?<![\w.+-])[\w.+-]{2,64} at [\w-]{2,40} dot (?:com|net|org|edu|co)\b(?: dot uk\b)?"
    r"|(?<![\w.+-])[\w.+-]{2,64} ?@ ?[\w-]{2,40}(?: dot |\.)(?:com|net|org|edu)\b",
    re.IGNORECASE,
)
URL = re.compile(
    r"\bhttps?://[^\s<>]+|\bwww\.[^\s<>]+"
    r"|(?<![@\w.-])(?:[a-z0-9-]{2,63}\.){1,4}(?:com|org|net|edu|gov|co\.uk|org\.uk|com\.au|co\.in|blog|xyz)\b(?:/[^\s<>]*)?"
    rf"|(?<![@\w.-])(?:[a-z0-9-]{{2,63}}\.){{1,4}}(?:{_TLD})/[^\s<>]+",
    re.IGNORECASE,
)
HANDLE = re.compile(r"(?<![\w.@/])@[A-Za-z_][\w.]{0,28}\w|(?<![\w/])/?u/[\w-]{3,20}\b|\b\w{2,32}#\d{4}\b")
_SERVICES = (
    "instagram|insta|ig|snapchat|snap|sc|twitter|tiktok|tik tok|discord|telegram|kik|skype|whatsapp|tumblr|twitch|steam|psn|gamertag|xbox|reddit"
    "|youtube|yt|soundcloud|strava|threads|bluesky|mastodon|linkedin|venmo|cashapp|cash app|paypal|wattpad|ao3|roblox|vrchat|facebook|fb|messenger"
)
# A name of a service, and a word with a digit, an underscore or a full stop in it.
NAMED_HANDLE = re.compile(
    rf"\b(?:{_SERVICES}|user ?name|handle|screen ?name|gamer ?tag|user)\b(?: (?:name|handle|id|account|tag|user|page|profile|username|@)\b)?"
    r"(?: is|:|,| -| =|=| as| under| called|'s| @)?,? ?(?P<what>[@$]?(?=[\w.#-]{0,30}(?:[_.#]\w|\d))[A-Za-z_\d][\w.#-]{1,30}\w)",
    re.IGNORECASE,
)
PLAIN_HANDLE = re.compile(
    rf"\b(?:my|his|her|their) (?:{_SERVICES}|user ?name|handle|screen ?name|gamer ?tag)(?: (?:name|handle|id|account|tag|username))?"
    r"(?: on (?:here|there|it))?(?: is|'s|:) (?P<what>[a-z][a-z\d]{5,29})(?=[.,;!?)\n]| (?:and|if|on|add|but)\b|$)",
    re.IGNORECASE,
)
_SERVICE_WORDS = frozenset(re.split(r"[| ]", _SERVICES)) | words("username user handle screenname screen gamertag gamer")
_MAIL_WORDS = frozenset(_MAILERS.split("|")) | words("dot com net org edu")
_LINK = re.compile(rf"https?://|www\.|\.(?:{_TLD})\b", re.IGNORECASE)
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
    "findahelpline.com",
    "psychologytoday.com",
    "betterhelp.com",
    "7cups.com",
    "mind.org.uk",
    "childline.org.uk",
    "nhs.uk",
    "webmd.com",
    "mayoclinic.org",
)
_BARE = words("google.com amazon.com facebook.com instagram.com youtube.com twitter.com reddit.com match.com booking.com tinder.com indeed.com netflix.com")
_PLACES = words("@home @work @school @night @all @me @gmail @yahoo @hotmail @outlook @aol @icloud @the @my @least @first")
_NO_HANDLE = words("private blocked deleted public hacked disabled gone active account locked better really always everything nothing something secret")


def contacts(text: str, keys: Set[str]) -> Iterator[Span]:
    """E-mail addresses, web addresses and handles; `keys` are the words of the text. What is found twice is joined later."""
    if "@" in text or ("at" in keys and not keys.isdisjoint(_MAIL_WORDS)):
        yield from (Span(*match.span(), "EMAIL") for match in EMAIL.finditer(text))
    if "." in text and _LINK.search(text):
        yield from filter(None, map(_url, URL.finditer(text)))
    if "@" in text or "#" in text or "u/" in text:
        yield from (Span(*match.span(), "HANDLE") for match in HANDLE.finditer(text) if match.group().casefold() not in _PLACES)
    if not keys.isdisjoint(_SERVICE_WORDS):
        yield from _named(text)


def _named(text: str) -> Iterator[Span]:
    for match in NAMED_HANDLE.finditer(text):
        if not re.fullmatch(r"[\d.,%$-]+|\w+\.", match["what"]) and not _prose(match["what"]):
            yield Span(*match.span("what"), "HANDLE")
    for match in PLAIN_HANDLE.finditer(text):
        if match["what"].casefold() not in _NO_HANDLE and not match["what"].endswith(("ed", "ly")):
            yield Span(*match.span("what"), "HANDLE")


def _prose(what: str) -> bool:
    """A hyphenated or abbreviated word, or an end of sentence without a space after it, is no handle."""
    return bool(re.fullmatch(r"[A-Za-z]+(?:-[A-Za-z]+)+|[A-Za-z]+\.[A-Z][a-z]+|\d+[a-z]{0,2}|[A-Za-z]\.[A-Za-z]\.?", what))


def _url(match: re.Match[str]) -> Span | None:
    bare = match.group().rstrip(".,;:!?)'\"]")
    host, _, rest = re.sub(r"^(?:https?://)?(?:www\.)?", "", bare.casefold()).partition("/")
    if not bare or any(host == one or host.endswith(f".{one}") for one in _CRISIS_HOSTS) or (host in _BARE and not rest):
        return None
    return Span(match.start(), match.start() + len(bare), "URL")
