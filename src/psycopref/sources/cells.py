"""What stands in a row of a table of questions: texts, splits and turns, read or refused."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

from psycopref.errors import SourceError
from psycopref.sources.preference_row import ROLES, SYSTEM, storable
from psycopref.tables import Split, Turn

# The names that others give to splits, in small letters.
SPLITS: dict[str, Split] = {
    **{name: name for name in get_args(Split)},
    **dict.fromkeys(("validation", "valid", "val", "eval"), "dev"),
}
_SPEAKERS = {"client": "client", "counselor": "counselor", **ROLES}


class Talk(NamedTuple):
    """A list of messages as a speech: the client's last turn, the turns before it, and the answer
    that follows it ('' for none).
    """

    text: str
    history: tuple[Turn, ...]
    answer: str


def string(where: str, row: Mapping[str, Any], column: str, required: bool = False) -> str:
    """The text of a cell, '' for none; a whole number is one too, but not where it is needed."""
    value = row.get(column) if column else None
    if required and column not in row:
        raise SourceError(f"{where} has no {column!r}; every row needs one")
    if value is None:
        return ""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and not isinstance(value, bool) and not required:
        return str(value)
    raise SourceError(f"{where}: {column!r} is a {type(value).__name__}, not text")


def split(where: str, row: Mapping[str, Any], column: str) -> Split:
    """The split that a cell names, by our names or by the usual ones of others."""
    value = string(where, row, column).strip().lower()
    if value not in SPLITS:
        raise SourceError(
            f"{where}: {column!r} is none of {[name for name in SPLITS if name]}; leave it empty to"
            " have the speech placed by its hash"
        )
    return SPLITS[value]


def history(where: str, value: Any) -> tuple[Turn, ...]:
    """Turns before a speech: a list of role and text (or content), client and counselor, or user
    and assistant as chats have it. A system message is left out.
    """
    if value in (None, ""):
        return ()
    found = _turns(value)
    if found is None:
        raise SourceError(
            f'{where}: the history is not a list of {{"role": "client" or "counselor", "text":'
            ' "..."} (or of user and assistant, and content)'
        )
    return found


def talk(where: str, row: Mapping[str, Any], column: str) -> Talk:
    """The messages of a cell as a speech; SourceError where the client does not speak last, or last
    but one.
    """
    turns = _turns(row.get(column)) or ()
    answer = turns[-1].text if turns and turns[-1].role == "counselor" else ""
    before = turns[:-1] if answer else turns
    if not before or before[-1].role != "client":
        raise SourceError(
            f"{where}: {column!r} is not a list of messages (role and content) in which the client"
            " speaks last, or last before an answer"
        )
    return Talk(before[-1].text, before[:-1], answer)


def _turns(value: Any) -> tuple[Turn, ...] | None:
    turns: list[Turn] = []
    for turn in value if isinstance(value, Sequence) and not isinstance(value, str) else [None]:
        if not isinstance(turn, Mapping):
            return None
        role = str(turn.get("role", turn.get("from"))).lower()
        said = turn.get("text", turn.get("content", turn.get("value")))
        if role in SYSTEM:
            continue
        if role not in _SPEAKERS or not isinstance(said, str):
            return None
        turns.append(Turn(_SPEAKERS[role], storable(said)))
    return tuple(turns)
