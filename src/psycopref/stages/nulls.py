"""Speeches to answers that no one should prefer: what they win against a real answer is what the
judge gives away.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple, get_args

from pydantic import Field, field_validator

from psycopref.config.prompts import instruction
from psycopref.lab import Lab
from psycopref.settings import Stage
from psycopref.stats.length import words
from psycopref.tables import Response, Speech, content_id

Null = Literal["constant", "echo", "other", "longest", "shortest"]
NULLS: tuple[Null, ...] = get_args(Null)


class Nullified(NamedTuple):
    """The answers, each by a model `null:<kind>`."""

    responses: Sequence[Response]


class Nulls(Stage):
    """Null opponents on `speeches` speeches, drawn by a hash of their ids (0 for none); arXiv
    2410.07137 shows why: a constant reply can win.

    `constant`: one warm reply to everyone. `echo`: the client's own words. `other`: the opponent's
    answer to another client. `longest` and `shortest`: of the answers that there are to the speech,
    by words.
    """

    speeches: int = Field(default=200, ge=0)
    kinds: tuple[Null, ...] = NULLS
    constant: str = Field(default_factory=lambda: instruction("null_constant"), min_length=1)

    @field_validator("kinds")
    @classmethod
    def _once(cls, kinds: tuple[Null, ...]) -> tuple[Null, ...]:
        """A kind named twice would be played twice, under one name."""
        if len(set(kinds)) < len(kinds):
            raise ValueError(f"kinds: each once, found {list(kinds)}")
        return kinds

    def run(
        self,
        lab: Lab,
        speeches: Sequence[Speech],
        pool: Sequence[Response],
        theirs: Sequence[Response],
    ) -> Nullified:
        """Answers to the drawn speeches; `pool` holds the answers that longest and shortest are
        taken from, `theirs` the opponent's (others: draw 0 alone).
        """
        drawn = sorted(speeches, key=lambda one: sha256(f"null:{one.speech_id}".encode()).digest())[
            : self.speeches
        ]
        wanted = {one.speech_id for one in drawn}
        answers: dict[str, list[str]] = {}
        for row in pool:
            if row.speech_id in wanted:
                answers.setdefault(row.speech_id, []).append(row.text)
        said = {
            row.speech_id: row.text for row in theirs if row.speech_id in wanted and row.draw == 0
        }
        given = [one.speech_id for one in drawn if one.speech_id in said]
        after = dict(zip(given, [*given[1:], *given[:1]], strict=True)) if len(given) > 1 else {}
        made: dict[Null, Callable[[Speech], str]] = {
            "constant": lambda one: self.constant,
            "echo": lambda one: one.text,
            "other": lambda one: said[after[one.speech_id]] if one.speech_id in after else "",
            "longest": lambda one: max(sorted(answers.get(one.speech_id, [""])), key=words),
            "shortest": lambda one: min(sorted(answers.get(one.speech_id, [""])), key=words),
        }
        rows = [_row(one.speech_id, kind, made[kind](one)) for kind in self.kinds for one in drawn]
        return Nullified([row for row in rows if row.text])


def _row(speech_id: str, kind: Null, text: str) -> Response:
    model = f"null:{kind}"
    return Response(content_id("response", speech_id, model, text), speech_id, model, text)
