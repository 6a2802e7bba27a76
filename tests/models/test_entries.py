"""Pools: what ships loads, what is wrong says so, and where a model is reached is not part of what
it answers.
"""

import json
import traceback
from pathlib import Path

import pytest

from psycopref.config.toml_files import shipped
from psycopref.errors import ModelError, RecipeError
from psycopref.models.connect import can_answer, check, connect
from psycopref.models.entries import ModelEntry, Pool, load_entry, load_pool
from psycopref.store.calls import Ask, Message
from psycopref.store.keys import digest
from psycopref.store.ledger import Ledger


def test_every_shipped_pool_loads() -> None:
    sizes = {name: len(load_pool(name).models) for name in shipped("pools")}
    assert sizes.items() >= {"judges": 1, "open": 8, "paper": 20, "sample": 8}.items()
    assert all(load_pool(name).judges for name in ("judges", "open", "paper", "sample"))


def test_the_papers_pool_is_pinned_and_says_whose_each_model_is() -> None:
    for entry in load_pool("paper").models:
        assert entry.organisation and (entry.size or entry.organisation in {"OpenAI", "Anthropic"})
        assert "/" in entry.name or entry.name[-4:].isdigit() or entry.name[-2:].isdigit(), (
            f"{entry.name} is not a pinned name"
        )
        assert (entry.price_in is None) == (entry.price_out is None)
    assert load_pool("paper").judges[0].name == "gpt-4o-2024-08-06"


def test_the_open_pool_needs_one_address_and_no_key() -> None:
    pool = load_pool("open")
    assert {entry.url for entry in (*pool.models, *pool.judges)} == {"http://localhost:8000/v1"}
    assert not any(entry.key_env for entry in pool.models)


def test_the_sample_pool_keeps_its_judge_out_of_the_draw() -> None:
    pool = load_pool("sample")
    assert [entry.name for entry in pool.models] == [
        "aspen",
        "fir",
        "hazel",
        "birch",
        "dogwood",
        "cedar",
        "elm",
        "ginkgo",
    ]
    assert load_entry("sample/sample-judge") == load_entry("judges/sample-judge") == pool.judges[0]


def test_an_entry_is_named_by_pool_and_name(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('models = [{ name = "org/one", kind = "local" }]')
    assert load_entry(f"{tmp_path}/my.toml/org/one").name == "org/one"
    assert load_pool(f"{tmp_path}/my.toml").name == "my"
    assert load_entry("open/Qwen/Qwen2.5-7B-Instruct").size == "7B"
    with pytest.raises(RecipeError, match="did you mean 'sample-judge'"):
        load_entry("sample/sample-juge")
    with pytest.raises(RecipeError, match="POOL/NAME"):
        load_entry("gpt-4o")


def test_where_and_at_what_price_are_not_in_the_key() -> None:
    where = {
        "url": "http://a/v1",
        "key_env": "A",
        "model": "x",
        "price_in": 1.0,
        "concurrency": 2,
        "timeout": 5.0,
        "context": 9,
    }
    about = {"organisation": "o", "size": "1B", "system_role": False}
    where |= {"requests_per_minute": 9.0, "tokens_per_minute": 9.0, "shared": True, "patience": 1.0}
    one = ModelEntry.model_validate({"name": "m", "kind": "openai", **where, **about})
    assert digest(one) == digest(ModelEntry(name="m", kind="openai"))
    assert digest(one) != digest(ModelEntry(name="m", kind="openai", temperature=0.5))


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"kind": "recorded"}, "ledger"),
        ({"kind": "openai", "url": "localhost:8000"}, "http://"),
        ({"kind": "openai", "url": "http://me:secret@host/v1"}, "password"),
        ({"kind": "openai", "url": "me:secret@host/v1"}, "http://"),
        ({"kind": "openai", "url": "https://host/v1?api-key=secret"}, "query"),
        ({"kind": "openai", "url": "https://host/v1#secret"}, "fragment"),
        ({"kind": "openai", "url": "https://me:p/secret"}, "not an address"),
        ({"kind": "openai", "url": "https://"}, "not an address"),
        ({"kind": "openai", "key_env": "sk-secret"}, "CLINIC_KEY"),
        ({"kind": "openai", "key_env": "1secret"}, "CLINIC_KEY"),
        ({"kind": "openai", "key_env": "gsk_secret0123456789abcdef"}, "CLINIC_KEY"),
        ({"kind": "openai", "key_env": "hf_secretABCDEFGHIJKLMNOPQRSTUVWXYZ"}, "CLINIC_KEY"),
        ({"kind": "openai", "key_env": "my secret"}, "CLINIC_KEY"),
        ({"kind": "openai", "requests_per_minute": 0}, "greater than 0"),
        ({"kind": "openai", "tokens_per_minute": -1}, "greater than 0"),
    ],
)
def test_an_entry_that_cannot_work_is_refused(
    tmp_path: Path, values: dict[str, str], word: str
) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        ModelEntry(name="m", **values)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
    (tmp_path / "my.toml").write_text(
        "models = [{ name = 'm',"
        f" {', '.join(f'{name} = {json.dumps(value)}' for name, value in values.items())} }}]"
    )
    with pytest.raises(RecipeError, match=word) as wrong:
        load_pool(f"{tmp_path}/my.toml")
    assert "secret" not in "".join(traceback.format_exception(wrong.value))


