"""Canonical JSON and digests: the one definition of "the same"."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def plain(value: Any) -> Any:
    """A value as JSON knows it: dataclasses and settings become dicts, tuples lists, paths strings.

    Settings fields declared with `exclude=True` (endpoints, keys, concurrency, prices) are left
    out: they do not change what a step yields. A field declared with
    `json_schema_extra={"later": True}` is left out while it has its default: it came after steps
    had been made, and they keep their keys.
    """
    # Most of what there is; a call's id is made for every ask.
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, BaseModel):
        return _settled(value, value.model_dump(mode="json"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _settled(value: Any, dumped: Any) -> Any:
    """What settings were dumped to, without the later fields that are at their default; also those
    of settings within settings.
    """
    if isinstance(value, BaseModel) and isinstance(dumped, dict):
        fields = type(value).model_fields
        return {
            name: _settled(getattr(value, name), one) if name in fields else one
            for name, one in dumped.items()
            if name not in fields or not _as_before(fields[name], getattr(value, name))
        }
    if isinstance(value, dict) and isinstance(dumped, dict):
        own = {str(key): one for key, one in value.items()}
        return {key: _settled(own.get(key), one) for key, one in dumped.items()}
    if isinstance(value, list | tuple) and isinstance(dumped, list):
        return [_settled(one, other) for one, other in zip(value, dumped, strict=True)]
    return dumped


def _as_before(field: FieldInfo, value: Any) -> bool:
    """Whether a field came later and says nothing yet."""
    extra = field.json_schema_extra
    later = isinstance(extra, dict) and bool(extra.get("later"))
    return later and bool(value == field.get_default(call_default_factory=True))


# One encoder for all: `json.dumps` with settings makes a new one each time. It takes what `plain`
# gives.
encode = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, no NaN, UTF-8 as it is."""
    return encode(plain(value))


def digest(value: Any) -> str:
    """The sha256 of the canonical JSON of a value, 64 hex digits."""
    return digest_text(canonical(value))


def digest_text(text: str, strict: bool = False) -> str:
    """The sha256 of a text that is canonical already, 64 hex digits; `strict` raises
    UnicodeEncodeError for half a character.
    """
    errors = "strict" if strict else "surrogatepass"
    return hashlib.sha256(text.encode("utf-8", errors)).hexdigest()


def file_digest(path: Path) -> str:
    """The sha256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_digest(folder: Path) -> str:
    """The sha256 over names and bytes of all files below a folder, sorted by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest([[path.relative_to(folder).as_posix(), file_digest(path)] for path in files])


def unit(salt: str, name: str) -> float:
    """A number in [0, 1) made of a name; another salt gives an independent one."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{name}".encode()).digest()[:6], "big") / 2**48
