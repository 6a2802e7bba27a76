"""Figures: how each is declared, once, and the rows that stand in a run's metrics."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from psycopref.tables.rows import content_id

Kind = Literal["estimate", "count", "duration", "money", "p", "setting"]
# A figure as statistics give it: value, 95 % interval (None where there is none), observations.
Found = tuple[float, float | None, float | None, int]
LACKING = ".without_interval"  # ends the name of the count that stands in a bare estimate's place
# What the last word of a name says of figures that nobody has declared: those of older versions,
# and rows made by hand. A declared figure says its kind itself, so no word need be added here.
_WORDS: dict[Kind, str] = {
    "count": (
        "read kept dropped responses ratings failures asked made failed speeches pairs without_pair"
        " without_interval wins ties losses flips unmatched longer shorter no_overlap separated"
        " above below level unpaired apart unscored null_opponents repeat_failed sheets annotators"
        " answered unsafe masked"
    ),
    "duration": "seconds",
    "money": "dollars",
    "setting": "threshold",
    "p": "p holm_p interaction_p sign_p mcnemar_p",
}
KINDS: dict[str, Kind] = {word: kind for kind, words in _WORDS.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `low` and `high` bound a 95 % interval, `count` is what it rests on.

    Rows are made by a declared `Figure`, or by `metric` where none is declared; both refuse an
    estimate that has no interval. The row itself refuses half an interval and one that rests on
    nothing.
    """

    metric_id: str
    name: str
    slice: str
    value: float
    low: float | None = None
    high: float | None = None
    count: int = 0

    def __post_init__(self) -> None:
        half = (self.low is None) != (self.high is None)
        bare = self.low is None and self.high is None
        if (half or (not bare and self.count < 1)) and kind_of(self.name) == "estimate":
            raise ValueError(
                f"metric {self.name!r} of {self.slice!r}: an estimate needs low, high and a count"
                " of at least 1; give its whole interval"
            )


def kind_of(name: str) -> Kind:
    """What a name's last word says it is, where no figure of that name is declared (rows of older
    versions): 'count', 'duration', 'money', 'p' (a p-value), 'setting', else 'estimate'; guards are
    counted, tripped or not.
    """
    if name.startswith("guard."):
        return "count"
    return KINDS.get(name.rpartition(".")[2], "estimate")


def metric(
    name: str,
    slice_: str,
    value: float,
    low: float | None = None,
    high: float | None = None,
    count: int = 0,
    kind: Kind | None = None,
) -> Metric:
    """A Metric row with its id made of name and slice; ValueError for an estimate without interval
    or count (see `estimate`) and for a p-value without count. `kind` as declared, by the name's
    last word where it is None.
    """
    kind = kind or kind_of(name)
    if kind == "estimate" and (low is None or high is None or count < 1):
        raise ValueError(
            f"metric {name!r} of {slice_!r}: an estimate needs low, high and a count of at least 1;"
            " give its interval (`estimate` says where there is none), or, if it is a count, a"
            " duration or money, declare it as a Figure of that kind"
        )
    if kind == "p" and count < 1:
        raise ValueError(
            f"metric {name!r} of {slice_!r}: a p-value needs the count that it rests on"
        )
    return Metric(content_id("metric", name, slice_), name, slice_, float(value), low, high, count)


def estimate(name: str, slice_: str, found: Found) -> list[Metric]:
    """The row of a figure (value, low, high, n), none where it could not be worked out (NaN).

    Where it has no interval (it never varies, or one speech is all there is) a count
    `<name>.without_interval` says on how many observations, in place of a bare figure.
    """
    value, low, high, count = found
    if value != value:
        return []
    if low is None or high is None:
        return [metric(name + LACKING, slice_, count, count=count, kind="count")]
    return [metric(name, slice_, value, low, high, count, kind="estimate")]


_FIELD = re.compile(r"\{(\w+)(?:=([^}]*))?\}")


class Template:
    """A text with fields: "topic:{topic}:{arm=raw|constrained}".

    A field stands for any text that is not empty, or, after `=`, for one of the choices, in which
    `*` stands for any text that is not empty ("winrate.*").
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.choices = {match[1]: match[2] or "" for match in _FIELD.finditer(text)}
        # How much of it is fixed: of two templates that fit a text the one that says more is meant.
        self.fixed = len(_FIELD.sub("", text)) + sum(map(_shortest, self.choices.values()))
        pieces = _FIELD.split(
            text
        )  # literal, field, choices, literal, field, choices, ..., literal
        pattern = re.escape(pieces[0])
        for at in range(1, len(pieces), 3):
            name, choices, literal = pieces[at : at + 3]
            pattern += f"(?P<{name}>{_either(choices)}){re.escape(literal)}"
        self._read = re.compile(pattern, re.DOTALL)

    def filled(self, fields: Mapping[str, str]) -> str | None:
        """The text with these fields, None unless they are its own, each one allowed."""
        if fields.keys() != self.choices.keys():
            return None
        text = _FIELD.sub(lambda match: fields[match[1]], self.text)
        return text if self.fields(text) is not None else None

    def fields(self, text: str) -> dict[str, str] | None:
        """The fields of a text, None where it is of another form. What no choice bounds is as
        short as it can be, from left to right.
        """
        match = self._read.fullmatch(text)
        return match.groupdict() if match else None


def _shortest(choices: str) -> int:
    """Letters that a field's choices prescribe in any case; none where it may be any text."""
    return min((len(one.replace("*", "")) for one in choices.split("|")), default=0)


