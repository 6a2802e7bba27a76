"""Kinship of judges, models that answered, and the model that was trained."""

import pytest

from psycopref.models.entries import load_pool
from psycopref.report.sections.kinship import maker, notes


@pytest.mark.parametrize("pool", ["paper", "open", "judges"])
def test_names_tell_what_shipped_pools_say(pool: str) -> None:
    entries = load_pool(pool)
    for entry in (*entries.models, *entries.judges):
        assert maker(entry.name) in (
            entry.organisation,
            "" if entry.kind == "recorded" else entry.organisation,
        ), entry.name


def test_a_name_that_tells_of_two_or_none_tells_nothing() -> None:
    assert (
        maker("our-own-7b") == maker("deepseek-r1-distill-llama-8b") == ""
        and maker("our-own-7b", "Clinic") == "Clinic"
    )


def test_a_judge_of_the_trained_family_is_named() -> None:
    (said,) = notes(
        {"meta-llama/Llama-3.1-70B-Instruct": "Meta"}, ["meta-llama/Llama-3.2-3B-Instruct"] * 2, {}
    )
    assert "of one family (Meta)" in said and "Llama-3.1-70B" in said
    assert notes({"gpt-4o-2024-08-06": "OpenAI"}, ["meta-llama/Llama-3.2-3B-Instruct"], {}) == []
    assert notes({"gpt-4o-2024-08-06": "OpenAI"}, [], {}) == [], (
        "nothing was trained from somebody's weights"
    )


def test_what_is_not_known_is_said() -> None:
    (said,) = notes({"judge": ""}, ["/models/mine"], {})
    assert "not known" in said and "/models/mine" in said


def test_responders_of_the_judge_s_family_are_counted() -> None:
    responders = {entry.name: entry.organisation for entry in load_pool("paper").models}
    (said,) = notes({"gpt-4o-2024-08-06": "OpenAI"}, [], responders)
    assert said.startswith("3 of the 20 models") and "gpt-4o-mini-2024-07-18" in said
    assert notes({"sample-judge": "psycopref"}, [], dict.fromkeys("abc", "psycopref")) == [], (
        "all alike: none is favoured over the others"
    )