@pytest.mark.parametrize(
    "name", ["A", "OPENAI_API_KEY", "my_openai_key_2024", "MyCompanyOpenAIKey", "_K2"]
)
def test_names_of_variables_are_taken(name: str) -> None:
    assert ModelEntry(name="m", kind="openai", key_env=name).key_env == name


def test_mistakes_beside_a_secret_do_not_show_it(tmp_path: Path) -> None:
    """A mistake of the whole entry has the table with all its values as input, a mistake of the
    pool every table.
    """
    path = tmp_path / "my.toml"
    one = '{ name = "m", kind = "recorded", url = "http://h/hush", organisation = "hush" }'
    for models in (
        one,
        f"{one.replace('recorded', 'local')}, {one.replace('recorded', 'local')}",
        f"[{one}]",
    ):
        path.write_text(f"models = [{models}]")
        with pytest.raises(RecipeError) as caught:
            load_pool(str(path))
        assert "hush" not in "".join(traceback.format_exception(caught.value)) and str(path) in str(
            caught.value
        )
    path.write_text(
        'models = [{ name = "m", kind = "openai", timeout = "soon", url = ["http://h/hush"] }]'
    )
    with pytest.raises(RecipeError, match=r"found 'soon'") as caught:
        load_pool(str(path))
    assert "hush" not in str(caught.value)
    path.write_text('url = "hush" =')
    with pytest.raises(RecipeError, match="not TOML") as caught:
        load_pool(str(path))
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_key_where_a_model_should_stand_is_not_shown() -> None:
    with pytest.raises(RecipeError, match="POOL/NAME") as caught:
        load_entry("sk-proj-secret")
    assert "secret" not in str(caught.value)


def test_two_models_of_one_name_are_refused() -> None:
    entry = ModelEntry(name="m", kind="local")
    with pytest.raises(ValueError, match="more than once: \\['m'\\]"):
        Pool(name="p", models=(entry, entry))


def test_what_is_missing_is_said_before_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ModelError, match="no url"):
        check(ModelEntry(name="m", kind="openai"))
    with pytest.raises(ModelError, match="environment variable SOME_KEY is not set"):
        check(ModelEntry(name="m", kind="openai", url="http://h/v1", key_env="SOME_KEY"))
    with pytest.raises(ModelError, match="no recording 'nowhere'"):
        check(ModelEntry(name="m", kind="recorded", ledger="nowhere"))


def test_a_key_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    entry = ModelEntry(name="m", kind="openai", url="http://h/v1", key_env="SOME_KEY")
    provider = connect(entry)
    assert "very-secret" not in repr(provider) + repr(entry) + repr(vars(provider))


def test_a_model_without_system_role_gets_it_in_the_first_user_message() -> None:
    ask = Ask(
        "m",
        (
            Message("system", "be kind"),
            Message("user", "hello"),
            Message("assistant", "hi"),
            Message("user", "more"),
        ),
    )
    plain, folded = (
        ModelEntry(name="m", kind="local"),
        ModelEntry(name="m", kind="local", system_role=False),
    )
    assert [one["role"] for one in plain.messages(ask)] == ["system", "user", "assistant", "user"]
    assert (
        folded.messages(ask)[0] == {"role": "user", "content": "be kind\n\nhello"}
        and len(folded.messages(ask)) == 3
    )


def test_recorded_ids_follow_the_file(tmp_path: Path) -> None:
    from psycopref.store.calls import Reply

    def write(path: Path, *asks: Ask) -> None:
        path.unlink(missing_ok=True)
        ledger = Ledger(path)
        ledger.add([(ask, Reply(ask.call_id, "ok", "text")) for ask in asks], "s")
        ledger.close()

    one, two, other = (
        Ask(model, (Message("user", text),)) for model, text in (("m", "1"), ("m", "2"), ("n", "1"))
    )
    entry = ModelEntry(name="m", kind="recorded", ledger=str(tmp_path / "r.sqlite"))
    write(tmp_path / "r.sqlite", one, other)
    assert [can_answer(entry, ask) for ask in (one, two, other)] == [True, False, False]
    write(tmp_path / "r.sqlite", one, two, other)
    assert [can_answer(entry, ask) for ask in (one, two, other)] == [True, True, False]
    assert can_answer(ModelEntry(name="m", kind="openai"), other), "without a key or an address"


def test_a_judge_that_also_answers_judges_with_its_own_settings() -> None:
    """The shipped recipes' judge must not be the opponent of the same name, who answers at
    temperature 1.
    """
    for pool in ("judges", "paper"):
        entry = load_entry(f"{pool}/gpt-4o-2024-08-06")
        assert (entry.temperature, entry.max_tokens) == (0.0, 1024)
    assert {one.temperature for one in load_pool("judges").models} == {1.0}
