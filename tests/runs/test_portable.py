"""An exported folder says in older words what transformers 5 writes in new ones."""

import json
from pathlib import Path

import pytest
from helpers.finished_paper import copied

from psycopref.cli.main import main
from psycopref.runs.portable import portable

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, paper_work: Path) -> Path:
    folder = tmp_path_factory.mktemp("portable")
    copied(paper_work, folder / "work")
    for what in ("reward", "policy"):
        assert main(["export", what, str(folder / what), "--work", str(folder / "work")]) == 0
    return folder


def said(path: Path) -> dict[str, object]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("what", ["reward", "policy"])
def test_the_older_words_stand_there(made: Path, what: str) -> None:
    config, tokenizer = (
        said(made / what / name) for name in ("config.json", "tokenizer_config.json")
    )
    assert config["rope_theta"] == 10_000.0
    assert tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert tokenizer["additional_special_tokens"] == ["<|im_start|>"]
    assert "extra_special_tokens" not in tokenizer
    assert tokenizer["model_input_names"] == ["input_ids", "attention_mask"]
    assert not {"is_local", "local_files_only"} & tokenizer.keys()


def test_a_pipeline_gives_the_reward_itself(made: Path) -> None:
    texts = ["I cannot sleep. What keeps you awake?", "Just relax."]
    score = transformers.pipeline("text-classification", str(made / "reward"))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(made / "reward").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(made / "reward")
    for text in texts:
        (found,) = score(text)
        reward = model(**tokenizer(text, return_tensors="pt")).logits.item()
        assert found["label"] == "reward" and found["score"] == pytest.approx(reward, abs=1e-5)


@pytest.mark.parametrize("what", ["reward", "policy"])
def test_a_chat_has_the_ids_it_had(made: Path, what: str) -> None:
    step = "reward" if what == "reward" else "policy"
    before = next((made / "work" / "steps").glob(f"{step}-*/weights"))
    chat = [{"role": "user", "content": "I cannot sleep."}]
    ids = [
        transformers.AutoTokenizer.from_pretrained(place).apply_chat_template(chat, tokenize=True)
        for place in (before, made / what)
    ]
    assert list(ids[0]["input_ids"]) == list(ids[1]["input_ids"])


def test_scaled_positions_are_said_too(tmp_path: Path) -> None:
    rope = {"rope_theta": 500_000.0, "rope_type": "llama3", "factor": 32.0}
    (tmp_path / "config.json").write_text(json.dumps({"rope_parameters": rope}), encoding="utf-8")
    portable(tmp_path, "policy")
    config = said(tmp_path / "config.json")
    assert config["rope_theta"] == 500_000.0
    assert config["rope_scaling"] == {"rope_type": "llama3", "factor": 32.0}
