"""The reference pages of the documentation, from docstrings: what `import psycopref` gives, and
every section and setting of a recipe. scripts/build_site.py puts them into the site.
"""

import ast
import dataclasses
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import psycopref
from psycopref.config.instruments import Instrument
from psycopref.config.prompts import Prompt
from psycopref.flows import FLOWS
from psycopref.labels.topic_list import TopicList
from psycopref.models.entries import Pool
from psycopref.settings import Stage

LONGEST = 60  # characters of a default in a table; a longer one is named by its type
WIDE = 88  # columns of a signature; a longer one has one parameter a line


def prose(owner: object) -> str:
    """A docstring as Markdown: what looks like a tag outside code is written as text."""
    doc = inspect.getdoc(owner) or ""
    parts = re.split(r"(`[^`]*`)", doc)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def code(text: str) -> str:
    """Text as code in a cell of a table."""
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def hint(kind: Any) -> str:
    """A type as one would write it, without the modules of its names."""
    if kind is type(None):
        return "none"
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return hint(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(hint(one) for one in inner)
    if origin is typing.Literal:
        return " or ".join(repr(one) for one in inner)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return f"list of {hint(inner[0])}"
    if origin is dict:
        return f"table of {hint(inner[1])} by name"
    if inner and origin is not None:
        return f"{origin.__name__}[{', '.join(hint(one) for one in inner)}]"
    return getattr(kind, "__name__", str(kind))


def models_in(kind: Any) -> Iterator[type[BaseModel]]:
    """The settings that a type holds, in it or below it."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in typing.get_args(kind):
        yield from models_in(inner)


def reached(roots: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The roots and all settings below them, each once, what holds before what is held."""
    found: list[type[BaseModel]] = []
    waiting = list(roots)
    while waiting:
        model = waiting.pop(0)
        if model in found:
            continue
        found.append(model)
        waiting += [
            inner for field in model.model_fields.values() for inner in models_in(field.annotation)
        ]
    return found


def default(field: FieldInfo) -> str:
    """What stands where a setting is left out."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return f"a {type(value).__name__} with its defaults"
    if value is None or value is PydanticUndefined:
        return "none"
    text = repr(value.value if isinstance(value, Enum) else value)
    return code(text) if len(text) <= LONGEST else f"a {type(value).__name__}, see the source"


def anchor(model: type[BaseModel]) -> str:
    """The anchor of settings on their page: module and name, since two may have one name."""
    return f"{model.__module__.removeprefix('psycopref.')}.{model.__qualname__}".lower().replace(
        ".", "-"
    )


def bounds(field: FieldInfo) -> str:
    """The limits that a setting has to keep, such as '>= 0'."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    return ", ".join(
        f"{sign} {getattr(rule, name):g}"
        for rule in field.metadata
        for name, sign in signs.items()
        if isinstance(getattr(rule, name, None), int | float)
    )


def title(model: type[BaseModel], known: list[type[BaseModel]]) -> str:
    """What settings are called on the page: with their module where two have one name."""
    twice = sum(other.__qualname__ == model.__qualname__ for other in known) > 1
    module = model.__module__.rpartition(".")[2]
    return f"{module}.{model.__qualname__}" if twice else model.__qualname__


def settings(model: type[BaseModel], known: list[type[BaseModel]]) -> Iterator[str]:
    """One class of settings: what it is, and each setting with its type, limits and default."""
    stage = " (a stage)" if issubclass(model, Stage) else ""
    yield from (f"## {title(model, known)}{stage} {{ #{anchor(model)} }}", "")
    yield from (f"`{model.__module__}.{model.__qualname__}`", "", own_prose(model), "")
    if not model.model_fields:
        return
    yield from ("| setting | what it takes | where it is left out |", "|---|---|---|")
    for name, field in model.model_fields.items():
        words = hint(field.annotation).replace("|", "\\|")
        for inner in {one for one in models_in(field.annotation) if one in known}:
            words = re.sub(rf"\b{inner.__name__}\b", f"[{inner.__name__}](#{anchor(inner)})", words)
        limits = bounds(field)
        yield f"| `{field.alias or name}` | {words}{limits and ', ' + limits} | {default(field)} |"
    yield ""


def own_prose(model: type) -> str:
    """The docstring of a class itself: not the one of a base class."""
    return prose(model) if model.__doc__ else ""


