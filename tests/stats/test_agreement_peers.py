"""Agreement coefficients against other people's: irrCAC's published examples, statsmodels,
evalica.
"""

import numpy as np
import pytest
from helpers.observers import FOUR

from psycopref.stats.agreement import cohen_kappa, fleiss_kappa, gwet_ac, krippendorff_alpha
from psycopref.stats.coefficients import coefficients

N = np.nan
CLUSTERS = [str(n) for n in range(80)]


def pairs(kind: float = 0.7, size: int = 80) -> np.ndarray:
    rng = np.random.default_rng(5)
    first = rng.integers(1, 6, size)
    return np.column_stack(
        [first, np.where(rng.random(size) < kind, first, rng.integers(1, 6, size))]
    ).astype(float)


@pytest.mark.parametrize(
    ("kind", "wt"), [("none", None), ("linear", "linear"), ("quadratic", "fc")]
)
def test_cohens_kappa_is_statsmodels(kind, wt):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    units = pairs()
    table = np.zeros((5, 5))
    np.add.at(table, tuple((units - 1).astype(int).T), 1)
    theirs = inter_rater.cohens_kappa(table, wt=wt)
    ours = coefficients(units, CLUSTERS, [1, 2, 3, 4, 5], kind, draws=2000)["kappa"]
    assert (
        ours.value
        == pytest.approx(float(theirs.kappa))
        == cohen_kappa(*units.T, kind, [1, 2, 3, 4, 5])  # type: ignore[call-arg]
    )
    low, high = float(theirs.kappa_low), float(theirs.kappa_upp)
    assert ours.high - ours.low == pytest.approx(high - low, rel=0.2), (
        "theirs is from the delta method, on independent units as these are"
    )


def test_fleiss_kappa_is_statsmodels():
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    units = np.column_stack([pairs(), pairs()[:, :1]])
    counts, _ = inter_rater.aggregate_raters(units.astype(int))
    assert fleiss_kappa(units) == pytest.approx(float(inter_rater.fleiss_kappa(counts)))


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_krippendorffs_alpha_is_evalicas(level):
    evalica = pytest.importorskip("evalica")
    import pandas as pd

    for units in (FOUR, pairs()):
        theirs = evalica.alpha(pd.DataFrame(units.T), distance=level)  # raters x units
        assert krippendorff_alpha(units, level) == pytest.approx(theirs.alpha)


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_alphas_interval_is_about_evalicas_on_independent_units(level):
    """Theirs draws disagreements (Krippendorff's own bootstrap), ours draws units: near each other,
    not the same.
    """
    evalica = pytest.importorskip("evalica")
    import pandas as pd

    units = pairs()
    theirs = evalica.alpha_bootstrap(
        pd.DataFrame(units.T), distance=level, n_resamples=2000, random_state=1
    )
    ours = coefficients(units, CLUSTERS, [1, 2, 3, 4, 5], draws=2000)[
        "alpha" if level == "nominal" else "alpha_ordinal"
    ]
    assert ours.value == pytest.approx(theirs.alpha)
    assert ours.high - ours.low == pytest.approx(theirs.high - theirs.low, rel=0.5)


# Gwet's example tables and matrices as irrCAC ships them (Gwet 2014), with the values its own tests
# and functions give.
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
DIAGNOSIS = [[40, 4, 4, 17], [6, 25, 2, 13], [4, 1, 21, 12], [15, 5, 9, 45]]
BEN_GERRY = [
    [0, 1],
    [0, 0],
    [1, 1],
    [1, 1],
    [3, 1],
    [2, 2],
    [2, 2],
    [2, 2],
    [4, 4],
    [3, N],
    [3, 3],
    [0, 3],
]
OBSERVERS = [
    *(
        [1, 1, 2, N, 2],
        [1, 1, 0, 1, N],
        [2, 3, 3, 3, N],
        [N, 0, 0, N, 0],
        [0, 0, 0, N, 0],
        [0, 0, 0, N, 0],
        [1, 0, 2, N, 1],
        [1, N, 2, 0, N],
    ),
    *(
        [2, 2, 2, N, 2],
        [2, 1, 1, 1, N],
        [N, 1, 0, 0, N],
        [0, 0, 0, 0, N],
        [1, 2, 2, 2, N],
        [3, 3, 2, 2, 3],
        [1, 1, 1, N, 1],
    ),
]


@pytest.mark.parametrize(
    ("table", "values"),
    [(ABSTRACTORS, (0.84933, 0.79726, 0.79641)), (DIAGNOSIS, (0.45616, 0.43162, 0.43150))],
)
def test_gwets_example_tables(table, values):
    units = np.array(
        [
            [row, column]
            for row, line in enumerate(table)
            for column, count in enumerate(line)
            for _ in range(count)
        ],
        dtype=float,
    )
    assert (gwet_ac(units), krippendorff_alpha(units), cohen_kappa(*units.T)) == pytest.approx(
        values, abs=5e-6
    )
    found = coefficients(units, [str(n) for n in range(len(units))], range(len(table)), draws=100)
    assert [found[name].value for name in ("ac1", "alpha", "kappa")] == pytest.approx(
        values, abs=5e-6
    )


@pytest.mark.parametrize(("units", "value"), [(BEN_GERRY, 0.661), (OBSERVERS, 0.497)])
def test_gwets_example_matrices_with_gaps(units, value):
    assert round(gwet_ac(units), 3) == value