def _either(choices: str | None) -> str:
    if not choices:
        return ".+?"
    return "|".join(re.escape(one).replace(r"\*", ".+?") for one in choices.split("|"))


_template = lru_cache(maxsize=None)(Template)


class Read(NamedTuple):
    """A row of a figure with its fields, those of its name and of its slice."""

    fields: dict[str, str]
    row: Metric


@dataclass(frozen=True, slots=True)
class Figure:
    """A declared figure: `name` and `slices` are templates, `says` is one line for the docs.

    The declaration stands beside the code that makes the figure; sections of the report name the
    constant. `kind` says whether it needs an interval. A name may have fields where a figure is
    made for several matches ("{match=winrate|winrate.*}.wins"); `apart` are figures whose names
    would fit it too and are theirs.
    """

    name: str
    kind: Kind
    slices: tuple[str, ...]
    says: str
    apart: tuple["Figure", ...] = ()

    def rows(
        self, found: float | Found, count: int | None = None, /, **fields: str
    ) -> list[Metric]:
        """The rows of a value in the slice with these fields ('' is a field that is not there).

        An estimate is given as (value, low, high, n) and treated as `estimate` does; everything
        else is a number with the `count` it rests on (a count rests on itself where none is given).
        ValueError where no slice has these fields, where an estimate comes without its interval or
        anything else with one, and for a p-value without count.
        """
        given = {name: value for name, value in fields.items() if value}
        name, place = self._called(given), self._placed(given)
        if self.kind == "estimate":
            if not isinstance(found, tuple):
                raise ValueError(
                    f"figure {name!r} of {place!r}: an estimate is given with its interval, as"
                    " (value, low, high, n)"
                )
            return estimate(name, place, found)
        if isinstance(found, tuple):
            raise ValueError(
                f"figure {name!r} of {place!r}: a {self.kind} has no interval; give a number, or"
                " declare it as an estimate"
            )
        if count is None:
            count = int(found) if self.kind == "count" else 0
        return [metric(name, place, found, count=count, kind=self.kind)]

    def lacking(self, count: int, **fields: str) -> list[Metric]:
        """The count that stands in place of an estimate which has no interval, as `rows` makes it;
        for estimates whose value is not known either.
        """
        return self.rows((0.0, None, None, count), **fields)

    def fields(self, slice_: str) -> dict[str, str] | None:
        """The fields of a slice, None where it is none of this figure's."""
        for template in sorted(map(_template, self.slices), key=lambda one: -one.fixed):
            if (found := template.fields(slice_)) is not None:
                return found
        return None

    def named(self, name: str) -> dict[str, str] | None:
        """The fields of a name, None where it is no name of this figure; the count `lacking` has a
        name of its own.
        """
        if name.endswith(LACKING) or any(other.named(name) is not None for other in self.apart):
            return None
        return _template(self.name).fields(name)

    def read(self, metrics: Iterable[Metric], **fields: str) -> Iterator[Read]:
        """The rows of this figure, in order, each with its fields; of `fields` ('' is one that is
        not there) only those that agree.
        """
        for row in metrics:
            of_name = self.named(row.name)
            of_slice = None if of_name is None else self.fields(row.slice)
            if of_name is None or of_slice is None:
                continue
            own = {**of_name, **of_slice}
            if all(own.get(name, "") == value for name, value in fields.items()):
                yield Read(own, row)

    def called(self, **fields: str) -> str:
        """The name with its fields; ValueError where one is missing or not allowed."""
        return self._called(fields)

    def placed(self, **fields: str) -> str:
        """The slice with these fields; ValueError where there is none."""
        return self._placed({name: value for name, value in fields.items() if value})

    def _called(self, given: Mapping[str, str]) -> str:
        template = _template(self.name)
        own = {name: value for name, value in given.items() if name in template.choices}
        text = template.filled(own)
        if text is None:
            raise ValueError(f"figure {self.name!r}: no name with the fields {own}")
        return text

    def _placed(self, given: Mapping[str, str]) -> str:
        names = _template(self.name).choices
        own = {name: value for name, value in given.items() if name not in names}
        for slice_ in self.slices:
            if (text := _template(slice_).filled(own)) is not None:
                return text
        raise ValueError(
            f"figure {self.name!r}: no slice with the fields {own}; there are {list(self.slices)}"
        )
