# mypy: disable-error-code="call-arg"
# unpacked arguments before keywords are counted wrongly
"""All coefficients at once are those one by one, and their intervals are those of drawing clusters
and counting again.
"""

import numpy as np
import pytest
from helpers.observers import FOUR, N

from psycopref.stats.agreement import (
    coefficient_interval,
    cohen_kappa,
    fleiss_kappa,
    gwet_ac,
    krippendorff_alpha,
)
from psycopref.stats.coefficients import bounded_mean, coefficients
from psycopref.stats.intervals import wilson

SCALE = [1, 2, 3, 4, 5]


def one_by_one(u, kind="quadratic"):
    found = {
        "fleiss": fleiss_kappa(u, SCALE),
        "alpha": krippendorff_alpha(u, "nominal", SCALE),
        "alpha_ordinal": krippendorff_alpha(u, "ordinal", SCALE),
        "ac1": gwet_ac(u, "none", SCALE),
        "ac2": gwet_ac(u, kind, SCALE),
    }
    if u.shape[1] == 2:
        both = u[np.isfinite(u).all(1)]
        found["kappa"] = cohen_kappa(*both.T, kind, SCALE)
    return found


def two_raters(size=200, seed=1, gaps=0.1):
    rng = np.random.default_rng(seed)
    first = rng.integers(1, 6, size).astype(float)
    second = np.clip(first + rng.integers(-1, 2, size), 1, 5)
    made = np.column_stack([first, second])
    made[rng.random(made.shape) < gaps] = N
    return made


@pytest.mark.parametrize("units", [FOUR, two_raters()], ids=["four with gaps", "two with gaps"])
@pytest.mark.parametrize("kind", ["linear", "quadratic"])
def test_values_are_those_of_the_plain_functions(units, kind):
    found = coefficients(units, [str(n) for n in range(len(units))], SCALE, kind, draws=100)
    assert {name: one.value for name, one in found.items() if name != "raw"} == pytest.approx(
        one_by_one(units, kind), abs=1e-12
    )


def test_intervals_are_those_of_drawing_and_counting():
    units = two_raters(120)
    clusters = [f"s{n // 3}" for n in range(120)]
    found = coefficients(units, clusters, SCALE, "quadratic", draws=300)
    plain = coefficient_interval(
        units, lambda u: krippendorff_alpha(u, "ordinal", SCALE), 300, clusters=clusters
    )
    assert (found["alpha_ordinal"].low, found["alpha_ordinal"].high) == pytest.approx(
        (plain.low, plain.high), abs=1e-9
    )
    plain = coefficient_interval(
        units, lambda u: gwet_ac(u, "quadratic", SCALE), 300, clusters=clusters
    )
    assert (found["ac2"].low, found["ac2"].high) == pytest.approx((plain.low, plain.high), abs=1e-9)


def test_a_mirrored_coefficient_does_not_depend_on_the_sides():
    rng = np.random.default_rng(2)
    units = np.where(rng.random((150, 2)) < 0.85, 2.0, rng.choice([0.0, 1.0], (150, 2)))
    turned = units.copy()
    flip = rng.random(150) < 0.5
    turned[flip] = 2 - turned[flip]
    names = [str(n) for n in range(150)]
    one, other = (
        coefficients(u, names, [0, 1, 2], "linear", mirror=True, draws=100) for u in (units, turned)
    )
    for name in ("kappa", "fleiss", "alpha", "alpha_ordinal", "ac1", "ac2"):
        assert one[name].value == pytest.approx(other[name].value)
    assert coefficients(units, names, [0, 1, 2], draws=100)["kappa"].value != pytest.approx(
        one["kappa"].value
    )


def test_mirrored_kappa_of_two_sides_is_twice_the_agreement_less_one():
    units = np.array([[2, 2]] * 170 + [[2, 0]] * 20 + [[0, 2]] * 10, dtype=float)
    assert coefficients(units, [str(n) for n in range(200)], [0, 2], mirror=True, draws=100)[
        "kappa"
    ].value == pytest.approx(2 * 0.85 - 1)


def test_perfect_agreement_is_not_certainty():
    units = np.array([[1, 1], [5, 5]] * 10, dtype=float)
    found = coefficients(units, [str(n) for n in range(20)], [1, 5], draws=100)
    low = wilson(1.0, 20)[0]
    assert found["raw"].low == pytest.approx(low) and found["kappa"].low == pytest.approx(
        (low - 0.5) / 0.5
    )
    assert all(
        one.value == pytest.approx(1) and one.high == 1 and one.low < 0.9 for one in found.values()
    )


