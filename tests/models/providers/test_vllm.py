"""vLLM: what is asked of the engine and what its answers become. The engine itself is not here; a
stand-in takes its place at the boundary.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from helpers.few_words import SENTENCE, save
from helpers.tiny import TINY, build_world

from psycopref.errors import ModelError
from psycopref.lab import Lab
from psycopref.models.connect import connect
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.vllm import Vllm
from psycopref.stages.draft import Draft
from psycopref.stages.policy import Policy
from psycopref.store.calls import Ask, Message

HELLO = (Message("user", SENTENCE),)


@dataclass
class Params:
    temperature: float
    max_tokens: int
    seed: int
    stop_token_ids: list[int]
    detokenize: bool = True
    structured_outputs: Any = None


class Engine:
    """Says the first three tokens of each prompt backwards, then ends; a prompt that may hold two
    tokens only is cut.
    """

    made: list[dict[str, Any]] = []
    asked: list[tuple[dict[str, Any], Params]] = []

    def __init__(self, **settings: Any) -> None:
        self.made.append(settings)
        self.llm_engine = SimpleNamespace(
            model_config=SimpleNamespace(max_model_len=settings["max_model_len"] or 2048)
        )

    def generate(
        self, prompts: list[dict[str, Any]], params: list[Params], use_tqdm: bool
    ) -> list[Any]:
        assert not use_tqdm
        self.asked.extend(zip(prompts, params, strict=True))
        return [
            SimpleNamespace(outputs=[self._one(prompt["prompt_token_ids"], one)])
            for prompt, one in zip(prompts, params, strict=True)
        ]

    def _one(self, ids: list[int], one: Params) -> Any:
        said = [*ids[2::-1], one.stop_token_ids[0]]
        return SimpleNamespace(
            token_ids=said[: one.max_tokens],
            finish_reason="stop" if one.max_tokens > 3 else "length",
        )


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> type[Engine]:
    module, sampling = ModuleType("vllm"), ModuleType("vllm.sampling_params")
    module.LLM, module.SamplingParams = Engine, Params  # type: ignore[attr-defined]
    sampling.StructuredOutputsParams = lambda json: ("schema", json)  # type: ignore[attr-defined]
    module.__spec__ = SimpleNamespace()  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setitem(sys.modules, "vllm.sampling_params", sampling)
    Engine.made.clear()
    Engine.asked.clear()
    return Engine


def test_asks_become_requests_and_outputs_replies(vllm: type[Engine], tmp_path: Path) -> None:
    entry = ModelEntry(
        name="m", kind="vllm", model=str(save(tmp_path)), context=512, json_schema=True
    )
    provider = connect(entry)
    assert isinstance(provider, Vllm)
    asks = [Ask("m", HELLO, 0.7, 8, draw=draw) for draw in range(2)] + [
        Ask("m", HELLO, None, 2),
        Ask("m", HELLO, 0.0, 8, json_schema='{"type":"object"}'),
    ]
    replies = list(provider.answer(asks))
    assert [reply.call_id for reply in replies] == [ask.call_id for ask in asks]
    assert [reply.outcome for reply in replies] == ["ok", "ok", "truncated", "ok"]
    assert (
        replies[0].tokens_out == 4
        and replies[2].tokens_out == 2
        and replies[0].tokens_in == len(vllm.asked[0][0]["prompt_token_ids"])
    )
    assert replies[0].text and "</s>" not in replies[0].text
    one, two, bare, structured = (params for _, params in vllm.asked)
    assert one.seed != two.seed and (one.temperature, bare.temperature, structured.temperature) == (
        0.7,
        1.0,
        0.0,
    )
    assert not one.detokenize and structured.structured_outputs == ("schema", {"type": "object"})
    list(provider.answer(asks[:1]))
    assert len(vllm.made) == 1 and vllm.made[0]["max_model_len"] == 512, "loaded once"


def test_what_does_not_fit_is_said_before_anything_is_asked(
    vllm: type[Engine], tmp_path: Path
) -> None:
    provider = connect(ModelEntry(name="m", kind="vllm", model=str(save(tmp_path)), context=16))
    assert isinstance(provider, Vllm)
    with pytest.raises(ModelError, match="vLLM holds 16; lower max_tokens"):
        list(provider.answer([Ask("m", HELLO, 0.5, 2), Ask("m", HELLO, 0.5, 400)]))
    assert not vllm.asked


def test_without_vllm_the_error_says_what_to_do(tmp_path: Path) -> None:
    provider = connect(ModelEntry(name="m", kind="vllm", model=str(save(tmp_path))))
    assert isinstance(provider, Vllm)
    with pytest.raises(ModelError, match="vllm is not installed"):
        list(provider.answer([Ask("m", HELLO)]))


def test_drafts_through_vllm_are_calls_like_any(vllm: type[Engine], lab: Lab) -> None:
    world = build_world()
    weights = lab.do(
        Policy(objective="sft", steps=1, batch_size=4, size=TINY),
        world.speeches,
        world.responses,
        [],
        None,
    ).weights
    stage = Draft(samples=2, max_tokens=8, split="dev", engine="vllm", rows=5)
    made = stage.run(lab, world.speeches, weights, [])
    assert len(made.responses) + len(made.failures) == 8 == len(vllm.asked) == lab.calls_made
    assert (
        len({params.seed for _, params in vllm.asked}) == 8 and vllm.made[0]["dtype"] == "bfloat16"
    )
    stage.run(lab, world.speeches, weights, [])
    assert len(vllm.asked) == 8, "what the ledger has is not sampled again"
    own = json.loads(lab.ledger.ask_text(next(iter(lab.ledger.ids()))) or "{}")
    assert (
        own["max_tokens"] == 8
        and Draft(samples=2, max_tokens=8, split="dev").model_dump() == stage.model_dump()
    ), "the engine is no part of a step's key"
