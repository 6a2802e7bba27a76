"""Repair: encoding accidents, HTML remains, quotes, white space and slips of pasting, without
touching what was said.
"""

import html
import re

import ftfy

_CONFIG = ftfy.TextFixerConfig(unescape_html=False, explain=False)
_TAGS = (
    "a|abbr|b|big|blockquote|br|center|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|li|ol|p"
    "|pre|q|s|small|span"
    "|strike|strong|sub|sup|table|tbody|td|th|tr|tt|u|ul"
)
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h[1-6]|/blockquote|/tr|hr)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]{{0,500}})?/?>", re.IGNORECASE)
_COMMENT = re.compile(
    r"<!--.{0,2000}?-->|<(script|style)\b[^<>]{0,200}>.{0,20000}?</\1\s*>",
    re.IGNORECASE | re.DOTALL,
)
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
    "|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_DEVICE = (
    r"(?:i ?phone|i ?pad|i ?pod|android|samsung|galaxy|huawei|pixel|nokia|blackberry|windows"
    r" phone|mobile|cell ?phone|smart ?phone|phone|tablet"
    r"|yahoo mail|outlook|proton ?mail|gmail mobile)\b[^\n]{0,60}"
)
_SENT_FROM = re.compile(
    rf"(?:sent|written|posted) (?:from|via|using) (?:my |a |the )?{_DEVICE}|get outlook for"
    r" (?:ios|android)[^\n]{0,60}"
    rf"|von meinem {_DEVICE}gesendet|gesendet (?:von|mit) (?:meinem |der )?{_DEVICE}|envoyé"
    rf" de(?:puis)? mon {_DEVICE}"
    rf"|enviado (?:desde|do|de) (?:mi|meu) {_DEVICE}|inviato da(?:l mio)? {_DEVICE}|verzonden vanaf"
    rf" mijn {_DEVICE}",
    re.IGNORECASE,
)
_LONG_PARAGRAPH = (
    40  # letters from which on the same paragraph twice is a slip of pasting and no emphasis
)
# every round but the last takes something off; entities that are escaped in one another need one
# round for each
_ROUNDS = 64
_SPACES = re.compile(r"[^\S\n]+")


def repair(text: str) -> str:
    """The text with mojibake and HTML undone, straight quotes, single spaces, at most one empty
    line in a row.

    A paragraph of 40 characters or more that stood before, a text that was pasted twice, and a last
    line such as "Sent from my iPhone" go.

    Repairing twice changes nothing more.
    """
    for _ in range(_ROUNDS):
        after = _once(text)
        if after == text:
            break
        text = after
    return text


def _once(text: str) -> str:
    text = html.unescape(text)
    if "-->" in text or "</" in text:
        text = _COMMENT.sub("", text)
    text = _TAG.sub("", _BREAK.sub("\n", text))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = ftfy.fix_text(text.replace("\u2028", "\n").replace("\u2029", "\n"), _CONFIG)
    text = _INVISIBLE.sub("", text)
    lines = [line.strip() for line in _SPACES.sub(" ", text).split("\n")]
    return _without_signature(
        _once_each(re.sub(r"\n{3,}", "\n\n", "\n".join(_unique(lines))).strip())
    )


def _unique(lines: list[str]) -> list[str]:
    """The lines without long ones that stood before."""
    seen: set[str] = set()
    kept = []
    for line in lines:
        if len(line) < _LONG_PARAGRAPH or line not in seen:
            kept.append(line)
        seen.add(line)
    return kept


def _once_each(text: str) -> str:
    """A text that was pasted twice, once."""
    halves = [
        (between, *divmod(len(text) - len(between), 2)) for between in ("", " ", "\n", "\n\n")
    ]
    for between, half, odd in halves:
        if (
            half >= _LONG_PARAGRAPH
            and not odd
            and text[:half] == text[-half:]
            and text[half : len(text) - half] == between
        ):
            return _once_each(text[:half])
    return text


def _without_signature(text: str) -> str:
    """The text without a last line that a telephone's mail program wrote."""
    before, _, last = text.rpartition("\n")
    return before.rstrip() if _SENT_FROM.fullmatch(last.strip(" .-_*")) else text


def folded(text: str) -> str:
    """What two texts share that differ in case, punctuation or white space only; for finding exact
    duplicates.
    """
    return " ".join(re.findall(r"\w+", text.casefold()))
