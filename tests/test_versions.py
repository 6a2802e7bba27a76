"""A stage whose output changes raises its version: the digests of what the sample yields are kept
beside the versions.

`python tests/test_versions.py` writes tests/versions.json anew, after `version()` of the stage that
changed was raised. Training stages and stages that fit models are not here: their last digits
differ between machines.
"""

import json
import sys
import tempfile
from pathlib import Path

from psycopref.flows import dataset
from psycopref.lab import Lab
from psycopref.recipes import load_recipe
from psycopref.store import steps

KEPT = Path(__file__).with_name("versions.json")
STAGES = {"collect", "clean", "dedup", "topics", "respond", "rate", "pair", "validate"}


def yielded(work: Path) -> dict[str, dict[str, object]]:
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


def test_a_changed_output_has_a_new_version(tmp_path: Path) -> None:
    kept, now = json.loads(KEPT.read_text(encoding="utf-8")), yielded(tmp_path / "work")
    assert kept.keys() == now.keys() == STAGES
    for stage, made in now.items():
        if made != kept[stage]:
            assert made["version"] != kept[stage]["version"], (
                f"{stage}: its output changed; raise {stage.capitalize()}.version()"
            )
            raise AssertionError(
                f"{stage}: version raised; write versions.json anew with `python"
                " tests/test_versions.py`"
            )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        KEPT.write_text(json.dumps(yielded(Path(place)), indent=1) + "\n", encoding="utf-8")
    sys.exit(0)
