"""Screens: why a speech cannot be used, as one fixed word or nothing. `first_person` and `request`
know English only.
"""

import re

_PLACEHOLDER = re.compile(r"<[A-Z]+>")
_FIRST = re.compile(
    r"\b(?:i|i['’]?(?:m|ve|d|ll)|ima|me|my|mine|myself|we|we['’]?(?:re|ve|ll)|us|our|ours"
    r"|ourselves)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|\b(?:how|why|what|which|where|when|who|is|are|am|do|does|did|can|could|should|would|will)"
    r" (?:do|does|can|could|should|would|is|it|are|am|i|we|to|my|he|she|they|you)\b"
    r"|\b(?:pl(?:ea)?s[ez]?|plz|advi[cs]e|help(?:s|ed|ing)?|suggest\w*|recommend\w*|guidance|tips?"
    r"|thoughts|opinions?|wonder(?:ing)?|support)\b|\b(?:want(?:ed)?|need(?:ed)?|like|love|trying"
    r"|try|hop(?:e|ing)|wish|unsure|sure|idea|knows?|understand|figure"
    r" out|tell me|explain)\b[^.!?\n]{0,40}"
    r"\b(?:how|what|why|if|whether|where|who|to|could|would)\b"
    r"|\b(?:lost|stuck|at a loss|no idea|confused|desperate)\b|\b(?:looking|ask(?:ing)?) for\b",
    re.IGNORECASE,
)
_FILLER = (
    r"\[?(?:deleted|removed|redacted)(?: by"
    r" (?:user|moderator|reddit))?\]?|n/?a|none|null|nil|nan|undefined|tba|tbd"
    r"|no (?:text|content|body|message|question|comment)|(?:see|as in|read) (?:the"
    r" )?(?:title|subject|above)|title says it all"
    r"|(?:this is (?:a|just a|only a) )?test(?:ing)?(?:"
    r" (?:test(?:ing)?|post|message|entry|row|question|\d+))*"
    r"|asdf|qwert[yz]?|foo ?bar|foo|bar|blah|bla|abc|xyz|hjkl|jkl|lorem"
    r" ipsum|#(?:ref|n/?a|value|name\?)!?"
)
_FILLED = re.compile(rf"(?:(?:{_FILLER})[\s.,;:!?\-]*)+", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]+")
_DONE = (
    r"(?:has been|was|is) (?:\w+"
    r" )?(?:removed|deleted|merged|closed|locked|moved|archived|hidden|marked|flagged|awaiting)"
)
_NOTICE = re.compile(
    r"\b(?:this|your) (?:post|question|thread|topic|comment|message|submission|content|discussion)"
    rf" {_DONE}"
    r"|\bi am a bot\b|\bthis action was performed automatically|\bcontact the"
    r" moderators|\bmoderators? of this (?:sub\w*|forum|community|site)"
    r"|\b(?:we|this (?:web ?)?site|our (?:web ?)?site) uses? cookies|\baccept (?:all"
    r" )?cookies|\bcookie (?:policy|settings|preferences)"
    r"|\bprivacy policy\b|\bterms of (?:service|use)\b|\ball rights reserved\b|\benable"
    r" javascript\b"
    r"|\bpage (?:you requested )?(?:was |could )?not (?:be )?found\b"
    r"|\b(?:log|sign) ?in (?:or (?:register|sign up) )?to (?:reply|post|comment|view|continue)\b"
    r"|\bsubscribe to (?:our|the) newsletter\b|\bclick here to"
    r" (?:read|view|see|subscribe|unsubscribe|continue)\b|\bunsubscribe\b"
    r"|\bsee the original (?:post|question|thread)\b|\blorem ipsum\b|\bdolor sit amet\b",
    re.IGNORECASE,
)
_HINTS = (  # one of them stands in everything that _NOTICE finds
    *(
        "removed",
        "deleted",
        "merged",
        "closed",
        "locked",
        "moved",
        "archived",
        "hidden",
        "marked",
        "flagged",
        "awaiting",
        "a bot",
        "automatically",
    ),
    *(
        "moderator",
        "cookie",
        "privacy policy",
        "terms of",
        "rights reserved",
        "javascript",
        "found",
        "log in",
        "login",
        "sign in",
        "signin",
        "subscribe",
    ),
    *("click here", "the original", "lorem", "dolor"),
)
_UNIT, _TIMES = 6, 12  # characters of what a key held down repeats, and how often at least


def screen(text: str, low: int, high: int) -> str:
    """'short' or 'long' outside `low` to `high` characters (the paper: 100 to 1,000), 'wordless'
    under half letters, else ''.
    """
    if len(text) < low:
        return "short"
    if len(text) > high:
        return "long"
    return "wordless" if _wordless(text) else ""


def _wordless(text: str) -> bool:
    said = re.sub(r"\s", "", _PLACEHOLDER.sub("", text))
    return 2 * sum(map(str.isalpha, said)) < len(said) or not said


def boilerplate(text: str) -> bool:
    """Whether nobody speaks: fillers ('[deleted]', 'n/a', 'test', 'asdf'), notices of a site that
    leave less than a quarter, keys held down.
    """
    said = text.strip("[]()*_-. \n")
    if not said or _FILLED.fullmatch(said):
        return True
    return _held_down(text) or _only_notices(text)


def _only_notices(text: str) -> bool:
    small = text.casefold()
    if not any(
        hint in small for hint in _HINTS
    ):  # most speeches have none, and this is a tenth of the time
        return False
    left = [sentence for sentence in _SENTENCE.findall(small) if not _NOTICE.search(sentence)]
    return 4 * sum(map(_letters, left)) < _letters(small)


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _held_down(text: str) -> bool:
    """Whether the same one to six characters, twelve times or more in a row, make up over half of
    the text (so its middle is among them).
    """
    middle = len(text) // 2
    for unit in range(1, _UNIT + 1):
        start = end = min(middle, max(0, len(text) - unit))
        while end + unit < len(text) and text[end] == text[end + unit]:
            end += 1
        while start > 0 and text[start - 1] == text[start - 1 + unit]:
            start -= 1
        run = end + unit - start
        if run >= unit * _TIMES and 2 * run > len(text):
            return True
    return False


def first_person(text: str) -> bool:
    """Whether an English text says I or we in any form: what a client says of others only, or a
    text about a topic, does not.
    """
    return _FIRST.search(text) is not None


def request(text: str) -> bool:
    """Whether an English text asks for something: a question mark, words of a question, help,
    advice, or not knowing how.
    """
    return _ASKS.search(text) is not None
