"""What the training half of a recipe will compute: examples, tokens, memory, GPUs and hours,
section by section.
"""

from collections.abc import Iterator
from typing import NamedTuple

from psycopref.flows.dataset import Built
from psycopref.recipes import PaperRecipe, Training
from psycopref.stages.policy import Policy
from psycopref.stages.reward import Reward

CHARS = 4.0  # per token, of English
ANSWER = 250  # tokens of a counselor's response that is not written yet
PAIRS = 34_329 / 23_192  # preference pairs per train speech in the paper's dataset
ASSUMED = (
    "assumed: memory of one process with the whole model; where it is more than one GPU has,"
    " fsdp2.yaml on that many (`psycopref recipes copy fsdp2`; not with adapters, and each GPU must"
    " hold the weights in float32 once); an H100's 989 TFLOP/s in bf16, 40 % of them in training and 5 % in sampling;"
    " 1.5 pairs a train speech where none are rated yet. None of it is measured on your GPUs: read"
    " it as an order of magnitude"
)


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
        size = (
            "unknown"
            if self.parameters is None
            else (
                f"{self.parameters / 1e9:.2f} B"
                if self.parameters >= 1e8
                else f"{self.parameters / 1e6:.1f} M"
            )
        )
        memory = "–" if self.bytes_whole is None else f"{self.bytes_whole / 1e9:,.1f} GB"
        hours = (
            "–" if self.hours is None else f"{self.hours:,.1f}" if self.hours >= 0.1 else "< 0.1"
        )
        steps = f"{self.steps:,}" if self.steps else "–"
        return [
            self.section,
            self.model,
            size,
            f"{self.examples:,}",
            steps,
            f"{self.tokens / 1e6:,.1f} M",
            memory,
            "–" if self.bytes_whole is None else str(self.gpus or "does not fit"),
            hours if self.gpus else "–",
        ]


class _Counts(NamedTuple):
    """What there is to learn from: speeches by split, pairs to train on, tokens of a speech and of
    a response.
    """

    speeches: dict[str, int]
    pairs: dict[str, int]
    speech: float
    response: float


def training(recipe: PaperRecipe, built: Built) -> list[Work]:
    """Every section of the training half, in order; an ablation's for each of its sizes."""
    counts = _counts(built)
    sections = {name: getattr(recipe.training, name) for name in ("reward", "gold_start", "gold")}
    work = [
        _trained(f"training.{name}", stage, counts)
        for name, stage in sections.items()
        if stage is not None
    ]
    if not recipe.sizes:
        return [*work, *_policies(recipe.training, counts, "", 0)]
    for name, start in recipe.sizes.items():
        own = recipe.training.start or recipe.training.policy
        begun = own.model_copy(update={key: getattr(start, key) for key in start.model_fields_set})
        work += _policies(
            recipe.training.model_copy(update={"start": begun}),
            counts,
            f"{name} ",
            recipe.training.rounds,
        )
    return work


def _counts(built: Built) -> _Counts:
    splits = [speech.split for speech in built.speeches]
    speeches = {name: splits.count(name) for name in ("train", "dev", "test", "gold")}
    unrated = any(row.reason.startswith("refused: rate") for row in built.failures)
    pairs = {name: sum(row.split == name for row in built.preferences) for name in speeches}
    if unrated or not len(built.preferences):
        pairs = {name: round(PAIRS * count) for name, count in speeches.items()}
    said = sum(len(speech.text) for speech in built.speeches) / max(1, len(built.speeches)) / CHARS
    return _Counts(speeches, pairs, said, ANSWER)


def _policies(recipe: Training, counts: _Counts, label: str, snapshots: int) -> Iterator[Work]:
    """The start, the policy, and the rounds with what they sample."""
    begun = recipe.start or recipe.policy
    if recipe.start and recipe.start.objective == "sft":
        yield _trained(f"{label}training.start", recipe.start, counts)
    yield _trained(f"{label}training.policy", recipe.policy, counts, begun)
    rounds, asked = recipe.rounds, min(recipe.round_speeches, counts.speeches["train"])
    states = 1 + 2 * snapshots if snapshots else rounds + 2
    yield _sampled(
        f"{label}training.draft x {rounds}", begun, rounds * asked * recipe.draft.samples, counts
    )
    yield _trained(
        f"{label}training.online x {rounds}",
        recipe.online,
        counts._replace(pairs={**counts.pairs, recipe.online.split: asked}),
        begun,
        rounds,
    )
    yield _sampled(
        f"{label}training.answer x {states}", begun, states * counts.speeches["test"], counts
    )


def _trained(
    section: str,
    stage: Reward | Policy,
    counts: _Counts,
    start: Policy | None = None,
    times: int = 1,
) -> Work:
    from psycopref.train import estimate
    from psycopref.train.packs import count_steps

    begun = start or stage
    supervised = isinstance(stage, Policy) and stage.objective == "sft"
    examples = (
        counts.speeches.get(stage.split, 0) * 4 if supervised else counts.pairs.get(stage.split, 0)
    )
    steps = times * (stage.steps or count_steps(examples, stage.batch_size, stage.epochs))
    examples *= times
    tokens = steps * stage.batch_size * (counts.speech + (1 if supervised else 2) * counts.response)
    shape = estimate.shape(begun.base, begun.size)
    if shape is None:
        return Work(section, begun.base, None, examples, steps, tokens)
    against = isinstance(stage, Policy) and stage.objective in ("dpo", "cdpo", "ipo", "kto")
    found = estimate.need(stage, shape, tokens, against)
    return Work(
        section,
        begun.base or "fresh",
        shape.parameters,
        examples,
        steps,
        tokens,
        found.bytes_whole,
        found.gpus,
        found.hours,
    )


def _sampled(section: str, begun: Policy, answers: int, counts: _Counts) -> Work:
    from psycopref.train import estimate

    tokens = answers * counts.response
    shape = estimate.shape(begun.base, begun.size)
    if shape is None:
        return Work(section, begun.base, None, answers, 0, tokens)
    whole = 4 * shape.parameters
    return Work(
        section,
        begun.base or "fresh",
        shape.parameters,
        answers,
        0,
        tokens,
        whole,
        int(estimate.fits(whole)),
        estimate.sampling_hours(shape, tokens),
    )
