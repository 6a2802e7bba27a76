"""Two preference models that know no counseling: words counted by TF-IDF, and length alone."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from psycopref.stats.intervals import Floats


class Tfidf(NamedTuple):
    """A fitted vectorizer and one weight per term."""

    vectorizer: TfidfVectorizer
    coefficients: Floats


def tfidf_fit(texts: Sequence[str], chosen_idx: ArrayLike, rejected_idx: ArrayLike) -> Tfidf:
    """A Bradley-Terry model over TF-IDF features of responses: logistic regression without
    intercept on chosen minus rejected.

    `texts` (n,) are the train responses, the indices (pairs,) point into them. Words are
    scikit-learn's, L2 with C = 1.
    """
    vectorizer = TfidfVectorizer()
    features = vectorizer.fit_transform(texts)
    difference = (
        features[np.asarray(chosen_idx, dtype=np.int64)]
        - features[np.asarray(rejected_idx, dtype=np.int64)]
    )
    return Tfidf(vectorizer, _bradley_terry(difference))


def tfidf_scores(model: Tfidf, texts: Sequence[str]) -> Floats:
    """The score (n,) of each text in log-odds: the difference of two is the margin of a pair."""
    return np.asarray(model.vectorizer.transform(texts) @ model.coefficients)


def length_fit(chosen_words: ArrayLike, rejected_words: ArrayLike) -> float:
    """Log-odds per word of difference, fitted on pairs; its sign says whether longer or shorter
    responses were chosen.
    """
    difference = np.asarray(chosen_words, dtype=np.float64) - np.asarray(
        rejected_words, dtype=np.float64
    )
    scale = float(np.sqrt((difference**2).mean())) or 1.0
    return float(_bradley_terry(difference[:, None] / scale)[0]) / scale


def _bradley_terry(difference: Any) -> Floats:
    """Weights of a logistic regression without intercept on (pairs, k) differences, all of label 1.

    scikit-learn wants two classes: every pair is given in both directions at half the weight, which
    has the same optimum.
    """
    stack: Any = np.vstack if isinstance(difference, np.ndarray) else sparse.vstack
    both = stack([difference, -difference])
    labels = np.arange(both.shape[0]) < difference.shape[0]
    return np.asarray(
        LogisticRegression(C=0.5, fit_intercept=False, max_iter=1000).fit(both, labels).coef_[0]
    )
