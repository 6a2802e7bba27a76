"""Near duplicates: MinHash-LSH finds candidates, the exact Jaccard similarity of word shingles decides."""

import re
from collections.abc import Sequence

from rensa import RMinHash, RMinHashLSH

_SEED = 2502


def shingles(text: str, words: int) -> set[str]:
    """Every run of `words` words in lower case; a shorter text is one shingle."""
    said = re.findall(r"\w+", text.casefold())
    return {" ".join(said[start : start + words]) for start in range(max(1, len(said) - words + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """Shared over all, 0 to 1."""
    return len(one & other) / len(one | other)


def bands(threshold: float, permutations: int, miss: float = 1e-3) -> int:
    """The fewest bands that divide `permutations` and miss a pair at the threshold with probability at most `miss`."""
    fitting = [count for count in range(1, permutations + 1) if permutations % count == 0]
    return next((count for count in fitting if (1 - threshold ** (permutations / count)) ** count <= miss), permutations)


def repeats(texts: Sequence[str], threshold: float, words: int = 3, permutations: int = 128) -> list[int]:
    """For each text the position of the kept text it repeats, or -1 where it is kept itself.

    In order: a text goes if its exact Jaccard similarity with a kept one is at least `threshold`, and names the first
    such; a text that went is no ground for another to go, so nothing goes along a chain.
    """
    index = RMinHashLSH(threshold, permutations, bands(threshold, permutations))
    out: list[int] = []
    for position, text in enumerate(texts):
        own = shingles(text, words)
        sketch = RMinHash(permutations, _SEED)
        sketch.update(sorted(own))
        close = (kept for kept in sorted(index.query(sketch)) if jaccard(own, shingles(texts[kept], words)) >= threshold)
        found = next(close, -1)
        out.append(found)
        if found < 0:
            index.insert(position, sketch)
    return out
