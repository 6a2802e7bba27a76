"""What a chat template writes: every text of the chat, on no other day than any other run, and none
of the client's words as a token of the template's own.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from jinja2 import TemplateError

from psycopref.errors import PsycoprefError

# What templates that write the day are given, so that the same text has the same tokens tomorrow:
# the date that Llama 3's own template falls back to.
DATE = datetime(2024, 7, 26, tzinfo=UTC)
# Stands before a history that a counselor opens, where a template takes none but the user first.
OPENING = "(The session begins.)"
_BRACKETED = re.compile(r"[<\[◁].+[>\]▷]")
_PROBE = [{"role": "user", "content": "How are you?"}]
_ANSWER = {"role": "assistant", "content": "I am well."}

Turns = Sequence[Mapping[str, str]]

_marks: WeakKeyDictionary[Any, tuple[str, ...]] = WeakKeyDictionary()
_arguments: WeakKeyDictionary[Any, tuple[str, dict[str, bool]]] = WeakKeyDictionary()


class Unwritable(PsycoprefError):
    """A chat that a template refuses, or of which it loses a text; the message holds none of it."""


def inert(tokenizer: Any, text: str) -> str:
    """The text with a space inside anything that the tokenizer would take for a token of its own:
    the special tokens it names, those that stand in its vocabulary alone (Llama 3's headers), and
    marks such as <think>.
    """
    if tokenizer not in _marks:
        added = getattr(tokenizer, "added_tokens_decoder", {}).values()
        own = {one.content for one in added if one.special or _BRACKETED.fullmatch(one.content)}
        named = {str(one) for one in (*own, *tokenizer.all_special_tokens) if len(str(one)) > 1}
        _marks[tokenizer] = tuple(sorted(named, key=lambda one: (-len(one), one)))
    for mark in _marks[tokenizer]:
        if mark in text:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
    return text


def written(tokenizer: Any, turns: Turns, ask: bool) -> str:
    """The chat as the template writes it, with the opening of an answer where `ask`.

    A history that the counselor opens gets an opening turn where the template wants the user first,
    and contents go as lists of parts where it reads only these. Unwritable where it takes the turns
    in no form, or where a text of theirs is not in what it writes.
    """
    refused = True
    for form in _forms(turns):
        try:
            text = _applied(tokenizer, form, ask, arguments(tokenizer))
        except (TemplateError, TypeError):  # its message may quote the chat
            continue
        refused = False
        if all(turn["content"].strip() in text for turn in turns):
            return text
    where = f"chat template of {tokenizer.name_or_path!r}"
    if refused:
        raise Unwritable(
            f"{where} does not take these turns; use a model whose template takes turns of user and"
            " assistant"
        )
    raise Unwritable(f"{where} leaves out what a turn says; use a model whose template writes it")


def _forms(turns: Turns) -> list[list[dict[str, Any]]]:
    plain = [dict(turn) for turn in turns]
    opened = [{"role": "user", "content": OPENING}, *plain]
    forms = [plain, opened] if turns and turns[0]["role"] == "assistant" else [plain]
    parts = [
        [{**turn, "content": [{"type": "text", "text": turn["content"]}]} for turn in form]
        for form in forms
    ]
    return [*forms, *parts]


def arguments(tokenizer: Any) -> dict[str, bool]:
    """What the template is told beside the chat: `enable_thinking = False` where its prompt opens
    thinking that the answer's own text closes in other tokens, so that no pair could be learnt.
    """
    template = str(tokenizer.chat_template)
    if tokenizer not in _arguments or _arguments[tokenizer][0] != template:
        found: dict[str, bool] = {}
        without = {"enable_thinking": False}
        if not _opens(tokenizer, found) and _opens(tokenizer, without):
            found = without
        _arguments[tokenizer] = (template, found)
    return _arguments[tokenizer][1]


def _opens(tokenizer: Any, told: dict[str, bool]) -> bool:
    """Whether the prompt's tokens are the first of prompt and answer, on a chat that any template
    takes.
    """
    try:
        prompt, whole = (
            tokenizer(_applied(tokenizer, turns, ask, told), add_special_tokens=False)["input_ids"]
            for turns, ask in ((_PROBE, True), ([*_PROBE, _ANSWER], False))
        )
    except (TemplateError, TypeError):  # one that reads parts alone
        return True
    return bool(whole[: len(prompt)] == prompt)


def _applied(tokenizer: Any, turns: Any, ask: bool, told: dict[str, bool]) -> str:
    template = tokenizer.get_chat_template()
    if "strftime_now" in template:
        template = _dated() + template
    return str(
        tokenizer.apply_chat_template(
            turns, chat_template=template, add_generation_prompt=ask, tokenize=False, **told
        )
    )


@cache
def _dated() -> str:
    """A macro in the place of the function that writes today's date: loaders let no function of
    ours through to a template.
    """
    codes = ("%-d", "%-m", *(f"%{one}" for one in "aAbBdjmyYHIMSp"))
    filled = "".join(f" | replace('{code}', '{DATE.strftime(code)}')" for code in codes)
    return "{%- macro strftime_now(form) -%}{{ form" + filled + " }}{%- endmacro -%}"
