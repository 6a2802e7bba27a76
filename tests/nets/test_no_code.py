"""A folder that brings Python code is refused by every loader, whatever standard input says."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import psycopref

pytest.importorskip("torch")
SRC = Path(psycopref.__file__).parent
LOADERS = {"from_pretrained", "from_config", "pipeline", "SentenceTransformer", "LLM"}
EVIL = """
from pathlib import Path
Path({mark!r}).write_text("ran")
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
class EvilConfig(LlamaConfig):
    model_type = "evil"
class Evil(LlamaForCausalLM):
    config_class = EvilConfig
class EvilTokenizer(PreTrainedTokenizerFast):
    pass
"""
MAP = {
    "AutoConfig": "evil.EvilConfig",
    **{
        f"AutoModel{kind}": "evil.Evil"
        for kind in ("", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification")
    },
}
LOADS = {
    "dry run": "from psycopref.train.estimate import shape; shape(PLACE, None)",
    "policy": "from psycopref.nets.weights import load_policy; load_policy(PLACE)",
    "reward": "from psycopref.nets.weights import load_reward; load_reward(PLACE)",
    "tokenizer": "from psycopref.nets.weights import tokenizer_and_ends; tokenizer_and_ends(PLACE)",
    "borrowed": "from psycopref.nets.foreign import load; load(PLACE)",
    "encoder": "from psycopref.nets.embeddings import embedded; embedded(PLACE, ['x'], 64, None)",
    "entities": "from psycopref.nets.entities import Entities; Entities(PLACE)",
    "local": "from psycopref.models.providers.local import Local\n"
    "from psycopref.models.entries import ModelEntry\n"
    "from psycopref.store.calls import Ask, Message\n"
    "one = ModelEntry(name='m', kind='local', model=PLACE)\n"
    "list(Local(one).answer([Ask('m', (Message('user', 'x'),))]))",
}


def planted(folder: Path) -> tuple[Path, Path]:
    """A model folder with code for every loader, and the file that the code would write."""
    mark = folder / "it-ran"
    place = folder / "model"
    (place / "custom_generate").mkdir(parents=True)
    code = EVIL.format(mark=str(mark))
    (place / "evil.py").write_text(code, encoding="utf-8")
    (place / "custom_generate" / "generate.py").write_text(code, encoding="utf-8")
    (place / "config.json").write_text(
        json.dumps({"model_type": "evil", "auto_map": MAP}), encoding="utf-8"
    )
    own = {"tokenizer_class": "EvilTokenizer", "auto_map": {"AutoTokenizer": [None, "evil.Evil"]}}
    (place / "tokenizer_config.json").write_text(json.dumps(own), encoding="utf-8")
    return place, mark


EACH = """
import json, sys
from psycopref.errors import PsycoprefError
said = {}
for name, script in json.loads(sys.argv[2]).items():
    try:
        exec(script, {"PLACE": sys.argv[1]})
    except PsycoprefError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


def test_planted_code_does_not_run(tmp_path: Path) -> None:
    place, mark = planted(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", EACH, str(place), json.dumps(LOADS)],
        input="y\n" * 500,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert not mark.exists(), "code of a model's folder ran"
    assert "[y/N]" not in done.stdout + done.stderr, "it was asked whether to run it"
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert said.keys() == LOADS.keys(), "every loader refuses the folder"
    for why in said.values():
        assert str(place) in why and "trust_remote_code" not in why
    assert "needs Python code of its own" in said["dry run"]


def test_every_loader_is_told_so() -> None:
    untold = []
    for path in SRC.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            starred = {ast.unparse(one.value) for one in node.keywords if one.arg is None}
            # `asked` and `where` are made of NO_CODE, as the planted folder shows.
            if called in LOADERS and not starred & {"NO_CODE", "asked", "where"}:
                untold.append(f"{path.relative_to(SRC)}:{node.lineno}")
    assert not untold
