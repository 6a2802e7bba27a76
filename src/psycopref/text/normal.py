"""Repair: encoding accidents, HTML remains, quotes and white space, without touching what was said."""

import html
import re

import ftfy

_CONFIG = ftfy.TextFixerConfig(unescape_html=False, explain=False)
_TAGS = (
    "a|abbr|b|big|blockquote|br|center|code|dd|del|div|dl|dt|em|font|h[1-6]|hr|i|img|ins|li|ol|p|pre|q|s|small|span"
    "|strike|strong|sub|sup|table|tbody|td|th|tr|tt|u|ul"
)
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h[1-6]|/blockquote|/tr|hr)\b[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]{{0,500}})?/?>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.{0,2000}?-->|<(script|style)\b[^<>]{0,200}>.{0,20000}?</\1\s*>", re.IGNORECASE | re.DOTALL)
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"[^\S\n]+")


def repair(text: str) -> str:
    """The text with mojibake and HTML undone, straight quotes, single spaces, at most one empty line in a row.

    Repairing twice changes nothing more.
    """
    for _ in range(4):
        after = _once(text)
        if after == text:
            break
        text = after
    return text


def _once(text: str) -> str:
    text = html.unescape(text)
    text = _TAG.sub("", _BREAK.sub("\n", _COMMENT.sub("", text)))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = ftfy.fix_text(text.replace("\u2028", "\n").replace("\u2029", "\n"), _CONFIG)
    text = _INVISIBLE.sub("", text)
    lines = [line.strip() for line in _SPACES.sub(" ", text).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def folded(text: str) -> str:
    """What two texts share that differ in case, punctuation or white space only; for finding exact duplicates."""
    return " ".join(re.findall(r"\w+", text.casefold()))
