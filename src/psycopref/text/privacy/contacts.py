"""E-mail addresses, web addresses and handles."""

import re
from collections.abc import Iterator, Sequence, Set

from psycopref.text.privacy.lists import lists, words
from psycopref.text.privacy.spans import Span

_TLD = (
    "com|net|org|edu|gov|io|me|us|ca|ie|in|ng|za|nz|au|uk|co|info|biz|app|dev|blog|online|site|xyz"
    "|co\\.uk|org\\.uk|ac\\.uk|com\\.au|co\\.in|co\\.za|co\\.nz"
)
_MAILERS = "gmail|googlemail|yahoo|ymail|hotmail|outlook|icloud|aol|protonmail|proton|live|msn|mail"
EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-z]{2,24}\b"
    r"|(?<![\w.+-])[\w.+-]{1,64}(?: ?[\[(]dot[\])] ?\w{1,40}){0,2} ?[\[(]at[\])] ?[\w-]{1,63}"
    r" ?(?:[\[(]dot[\])]|\.|dot) ?(?:com|net|org|edu|co)\b"
    rf"|(?<![\w.+-])[\w.+-]{{2,64}} at (?:{_MAILERS}) ?(?:dot|\.) ?(?:com|net|co ?(?:dot|\.)"
    r" ?uk|me)\b"
    r"|(?<![\w.+-])[\w.+-]{2,64} at [\w-]{2,40} dot (?:com|net|org|edu|co)\b(?: dot uk\b)?"
    r"|(?<![\w.+-])[\w.+-]{2,64} ?@ ?[\w-]{2,40}(?: dot |\.)(?:com|net|org|edu)\b",
    re.IGNORECASE,
)
# Endings that are no word of English, so that a full stop without a space after it ("it.then") is
# no host.
_ENDINGS = (
    "com|org|net|edu|gov|mil|info|biz|blog|xyz|online|website|dev|ie|ng|ph|nl|de|fr|eu|nz|au|uk|ca"
    "|za|co\\.uk|org\\.uk|ac\\.uk|com\\.au|co\\.in|co\\.za"
    "|co\\.nz|com\\.ng"
    "|com\\.ph|com\\.br|io|tv|fm|gg|ee|ly|gl|gd|cc|ws|bio|wiki|club"
)
_SHORT_HOSTS = (
    "t\\.me|t\\.co|wa\\.me|fb\\.me|m\\.me|youtu\\.be|amzn\\.to|spoti\\.fi|cash\\.app|gofund\\.me"
    "|ngl\\.link|paypal\\.me|about\\.me|ask\\.fm|is\\.gd"
    "|redd\\.it|g\\.co|s\\.id"
)
URL = re.compile(
    r"\bhttps?://[^\s<>]+|\bwww\.[^\s<>]+|(?<![@\w.-])(?:[a-z0-9-]{2,63}\.){1,4}(?:com|org|net|edu"
    r"|gov|co\.uk|org\.uk|com\.au|co\.in|blog|xyz|ie|nl|com\.ng"
    r"|com\.ph)"
    r"\b(?!\.\w)(?:/[^\s<>]*)?"
    rf"|(?<![@\w.-])(?:[a-z0-9-]{{2,63}}\.){{1,4}}(?:{_TLD}|{_ENDINGS})/[^\s<>]+"
    rf"|(?<![@\w.-])(?:{_SHORT_HOSTS})/[^\s<>]+"
    rf"|(?<![@\w.-])[a-z0-9-]{{3,63}}\.(?:[a-z0-9-]{{3,63}}\.){{1,3}}(?:{_TLD}|{_ENDINGS})\b",
    re.IGNORECASE,
)
HANDLE = re.compile(
    r"(?<![\w.@/])@[A-Za-z_\d](?:[\w.-]{0,30}\w)?(?<!@\d)|(?<![\w/])/?u/[\w-]{3,20}\b"
    r"|\b\w{2,32}#\d{4}\b|(?<![\w.])[\w.-]{2,40}@(?:ok\w{2,8}|upi|paytm|ybl"
    r"|ibl|axl|apl)\b"
)
_SERVICES = (
    "instagram|insta|ig|finsta|snapchat|snap|sc|twitter|tiktok|tik"
    " tok|tt|discord|disc|telegram|tg|kik|skype|whatsapp|tumblr|twitch|steam|psn|gamertag|xbox"
    "|reddit|youtube|yt|soundcloud|strava|threads|bluesky|bsky|mastodon|linkedin|venmo|cashapp"
    "|cash app|paypal|zelle|gcash|wattpad|ao3|roblox|minecraft|fortnite|valorant|vrchat|facebook|fb"
    "|messenger|onlyfans|patreon|substack|pinterest|linktree|bereal|fetlife|grindr|hinge|tinder"
    "|bumble|okcupid|feeld|quora|wechat|viber|viber id|deviantart|fanfiction|tellonym|ngl|goodreads"
    "|letterboxd|spotify|github|myspace|omegle|yubo|wizz|littlespace|epic"
    " games|epic|riot|battlenet|chess\\.com|duolingo"
)
_NAMES = "name|handle|id|account|acc|acct|tag|user|page|profile|username|user name|blog|@"
# A word with a digit, an underscore, a full stop or a capital inside.
_ODD = r"[@$]?(?=[\w.#-]{0,30}(?:[_.#]\w|\d|\w_|(?-i:[a-z][A-Z]))|_)[A-Za-z_\d][\w.#-]{1,30}[\w]"
_OWN_NAME = (
    r"user ?names?|handle|screen ?name|gamer ?tag|nickname|nick|login|log ?in|user|alias|pen"
    r" ?name|profile|finsta|alt"
)
# A name of a service, and a word with a digit, an underscore or a full stop in it.
NAMED_HANDLE = re.compile(
    rf"\b(?:{_SERVICES}|{_OWN_NAME})\b(?: (?:{_NAMES})\b){{0,2}}"
    r"(?: is| was|:|,| -| =|=| as| under| by| called|'s| @| \(|\()?(?: is| it's| its| shes| hes|"
    r" she's| he's| i'm| im)?[,:]? ?"
    rf"(?P<what>{_ODD})",
    re.IGNORECASE,
)
PLAIN_HANDLE = re.compile(
    rf"\b(?:my|his|her|their|our) (?:\w{{2,12}} )?(?:{_SERVICES}|user ?name|handle|screen"
    rf" ?name|gamer ?tag)(?: (?:{_NAMES})){{0,2}}(?: on (?:here|there|it"
    rf"|\w{{2,12}}))?"
    r"(?: is|'s|:|=) ?(?P<what>@?[a-z][a-z\d-]{5,29})(?=[.,;!?)\n]|"
    r" (?:and|if|on|add|but|or|n|so|dont|don't|in case|lol|btw)\b|$)"
    rf"|\bon (?:my |the )?(?:{_SERVICES}) (?:under|called|by|named)"
    r" (?P<under>[a-z][a-z\d-]{4,29})(?=[.,;!?)\n]| (?:and|if|but|or|so|where|because)\b|$)"
    r"|\b(?:user ?name|screen ?name|gamer"
    r" ?tag|handle|insta|ig|snap|snapchat|discord|kik|tiktok|telegram|tumblr|psn):"
    r" ?(?P<colon>[a-z][a-z\d]{4,29})"
    r"(?=[.,;!?)\n]| (?:and|if|on|add|but|or)\b|$)",
    re.IGNORECASE,
)
# In brackets or after a colon: only where `_SERVICE_ENDS` stands before.
CLOSED_HANDLE = re.compile(
    r" ?\((?P<brackets>@?[a-z][a-z\d-]{4,29})\)|:"
    r" ?(?P<colon>[a-z][a-z\d]*(?:-[a-z\d]+){1,4})(?![\w-])",
    re.IGNORECASE,
)
_SERVICE_ENDS = re.compile(
    rf"\b(?:{_SERVICES}|user ?name|handle|gamer ?tag)(?: (?:{_NAMES}))?$", re.IGNORECASE
)
# The name first: "lilith_asks on Tumblr", "I'm quietcrow on reddit".
BEFORE_SERVICE = re.compile(
    rf"(?<![\w.@-])(?P<what>{_ODD})(?: is (?:me|mine|my \w{{2,10}}))? (?:on|over on|from) (?:my"
    rf" |the )?(?:{_SERVICES})\b"
    r"|\b(?:as|under|goes by|go by|called|named|username) (?P<under>[a-z][a-z\d-]{5,29})"
    rf" (?:on|over on) (?:{_SERVICES})\b",
    re.IGNORECASE,
)
ADD_ME = re.compile(
    rf"\b(?:add|follow|dm|hmu|msg|pm) (?:me|us|him|her|them)\b(?: (?:on|over on) \w{{2,12}}| there|"
    rf" here)?(?: at| @| as| under| if|,|:| -|-)*"
    rf"(?: (?:its|it's|it is|i'm|im|i am))? ?(?P<what>{_ODD})",
    re.IGNORECASE,
)
GAMER = re.compile(
    rf"\b(?i:gamer ?tag|psn|xbox(?: live)?|steam)\b(?i: (?:{_NAMES}))?(?: is|:|,)?"
    r" (?P<what>[A-Z]\w{2,15} \d{1,5})\b"
)
_SERVICE_WORDS = (
    frozenset(re.split(r"[| ]", _SERVICES)) - words("app id games cash tok feed line")
) | words(
    "cashapp username usernames user handle screenname screen gamertag gamer nickname nick login"
    " alias profile alt"
)
_ADDS = words("add follow dm hmu msg pm")
_MAIL_WORDS = frozenset(_MAILERS.split("|")) | words("dot com net org edu")
_LINK = re.compile(rf"\.(?:(?:{_TLD}|{_ENDINGS})\b|(?:be|to|fi|link|it|id)/)", re.IGNORECASE)
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
_BARE = words(
    "google.com amazon.com facebook.com instagram.com youtube.com twitter.com reddit.com match.com"
    " booking.com tinder.com indeed.com netflix.com"
)
_PLACES = words(
    "@home @work @school @night @all @me @gmail @yahoo @hotmail @outlook @aol @icloud @the @my"
    " @least @first"
)
_NO_HANDLE = words(
    "private blocked deleted public hacked disabled gone active account locked better really always"
    " everything nothing something secret usual always never someone somebody anyone people person"
    " friends another whatever obviously again literally apparently honestly myself himself herself"
    " pressure normal wellbeing himself themselves instead because another though actually"
    " yesterday today tonight videos photos pictures messages everyone nobody empty full filled"
    " about there where their would could should sometimes single married busy happy different"
    " terrible horrible awful great amazing beautiful ridiculous insane crazy toxic addictive"
    " evidence proof addiction worse worst perfect depressing boring therapy gaming dating having"
    " getting seeing"
)


