"""A model on this machine's GPUs through vLLM (Apache-2.0): continuous batching, prompts that begin
alike read once.
"""

import importlib.util
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from psycopref.errors import ModelError
from psycopref.models.entries import ModelEntry
from psycopref.models.providers.local import MAX_TOKENS, leave_gpu, seed_of, tokenizer_of, tokens_of
from psycopref.nets.no_code import NO_CODE, why
from psycopref.store.calls import Ask, Reply


class Wanted(NamedTuple):
    """One answer to sample: prompt token ids, settings, the tokens that end it, and a JSON schema
    ('' for free text).
    """

    prompt: Sequence[int]
    temperature: float
    max_tokens: int
    seed: int
    stops: Sequence[int]
    json_schema: str = ""


class Sampled(NamedTuple):
    """Token ids without the one that ended them, and whether the answer came to an end."""

    ids: list[int]
    ended: bool


class Engine:
    """vLLM with one model; loaded when it is made. Weights in bfloat16: folders in float32 would
    otherwise be read as float16.
    """

    def __init__(self, place: str, context: int | None = None) -> None:
        if importlib.util.find_spec("vllm") is None:
            raise ModelError(
                "vllm is not installed; `pip install vllm` on a machine with a GPU, or use the"
                ' engine of transformers (kind = "local")'
            )
        from vllm import LLM

        leave_gpu()
        try:
            self._llm = LLM(
                model=place,
                dtype="bfloat16",
                max_model_len=context,
                enable_prefix_caching=True,
                seed=0,
                **NO_CODE,
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(
                f"{place!r} does not load in vLLM ({why(error)}); give a Hugging Face id or folder"
                " of a model that vLLM serves, or lower `context`"
            ) from error

    def fit(self, tokens: int) -> None:
        """ModelError where so many tokens of prompt and answer are more than the engine holds (it
        would refuse all that it is given with them).
        """
        room = self._llm.llm_engine.model_config.max_model_len
        if tokens > room:
            raise ModelError(
                f"prompt and answer need up to {tokens} tokens and vLLM holds {room}; lower"
                " max_tokens, raise `context`, or leave long speeches out"
            )

    def sample(self, wanted: Sequence[Wanted]) -> list[Sampled]:
        """One answer each, in order; the engine batches them as it likes."""
        prompts = [{"prompt_token_ids": list(one.prompt)} for one in wanted]
        outputs = self._llm.generate(prompts, [_params(one) for one in wanted], use_tqdm=False)
        return [_cut(output.outputs[0], one) for output, one in zip(outputs, wanted, strict=True)]


def _params(one: Wanted) -> Any:
    from vllm import SamplingParams

    more: dict[str, Any] = {}
    if one.json_schema:
        from vllm.sampling_params import StructuredOutputsParams

        more["structured_outputs"] = StructuredOutputsParams(json=json.loads(one.json_schema))
    else:
        more["detokenize"] = False  # the caller's tokenizer writes the text
    return SamplingParams(
        temperature=one.temperature,
        max_tokens=one.max_tokens,
        seed=one.seed,
        stop_token_ids=list(one.stops),
        **more,
    )


def _cut(output: Any, one: Wanted) -> Sampled:
    ids = list(output.token_ids)
    ended = output.finish_reason == "stop"
    if ended and ids and ids[-1] in one.stops:
        ids.pop()
    return Sampled(ids, ended)


class Vllm:
    """A pool entry of kind "vllm"; loaded with the first ask. Seeds come from the call ids, but
    which answers share a batch may still change the last digit of a logit, so that a sample is
    repeatable in distribution only.
    """

    def __init__(self, entry: ModelEntry) -> None:
        self._entry = entry
        self._loaded: tuple[Any, Engine] | None = None

    def __repr__(self) -> str:
        return f"Vllm({self._entry.name!r})"

    def stop(self) -> None:
        """Nothing to do: a batch under way is short."""

    def answer(self, asks: Sequence[Ask]) -> Iterator[Reply]:
        """Replies to all asks, in order; ModelError where the model does not load or takes no such
        roles.
        """
        tokenizer, engine = self._loaded = self._loaded or (
            tokenizer_of(self._entry.sent_as),
            Engine(self._entry.sent_as, self._entry.context),
        )
        began = time.monotonic()
        wanted = [self._wanted(tokenizer, ask) for ask in asks]
        engine.fit(max(len(one.prompt) + one.max_tokens for one in wanted))
        found = engine.sample(wanted)
        seconds = round((time.monotonic() - began) / len(asks), 3)
        for ask, one, sampled in zip(asks, wanted, found, strict=True):
            text = tokenizer.decode(sampled.ids, skip_special_tokens=True).strip()
            yield Reply(
                ask.call_id,
                "ok" if sampled.ended else "truncated",
                text,
                len(one.prompt),
                len(sampled.ids) + sampled.ended,
                seconds,
            )

    def _wanted(self, tokenizer: Any, ask: Ask) -> Wanted:
        temperature = 1.0 if ask.temperature is None else ask.temperature
        schema = ask.json_schema if self._entry.json_schema else ""
        stops = [tokenizer.eos_token_id]
        return Wanted(
            tokens_of(self._entry, tokenizer, ask),
            temperature,
            ask.max_tokens or MAX_TOKENS,
            seed_of(ask),
            stops,
            schema,
        )
