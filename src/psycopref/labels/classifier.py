"""An offline topic classifier: complement naive Bayes on TF-IDF, with the probability from which a
label is taken measured by cross-fitting.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from psycopref.stats.intervals import Interval, wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Rows = Sequence[tuple[str, str]]
FOLDS = 5
LEAST_ROWS = 40  # labelled speeches below which no threshold is measured
# a threshold rests on at least as many held-out speeches above it: with fewer, precision is luck
LEAST_LABELLED = 20
_HEATS = tuple(np.geomspace(0.5, 16, 21).tolist())
_CHOICES = tuple(
    (weight, smoothing) for weight in (1.0, 3.0) for smoothing in (0.3, 1.0)
)  # of a speech against a hint; of naive Bayes


class Bar(NamedTuple):
    """From which probability a level is labelled (None: never), and what that gave on held-out
    speeches.

    `precision` is the share of right labels with Wilson's 95 % interval and how many were labelled,
    `coverage` the same of those who could have been; None where there were too few labelled
    speeches to measure on.
    """

    threshold: float | None
    precision: Interval | None
    coverage: Interval | None


class Label(NamedTuple):
    """What was found for one text; `topic` is the fine topic where it is sure, else the coarse one
    where that is, else '' (unsure).
    """

    topic: str
    fine: str
    fine_probability: float
    coarse: str
    coarse_probability: float


class Held(NamedTuple):
    """Probabilities (rows, topics) for labelled speeches by models that did not see them, and each
    one's own topic as a position.
    """

    probabilities: Floats
    truth: Ints
    choice: tuple[float, float]
    heat: float


class Classifier:
    """A fitted classifier of texts to the fine topics of `groups` (fine topic to coarse topic)."""

    def __init__(self, groups: Mapping[str, str], vectors: Any, bayes: Any, heat: float) -> None:
        self.topics = tuple(str(name) for name in bayes.classes_)
        self.coarse = tuple(dict.fromkeys(groups.values()))
        self.member = membership(self.topics, groups, self.coarse)
        self._vectors = vectors
        self._bayes = bayes
        self._heat = heat

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """(texts, topics): each row sums to 1."""
        return warmed(_scores(self._bayes, self._vectors.transform(texts)), self._heat)

    def labels(self, texts: Sequence[str], fine: Bar, coarse: Bar) -> Iterator[Label]:
        """A label for each text in order; give some thousands at a time, since all their vectors
        are held at once.
        """
        p_BT = self.probabilities(texts)
        p_BC = p_BT @ self.member
        fine_B = p_BT.argmax(axis=1)
        coarse_B = p_BC.argmax(axis=1)
        for row, (one, group) in enumerate(zip(fine_B, coarse_B, strict=True)):
            p = float(p_BT[row, one])
            q = float(p_BC[row, group])
            sure = ""
            if over(p, fine):
                sure = self.topics[one]
            elif over(q, coarse):
                sure = self.coarse[group]
            yield Label(sure, self.topics[one], p, self.coarse[group], q)


def over(probability: float, bar: Bar) -> bool:
    """Whether a label of this probability is taken."""
    return bar.threshold is not None and probability >= bar.threshold


class Trained(NamedTuple):
    """A classifier, its bars, and the share of held-out speeches whose most probable topic is
    right, whatever its probability.
    """

    model: Classifier
    fine: Bar
    coarse: Bar
    fine_right: Interval | None
    coarse_right: Interval | None


def train(
    speeches: Rows,
    hints: Rows,
    groups: Mapping[str, str],
    precision: float,
    measured: Bools | None = None,
    threshold: float | None = None,
) -> Trained:
    """Fit on labelled speeches and on hints (names, descriptions, keywords: never measured on),
    rows of (text, fine topic).

    The bars are the lowest probabilities at which labels of held-out speeches were right to a share
    of `precision`: the fine one over all speeches, the coarse one over those that the fine one
    leaves. `measured` marks the speeches to measure on (all of them where left out). A fixed
    `threshold` takes the bars' place. ValueError where there are fewer than 40 speeches to measure
    on and no threshold.
    """
    on = np.ones(len(speeches), dtype=np.bool_) if measured is None else measured
    if on.sum() < LEAST_ROWS:
        if threshold is None:
            raise ValueError(
                f"{int(on.sum())} labelled speeches are too few to measure from which probability a"
                f" topic can be trusted; it takes {LEAST_ROWS}"
            )
        unmeasured = Bar(threshold, None, None)
        return Trained(
            fit(speeches, hints, groups, _CHOICES[0], heat=4.0), unmeasured, unmeasured, None, None
        )
    held = cross_fit(speeches, hints, groups, on)
    model = fit(speeches, hints, groups, held.choice, held.heat)
    return _with_bars(model, held, precision, threshold)


def _with_bars(model: Classifier, held: Held, precision: float, threshold: float | None) -> Trained:
    p_NT = held.probabilities
    p_NC = held.probabilities @ model.member
    right = p_NT.argmax(axis=1) == held.truth
    coarse_right = p_NC.argmax(axis=1) == model.member[held.truth].argmax(axis=1)
    fine = bar(p_NT.max(axis=1), right, precision, threshold)
    rest = np.array([not over(p, fine) for p in p_NT.max(axis=1)], dtype=np.bool_)
    coarse = bar(p_NC.max(axis=1)[rest], coarse_right[rest], precision, threshold)
    return Trained(model, fine, coarse, _share(right), _share(coarse_right))


def bar(probability: Floats, right: Bools, precision: float, threshold: float | None = None) -> Bar:
    """The lowest probability above which a share of `precision` is right, on at least 20 rows; or
    what a given threshold yields.
    """
    if threshold is None:
        order = np.argsort(-probability, kind="stable")
        counts = np.arange(1, len(order) + 1)
        fits = (np.cumsum(right[order]) >= precision * counts - 1e-9) & (counts >= LEAST_LABELLED)
        fits[:-1] &= probability[order][:-1] > probability[order][1:]  # equals fall on one side
        if not fits.any():
            return Bar(None, None, _share(np.zeros(len(right), dtype=np.bool_)))
        threshold = float(probability[order][np.flatnonzero(fits)[-1]])
    above = probability >= threshold
    return Bar(threshold, _share(right[above]), _share(above))


def _share(hits: Bools) -> Interval | None:
    if not len(hits):
        return None
    value = float(hits.mean())
    return Interval(value, *wilson(value, len(hits)), len(hits))


def fit(
    speeches: Rows, hints: Rows, groups: Mapping[str, str], choice: tuple[float, float], heat: float
) -> Classifier:
    """A classifier of a given choice (weight of a speech against a hint, smoothing) and sharpness
    of its probabilities.
    """
    rows = [*speeches, *hints]
    vectors = _vectors()
    matrix = vectors.fit_transform([text for text, _ in rows])
    return Classifier(
        groups, vectors, _bayes(matrix, [name for _, name in rows], len(speeches), choice), heat
    )


def cross_fit(speeches: Rows, hints: Rows, groups: Mapping[str, str], measured: Bools) -> Held:
    """Probabilities of the measured speeches by models of the other folds; the choice that got most
    of them right, its heat by likelihood.

    Choice and heat are chosen on the speeches that they are measured on: five numbers, so little is
    gained by chance; benchmarks/topics.py measures without it (nested).
    """
    topics = sorted(groups)
    truth = np.array([topics.index(name) for _, name in speeches], dtype=np.int64)
    scores = {choice: np.zeros((len(speeches), len(topics))) for choice in _CHOICES}
    fold = folds(speeches)
    for one in range(FOLDS):
        out = np.flatnonzero((fold == one) & measured)
        rows = [row for row, other in zip(speeches, fold, strict=True) if other != one]
        vectors = _vectors()
        matrix = vectors.fit_transform([text for text, _ in [*rows, *hints]])
        held = vectors.transform([speeches[at][0] for at in out.tolist()]) if len(out) else None
        for choice, table in scores.items():
            if held is not None:
                table[out] = _scores(
                    _bayes(matrix, [name for _, name in [*rows, *hints]], len(rows), choice), held
                )
    truth = truth[measured]
    best = max(
        _CHOICES, key=lambda choice: (scores[choice][measured].argmax(axis=1) == truth).sum()
    )
    chosen = scores[best][measured]
    heat = max(
        _HEATS,
        key=lambda heat: float(
            np.log(warmed(chosen, heat)[np.arange(len(truth)), truth] + 1e-12).sum()
        ),
    )
    return Held(warmed(chosen, heat), truth, best, heat)


def folds(speeches: Rows) -> Ints:
    """A fold for each speech, in turn within each topic in the order of a hash; equal texts share
    one.
    """
    topic: dict[str, str] = {}
    for text, name in speeches:
        topic.setdefault(text, name)
    order = sorted(topic, key=lambda text: (topic[text], hashlib.sha256(text.encode()).digest()))
    place = {text: at % FOLDS for at, text in enumerate(order)}
    return np.array([place[text] for text, _ in speeches], dtype=np.int64)


def membership(topics: Sequence[str], groups: Mapping[str, str], coarse: Sequence[str]) -> Floats:
    """(topics, coarse topics): 1 where the fine topic belongs to the coarse one."""
    return np.array([[float(groups[name] == group) for group in coarse] for name in topics])


def warmed(scores: Floats, heat: float) -> Floats:
    """Probabilities of scores (rows, topics): softmax of `heat` times each row in standard
    deviations.

    Naive Bayes takes words for independent, so its own probabilities say little of how often it is
    right. Standardised rows say more: at 80 % right, coarse labels for 60 % of CounselChat's first
    half instead of 36 to 49 % (benchmarks/topics.py). A text without a known word stays at equal
    shares.
    """
    spread = scores.std(axis=1, keepdims=True)
    standard = (scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    powers = np.exp(heat * (standard - standard.max(axis=1, keepdims=True)))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def _vectors() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_union

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english")
    letters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=20_000
    )
    return make_union(words, letters)


def _bayes(matrix: Any, names: Sequence[str], speeches: int, choice: tuple[float, float]) -> Any:
    """Complement naive Bayes (Rennie et al. 2003), which bears with topics of unequal size; the
    first rows are speeches, the rest hints.
    """
    from sklearn.naive_bayes import ComplementNB

    weights = np.where(np.arange(matrix.shape[0]) < speeches, choice[0], 1.0)
    return ComplementNB(alpha=choice[1]).fit(matrix, names, sample_weight=weights)


def _scores(bayes: Any, matrix: Any) -> Floats:
    return np.asarray(bayes.predict_joint_log_proba(matrix), dtype=np.float64)