def contacts(text: str, keys: Set[str]) -> Iterator[Span]:
    """E-mail addresses, web addresses and handles; `keys` are the words of the text. What is found
    twice is joined later.
    """
    if "@" in text or ("at" in keys and not keys.isdisjoint(_MAIL_WORDS)):
        yield from (Span(*match.span(), "EMAIL") for match in EMAIL.finditer(text))
    if "://" in text or "www." in text or "WWW." in text or _LINK.search(text):
        yield from filter(None, map(_url, URL.finditer(text)))
    if "@" in text or "#" in text or "u/" in text:
        yield from (
            Span(*match.span(), "HANDLE")
            for match in HANDLE.finditer(text)
            if match.group().casefold() not in _PLACES
        )
    if not keys.isdisjoint(_SERVICE_WORDS):
        yield from _odd(text, (NAMED_HANDLE, BEFORE_SERVICE))
        yield from _plain_ones(text)
    if not keys.isdisjoint(_ADDS):
        yield from _odd(text, (ADD_ME,))


def _odd(text: str, patterns: Sequence[re.Pattern[str]]) -> Iterator[Span]:
    """Names with a digit, an underscore, a full stop or a capital inside."""
    for match in (match for pattern in patterns for match in pattern.finditer(text)):
        if (
            match["what"]
            and not re.fullmatch(r"[\d.,%$-]+|\w+\.", match["what"])
            and not _prose(match["what"])
        ):
            yield Span(*match.span("what"), "HANDLE")


