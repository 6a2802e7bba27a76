"""Near duplicates beside datasketch and a plain script: python benchmarks/near.py [--sizes
10000,100000,1000000] [--peer PYTHON] [--limit 900]

Speeches of 366 characters on average (100 to 1,000) from a Zipf vocabulary of 50,000 made-up words,
the same for every system; 1 in 20 is a planted near duplicate of an earlier one: words dropped,
letters changed, neighbours swapped, the end cut off, at four strengths. All take runs of three
words and a Jaccard similarity of 0.8, each in a process of its own. 'psycopref' keeps texts in
order and decides by exact similarity. 'datasketch' makes sketches of 128 permutations by its
generator of bulk sketches with xxhash, asks its index for each and inserts it where none is as
similar by estimate; once with the bands it chooses for 0.8, once with the 32 bands of 4 used here.
'plain' is the well-known script: permutations in numpy, bands in dicts, union-find, no check.
PYTHON is an interpreter that has datasketch, numpy and xxhash. A peer that is estimated (from its
last size, by proportion) above `--limit` seconds is left out and its estimate said.
"""

import argparse
import json
import math
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

THRESHOLD, LENGTH, PERMUTATIONS = 0.8, 3, 128
STRENGTHS = (0.01, 0.03, 0.06, 0.1)
_PRIME, _LARGEST = (1 << 61) - 1, (1 << 32) - 1


def changed(words: list[str], kind: str, strength: float, rng: random.Random) -> list[str]:
    """A near duplicate: a share of the words dropped, misspelt or swapped with the next one, or cut
    off at the end; at least one.
    """
    count, out = max(1, round(strength * len(words))), list(words)
    if kind == "cut":
        return out[:-count]
    for at in rng.sample(range(len(out) - 1), count):
        if kind == "drop":
            out[at] = ""
        elif kind == "typo":
            letter = rng.randrange(len(out[at]) or 1)
            out[at] = (
                out[at][:letter] + rng.choice("abcdefghijklmnopqrstuvwxyz") + out[at][letter + 1 :]
            )
        else:
            out[at], out[at + 1] = out[at + 1], out[at]
    return [word for word in out if word]


def speeches(count: int) -> Iterator[tuple[str, int, str, float]]:
    """(text, the position of the one it was made of or -1, kind, strength)."""
    rng = random.Random(366)
    sizes = (2, 3, 3, 4, 4, 5, 6, 7, 9)
    made = (
        "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.choice(sizes)))
        for _ in range(60_000)
    )
    vocabulary = list(dict.fromkeys(made))[:50_000]
    total, weights = 0.0, []
    for rank in range(1, len(vocabulary) + 1):
        total += 1 / rank
        weights.append(total)
    originals: list[tuple[int, str]] = []
    for at in range(count):
        if originals and rng.random() < 0.05:
            source, text = originals[rng.randrange(len(originals))]
            kind, strength = rng.choice(("drop", "typo", "swap", "cut")), rng.choice(STRENGTHS)
            yield " ".join(changed(text.split(), kind, strength, rng)), source, kind, strength
            continue
        words = rng.choices(
            vocabulary,
            cum_weights=weights,
            k=min(170, max(20, round(rng.lognormvariate(4.06, 0.42)))),
        )
        text = " ".join(words)[:1000]
        if len(originals) < 50_000:
            originals.append((at, text))
        yield text, -1, "", 0.0


def runs(text: str) -> set[str]:
    """The shingles that the peers are given."""
    words = re.findall(r"\w+", text.casefold())
    return {" ".join(words[at : at + LENGTH]) for at in range(max(1, len(words) - LENGTH + 1))}


def ours(texts: Sequence[str]) -> list[int]:
    from psycopref.text.duplicates.near import repeats

    return [
        at for at, kept in enumerate(repeats(texts, THRESHOLD, LENGTH, PERMUTATIONS)) if kept >= 0
    ]


def sketched(texts: Sequence[str], params: tuple[int, int] | None) -> list[int]:
    import xxhash
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, params=params)
    kept: dict[int, Any] = {}
    dropped = []
    tokens = ([run.encode() for run in runs(text)] for text in texts)
    for at, sketch in enumerate(
        MinHash.generator(tokens, num_perm=PERMUTATIONS, hashfunc=xxhash.xxh32_intdigest)
    ):
        if any(sketch.jaccard(kept[other]) >= THRESHOLD for other in index.query(sketch)):
            dropped.append(at)
        else:
            index.insert(at, sketch, check_duplication=False)
            kept[at] = sketch
    return dropped


