"""TOML files that people edit: found by name or path, checked against settings, with errors that
help.
"""

import difflib
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from psycopref.errors import RecipeError
from psycopref.settings import Settings

S = TypeVar("S", bound=Settings)
_SECRET = ("url", "key_env")
DATA = Path(str(resources.files("psycopref"))) / "data"


def shipped(folder: str, suffix: str = ".toml") -> list[str]:
    """The names of what ships in a folder of data/."""
    return sorted(path.stem for path in (DATA / folder).glob(f"*{suffix}"))


def locate(folder: str, name: str, suffix: str = ".toml") -> Path:
    """A file by path (anything with a slash or the suffix) or by the name of a shipped one."""
    if "/" in name or name.endswith(suffix):
        path = Path(name)
        if path.is_file():
            return path
        raise RecipeError(
            f"{folder}: no file {name!r}; give the path of a {suffix} file or one of"
            f" {shipped(folder, suffix)}"
        )
    path = DATA / folder / f"{name}{suffix}"
    if path.is_file():
        return path
    known = shipped(folder, suffix)
    raise RecipeError(
        f"{folder}: nothing is named {name!r}{did_you_mean(name, known)}; there are {known}, or"
        f" give the path of a {suffix} file"
    )


def did_you_mean(name: str, known: list[str]) -> str:
    """`; did you mean 'judge'?` or nothing."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a dict; RecipeError names line and column of a mistake."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except RecursionError:
        raise RecipeError(
            f"{path}: tables or lists stand within each other too deeply to be read; a recipe needs"
            " a handful of levels"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not TOML: {error}") from None  # the cause holds the file


def named(kind: type[S], folder: str, name: str) -> S:
    """A shipped file by name, or any by path, as settings."""
    path = locate(folder, name)
    return checked(kind, read_toml(path), str(path))


def checked(kind: type[S], values: dict[str, Any], where: str) -> S:
    """Settings from plain values; RecipeError lists every mistake with its place and a
    suggestion.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(
            "\n".join(_line(kind, where, one) for one in _own(error.errors()))
        ) from None  # the cause holds the values


def _own(errors: Sequence[Any]) -> list[Any]:
    """The mistakes that somebody made: a list is not too short because what it holds was
    refused.
    """
    within = {one["loc"][:size] for one in errors for size in range(len(one["loc"]))}
    return [one for one in errors if one["type"] != "too_short" or one["loc"] not in within]


def _line(kind: type[Settings], where: str, error: Any) -> str:
    places = [str(part) for part in error["loc"]]
    section = f" [{'.'.join(places[:-1])}]" if places[:-1] else ""
    last = places[-1] if places else ""
    if error["type"] == "extra_forbidden":
        return (
            f"{where}{section}: no setting {last!r}{did_you_mean(last, _known(kind, places[:-1]))}"
        )
    if error["type"] == "missing":
        return f"{where}{section}: setting {last!r} is missing"
    plain = (
        isinstance(error["input"], str | int | float) and last not in _SECRET
    )  # a table may hold an address with a password
    found = f" (found {error['input']!r:.80})" if plain else ""
    return (
        f"{where}{section}:"
        f" {f'{last!r}: ' if last else ''}{error['msg'].removeprefix('Value error, ')}{found}"
    )


def _known(kind: Any, places: list[str]) -> list[str]:
    for part in places:
        field = getattr(kind, "model_fields", {}).get(part)
        if field is None:
            continue
        options = [field.annotation, *getattr(field.annotation, "__args__", ())]
        kind = next(
            (
                option
                for option in options
                if isinstance(option, type) and issubclass(option, Settings)
            ),
            kind,
        )
    return list(getattr(kind, "model_fields", {}))
