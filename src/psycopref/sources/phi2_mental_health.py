"""phi2-mental-health, a set for fine-tuning that the paper names; its Hub id, layout and licence
are not verified here.

Sets for fine-tuning often hold a whole exchange in one column `text`, with marks for who speaks.
Where a text has such marks (`Instruct:` and `Output:`, `Human:` or `User:` and `Assistant:`,
`Client:` and `Counselor:` or `Therapist:`, at the start of a line, also as `### Human:` or
`<HUMAN>:`; or `[INST] ... [/INST] ...`), the last client turn becomes the speech, turns before it
its history, and what follows the answer. Else the text is the client's; separate columns are
mapped: `columns = { text = "...", answer = "..." }`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from psycopref.sources.found import Answer, Found
from psycopref.sources.licences import UNKNOWN
from psycopref.sources.tabular import Corpus
from psycopref.tables import Turn

CORPUS = Corpus(
    "phi2-mental-health",
    "",
    {"text": "text"},
    by="phi2-mental-health",
    where="its Hub dataset, by the id you know",
)
LICENCE = UNKNOWN
_CLIENT = ("instruct", "human", "user", "client", "inst")
_MARK = re.compile(
    r"(?:^|(?<=\n))[ \t]*(?:#+["
    r" \t]*)?<?(instruct|output|human|user|assistant|client|counsell?or|therapist)>?[ \t]*:"
    r"|(?:<s>[ \t]*)?\[(/?inst)\]",
    re.IGNORECASE,
)


def read(path: Path | None, columns: Mapping[str, str]) -> Iterator[Found]:
    """One entry per row or question; an exchange in one text is told apart by its marks."""
    for found in CORPUS.read(path, columns):
        yield found if found.answers else _parted(found)


def _parted(found: Found) -> Found:
    turns = _turns(found.text)
    asked = max((at for at, turn in enumerate(turns) if turn.role == "client"), default=None)
    if asked is None:
        return replace(found, text="")
    answers = tuple(Answer(CORPUS.by, turn.text) for turn in turns[asked + 1 :])
    return replace(
        found, text=turns[asked].text, history=(*found.history, *turns[:asked]), answers=answers
    )


def _turns(text: str) -> list[Turn]:
    """The turns of a marked text; what stands before the first mark, or without any, is the
    client's.
    """
    first, *parts = _MARK.split(text)
    said = [("inst", first)] + [
        ((parts[at] or parts[at + 1]).lower(), parts[at + 2]) for at in range(0, len(parts), 3)
    ]
    turns: list[Turn] = []
    for who, words in said:
        role = "client" if who in _CLIENT else "counselor"
        plain = words.replace("</s>", "").strip()
        if plain and turns and turns[-1].role == role:
            turns[-1] = Turn(role, f"{turns[-1].text}\n{plain}")
        elif plain:
            turns.append(Turn(role, plain))  # type: ignore[arg-type]
    return turns
