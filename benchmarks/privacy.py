"""How much personal data masking finds, and how much else it masks, on speeches with marked
identifiers; peers in the same run.

python benchmarks/privacy.py benchmarks/privacy/tuning.jsonl [SEALED.jsonl ...] [--model FOLDER]
[--peer scrubadub=PYTHON] [--peer presidio=PYTHON] [--misses]

A set is JSON Lines of `id` and `text`, identifiers marked `[[NAME:Priya]]`. Per type: the share of
identifiers masked whole, the share of their characters masked (under any placeholder), the share
found with exactly those ends and that type. Precision: the share of what was masked that touches an
identifier, by span and by character. False masks are counted on the speeches that hold none.
Intervals are 95 %, bootstrap by speech (Wilson's where a share is 0 or 1). A peer is a Python with
that package installed, in an environment of its own.
"""

import argparse
import json
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from psycopref.stats.intervals import (
    Interval,
    bootstrap_sums,
    cluster_sums,
    codes,
    mean_interval,
    percentile,
)
from psycopref.text.privacy import KINDS, Span, find, joined

_MARK = re.compile(r"\[\[([A-Z]+):(.*?)\]\]", re.DOTALL)
Found = list[list[Span]]
PEERS = {
    "scrubadub": (
        """
import scrubadub
scrubber = scrubadub.Scrubber()
def find(text):
    return [(f.beg, f.end, {"email": "EMAIL", "phone": "PHONE", "url": "URL", \
"twitter": "HANDLE", "postalcode": "ADDRESS"}.get(f.type, "ID")
             ) for f in scrubber.iter_filth(text)]
"""
    ),
    "presidio": (
        """
import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
class Blank(SpacyNlpEngine):
    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}
registry = RecognizerRegistry()
registry.load_predefined_recognizers()
for name in ("SpacyRecognizer",):
    registry.remove_recognizer(name)
engine = AnalyzerEngine(registry=registry, nlp_engine=Blank())
kinds = {"EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "URL": "URL", "DATE_TIME": "DATE", \
"PERSON": "NAME", "LOCATION": "ADDRESS"}
def find(text):
    return [(r.start, r.end, kinds.get(r.entity_type, "ID")) \
for r in engine.analyze(text, language="en", score_threshold=0.35)]
"""
    ),
}
_AROUND = """
import json, sys, time
texts = json.load(sys.stdin)
{peer}
find("warm up, call Anna")
start = time.process_time()
out = [find(text) for text in texts]
json.dump({{"spans": out, "seconds": time.process_time() - start}}, sys.stdout)
"""


class Case(NamedTuple):
    """A speech without its marks, and where they were."""

    name: str
    text: str
    spans: list[Span]


