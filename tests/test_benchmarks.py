"""What benchmarks/prefix.py measures: the calls of a speech share their beginnings, so that a
provider's cache can take them over.
"""

import importlib.util
import os.path
from pathlib import Path
from types import ModuleType

from psycopref.config.instruments import load_instrument
from psycopref.models.entries import ModelEntry
from psycopref.stages.rate import Rate


def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "prefix", Path(__file__).parents[1] / "benchmarks" / "prefix.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_common_beginnings() -> None:
    for one, two in (
        ("", "a"),
        ("abc", "abd"),
        ("abc", "abc"),
        ("abc", "abcd"),
        ("x" * 999 + "a", "x" * 999 + "b"),
    ):
        assert bench().common(one, two) == len(os.path.commonprefix([one, two]))


def test_four_fifths_of_the_shipped_rate_prompt_are_shared_over_the_calls_of_the_sample() -> None:
    prefix = bench()
    speeches, responses = prefix.sample(40)
    stage = Rate(
        instrument=load_instrument("psychocounsel"), judge=ModelEntry(name="judge", kind="local")
    )
    found = prefix.shares(prefix.planned(stage, speeches, responses))
    assert (
        found["calls"] == 40 * 7 and found["all_calls"] >= 0.8 and found["within_a_speech"] >= 0.93
    )
    again = prefix.shares(
        prefix.planned(stage.model_copy(update={"repeats": 2}), speeches, responses)
    )
    assert again["within_a_speech"] >= 0.8, (
        "the order is another in a repeat, and the same for its seven calls"
    )