def settings_page() -> str:
    """Every section and setting of every flow's recipe, and of the files that a recipe names."""
    recipes = [flow.Recipe for flow in FLOWS.values()]
    known = reached([*recipes, Pool, Instrument, TopicList, Prompt])
    lines = [
        "# Recipes, sections and settings",
        "",
        "A recipe is a TOML file: `flow` says what is done, its sections are settings of stages and"
        " flows. `psycopref run RECIPE` writes the recipe with every default said beside its"
        " report.",
        "",
        "| flow | its recipe |",
        "|---|---|",
        *(
            f"| `{name}` | [{title(flow.Recipe, known)}](#{anchor(flow.Recipe)}) |"
            for name, flow in FLOWS.items()
        ),
        "",
    ]
    for model in known:
        lines += settings(model, known)
    return "\n".join(lines)


def signature(call: Callable[..., Any], name: str = "") -> str:
    """The signature of a function as it stands in the source, under a name of its own."""
    node = ast.parse(textwrap.dedent(inspect.getsource(call))).body[0]
    if not isinstance(node, ast.FunctionDef):
        raise TypeError(f"{call!r} is no function")
    arguments = node.args
    if arguments.args and arguments.args[0].arg in ("self", "cls"):
        arguments.args = arguments.args[1:]
    parts = parameters(arguments)
    returns = ast.unparse(node.returns).strip("'") if node.returns else "None"
    tail = "" if returns == "None" else f" -> {returns}"
    text = f"{name or node.name}({', '.join(parts)}){tail}"
    if len(text) > WIDE:
        lines = "".join(f"    {part},\n" for part in parts)
        text = f"{name or node.name}(\n{lines}){tail}"
    return f"```text\n{text}\n```"


def parameters(given: ast.arguments) -> list[str]:
    """The parameters of a function, one by one."""
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    parts = [_parameter(at, value) for at, value in zip(plain, defaults, strict=True)]
    if given.vararg:
        parts.append(f"*{ast.unparse(given.vararg)}")
    elif given.kwonlyargs:
        parts.append("*")
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    parts += [_parameter(at, value) for at, value in pairs]
    return parts + ([f"**{ast.unparse(given.kwarg)}"] if given.kwarg else [])


def _parameter(at: ast.arg, value: ast.expr | None) -> str:
    text = ast.unparse(at)
    return text if value is None else f"{text} = {ast.unparse(value)}"


def columns(row: type) -> Iterator[str]:
    """The fields of a row or a named tuple, each with its type."""
    hints = typing.get_type_hints(row)
    yield from ("| field | type |", "|---|---|")
    yield from (f"| `{name}` | {hint(kind)} |".replace("~", "") for name, kind in hints.items())
    yield ""


def members(owner: type) -> Iterator[str]:
    """The public methods and properties of a class, in the order of the source."""
    for name, member in vars(owner).items():
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        call = getattr(member, "__func__", member)
        if isinstance(member, property | cached_property):
            yield from (f"### {owner.__name__}.{name}", "", prose(member), "")
        elif inspect.isfunction(call):
            title = f"{owner.__name__}.{name}"
            yield from (f"### {title}", "", signature(call), "", prose(call), "")


def public_class(owner: type) -> Iterator[str]:
    """A class of the public API: settings lead to their page, rows say their fields."""
    if issubclass(owner, BaseModel):
        yield from (prose(owner), "", f"Its settings: [here](settings.md#{anchor(owner)}).", "")
        return
    held = dataclasses.is_dataclass(owner) or issubclass(owner, tuple)
    if "__init__" in vars(owner) and not held:
        yield from (signature(vars(owner)["__init__"], owner.__name__), "")
    yield from (prose(owner), "")
    if held:
        yield from columns(owner)
    yield from members(owner)


def python_page() -> str:
    """What `import psycopref` gives: functions, then classes, then errors, each by name."""
    public = {name: getattr(psycopref, name) for name in psycopref.__all__ if name[0] != "_"}
    calls = {name: it for name, it in public.items() if inspect.isfunction(it)}
    errors = {
        name: it
        for name, it in public.items()
        if inspect.isclass(it) and issubclass(it, psycopref.PsycoprefError)
    }
    lines = ["# Python", "", prose(psycopref), ""]
    for name, call in calls.items():
        lines += [f"## {name}", "", signature(call), "", prose(call), ""]
    for name, owner in public.items():
        if name not in calls and name not in errors:
            lines += [f"## {name}", "", *public_class(owner)]
    lines += ["## Errors", "", "| error | what it says |", "|---|---|"]
    lines += [f"| `{name}` | {' '.join(prose(it).split())} |" for name, it in errors.items()]
    return "\n".join([*lines, ""])


def write(folder: Path) -> None:
    """Write both pages."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "python.md").write_text(python_page(), encoding="utf-8")
    (folder / "settings.md").write_text(settings_page(), encoding="utf-8")
