"""Screens: why a speech cannot be used, as one fixed word or nothing. `first_person` and `request` know English only."""

import re

_PLACEHOLDER = re.compile(r"<[A-Z]+>")
_FIRST = re.compile(r"\b(?:i|i['’]?(?:m|ve|d|ll)|ima|me|my|mine|myself|we|we['’]?(?:re|ve|ll)|us|our|ours|ourselves)\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\?|\b(?:how|why|what|which|where|when|who|is|are|am|do|does|did|can|could|should|would|will) (?:do|does|can|could|should|would|is|it|are|am|i|we|to|my|he|she|they|you)\b"
    r"|\b(?:pl(?:ea)?s[ez]?|plz|advi[cs]e|help(?:s|ed|ing)?|suggest\w*|recommend\w*|guidance|tips?|thoughts|opinions?|wonder(?:ing)?|support)\b"
    r"|\b(?:want(?:ed)?|need(?:ed)?|like|love|trying|try|hop(?:e|ing)|wish|unsure|sure|idea|knows?|understand|figure out|tell me|explain)\b[^.!?\n]{0,40}"
    r"\b(?:how|what|why|if|whether|where|who|to|could|would)\b"
    r"|\b(?:lost|stuck|at a loss|no idea|confused|desperate)\b|\b(?:looking|ask(?:ing)?) for\b",
    re.IGNORECASE,
)
_FILLER = (
    r"\[?(?:deleted|removed|redacted)(?: by (?:user|moderator|reddit))?\]?|n/?a|none|null|nil|nan|undefined|tba|tbd|no (?:text|content|body|message|question|comment)"
    r"|(?:see|as in|read) (?:the )?(?:title|subject|above)|title says it all|(?:this is (?:a|just a|only a) )?test(?:ing)?(?: (?:test(?:ing)?|post|message|entry|row|question|\d+))*"
    r"|(?:asdf|qwert[yz]?|foo ?bar|foo|bar|blah|bla|abc|xyz|hjkl|jkl|lorem ipsum|#(?:ref|n/?a|value|name\?)!?)"
)
_FILLED = re.compile(rf"(?:(?:{_FILLER})[\s.,;:!?\-]*)+", re.IGNORECASE)
_SENTENCE = re.compile(r"[^.!?\n]+")
_NOTICE = re.compile(
    r"(?:"
    r"\bthis (?:post|question|thread|topic|comment|message|submission|content|discussion) (?:has been|was|is) (?:\w+ )?(?:removed|deleted|merged|closed|locked|moved|archived|hidden|marked|flagged)"
    r"|\byour (?:post|question|thread|comment|message|submission) (?:has been|was|is) (?:\w+ )?(?:removed|deleted|merged|closed|locked|moved|hidden|flagged|awaiting)"
    r"|\bi am a bot\b|\bthis action was performed automatically|\bcontact the moderators|\bmoderators? of this (?:sub\w*|forum|community|site)"
    r"|\b(?:we|this (?:web ?)?site|our (?:web ?)?site) uses? cookies|\baccept (?:all )?cookies|\bcookie (?:policy|settings|preferences)|\bprivacy policy\b|\bterms of (?:service|use)\b"
    r"|\ball rights reserved\b|\benable javascript\b|\bpage (?:you requested )?(?:was |could )?not (?:be )?found\b|\b(?:log|sign) ?in (?:or (?:register|sign up) )?to (?:reply|post|comment|view|continue)\b"
    r"|\bsubscribe to (?:our|the) newsletter\b|\bclick here to (?:read|view|see|subscribe|unsubscribe|continue)\b|\bunsubscribe\b|\blorem ipsum\b|\bdolor sit amet\b"
    r")",
    re.IGNORECASE,
)
_RUN = re.compile(r"(.{1,6}?)\1{11,}", re.DOTALL)


def screen(text: str, low: int, high: int) -> str:
    """'short' or 'long' outside `low` to `high` characters (the paper: 100 to 1,000), 'wordless' under half letters, else ''."""
    if len(text) < low:
        return "short"
    if len(text) > high:
        return "long"
    return "wordless" if _wordless(text) else ""


def _wordless(text: str) -> bool:
    said = re.sub(r"\s", "", _PLACEHOLDER.sub("", text))
    return 2 * sum(map(str.isalpha, said)) < len(said) or not said


def boilerplate(text: str) -> bool:
    """Whether nobody speaks: fillers ('[deleted]', 'n/a', 'test', 'asdf'), notices of a site that leave less than a quarter, keys held down."""
    said = text.strip("[]()*_-. \n")
    if not said or _FILLED.fullmatch(said):
        return True
    left = sum(_letters(sentence) for sentence in _SENTENCE.findall(text) if not _NOTICE.search(sentence))
    return 4 * left < _letters(text) or _held_down(text)


def _letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def _held_down(text: str) -> bool:
    """Whether runs of the same one to six characters, twelve times or more, make up over half of the text."""
    return 2 * sum(len(match.group()) for match in _RUN.finditer(text) if match.group().strip()) > len(text)


def first_person(text: str) -> bool:
    """Whether an English text says I or we in any form: what a client says of others only, or a text about a topic, does not."""
    return _FIRST.search(text) is not None


def request(text: str) -> bool:
    """Whether an English text asks for something: a question mark, words of a question, help, advice, or not knowing how."""
    return _ASKS.search(text) is not None