def load(path: Path) -> list[Case]:
    """The speeches of a set."""
    rows = [
        json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    return [unmarked(row["id"], row["text"]) for row in rows]


def unmarked(name: str, marked: str) -> Case:
    """One speech: its text, and its identifiers as spans."""
    text, spans, at = "", [], 0
    for match in _MARK.finditer(marked):
        kind, what = match.groups()
        if kind not in KINDS:
            raise SystemExit(
                f"{name}: {kind} is no type of identifier; there are {', '.join(KINDS)}"
            )
        text += marked[at : match.start()]
        spans.append(Span(len(text), len(text) + len(what), kind))
        text, at = text + what, match.end()
    return Case(name, text + marked[at:], spans)


def covered(span: Span, others: Sequence[Span]) -> int:
    """How many characters of a span lie in the others (which do not overlap)."""
    return sum(max(0, min(span.end, other.end) - max(span.start, other.start)) for other in others)


def shown(one: Interval) -> str:
    """A share with its interval."""
    if not one.n:
        return "-"
    ends = "" if one.low is None else f" [{one.low:.3f}, {one.high:.3f}]"
    return f"{one.value:.3f}{ends}"


def ratio(top: Sequence[float], bottom: Sequence[float], names: Sequence[str]) -> Interval:
    """A ratio of sums with its interval by speech."""
    if not sum(bottom):
        return Interval(0.0, None, None, 0)
    code, many = codes(names)
    sums = cluster_sums(np.column_stack([top, bottom]).astype(np.float64), code, many)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = bootstrap_sums(sums, lambda total: total[:, 0] / total[:, 1], 2000, 0)
    return percentile(sum(top) / sum(bottom), drawn, int(sum(bottom)))


def recall(cases: Sequence[Case], found: Found, kind: str) -> str:
    """One line: identifiers of a type (all where it is empty)."""
    rows = [
        (case.name, gold, masks)
        for case, masks in zip(cases, found, strict=True)
        for gold in case.spans
        if kind in ("", gold.kind)
    ]
    if not rows:
        return f"| {kind} | 0 | - | - | - |"
    names = [name for name, _, _ in rows]
    whole = mean_interval(
        [covered(gold, masks) == gold.end - gold.start for _, gold, masks in rows],
        names,
        share=True,
    )
    exact = mean_interval([gold in masks for _, gold, masks in rows], names, share=True)
    letters = ratio(
        [covered(gold, masks) for _, gold, masks in rows],
        [gold.end - gold.start for _, gold, _ in rows],
        names,
    )
    return f"| {kind or 'all'} | {len(rows)} | {shown(whole)} | {shown(letters)} | {shown(exact)} |"


def precision(cases: Sequence[Case], found: Found, kind: str) -> str:
    """One line: masks of a type (all where it is empty)."""
    rows = [
        (case.name, mask, case.spans)
        for case, masks in zip(cases, found, strict=True)
        for mask in masks
        if kind in ("", mask.kind)
    ]
    if not rows:
        return f"| {kind} | 0 | - | - | - |"
    names = [name for name, _, _ in rows]
    touching = mean_interval([covered(mask, gold) > 0 for _, mask, gold in rows], names, share=True)
    exact = mean_interval([mask in gold for _, mask, gold in rows], names, share=True)
    letters = ratio(
        [covered(mask, gold) for _, mask, gold in rows],
        [mask.end - mask.start for _, mask, _ in rows],
        names,
    )
    return (
        f"| {kind or 'all'} | {len(rows)} | {shown(touching)} | {shown(letters)} | {shown(exact)} |"
    )


def report(name: str, cases: Sequence[Case], found: Found, seconds: float, misses: bool) -> None:
    """The tables of one finder on one set."""
    print(
        f"\n### {name}\n\n| type | identifiers | recall: masked whole | characters | exact"
        " |\n|---|---|---|---|---|"
    )
    for kind in ("", *KINDS):
        print(recall(cases, found, kind))
    print("\n| type | masks | precision: touches one | characters | exact |\n|---|---|---|---|---|")
    for kind in ("", *KINDS):
        print(precision(cases, found, kind))
    none = [(case, masks) for case, masks in zip(cases, found, strict=True) if not case.spans]
    words = [len(case.text.split()) for case, _ in none]
    false = ratio([1000 * len(masks) for _, masks in none], words, [case.name for case, _ in none])
    print(
        f"\nfalse masks per 1,000 words on {len(none)} speeches without identifiers ({sum(words)}"
        f" words): {shown(false)}"
    )
    print(
        f"CPU: {seconds / len(cases) * 1e6:.0f} microseconds a speech,"
        f" {seconds / len(cases) * 1e3:.2f} s per 1,000 speeches"
    )
    if misses:
        for case, masks in zip(cases, found, strict=True):
            lost = [
                case.text[span.start : span.end]
                for span in case.spans
                if covered(span, masks) < span.end - span.start
            ]
            extra = [
                (span.kind, case.text[span.start : span.end])
                for span in masks
                if span not in case.spans
            ]
            if lost or extra:
                print(f"{case.name}: missed {lost}; not exactly marked {extra}")


def ours(model: str) -> Callable[[Sequence[str]], Found]:
    """The rules, and a named-entity model where a folder is given."""
    if not model:
        return lambda texts: [find(text) for text in texts]
    from psycopref.nets.entities import Entities

    entities = Entities(model)
    return lambda texts: [
        joined([*find(text), *(Span(*span) for span in spans)], text)
        for text, spans in zip(texts, entities(texts), strict=True)
    ]


def peer(name: str, python: str, texts: Sequence[str]) -> tuple[Found, float]:
    """What a peer finds, in a process of its own."""
    script = _AROUND.format(peer=PEERS[name].strip())
    done = subprocess.run(
        [python, "-c", script],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr[-2000:]}")
    out = json.loads(done.stdout[done.stdout.index("{") :])
    return [
        joined([Span(*span) for span in spans], text)
        for text, spans in zip(texts, out["spans"], strict=True)
    ], out["seconds"]


def main() -> None:
    """Set by set, ourselves first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--model", default="")
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument(
        "--misses", action="store_true", help="show what was missed: on a tuning set only"
    )
    args = parser.parse_args()
    finder = ours(args.model)
    finder(["My name is Anna."])
    for path in args.sets:
        cases = load(path)
        texts = [case.text for case in cases]
        marked = sum(len(case.spans) for case in cases)
        print(
            f"\n## {path.name}: {len(cases)} speeches, {marked} identifiers,"
            f" {sum(not case.spans for case in cases)} speeches without any"
        )
        start = time.process_time()
        found = finder(texts)
        report("psycopref", cases, found, time.process_time() - start, args.misses)
        for given in args.peer:
            name, _, python = given.partition("=")
            report(name, cases, *peer(name, python, texts), args.misses)


if __name__ == "__main__":
    main()
