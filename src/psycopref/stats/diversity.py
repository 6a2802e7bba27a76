"""Diversity: whether a policy still says different things, or has begun to say one."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from psycopref.stats.intervals import Z95, Interval, mean_interval

Grams = Counter[tuple[str, ...]]


def distinct(texts: Sequence[str], n: int) -> float:
    """The share of n-grams (of lower-cased words) that are different from all others, over all
    texts; NaN where there is none.

    Li et al. 2016 (arXiv 1510.03055), distinct-n. It falls with the number of words, so compare
    texts of like number and length.
    """
    grams = [gram for text in texts for gram in _grams(text.lower().split(), n)]
    return len(set(grams)) / len(grams) if grams else math.nan


def distinct_interval(groups: Sequence[Sequence[str]], n: int) -> Interval:
    """`distinct` over the texts of all groups, with a jackknife interval by group (Efron and
    Tibshirani 1993, chapter 11).

    A bootstrap would be wrong here: a group that is drawn twice adds words and no new n-gram.
    """
    counted = [
        Counter(gram for text in group for gram in _grams(text.lower().split(), n))
        for group in groups
    ]
    whole: Grams = Counter()
    for one in counted:
        whole.update(one)
    total, texts = whole.total(), sum(map(len, groups))
    value = len(whole) / total if total else math.nan
    left = [
        (len(whole) - sum(whole[gram] == count for gram, count in one.items()), total - one.total())
        for one in counted
    ]
    without = np.array([kinds / size for kinds, size in left if size])
    error = (
        math.sqrt(
            (without.size - 1) / without.size * float(((without - without.mean()) ** 2).sum())
        )
        if without.size > 1
        else 0.0
    )
    if error == 0:
        return Interval(value, None, None, texts)
    return Interval(value, max(0.0, value - Z95 * error), min(1.0, value + Z95 * error), texts)


def self_bleu_interval(
    groups: Sequence[Sequence[str]], draws: int = 2000, seed: int = 0
) -> Interval:
    """`self_bleu` with an interval by group: each text's BLEU against its own group is one
    observation.
    """
    scores = _self_bleus(groups, 4)
    return mean_interval(
        [score for _, score in scores], [str(group) for group, _ in scores], draws, seed, share=True
    )


def self_bleu(groups: Sequence[Sequence[str]], n: int = 4) -> float:
    """How much the texts of a group repeat one another: the mean BLEU of each against the others of
    its group, 0 to 1.

    Zhu et al. 2018 (arXiv 1802.01886). Uniform weights up to n-grams, brevity penalty, precisions
    with one added to both counts above unigrams (Lin and Och 2004). Groups of one text are left
    out; NaN where none is left.
    """
    scores = [score for _, score in _self_bleus(groups, n)]
    return sum(scores) / len(scores) if scores else math.nan


def _self_bleus(groups: Sequence[Sequence[str]], n: int) -> list[tuple[int, float]]:
    """The BLEU of each text against the others of its group, with the number of that group."""
    scores = []
    for number, group in enumerate(groups):
        texts = [text.lower().split() for text in group]
        counted = [[Counter(_grams(one, size)) for size in range(1, n + 1)] for one in texts]
        for at, one in enumerate(texts):
            others = [other for other in range(len(texts)) if other != at]
            if one and others:
                scores.append(
                    (
                        number,
                        _bleu(
                            counted[at],
                            [counted[other] for other in others],
                            len(one),
                            [len(texts[other]) for other in others],
                        ),
                    )
                )
    return scores


def _bleu(
    own: Sequence[Grams], references: Sequence[Sequence[Grams]], length: int, lengths: Sequence[int]
) -> float:
    """BLEU of one text, given the n-gram counts (by size) of it and of its references, and their
    lengths in words.
    """
    logs = 0.0
    for size, grams in enumerate(own):
        hits = sum(
            min(count, max(reference[size][gram] for reference in references))
            for gram, count in grams.items()
        )
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
