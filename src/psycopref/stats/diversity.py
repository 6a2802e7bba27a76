"""Diversity: whether a policy still says different things, or has begun to say one."""

import math
from collections import Counter
from collections.abc import Sequence

Grams = Counter[tuple[str, ...]]


def distinct(texts: Sequence[str], n: int) -> float:
    """The share of n-grams (of lower-cased words) that are different from all others, over all texts; NaN where there is none.

    Li et al. 2016 (arXiv 1510.03055), distinct-n. It falls with the number of words, so compare texts of like number and length.
    """
    grams = [gram for text in texts for gram in _grams(text.lower().split(), n)]
    return len(set(grams)) / len(grams) if grams else math.nan


def self_bleu(groups: Sequence[Sequence[str]], n: int = 4) -> float:
    """How much the texts of a group repeat one another: the mean BLEU of each against the others of its group, 0 to 1.

    Zhu et al. 2018 (arXiv 1802.01886). Uniform weights up to n-grams, brevity penalty, precisions with one added to both counts above
    unigrams (Lin and Och 2004). Groups of one text are left out; NaN where none is left.
    """
    scores = []
    for group in groups:
        texts = [text.lower().split() for text in group]
        counted = [[Counter(_grams(one, size)) for size in range(1, n + 1)] for one in texts]
        for at, one in enumerate(texts):
            others = [other for other in range(len(texts)) if other != at]
            if one and others:
                scores.append(_bleu(counted[at], [counted[other] for other in others], len(one), [len(texts[other]) for other in others]))
    return sum(scores) / len(scores) if scores else math.nan


def _bleu(own: Sequence[Grams], references: Sequence[Sequence[Grams]], length: int, lengths: Sequence[int]) -> float:
    """BLEU of one text, given the n-gram counts (by size) of it and of its references, and their lengths in words."""
    logs = 0.0
    for size, grams in enumerate(own):
        hits = sum(min(count, max(reference[size][gram] for reference in references)) for gram, count in grams.items())
        all_ = grams.total()
        if size:
            hits, all_ = hits + 1, all_ + 1
        if not hits:
            return 0.0
        logs += math.log(hits / all_) / len(own)
    nearest = min((abs(other - length), other) for other in lengths)[1]
    return math.exp(logs + min(0.0, 1 - nearest / length))


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
