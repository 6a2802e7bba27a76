"""How models think aloud, in one place: what of a text is thinking, and what is the answer.

A reply is kept in the ledger as it came, with its thinking in front in `<think>` tags where an
endpoint gives that apart; whoever reads it takes `split(text).answer`.
"""

import re
from typing import NamedTuple

OPEN, CLOSE = "<think>", "</think>"
_NAMES = (
    r"think|thinking|thought|thoughts|reasoning|reason|reflection|analysis|scratchpad|seed:think"
)
# Opening and closing marks that belong together. One that could stand in a text counts at the start
# of a line alone, so that what a judge quotes within a sentence or a JSON string is a quotation.
_PAIRS = (
    (rf"^[ \t]*<(?P<name>{_NAMES})\b[^<>\n]*>", "</{name}>"),
    (r"^[ \t]*\[THINK\]", "[/THINK]"),
    (r"◁think▷", "◁/think▷"),
    (r"<\|begin_of_thought\|>", "<|end_of_thought|>"),
    (r"<\|START_THINKING\|>", "<|END_THINKING|>"),
    (
        r"(?:<\|start\|>\s*assistant)?<\|channel\|>\s*(?:analysis|commentary)\b[^<]*<\|message\|>",
        "<|end|>",
    ),
)
_OPENING = [(re.compile(rf"(?im){pattern}"), close) for pattern, close in _PAIRS]
_CLOSING = re.compile(
    rf"(?i)(?<![\"'`“‘])(?:</(?:{_NAMES})\s*>|\[/THINK\]|◁/think▷"
    r"|<\|end_of_thought\|>|<\|END_THINKING\|>)(?![\"'`”’])"
)
# What frames the answer itself and is no part of it.
_FRAME = re.compile(
    r"(?i)<\|start\|>\s*assistant|<\|channel\|>\s*final\b[^<]*<\|message\|>|<\|(?:end|return)\|>"
    r"|<\|(?:begin|end)_of_solution\|>|<\|(?:START|END)_RESPONSE\|>"
)
# Harmony's channels after a tokenizer has taken its marks away.
_BARE = re.compile(r"(?s)^\s*analysis(?=[\sA-Z])(?P<thought>.*?)assistant\s*final")
_BARE_OPEN = re.compile(r"^\s*analysis(?=[A-Z])")


class Thought(NamedTuple):
    """A text in two: what was thought, and what was answered; `closed` says whether the thinking
    came to an end (where it did not, there is no answer).
    """

    thinking: str
    answer: str
    closed: bool = True


def split(text: str) -> Thought:
    """Thinking and answer of a reply. A text without any mark of thinking is its own answer, to the
    letter.

    A block is open or closed, of any model family's marks; a closing mark alone ends thinking that
    the template had opened. An opening mark whose block never ends makes all behind it thinking.
    """
    thoughts: list[str] = []
    if bare := _BARE.match(text):
        thoughts.append(bare["thought"])
        text = text[bare.end() :]
    elif _BARE_OPEN.match(text):
        return Thought(text.strip(), "", False)
    rest, closed = _without_blocks(text, thoughts)
    if closed and (lone := _last(_CLOSING, rest)):
        thoughts.insert(0, rest[: lone.start()])
        rest = rest[lone.end() :]
    if not thoughts and closed and not _FRAME.search(rest):
        return Thought("", text)
    answer = _FRAME.sub("", rest).strip()
    return Thought("\n".join(one.strip() for one in thoughts if one.strip()), answer, closed)


def _without_blocks(text: str, thoughts: list[str]) -> tuple[str, bool]:
    """The text without its blocks, which go into `thoughts`; and whether the last one ended."""
    while True:
        found = [(one, close) for opening, close in _OPENING if (one := opening.search(text))]
        if not found:
            return text, True
        first, close = min(found, key=lambda pair: pair[0].start())
        if "name" in first.groupdict():
            close = close.format(name=first["name"])
        end = text.lower().find(close.lower(), first.end())
        if end < 0 and close == "<|end|>":
            end = text.find("<|start|>", first.end())
            close = ""
        if end < 0:
            thoughts.append(text[first.end() :])
            return text[: first.start()], False
        thoughts.append(text[first.end() : end])
        text = text[: first.start()] + text[end + len(close) :]


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007
        pass
    return found


def tagged(thinking: str, answer: str) -> str:
    """A reply's text where an endpoint gives its thinking apart; `split` takes it apart again."""
    return f"{OPEN}{thinking.strip()}{CLOSE}\n{answer}" if thinking.strip() else answer