def _plain_ones(text: str) -> Iterator[Span]:
    """Names that look like words, where the words around say that they are names of an account."""
    yield from (Span(*match.span("what"), "HANDLE") for match in GAMER.finditer(text))
    for pattern, groups in (
        (PLAIN_HANDLE, ("what", "under", "colon")),
        (BEFORE_SERVICE, ("under",)),
        (CLOSED_HANDLE, ("brackets", "colon")),
    ):
        for match in pattern.finditer(text):
            if pattern is CLOSED_HANDLE and not _SERVICE_ENDS.search(
                text, max(0, match.start() - 30), match.start()
            ):
                continue
            yield from (
                Span(*match.span(group), "HANDLE")
                for group in groups
                if match[group] and _plain(match[group])
            )


def _plain(what: str) -> bool:
    """Whether a word without signs of a handle may be one."""
    known = lists()
    key = what.casefold().strip("@")
    return (
        key not in _NO_HANDLE
        and key not in known.stop
        and key not in known.relations
        and not key.endswith(("ed", "ly", "ing", "tion", "ment", "ness"))
    )


def _prose(what: str) -> bool:
    """A hyphenated or abbreviated word, or an end of sentence without a space after it, is no
    handle.
    """
    if (
        re.fullmatch(r"(?:Mc|Mac|i|e)[A-Z][a-z]+|[A-Za-z]+\.com", what)
        or what.casefold() in _SERVICE_WORDS
    ):
        return True
    return bool(
        re.fullmatch(
            r"[A-Za-z]+(?:-[A-Za-z]+)+|[A-Za-z]+\.[A-Z][a-z]+|\d+[a-z]{0,4}|[A-Za-z]\.[A-Za-z]\.?"
            r"|\d+[-/.:]\d+\w*|[A-Z]+s",
            what,
        )
    )


def _url(match: re.Match[str]) -> Span | None:
    bare = match.group().rstrip(".,;:!?)'\"]")
    host, _, rest = re.sub(r"^(?:https?://)?(?:www\.)?", "", bare.casefold()).partition("/")
    if (
        not bare
        or any(host == one or host.endswith(f".{one}") for one in _CRISIS_HOSTS)
        or (host in _BARE and not rest)
    ):
        return None
    return Span(match.start(), match.start() + len(bare), "URL")
