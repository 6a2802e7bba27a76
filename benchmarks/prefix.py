"""How much of a judge call's prompt a provider's prefix cache can take over from the call before
it.

python benchmarks/prefix.py [--speeches 222] [--per-call item] [--times 1] [--server]

The calls of `Rate` in the order in which they are made, for the sample's own speeches and
responses: the characters that a call has in common with the beginning of the call before it, over
all characters of the prompts; the first call of a speech shares little, the six that follow nearly
everything. `--server` has them asked of tests/loopback.py, one at a time, and measures what arrived
there. `cached` is what is left where whole blocks alone are cached (OpenAI: 128 tokens, from
1,024), at 4.5 letters a token; the sample's texts are short, `--times 3` repeats each.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from psycopref.config.instruments import load_instrument
from psycopref.lab import Lab
from psycopref.models.entries import ModelEntry
from psycopref.recipes import load_recipe
from psycopref.stages.rate import Rate
from psycopref.store.calls import Ask
from psycopref.tables import Response, Speech

BLOCK, LEAST = (
    128,
    1024,
)  # tokens; OpenAI's prompt caching, https://platform.openai.com/docs/guides/prompt-caching
LETTERS = 4.5  # letters a token


def common(one: str, two: str) -> int:
    """How many characters two texts have in common at their beginnings."""
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == two[:middle] else (low, middle - 1)
    return low


def shares(prompts: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Shares of the characters of (speech, prompt) in order: of all calls, and of all but the first
    of each speech.
    """
    total = shared = later = later_shared = calls = 0
    cached = 0.0
    before, last = "", ""
    for speech, prompt in prompts:
        same = common(before, prompt)
        calls, total, shared = calls + 1, total + len(prompt), shared + same
        blocks = int(same / LETTERS) // BLOCK * BLOCK
        cached += blocks * LETTERS if blocks >= LEAST else 0
        if speech == last:
            later, later_shared = later + len(prompt), later_shared + same
        before, last = prompt, speech
    return {
        "calls": calls,
        "characters": total,
        "all_calls": shared / total,
        "within_a_speech": later_shared / later if later else 0.0,
        "cached": cached / total,
    }


def text(ask: Ask) -> str:
    """The prompt as one text, as a chat template would write it."""
    return "".join(f"<{one.role}>{one.content}" for one in ask.messages)


def sample(count: int) -> tuple[Sequence[Speech], Sequence[Response]]:
    """The sample's speeches and the responses drawn for them."""
    _, recipe = load_recipe("quickstart")
    with tempfile.TemporaryDirectory() as work, Lab(Path(work)) as lab:
        assert recipe.dataset.respond
        speeches = list(islice(lab.do(recipe.dataset.collect).speeches, count))
        return speeches, list(lab.do(recipe.dataset.respond, speeches, []).responses)


def planned(
    stage: Rate, speeches: Sequence[Speech], responses: Sequence[Response]
) -> Iterator[tuple[str, str]]:
    """(speech, prompt) of every call in the order of the stage."""
    return ((job.speech.speech_id, text(stage.ask(job))) for job in stage.jobs(speeches, responses))


def arrived(
    speeches: Sequence[Speech], responses: Sequence[Response], per_call: str
) -> Iterator[tuple[str, str]]:
    """(speech, prompt) as a loopback server received them, one call in flight."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from helpers.loopback import Loopback

    bodies: list[str] = []
    with Loopback() as server, tempfile.TemporaryDirectory() as work, Lab(Path(work)) as lab:
        server.extra = lambda body: bodies.append(
            "".join(f"<{m['role']}>{m['content']}" for m in body["messages"])
        )
        judge = ModelEntry(name="judge", kind="openai", url=server.url, concurrency=1)
        lab.do(
            Rate(instrument="psychocounsel", judge=judge, per_call=per_call, attempts=1),
            speeches,
            responses,
        )
    return ((body.split("<client>")[1].split("</client>")[0], body) for body in bodies)


def main() -> None:
    """One line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--speeches", type=int, default=222)
    parser.add_argument("--per-call", choices=["item", "all"], default="item")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--server", action="store_true")
    args = parser.parse_args()
    speeches, responses = sample(args.speeches)
    responses = [replace(row, text="\n".join([row.text] * args.times)) for row in responses]
    stage = Rate(
        instrument=load_instrument("psychocounsel"),
        judge=ModelEntry(name="judge", kind="local"),
        per_call=args.per_call,
    )
    found = shares(
        arrived(speeches, responses, args.per_call)
        if args.server
        else planned(stage, speeches, responses)
    )
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))


if __name__ == "__main__":
    main()
