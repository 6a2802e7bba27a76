"""What training and sampling take: examples, tokens, memory, GPUs and hours, section by section of
a recipe.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from psycopref.needs import Need
from psycopref.recipes import Recipe
from psycopref.settings import Stage

ASSUMED = (
    "assumed: memory of one process with the whole model; where it is more than one GPU has,"
    " fsdp2.yaml on that many (`psycopref recipes copy fsdp2`; not with adapters, and each GPU must"
    " hold the weights in float32 once); an H100's 989 TFLOP/s in bf16, 40 % of them in training"
    " and 5 % in sampling;"
    " 1.5 pairs a train speech where none are rated yet. None of it is measured on your GPUs: read"
    " it as an order of magnitude"
)
AGAIN = ("draft", "online", "answer")  # sections that a flow does round by round: how often is said


class Planned(NamedTuple):
    """A stage that a flow does, the stage that its model started as, and what it would take."""

    stage: Any
    begun: Any
    need: Need


class Work(NamedTuple):
    """One section: what it trains or samples with, on how much, and what that takes (None where the
    model's shape is not known).
    """

    section: str
    model: str
    parameters: float | None
    examples: int
    steps: int
    tokens: float
    bytes_whole: float | None = None
    gpus: int = 0
    hours: float | None = None

    def cells(self) -> list[str]:
        """The row as people read it."""
        return [
            self.section,
            self.model,
            _size(self.parameters),
            f"{self.examples:,}",
            f"{self.steps:,}" if self.steps else "–",
            f"{self.tokens / 1e6:,.1f} M",
            "–" if self.bytes_whole is None else f"{self.bytes_whole / 1e9:,.1f} GB",
            "–" if self.bytes_whole is None else str(self.gpus or "does not fit"),
            _hours(self.hours) if self.gpus else "–",
        ]


def _size(parameters: float | None) -> str:
    if parameters is None:
        return "unknown"
    return f"{parameters / 1e9:.2f} B" if parameters >= 1e8 else f"{parameters / 1e6:.1f} M"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "–"
    return f"{hours:,.1f}" if hours >= 0.1 else "< 0.1"


def resources(recipe: Recipe, planned: Sequence[Planned]) -> list[Work]:
    """Every section that trains or samples, in the recipe's order; what a flow does in parts (an
    ablation's sizes) part by part.
    """
    groups: dict[tuple[int, int, str], list[Planned]] = {}
    parts: list[str] = [""]
    for one in planned:
        if not one.need.examples and not one.need.steps:
            continue
        part, own = recipe.begun(one.begun)
        parts += [part] if part not in parts else []
        number, name = _section(own, one.stage)
        groups.setdefault((parts.index(part), number, f"{part} {name}".strip()), []).append(one)
    return [
        _work(name, group) for (_, _, name), group in sorted(groups.items(), key=lambda one: one[0])
    ]


def _section(recipe: Recipe, stage: Stage) -> tuple[int, str]:
    """Where a stage stands in a recipe, as a number and as a dotted path; one that a flow changed
    by what is equal to it, and what is in no section last, by its own name.
    """
    known = list(_stages(recipe))
    for same in (lambda one: one is stage, lambda one: one == stage):
        for number, (name, one) in enumerate(known):
            if same(one):
                return number, name
    return len(known), stage.known_as()


def _stages(settings: BaseModel, path: str = "") -> Iterator[tuple[str, Stage]]:
    """Every stage of a recipe in order, with its dotted path."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Stage):
            yield f"{path}{name}", value
        elif isinstance(value, BaseModel):
            yield from _stages(value, f"{path}{name}.")


def _work(section: str, group: Sequence[Planned]) -> Work:
    """A section's steps as one row."""
    from psycopref.train import estimate

    stage, begun, need = group[0]
    if section.rpartition(".")[2] in AGAIN:
        section = f"{section} x {len(group)}"
    examples = sum(one.need.examples for one in group)
    count = sum(one.need.steps for one in group)
    tokens = sum(one.need.tokens for one in group)
    model = begun.base or "fresh"
    shape = estimate.shape(begun.base, begun.size)
    if shape is None:
        return Work(section, model, None, examples, count, tokens)
    if not count:
        whole = 4 * shape.parameters
        gpus, hours = int(estimate.fits(whole)), estimate.sampling_hours(shape, tokens)
    else:
        found = estimate.need(stage, shape, tokens, need.reference)
        whole, gpus, hours = found.bytes_whole, found.gpus, found.hours
    return Work(section, model, shape.parameters, examples, count, tokens, whole, gpus, hours)
