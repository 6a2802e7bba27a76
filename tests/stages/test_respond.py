"""The draw of models for speeches, what they are asked, and what became of it."""

from collections import Counter

import pytest
from helpers.loopback import Behaviour, Loopback

from psycopref.config.prompts import instruction, load_prompt
from psycopref.config.toml_files import checked
from psycopref.errors import RecipeError
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry, Pool, load_pool
from psycopref.stages.nulls import Nulls
from psycopref.stages.respond import Respond, respond_ask
from psycopref.store import keys
from psycopref.store.keys import digest
from psycopref.tables import Response, Speech

NAMES = [entry.name for entry in load_pool("paper").models]
SPEECHES = [
    Speech(
        f"speech-{n:016x}",
        "made-up",
        f"I worry about number {n}.",
        topic="Stress" if n % 2 else "Self-harm",
    )
    for n in range(300)
]


def pool(names: list[str], url: str = "http://localhost:1/v1", **more: object) -> Pool:
    return Pool(
        name="made-up",
        models=tuple(ModelEntry(name=name, kind="openai", url=url, **more) for name in names),
    )  # type: ignore[arg-type]


def draws(
    names: list[str], speeches: list[Speech] = SPEECHES, seed: int = 0
) -> dict[str, set[str]]:
    stage = Respond(pool=pool(names), seed=seed)
    return {
        speech.speech_id: {one.model for one in stage._drawn(speech, [])} for speech in speeches
    }


def test_four_models_are_drawn_whatever_the_order_of_the_pool() -> None:
    assert all(len(models) == 4 for models in draws(NAMES).values())
    assert draws(NAMES) == draws(NAMES[::-1]) and draws(NAMES) != draws(NAMES, seed=1)


def test_a_model_more_moves_only_the_draws_it_takes() -> None:
    before, after = draws(NAMES), draws([*NAMES, "new"])
    taken = [key for key in before if before[key] != after[key]]
    assert all("new" in after[key] and len(after[key] & before[key]) == 3 for key in taken), (
        "one draw each, the new model's own"
    )
    assert len(taken) == sum("new" in models for models in after.values())
    assert 0.12 < len(taken) / len(before) < 0.27, "4 of 21 is 0.19"
    assert (
        draws(NAMES[1:]).items()
        >= {key: models for key, models in before.items() if NAMES[0] not in models}.items()
    ), "nor does a model less"


def test_a_speech_more_moves_no_other_draw() -> None:
    assert draws(NAMES, SPEECHES[:200]).items() <= draws(NAMES, SPEECHES[::-1]).items()


def test_the_paper_s_draw_is_balanced_within_five_percent() -> None:
    """4 of 20 over 26,483 speeches: 5,297 each; the draws of a model are binomial with a standard
    deviation of 1.2 %.
    """
    counts: Counter[str] = Counter()
    for number in range(26_483):
        counts.update(
            sorted(NAMES, key=lambda name: digest([0, f"speech-{number:016x}", name]))[:4]
        )
    stage, speech = Respond(pool=pool(NAMES)), SPEECHES[7]
    assert {one.model for one in stage._drawn(speech, [])} == set(
        sorted(NAMES, key=lambda name: digest([0, speech.speech_id, name]))[:4]
    )
    assert (
        sum(counts.values()) == 105_932
        and max(abs(count / (105_932 / 20) - 1) for count in counts.values()) < 0.05
    )


def test_a_model_has_its_own_system_text_temperature_and_length(lab: Lab) -> None:
    own = ModelEntry(
        name="own",
        kind="openai",
        url="http://localhost:1/v1",
        system="You are {warm}.",
        temperature=0.3,
        max_tokens=99,
    )
    plain = own.model_copy(update={"name": "plain", "system": "", "temperature": 1.0})
    prompt = load_prompt("respond")
    asks = [respond_ask(prompt, entry, SPEECHES[0]) for entry in (own, plain)]
    assert (
        asks[0].messages[0].content == "You are {warm}."
        and asks[1].messages[0].content == prompt.system
    )
    assert asks[0].messages[1:] == asks[1].messages[1:] and (
        asks[0].temperature,
        asks[0].max_tokens,
    ) == (0.3, 99)
    bare = prompt.model_copy(update={"system": ""})
    assert [m.role for m in respond_ask(bare, own, SPEECHES[0]).messages] == ["system", "user"]


