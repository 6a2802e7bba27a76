"""Where a figure comes from: the steps it rests on, what was asked of which model with which
prompt, when, and at what cost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from psycopref.store import keys, steps
from psycopref.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Origin:
    """One step: its folder's name, key, stage, version, models asked, prompts (name and digest),
    the day it was finished, calls, cost, inputs.

    `dollars` are those of the calls that its rows lead back to (None where no price was known);
    `inputs` are the steps whose tables it was given whole.
    """

    step: str
    key: str
    stage: str
    name: str
    version: int
    software: str
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    finished: str
    calls: int
    dollars: float | None
    inputs: tuple[str, ...]


def lineage(work: Path, names: Sequence[str], ledger: Ledger) -> list[Origin]:
    """The steps of a run in order, each with what it was made from."""
    manifests = {name: steps.load_manifest(work / "steps" / name) for name in dict.fromkeys(names)}
    maker: dict[str, str] = {}
    for name, manifest in manifests.items():
        for out in manifest["outputs"].values():
            maker.setdefault(out["digest"], name)
    return [
        _origin(work / "steps" / name, manifest, maker, ledger)
        for name, manifest in manifests.items()
    ]


def _origin(
    folder: Path, manifest: Mapping[str, Any], maker: Mapping[str, str], ledger: Ledger
) -> Origin:
    settings = manifest["settings"]
    models = tuple(dict.fromkeys(_models(settings)))
    calls, dollars = ledger.cost_of(_call_ids(folder, manifest))
    inputs = dict.fromkeys(
        maker[one] for one in manifest["inputs"] if one in maker and maker[one] != folder.name
    )
    return Origin(
        step=folder.name,
        key=str(manifest["key"]),
        stage=str(manifest["stage"]),
        name=str(settings.get("name", "")) if isinstance(settings, dict) else "",
        version=int(manifest["version"]),
        software=str(manifest.get("psycopref", "")),
        models=models,
        prompts=(
            tuple(
                f"{one.get('name', '')} {keys.digest(one)[:12]}"
                for one in _tables(settings, {"system", "user"})
            )
            if models
            else ()
        ),
        finished=str(manifest.get("finished", "")),
        calls=calls,
        dollars=dollars,
        inputs=tuple(inputs),
    )


def _call_ids(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """The calls that the rows of a step lead back to."""
    found: list[pl.Series] = []
    for out in manifest["outputs"].values():
        if out["row"] and out["rows"]:
            rows = pl.scan_parquet(folder / out["file"], glob=False)
            if "call_id" in rows.collect_schema():
                found.append(
                    rows.select("call_id")
                    .filter(pl.col("call_id") != "")
                    .unique()
                    .collect(engine="streaming")["call_id"]
                )
    return pl.concat(found).unique().sort().to_list() if found else []


def _models(settings: Any) -> Iterator[str]:
    """Names of models anywhere in settings: tables with a `name` and a `kind`."""
    yield from (str(one["name"]) for one in _tables(settings, {"name", "kind"}))


def _tables(settings: Any, wanted: set[str]) -> Iterator[Mapping[str, Any]]:
    if isinstance(settings, Mapping):
        if wanted <= settings.keys():
            yield settings
        for value in settings.values():
            yield from _tables(value, wanted)
    elif isinstance(settings, list):
        for value in settings:
            yield from _tables(value, wanted)


def behind(
    lineage: Sequence[Origin], stages: Sequence[str], *, every: bool = False, named: str = ""
) -> list[Origin]:
    """The steps of some stages (the first of each stage, every one, or those whose settings have a
    name), then those further up that asked a model.
    """
    steps = [one for one in lineage if one.stage in stages]
    if named:
        steps = [one for one in steps if one.name == named]
    elif not every:
        firsts = {one.stage: one for one in reversed(steps)}
        steps = [firsts[stage] for stage in stages if stage in firsts]
    above = [one for one in _above(steps, lineage) if one.calls or one.models]
    return [*steps, *(one for one in above if one not in steps)]


def _above(below: Sequence[Origin], lineage: Sequence[Origin]) -> list[Origin]:
    """Every step that some steps were made from, however far up, in the order of the run."""
    known = {one.step: one for one in lineage}
    seen: set[str] = set()
    waiting = [step for one in below for step in one.inputs]
    while waiting:
        step = waiting.pop()
        if step not in seen:
            seen.add(step)
            waiting += known[step].inputs
    return [one for one in lineage if one.step in seen]
