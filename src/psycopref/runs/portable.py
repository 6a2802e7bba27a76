"""An exported folder as other tools and older versions of transformers (4.51 on) read it."""

import json
from pathlib import Path
from typing import Any


def portable(folder: Path, what: str) -> None:
    """Say in the older words too what transformers 5 writes in new ones, in the copy that leaves
    the workspace; token ids and scores stay what they are.

    A reward model says that it gives a number (`problem_type`), so that a pipeline does not take
    the sigmoid of it.
    """
    _rewritten(folder / "tokenizer_config.json", _tokenizer)
    _rewritten(folder / "config.json", _model)
    if what == "reward":
        _rewritten(folder / "config.json", _reward)


def _rewritten(path: Path, change: Any) -> None:
    if path.is_file():
        said = json.loads(path.read_text(encoding="utf-8"))
        change(said)
        path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _tokenizer(said: dict[str, Any]) -> None:
    if said.get("tokenizer_class") == "TokenizersBackend":
        said["tokenizer_class"] = "PreTrainedTokenizerFast"
    extra = said.get("extra_special_tokens")
    if isinstance(extra, list):  # 4.x has a mapping under that name
        said["additional_special_tokens"] = said.pop("extra_special_tokens")
    said.setdefault("model_input_names", ["input_ids", "attention_mask"])
    for name in ("is_local", "local_files_only"):  # of this machine
        said.pop(name, None)


def _model(said: dict[str, Any]) -> None:
    """4.x reads the base of rotary positions at the top, and would take its default without it."""
    rope = said.get("rope_parameters")
    if not isinstance(rope, dict):
        return
    if "rope_theta" in rope:
        said.setdefault("rope_theta", rope["rope_theta"])
    if rope.get("rope_type", "default") != "default":
        scaling = {name: value for name, value in rope.items() if name != "rope_theta"}
        said.setdefault("rope_scaling", scaling)


def _reward(said: dict[str, Any]) -> None:
    said["problem_type"] = "regression"
    said["id2label"], said["label2id"] = {"0": "reward"}, {"reward": 0}
