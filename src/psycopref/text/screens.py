"""Screens: why a speech cannot be used, as one fixed word or nothing."""

import re

_PLACEHOLDER = re.compile(r"<[A-Z]+>")


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