def test_complete_disagreement_is_a_finding_and_no_certainty():
    units = np.array([[0, 2], [2, 0]] * 5, dtype=float)
    names = [str(n) for n in range(10)]
    found = coefficients(units, names, [0, 1, 2], "none", True, draws=100)
    assert (found["raw"].value, found["raw"].low) == (0, 0) and found["raw"].high == pytest.approx(
        wilson(0.0, 10)[1]
    )
    assert found["kappa"].value == -1 == found["kappa"].low and found[
        "kappa"
    ].high == pytest.approx(-1 + 2 * wilson(0.0, 10)[1])
    assert all(-1 <= one.low <= one.value < one.high < 1 for one in found.values())
    one_speech = coefficients(units, ["s"] * 10, [0, 1, 2], "none", True, draws=100)
    assert one_speech["raw"].high > 0.7 > found["raw"].high, (
        "ten pairs of one speech are one observation"
    )


def test_nothing_is_claimed_where_chance_explains_all_or_nobody_agrees_with_anybody():
    found = coefficients(np.ones((8, 2)), list("aabbccdd"), [1, 5], draws=100)
    assert set(found) == {"raw", "ac1", "ac2"} and found["ac1"].value == 1
    assert coefficients([[1, N], [N, 2]], ["a", "b"], [1, 2]) == {}


def test_a_mean_that_never_varies_is_not_certain():
    assert bounded_mean([0.0] * 12, [str(n) for n in range(12)], 4.0).low == pytest.approx(
        -4 * (1 - wilson(1, 12)[0])
    )
    varied = bounded_mean([0, 1] * 20, [str(n) for n in range(40)], 4.0)
    assert varied.value == 0.5 and varied.high - varied.low == pytest.approx(
        2 * 1.96 * 0.5 / np.sqrt(40), rel=0.1
    )


def test_what_the_papers_counts_say_of_its_experts():
    """174, 184 and 170 of 200 without ties leave one table (docs/experts.md): kappa .70 of the
    sides, .21 of the labels.
    """
    units = np.array([[2, 2]] * 164 + [[2, 0]] * 10 + [[0, 2]] * 20 + [[0, 0]] * 6, dtype=float)
    assert [
        (units[:, 0] == 2).sum(),
        (units[:, 1] == 2).sum(),
        (units[:, 0] == units[:, 1]).sum(),
    ] == [174, 184, 170]
    names = [str(n) for n in range(200)]
    sides, labels = (coefficients(units, names, [0, 2], mirror=mirror) for mirror in (True, False))
    for found, name, value, low, high in [
        *((sides, name, 0.70, 0.61, 0.79) for name in ("kappa", "alpha", "ac1")),
        *(
            (labels, "kappa", 0.21, 0.02, 0.39),
            (labels, "alpha", 0.20, 0.01, 0.39),
            (labels, "ac1", 0.82, 0.74, 0.88),
        ),
    ]:
        assert [round(part, 2) for part in found[name][:3]] == [value, low, high], name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mirror", "level"),
    [(False, "kappa"), (True, "kappa"), (False, "ac1"), (False, "alpha"), (False, "raw")],
)
def test_intervals_hold_the_truth_as_often_as_they_say(mirror, level):
    """Two experts on pairs of 60 speeches, three a speech, alike within a speech; the truth is what
    very many speeches give.
    """
    rng = np.random.default_rng(8)

    def drawn(speeches):
        hard = np.repeat(rng.random(speeches) < 0.3, 3)
        first = np.where(rng.random(3 * speeches) < np.where(hard, 0.55, 0.95), 2.0, 0.0)
        second = np.where(
            rng.random(3 * speeches) < np.where(hard, 0.4, 0.9),
            first,
            rng.choice([0.0, 1.0, 2.0], 3 * speeches),
        )
        return np.column_stack([first, second]), [f"s{n // 3}" for n in range(3 * speeches)]

    truth = coefficients(*drawn(60_000), [0, 1, 2], mirror=mirror, draws=2)[level].value
    found = [
        coefficients(*drawn(60), [0, 1, 2], mirror=mirror, draws=400, seed=at)[level]
        for at in range(300)
    ]
    share = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.90 <= share <= 0.985
