"""The head in plain words: what was tried, is it better, may one trust it; each from the
figures.
"""

import re

import pytest
from helpers.small_world import small_world

from psycopref.report.data import ReportData
from psycopref.report.glossary import GLOSSARY
from psycopref.report.markdown import twin
from psycopref.report.page import render
from psycopref.report.plain import Plain, sentences
from psycopref.tables import Metric, metric

ARM = "overall:raw"
W = small_world()
METRICS = [
    metric("winrate", ARM, 0.61, 0.5, 0.7, 16),
    metric("winrate.start", ARM, 0.61, 0.5, 0.7, 16),
    *[metric("policy.gold_reward", f"round:{n}", n / 2, n / 2 - 1, n / 2 + 1, 16) for n in (0, 3)],
]


def content(**more: object) -> ReportData:
    given = {
        "title": "a run",
        "speeches": W.speeches,
        "responses": W.responses,
        "ratings": W.ratings,
        "preferences": W.preferences,
        "metrics": METRICS,
        "titles": {"winrate": "ours against theirs", "winrate.start": "ours against its start"},
    }
    return ReportData(**{**given, **more})  # type: ignore[arg-type]


def of(*metrics: Metric, **more: object) -> Plain:
    return sentences(ReportData("a run", metrics=metrics, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "start"),
    [
        (0.55, 0.7, "Yes, "),
        (0.2, 0.45, "No, "),
        (0.4, 0.7, "That cannot be said"),
        (0.5, 0.7, "Th"),
    ],
)
def test_better_is_what_the_interval_says(low: float, high: float, start: str) -> None:
    row = metric("winrate", ARM, (low + high) / 2, low, high, 41)
    said = of(row).better
    assert said.startswith(start)
    assert "41 test speeches" in said and f"{100 * low:.1f}" in said


def test_without_a_comparison_nothing_is_better() -> None:
    assert of().better == "Nothing was compared here."
    assert "Nobody can say" in of(metric("winrate.wins", ARM, 1, count=1)).better


def test_every_reason_for_doubt_is_said() -> None:
    said = of(
        metric("winrate", ARM, 0.9, 0.8, 0.95, 41),
        metric("winrate.unmatched", ARM, 16, count=57),
        metric("guard.kl", "round:2", 1, count=1),
        metric("guard.unfinished", "round:1", 1, count=1),
        metric("guard.kl", "round:1", 0, count=1),
        metric("guard.null_opponents", ARM, 1, count=5),
        metric("respond.lost", "all", 0.857, 0.7, 0.9, 42),
        metric("respond.lost.truncated", "all", 0.85, 0.7, 0.9, 42),
        metric("pairs", "train", 0, count=0),
    ).trust
    for words in (
        "no preference pairs",
        "1 of 5 meaningless answers",
        "KL over the limit",
        "only 41 of 57",
        "85.7\N{NO-BREAK SPACE}% of the answers asked for were lost",
        "cut off at `max_tokens`",
        "41 test speeches are few",
        "no expert has checked it",
    ):
        assert words in said, words
    assert "broke off" not in said  # a guard of an earlier round is not the last model's


def test_a_sound_run_is_not_doubted() -> None:
    said = of(
        metric("winrate", ARM, 0.6, 0.55, 0.7, 400),
        metric("expert.annotators", "all", 2, count=2),
        metric("pairs", "train", 100, count=100),
    ).trust
    assert said.startswith("No warning sign")


def test_the_head_of_a_page_has_it_and_warns_beside_the_tiles() -> None:
    more = [
        metric("winrate.unmatched", ARM, 16, count=57),
        metric("guard.kl", "round:3", 1, count=1),
    ]
    page = render(content(metrics=[*METRICS, *more]))
    head = page.partition("<nav")[0]
    for words in ("What was tried?", "Is it better?", "May one trust it?"):
        assert words in head and words in twin(page)
    warnings = re.findall(r'<span class="warn">(.*?)</span>', head)
    assert any("only 16 of 32" in one and "KL" in one for one in warnings)
    names = re.findall(r'<span class="name">(.*?)</span>', head)
    assert len(names) == len(set(names))


def test_a_dataset_without_pairs_says_so_at_its_head() -> None:
    rows = [metric("pairs", split, 0, count=0) for split in ("train", "dev", "test", "gold")]
    page = render(content(metrics=rows, preferences=[]))
    assert "no pairs: nothing can be learnt" in page.partition("<nav")[0]


def test_all_but_the_limits_is_folded_and_the_words_are_explained() -> None:
    page = render(content())
    read = re.sub(r'<details class="fold".*?\n</section>\s*</details>', "", page, flags=re.DOTALL)
    read = read.partition('<section id="further"')[0]
    assert "<table" in page and "<table" not in read and 'id="limits"' in read
    for word in ("nats", "log-odds", "ECE", "T,", "Brier", "arms", "flips", "compliant", "alone"):
        assert any(word in name for name, _ in GLOSSARY), word


def test_a_page_allows_nothing_from_elsewhere_and_shows_no_live_control() -> None:
    page = render(content(title="a\x1b[31m run\u202e"))
    assert "default-src 'none'" in page and "script-src" not in page
    assert "\x1b" not in page and "\u202e" not in page and "␛[31m" in page
    assert "\x1b" not in twin(page)
