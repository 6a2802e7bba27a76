"""Build src/psycopref/data/recorded/sample.sqlite: the sample's responses and ratings as answers to
the requests the stages make.
"""

import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from psycopref.lab import Lab
from psycopref.models.entries import load_pool
from psycopref.sources.sample import read_ratings, read_responses
from psycopref.stages.collect import Collect, SourceSetting
from psycopref.stages.rate import Rate
from psycopref.stages.respond import Respond, respond_ask
from psycopref.store.calls import Ask, Reply
from psycopref.store.ledger import Ledger
from psycopref.tables import Response, content_id

OUT = Path(__file__).parents[1] / "src/psycopref/data/recorded/sample.sqlite"


def reply(ask: Ask, text: str) -> Reply:
    """A recorded answer; the sample knows no token counts, so words stand in for them."""
    words_in = sum(len(message.content.split()) for message in ask.messages)
    return Reply(ask.call_id, "ok", text, words_in, len(text.split()), 0.0, "sample 1.0")


def main() -> None:
    OUT.parent.mkdir(exist_ok=True)
    OUT.unlink(missing_ok=True)
    pool = {entry.name: entry for entry in load_pool("sample").models}
    with TemporaryDirectory() as scratch, Lab(Path(scratch)) as lab:
        speeches = lab.do(Collect(sources=(SourceSetting(name="sample"),))).speeches
    by_text = {row["id"]: row for row in read_responses()}
    from psycopref.sources.sample import read as read_sample

    origin = {
        found.origin.split(":")[-1]: number for number, found in enumerate(read_sample(None, {}))
    }
    assert len(origin) == len(speeches), "the sample holds duplicates"
    named = {key: speeches[number] for key, number in origin.items()}
    respond, rate = (
        Respond(pool="sample"),
        Rate(instrument="psychocounsel", judge="sample/sample-judge"),
    )
    ledger = Ledger(OUT)
    rows, responses, source_id = [], [], {}
    for row in by_text.values():
        speech = named[row["speech_id"]]
        ask = respond_ask(respond.prompt, pool[row["model"]], speech)
        rows.append((ask, reply(ask, row["text"])))
        text = row["text"].strip()
        response = Response(
            content_id("response", speech.speech_id, row["model"], text),
            speech.speech_id,
            row["model"],
            text,
        )
        responses.append(response)
        source_id[response.response_id] = row["id"]
    ledger.add(rows, "respond")
    scores: dict[str, dict[str, Any]] = defaultdict(dict)
    for row in read_ratings():
        scores[row["response_id"]][row["item"]] = row
    rated = []
    for job in rate.jobs(list(speeches), responses):
        found = [scores[source_id[r.response_id]][job.items[0].name] for r in job.responses]
        answer = {
            "ratings": [
                {"response": n, "rationale": one["rationale"], "score": one["score"]}
                for n, one in enumerate(found, 1)
            ]
        }
        ask = rate.ask(job)
        rated.append((ask, reply(ask, json.dumps(answer, ensure_ascii=False))))
    ledger.add(rated, "rate")
    ledger.pack()
    ledger.close()
    OUT.chmod(0o644)
    print(
        f"{OUT}: {len(rows)} responses, {len(rated)} judge calls, {OUT.stat().st_size / 1e6:.1f} MB"
    )


if __name__ == "__main__":
    main()
