"""One odd speech or reply does not stop a run: what it brought goes with it, counted."""

import json
from pathlib import Path

import pytest
from helpers.tiny import BAD, GOOD
from helpers.tiny_paper import SIZE, TRAINING

from psycopref.errors import TrainError
from psycopref.flows import dataset, rewards
from psycopref.flows.judged import compared
from psycopref.flows.paper import Recipe
from psycopref.flows.rounds import Judges
from psycopref.lab import Lab
from psycopref.recipes import load_recipe
from psycopref.tables import Response

OWN = """flow = "paper"
[dataset.collect]
sources = [{ name = "preferences", path = "FILE" }]
[dataset.clean]
low = 1
high = 20000
[dataset.dedup]
[dataset.topics]
labeller = "classifier"
test_share = 0.3
"""


def recipe(folder: Path, long: bool) -> Recipe:
    """Sixty pairs, another on a prompt that is nearly the first one's, and where `long` two with
    replies that no small model reads.
    """
    rows = [
        {
            "prompt": f"Week {n} was hard, my {n * 7} plants died and I cannot sleep at all. "
            + f"Nobody called me on day {n * 31}, and the {n * 13} stairs are too much. " * 2,
            "chosen": f"{GOOD} {n}",
            "rejected": f"{BAD} {n}",
        }
        for n in range(60)
    ]
    near = rows[0]["prompt"].replace("Week 0", "The week", 1)
    rows.append({"prompt": near, "chosen": f"{GOOD} again", "rejected": f"{BAD} again"})
    if long:
        for n, split in ((70, "train"), (71, "test")):
            prompt = f"Month {n} was long, and I did not leave the house for {n} days."
            more = {"chosen": GOOD + " yes" * 5000, "rejected": BAD, "split": split}
            rows.append({"prompt": prompt, **more})
    file = folder / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "own.toml"
    training = TRAINING.replace("gold_share = 0.4\n", "").replace("SIZE", SIZE)
    training = training.replace("URL", "http://localhost:1")
    path.write_text(OWN.replace("FILE", str(file)) + training, encoding="utf-8")
    loaded = load_recipe(str(path))[1]
    assert isinstance(loaded, Recipe)
    return loaded


def test_what_a_dropped_speech_brought_goes_with_it(lab: Lab, tmp_path: Path) -> None:
    built = dataset.built(recipe(tmp_path, long=False).dataset, lab)
    assert [row.reason for row in built.dropped] == ["near duplicate"]
    assert len(built.preferences) == 60
    known = {row.speech_id for row in built.speeches}
    assert {row.speech_id for row in built.responses} == known
    gone = {row.slice: row.value for row in built.metrics if row.name == "dropped.brought"}
    assert gone == {"responses": 2, "ratings": 0, "preferences": 1}


def test_a_reply_too_long_to_be_scored_is_refused_by_name_or_left_out(
    lab: Lab, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    own = recipe(tmp_path, long=True)
    built = dataset.built(own.dataset, lab)
    training = own.training
    weights = lab.do(
        training.reward, built.speeches, built.responses, built.preferences, None
    ).weights
    with pytest.raises(TrainError, match=r'longer = "skip" in \[training.score\]'):
        rewards.tabled(training, lab, built, weights)
    skip = training.score.model_copy(update={"longer": "skip"})
    training = training.model_copy(update={"score": skip})
    table = rewards.tabled(training, lab, built, weights)
    # A train pair is in the tables of no set; what stands there is that it was left out.
    assert [row.reason for row in table.failures] == ["too long: score"] * 2
    tests = [row for row in built.preferences if row.split == "test"]
    figures = {(row.name, row.slice): row for row in table.calibrated.metrics}
    assert figures["reward.accuracy", "test"].count == len(tests) - 1

    test = built.test()
    long = [row for row in built.responses if len(row.text) > 5000]
    ours = [_answer("ours", one.speech_id, GOOD) for one in test]
    theirs = [_answer("theirs", one.speech_id, BAD) for one in test]
    at = next(n for n, one in enumerate(test) if one.speech_id in {r.speech_id for r in long})
    theirs[at] = _answer("theirs", test[at].speech_id, long[0].text)
    made = compared(training, lab, test, ours, theirs, Judges(weights, None), "winrate")
    assert len({row.speech_id for row in made.verdicts}) == len(test) - 1
    assert {row.value for row in made.metrics if row.name == "winrate.unmatched"} == {1.0}


def _answer(model: str, speech_id: str, text: str) -> Response:
    return Response(f"response-{model}-{speech_id[-12:]}", speech_id, model, text)