def plain(texts: Sequence[str]) -> list[int]:
    import numpy as np
    import xxhash

    rng = np.random.RandomState(42)
    factors, terms = (
        rng.randint(1, _PRIME, PERMUTATIONS, dtype=np.uint64),
        rng.randint(0, _PRIME, PERMUTATIONS, dtype=np.uint64),
    )
    rows, bands = 4, 32
    tables: list[defaultdict[bytes, list[int]]] = [defaultdict(list) for _ in range(bands)]
    parent: dict[int, int] = {}

    def root(at: int) -> int:
        while parent.setdefault(at, at) != at:
            parent[at] = parent[parent[at]]
            at = parent[at]
        return at

    for at, text in enumerate(texts):
        hashes = np.array(
            [xxhash.xxh32_intdigest(run.encode()) for run in runs(text)], dtype=np.uint64
        )
        signature = (
            (((hashes[:, None] * factors + terms) % _PRIME) & _LARGEST)
            .min(axis=0)
            .astype(np.uint32)
        )
        for band, table in enumerate(tables):
            table[signature[band * rows : (band + 1) * rows].tobytes()].append(at)
    for table in tables:
        for members in table.values():
            for other in members[1:]:
                one, two = sorted((root(members[0]), root(other)))
                parent[two] = one
    return [at for at in parent if root(at) != at]


SYSTEMS: dict[str, Callable[[Sequence[str]], list[int]]] = {
    "psycopref": ours,
    "datasketch": lambda texts: sketched(texts, None),
    "datasketch, 32 bands of 4": lambda texts: sketched(texts, (32, 4)),
    "plain": plain,
}


def child(system: str, file: Path) -> None:
    """Read the texts, find duplicates, print what it took."""
    texts = file.read_text(encoding="utf-8").split("\n")
    before, began = time.process_time(), time.perf_counter()
    dropped = SYSTEMS[system](texts)
    took = {
        "cpu": time.process_time() - before,
        "wall": time.perf_counter() - began,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }
    print(json.dumps({**took, "dropped": dropped}))


def measured(system: str, file: Path, python: str) -> dict[str, Any]:
    done = subprocess.run(
        [python, __file__, "--child", system, "--file", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def quality(
    texts: Sequence[str], planted: Sequence[tuple[int, int, str, float]], dropped: list[int]
) -> str:
    """Recall of planted pairs of 0.8 and more, by kind and strength, and how many were dropped that
    are below 0.7 of their original.
    """
    gone, hits, low = set(dropped), defaultdict(list), 0
    for at, source, kind, strength in planted:
        one, two = runs(texts[at]), runs(texts[source])
        exact = len(one & two) / len(one | two)
        if exact >= THRESHOLD:
            hits[kind, strength].append(at in gone)
        low += exact < 0.7 and at in gone
    everything = [hit for some in hits.values() for hit in some]
    by_kind = ", ".join(
        f"{kind} {strength:.0%} {sum(some) / len(some):.4f} of {len(some)}"
        for (kind, strength), some in sorted(hits.items())
    )
    others = len(gone - {at for at, *_ in planted})
    return (
        f"recall {sum(everything) / len(everything):.4f} of {len(everything):,}; dropped below 0.7:"
        f" {low}, not planted: {others}\n    {by_kind}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument(
        "--peer", default=sys.executable, help="an interpreter with datasketch, numpy and xxhash"
    )
    parser.add_argument(
        "--limit", type=float, default=900, help="seconds a peer may be expected to take"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, args.file)
        return
    last: dict[str, tuple[int, float]] = {}
    for size in map(int, args.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            compare(size, Path(folder) / "texts.txt", args.peer, args.limit, last)


def compare(
    size: int, file: Path, peer: str, limit: float, last: dict[str, tuple[int, float]]
) -> None:
    """One size: every system that is expected within the limit; `last` holds (size, CPU seconds) of
    the size before.
    """
    made = list(speeches(size))
    texts = [text for text, *_ in made]
    planted = [
        (at, source, kind, strength)
        for at, (_, source, kind, strength) in enumerate(made)
        if source >= 0
    ]
    file.write_text("\n".join(texts), encoding="utf-8")
    print(
        f"\n{size:,} speeches of {sum(map(len, texts)) / size:.0f} characters, {len(planted):,}"
        " planted",
        flush=True,
    )
    own = 0.0
    for system in SYSTEMS:
        before = last.get(system)
        expected = before[1] * size / before[0] if before else 0.0
        if expected > limit:
            print(
                f"  {system}: left out; {expected:,.0f} CPU s by proportion, {expected / own:.1f}"
                " times psycopref's",
                flush=True,
            )
            continue
        got = measured(system, file, sys.executable if system == "psycopref" else peer)
        own = own or got["cpu"]
        growth = (
            f", growth exponent {math.log(got['cpu'] / before[1]) / math.log(size / before[0]):.2f}"
            if before
            else ""
        )
        last[system] = (size, got["cpu"])
        print(
            f"  {system}: {got['cpu']:.1f} CPU s ({got['cpu'] / own:.1f} times), {got['wall']:.1f}"
            f" s, peak {got['peak']:.2f} GB{growth}"
        )
        print(f"    {quality(texts, planted, got['dropped'])}", flush=True)


if __name__ == "__main__":
    main()
