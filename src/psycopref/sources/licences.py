"""What a licence asks of whoever passes the texts on, as far as a label can break it: enough to
refuse a wrong one, no legal advice.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from psycopref.errors import RecipeError
from psycopref.sources.lines import unreadable

UNKNOWN = "unknown"
_FREE = re.compile(r"cc0|unlicen[sc]e|pddl|public[ -]?domain", re.IGNORECASE)
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+ -]{1,63}")


def checked(label: str) -> str:
    """The label, where it can stand in a dataset's card; RecipeError otherwise."""
    if not _LABEL.fullmatch(label):
        raise RecipeError(
            f"licence {label[:64]!r}: give an SPDX id such as 'CC-BY-4.0', or a short plain name"
            " (letters, digits, '.', '+', '-' and spaces)"
        )
    return label


def of_card(path: Path | None) -> str:
    """The licence that the card (README.md) of a dataset's folder states in its front matter, ''
    for none, several, 'other' or 'unknown'.

    SourceError where the card may not be read.
    """
    card = path / "README.md" if path is not None else None
    if card is None or not card.is_file():
        return ""
    try:
        text = card.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise unreadable(card, error) from error
    front = re.match(r"---\n(.*?)\n---", text.lstrip("\ufeff").replace("\r\n", "\n"), re.DOTALL)
    stated = re.search(r"^license:[ \t]*([^\n#]*)", front.group(1), re.MULTILINE) if front else None
    label = stated.group(1).strip().strip("'\"") if stated else ""
    return label if _LABEL.fullmatch(label) and label.lower() not in ("other", UNKNOWN) else ""


def demands(label: str) -> set[str]:
    """Of 'attribution', 'non-commercial', 'share-alike' and 'no derivatives' those that the
    licence's name asks for.
    """
    words = set(re.split(r"[^a-z]+", re.sub(r"non-? ?commercial", "nc", label.lower())))
    named = {"nc": "non-commercial", "sa": "share-alike", "nd": "no derivatives"}
    return {what for word, what in named.items() if word in words} | (
        set() if _FREE.search(label) else {"attribution"}
    )


def non_commercial(label: str) -> bool:
    """Whether the licence's name says that commercial use is not allowed."""
    return "non-commercial" in demands(label)


def label_for(sources: Mapping[str, str], stated: str = "") -> str:
    """The licence to write on what was made from sources (name to licence): the stated one, or the
    one they share, or 'other'.

    RecipeError where the stated one allows more than a source does, or a source's licence is not
    known.
    """
    if not stated:
        first, *more = sorted(set(sources.values())) or [UNKNOWN]
        return "other" if more or first == UNKNOWN else first
    if checked(stated).lower() in ("other", UNKNOWN):
        return stated.lower()
    for name, licence in sources.items():
        if licence == UNKNOWN:
            how = (
                'say it in the recipe (licence = "..." beside the source) if you know it, or leave'
                " --licence out"
            )
            raise RecipeError(
                f"--licence {stated}: the licence of source {name!r} is not known here; {how}"
            )
        lost = sorted(demands(licence) - demands(stated))
        if lost:
            raise RecipeError(
                f"--licence {stated}: source {name!r} is {licence} ({', '.join(lost)}), which this"
                " label drops; leave --licence out, or keep it"
            )
    return stated


def said(sources: Mapping[str, str]) -> str:
    """What a card says of the licences of the sources, in one paragraph."""
    listed = ", ".join(f"{name}: {licence}" for name, licence in sources.items())
    closed = _names(name for name, licence in sources.items() if non_commercial(licence))
    unknown = _names(name for name, licence in sources.items() if licence == UNKNOWN)
    parts = [f"Licences of the sources: {listed}."]
    if closed:
        parts.append(f"NOT FOR COMMERCIAL USE, because of {closed}.")
    if unknown:
        parts.append(
            f"The licence of {unknown} is not known here: find it before you pass this dataset on."
        )
    return " ".join(parts)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)
