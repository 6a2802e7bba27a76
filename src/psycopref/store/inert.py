"""Text that does nothing where it is shown: no terminal obeys it and no page turns its letters
round.
"""

import re

# Controls but tab and line feed, and the marks that change the direction of what follows.
_LIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def inert(text: str) -> str:
    """A text with every control character as a picture of itself; others are as they were."""
    return _LIVE.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"
