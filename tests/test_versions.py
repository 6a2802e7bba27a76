"""A stage whose output changes raises its version: the digests of what it yields are kept beside
the versions.

`python tests/test_versions.py` writes tests/versions.json anew, after `version()` of the stage that
changed was raised. The stages of the dataset half run on the sample, and their tables are compared
whole. The others run on made-up tables (tests/helpers/every_stage.py), where last digits may differ
between machines, so that what is compared is:

- figures to four significant digits of evaluate, rejudge (`compare`), rounds, systems and validate
  with matches (bootstraps and closed forms), and all that nulls and rank yield;
- calibrate: three digits; of the TF-IDF model, which a solver fits, names, slices and counts;
- report: the numbers drawn, names and descriptions of the figures; the pictures differ with fonts;
- score, drift, baseline: who is scored, in which order, and the mean and mean size of the scores to
  two digits, over fresh weights of a fixed seed. Names of weights are digests of them, and are left
  out with the ids made of them;
- draft: what is asked; the texts are sampled, and differ where a logit's last digit does;
- reward, policy (sft and dpo): files, names and shapes of the weights, and the curve of three steps
  to two digits. A change of last digits alone is not seen.
"""

import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopref
from psycopref.flows import dataset
from psycopref.lab import Lab
from psycopref.recipes import load_recipe
from psycopref.settings import Stage
from psycopref.store import steps

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
from helpers.every_stage import every_stage

KEPT = Path(__file__).with_name("versions.json")
Guards = dict[str, dict[str, object]]


def yielded(place: Path) -> Guards:
    """Version and digests of the outputs of every stage, by the name of its step."""
    return on_the_sample(place / "sample") | made_up(place)


def on_the_sample(work: Path) -> Guards:
    """Version and table digests of each stage of the dataset half, on the sample."""
    _, recipe = load_recipe("quickstart")
    assert recipe.validate_
    with Lab(work) as lab:
        built = dataset.run(recipe, lab)
        lab.do(recipe.validate_, built.speeches, built.responses, built.preferences, [])
        manifests = [steps.load_manifest(work / "steps" / entry["step"]) for entry in lab.taken]
    return {
        m["stage"]: {
            "version": m["version"],
            "tables": {name: out["digest"] for name, out in sorted(m["outputs"].items())},
        }
        for m in manifests
    }


def made_up(place: Path) -> Guards:
    """The same of each other stage, on made-up tables."""
    with Lab(place / "made_up") as lab:
        found = list(every_stage(lab, place / "weights"))
    return {one.name: {"version": one.version, "tables": one.tables} for one in found}


def of(name: str) -> str:
    """The stage of an entry, `stage` or `stage, case`."""
    return name.partition(",")[0]


def complaints(kept: Guards, now: Guards) -> Iterator[str]:
    """What is wrong with outputs now beside those that are kept, a line for each entry."""
    for name in sorted(kept.keys() | now.keys()):
        before, after = kept.get(name), now.get(name)
        if before is None or after is None:
            yield f"{name}: only in {'versions.json' if after is None else 'what is run'}"
        elif before == after:
            continue
        elif before["version"] == after["version"]:
            yield f"{name}: its output changed; raise version() of the stage"
        else:
            yield f"{name}: version raised; run `python tests/test_versions.py`"


def all_stages() -> set[str]:
    """The names of the steps of every Stage with a `run` of its own in the package."""
    root = Path(psycopref.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if "(Stage)" in (text := path.read_text(encoding="utf-8")) or "(Training)" in text:
            importlib.import_module(
                ".".join(("psycopref", *path.relative_to(root).with_suffix("").parts))
            )
    found, left = set(), [Stage]
    while left:
        one = left.pop()
        left += one.__subclasses__()
        if hasattr(one, "run") and one.__module__.startswith("psycopref."):
            found.add(one.known_as())
    return found


def test_a_changed_output_has_a_new_version(tmp_path: Path) -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert list(complaints(kept, yielded(tmp_path))) == []


def test_no_stage_is_without_a_guard() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert {of(name) for name in kept} == all_stages()


def test_a_change_without_a_new_version_is_named_and_so_is_a_missing_entry() -> None:
    kept: Guards = {name: {"version": 1, "tables": {"rows": "a"}} for name in ("rank", "score")}
    now: Guards = {
        "rank": {"version": 1, "tables": {"rows": "b"}},
        "score": {"version": 2, "tables": {"rows": "b"}},
        "draft": {"version": 1, "tables": {}},
    }
    assert list(complaints(kept, now)) == [
        "draft: only in what is run",
        "rank: its output changed; raise version() of the stage",
        "score: version raised; run `python tests/test_versions.py`",
    ]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        text = json.dumps(yielded(Path(folder)), indent=1)
    KEPT.write_text(text + "\n", encoding="utf-8")