def test_a_length_is_asked_for_only_where_it_is_set() -> None:
    def texts(**more: object) -> list[str]:
        stage = Respond(pool=pool(["m"]), **more)  # type: ignore[arg-type]
        return [
            one.messages[-1].content
            for speech in SPEECHES[:100]
            for one in stage._drawn(speech, [])
            if not isinstance(one, Response)
        ]

    plain, fixed, drawn = texts(), texts(words=120), texts(words=(80, 160))
    assert all("words" not in text for text in plain)
    assert fixed == [f"{text}\n\nUse about 120 words." for text in plain]
    lengths = Counter(int(text.split()[-2]) for text in drawn)
    assert set(lengths) == set(range(80, 161, 10)) and drawn == texts(words=(80, 160)) != texts(
        words=(80, 160), seed=1
    )


@pytest.mark.parametrize("words", [0, [160, 80], [1], "many"])
def test_a_length_that_is_none_is_refused(words: object) -> None:
    with pytest.raises(RecipeError, match="words"):
        checked(Respond, {"pool": "paper", "words": words}, "recipe.toml")


def test_a_range_of_words_can_be_written_in_toml() -> None:
    assert checked(Respond, {"pool": "paper", "words": [80, 160]}, "recipe.toml").words == (80, 160)


def test_dropout_is_told_by_topic_and_model(lab: Lab) -> None:
    with Loopback({"shy": Behaviour(refused=1.0), "curt": Behaviour(cut=0.5)}) as server:
        out = lab.do(
            Respond(pool=pool(["shy", "curt", "good"], server.url), per_speech=2), SPEECHES[:60], []
        )
    found = {(row.name, row.slice): row for row in out.metrics}
    assert len(out.responses) + len(out.failures) == 120 == found["respond.lost", "all"].count
    assert (
        found["respond.lost", "model:shy"].value
        == 1
        == found["respond.lost.refused", "model:shy"].value
        and found["respond.lost", "model:good"].value == 0
    )
    assert (
        found["respond.lost.truncated", "model:curt"].value
        == found["respond.lost", "model:curt"].value
        and ("respond.lost.refused", "model:curt") not in found
    )
    assert 0 < found["respond.lost", "topic:Crisis and Safety Concerns"].value < 1
    whole = found["respond.lost", "all"]
    assert whole.value == pytest.approx(len(out.failures) / 120) and (
        whole.low or 0
    ) < whole.value < (whole.high or 0)


def test_answers_of_the_source_are_drawn_but_were_not_asked_for(lab: Lab) -> None:
    given = [
        Response(f"response-{speech.speech_id}", speech.speech_id, "therapist", "I hear you.")
        for speech in SPEECHES[:40]
    ]
    with Loopback() as server:
        out = lab.do(
            Respond(pool=pool(["a", "b"], server.url), per_speech=1, include_given=True),
            SPEECHES[:40],
            given,
        )
    models = Counter(row.model for row in out.responses)
    assert models.total() == 40 and 0 < models["therapist"] < 40
    assert next(row for row in out.metrics if row.slice == "all").count == 40 - models["therapist"]


def test_two_speeches_with_the_same_words_have_an_answer_each(lab: Lab) -> None:
    twins = [Speech(f"speech-{n}", "made-up", "I cannot sleep.") for n in range(2)]
    with Loopback() as server:
        out = lab.do(Respond(pool=pool(["a"], server.url), per_speech=1), twins, [])
        assert sum(server.book.answers.values()) == 1
    assert {row.speech_id for row in out.responses} == {"speech-0", "speech-1"}


def test_instructions_from_files_are_the_words_that_calls_were_made_with() -> None:
    """Calls are known by their text: a space more would ask all of them again."""
    assert instruction("length", words=120) == "Use about 120 words."
    assert instruction("length_trained", words=80) == "Answer in about 80 words."
    assert (
        keys.digest_text(Nulls().constant)
        == "7083a2cf2a52789d463e91cd634a94821f772181134fe70dc38467e5183b812a"
    )
