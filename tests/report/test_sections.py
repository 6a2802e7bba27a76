"""The paper's tables and figures from metric rows: Tables 1 and 2, Figures 2, 3, 5 and 6, the
judge's health, and what no section shows.
"""

import pytest
from helpers.small_world import ITEMS, small_world

from psycopref.models.entries import load_pool
from psycopref.report.data import ReportData
from psycopref.report.figures import draw, numbers
from psycopref.report.metrics import by_slice, matches
from psycopref.report.page import all_contents, drawn_contents, further, render
from psycopref.report.sections import experts, judge, responders, reward, winrates
from psycopref.report.values import share
from psycopref.tables import Metric, metric

W = small_world()
TOPIC = "Social Issues"
REWARD = [
    metric("reward.accuracy", "test", 0.9, 0.8, 0.95, 50),
    metric("reward.accuracy", "test:topic:Career", 0.7, 0.5, 0.9, 9),
    metric("reward.accuracy", "test:tfidf", 0.8, 0.7, 0.9, 50),
    metric("reward.accuracy", "test:public-rm", 0.7, 0.6, 0.8, 50),
    metric("reward.auc", "test:public-rm", 0.75, 0.65, 0.85, 50),
    metric("reward.accuracy", "test:gpt", 0.6, 0.5, 0.7, 50),
    metric("reward.flipped", "test:gpt", 0.2, 0.1, 0.3, 50),
    metric("reward.accuracy", "test:gpt:gap:1 to 2", 0.5, 0.3, 0.7, 11),
    metric("reward.accuracy", "elsewhere", 0.8, 0.7, 0.9, 30),
]
MATCH = [
    metric("winrate", "overall:raw", 0.6, 0.5, 0.7, 40),
    *[
        metric(f"winrate.{name}", "overall:raw", value, count=40)
        for name, value in (("wins", 24), ("ties", 0), ("losses", 16), ("flips", 0), ("failed", 0))
    ],
    metric("winrate", f"topic:{TOPIC}:raw", 0.4, 0.2, 0.6, 12),
    metric("winrate", "item:empathy:raw", 0.7, 0.6, 0.8, 40),
]
EXPERTS = [
    metric("expert.annotators", "all", 2, 2, 2, 40),
    metric("expert.agreement", "overall", 0.7, 0.6, 0.8, 40),
    metric("expert.agreement", "safety", 0.6, 0.5, 0.7, 40),
    metric("expert.agreement", "empathy", 0.8, 0.7, 0.9, 40),
    metric("expert.agreement", "empathy:anna", 0.9, 0.8, 1.0, 20),
    metric("expert.ties", "empathy", 0.1, 0.05, 0.2, 40),
    metric("expert.score", "empathy", 3.5, 3.2, 3.8, 40),
    metric("expert.score", "empathy:model:fir", 4.5, 4.2, 4.8, 10),
    metric("judge.expert.bias", "empathy:gpt", 0.5, 0.3, 0.7, 40),
    metric("judge.expert.bias", "empathy:gpt:anna", 0.6, 0.3, 0.9, 20),
]


def test_table_one_groups_rankers_public_models_ours_and_baselines():
    part, other = reward.table_one(by_slice(REWARD))
    rows = [(row["group"], row["name"]) for row in part["rows"]]
    assert rows == [
        ("Generative judges as rankers", "gpt"),
        ("Public reward models", "public-rm"),
        ("Ours", "Reward model"),
        ("Without any knowledge of counseling", "Word counts (TF-IDF Bradley-Terry)"),
    ]
    assert (
        part["count"] == 50
        and part["heads"] == ["Accuracy", "AUC", "flips with the order"]
        and part["shares"] == [True] * 3
    )
    assert other["title"] == "elsewhere" and len(other["rows"]) == 1 and reward.table_one({}) == []
    ours = part["parts"]["heads"].index("Reward model")
    (first, cells), (second, rest) = part["parts"]["rows"]
    assert (first, cells[ours].value, second, rest[0].value, rest[ours]) == (
        "topic:Career",
        0.7,
        "gap:1 to 2",
        0.5,
        None,
    )
    assert "Accuracy by topic, gap and length" in render(ReportData(title="", metrics=REWARD))


def test_a_model_without_an_answer_is_a_row_of_table_one_and_calibration_has_its_own():
    more = [
        *REWARD,
        metric("reward.unscored", "test:mute", 50, count=50),
        metric("reward.unscored", "test:gpt", 3, count=50),
        metric("reward.ece", "test", 0.1, 0.0, 0.2, 50),
        metric("reward.ece_floor", "test", 0.08, 0.03, 0.14, 50),
        metric("reward.temperature", "dev", 1.37, 1.1, 1.6, 50),
        metric("reward.brier_scaled", "test", 0.2345, 0.2, 0.3, 50),
        metric("reward.length_correlation", "test", 0.456, 0.4, 0.5, 50),
    ]
    part = reward.table_one(by_slice(more))[0]
    last = part["rows"][-1]
    assert (last["group"], last["name"], last["cells"][-1].value) == (
        "No pair scored",
        "mute",
        50,
    ) and part["heads"][-1] == "pairs not scored"
    assert part["rows"][0]["cells"][-1].value == 3 and "mute" not in part["parts"]["heads"]
    (row,) = part["calibration"]["rows"]
    assert (
        row["name"] == "Reward model"
        and row["hot"].value == 1.37
        and part["calibration"]["heads"] == ["ECE", "ECE if calibrated", "Brier score, scaled"]
    )
    page = render(ReportData(title="", metrics=more))
    assert all(text in page for text in ("mute", "ECE if calibrated", "0.234", "1.37", "0.46"))


def test_table_two_has_every_coarse_topic_of_the_list():
    data = ReportData(
        title="",
        metrics=MATCH,
        listed={TOPIC: ["Culture"], "Career": ["Work"]},
        titles={"winrate": "ours against gpt"},
    )
    found = winrates.table_two(data, by_slice(MATCH))
    assert found["topics"] == [TOPIC, "Career"] and len(found["rows"]) == 1
    (row,) = found["rows"]
    assert (
        row["by_topic"][0].value == 0.4
        and row["by_topic"][1] is None
        and row["overall"].value == 0.6
    )
    page = render(data)
    assert "the layout of the paper's Table 2" in page
    assert winrates.table_two(ReportData(title="", metrics=MATCH[:6]), by_slice(MATCH[:6])) == {}


def test_views_stand_side_by_side_only_where_there_is_more_than_one():
    assert winrates.views(by_slice(MATCH), "winrate") == []
    more = [
        *MATCH,
        metric("winrate.length_controlled", "overall:raw", 0.5, 0.4, 0.6, 40),
        metric("winrate", "compliant:constrained", 0.55, 0.4, 0.7, 20),
    ]
    assert [row["view"] for row in winrates.views(by_slice(more), "winrate")] == [
        "as judged",
        "at equal length (model of length)",
        "where the length was kept",
    ]
    assert "One win rate, seen in several ways" in render(ReportData(title="", metrics=more))
    bare = [*MATCH, metric("winrate.length_controlled.no_overlap", "overall:raw", 3, 3, 3, 40)]
    page = render(ReportData(title="", metrics=bare))
    assert "not given, too few prompts on one side of it" in page and "300.0" not in page


def test_a_comparison_without_a_verdict_is_shown_and_said_in_the_head():
    lost = [
        metric(f"winrate.{name}", "overall:raw", 40 if name == "failed" else 0, count=40)
        for name in ("wins", "ties", "losses", "flips", "failed")
    ]
    tables = numbers(drawn_contents(ReportData(title="", metrics=lost)))
    assert matches(lost) == ["winrate"] and "matches" not in tables
    page = render(ReportData(title="", metrics=lost, titles={"winrate": "ours against gpt"}))
    assert (
        "ours against gpt: no win rate, since no verdict came of any of the 40 prompts" in page
        and "ours against gpt: counts" in page
    )
    assert "no verdict came" not in render(ReportData(title="", metrics=MATCH))


def test_rates_by_item_and_pooled_topics_are_shown():
    assert [row["name"] for row in winrates.parts(by_slice(MATCH), "winrate", "item")] == [
        "empathy"
    ]
    pooled = [
        *MATCH,
        metric("winrate.pooled", f"topic:{TOPIC}:raw", 0.5, 0.4, 0.6, 12),
        metric("winrate.holm_p", f"topic:{TOPIC}:raw", 0.04, count=12),
    ]
    (row,) = winrates.parts(by_slice(pooled), "winrate", "topic")
    assert row["also"]["pooled"].value == 0.5 and row["also"]["p (Holm)"].value == 0.04
    assert "p 0.031" in render(
        ReportData(
            title="",
            metrics=[*pooled, metric("winrate.interaction_p", "topics:raw", 0.031, count=40)],
        )
    )
    assert "By coarse topic" in render(
        ReportData(title="", metrics=pooled)
    ) and "By coarse topic" not in render(ReportData(title="", metrics=MATCH))


def test_figure_two_shares_of_choices_add_up_and_stand_in_the_instrument_s_order():
    found = experts.choices(EXPERTS, ITEMS)
    assert [row[0] for row in found] == ["empathy", "safety", "overall"]
    assert found[0][1:4] == pytest.approx((0.75, 0.1, 0.15)) and all(
        sum(row[1:4]) == pytest.approx(1) for row in found
    )


def test_figure_three_puts_judges_beside_the_experts_on_the_same_replies():
    found = experts.scores(EXPERTS, ITEMS)
    assert [(who, rows[0].name, rows[0].value) for who, rows in found.items()] == [
        ("experts", "empathy", 3.5),
        ("gpt", "empathy", 4.0),
    ]
    assert (found["gpt"][0].low, found["gpt"][0].high) == pytest.approx((3.8, 4.2))
    assert experts.scores([], ITEMS) == {}


def test_the_page_says_what_experts_said_or_that_nobody_checked():
    data = ReportData(title="", metrics=EXPERTS)
    page = render(data, draw(numbers(drawn_contents(data))))
    assert (
        "What experts chose, by principle" in page
        and "Mean scores by principle" in page
        and "empathy:anna" in page
        and "No expert" not in page
    )
    nobody = [
        metric("expert.annotators", "all", 0, 0, 0, 1),
        metric("expert.sheets", "all", 1, 1, 1, 40),
    ]
    page = render(ReportData(title="", metrics=nobody))
    assert "No expert has checked this run" in page and "none was invented" in page


def test_sizes_are_read_as_pools_write_them():
    assert [responders.billions(size) for size in ("8B", "3.8B", "8x7B", "500M")] == [
        8,
        3.8,
        56,
        0.5,
    ]
    assert all(
        responders.billions(size) != responders.billions(size) for size in ("", "large", "8")
    )


def test_figures_five_and_six_count_every_pair_once():
    entries = {entry.name: (entry.organisation, entry.size) for entry in load_pool("paper").models}
    counts = [(name, at + 1, 20 - at) for at, name in enumerate(entries)]
    for found in (responders.by_size(counts, entries), responders.by_organisation(counts, entries)):
        assert [sum(row[at] for row in found) for at in (1, 2)] == [
            sum(row[at] for row in counts) for at in (1, 2)
        ]
    sizes = [row[0] for row in responders.by_size(counts, entries)]
    assert (
        sizes[:2] == ["3B", "3.8B"]
        and sizes[-2:] == ["70B", responders.UNSAID]
        and sizes.index("34B") < sizes.index("8x7B")
    )
    shares = [share(row) for row in responders.by_organisation(counts, entries)]
    assert shares == sorted(shares, reverse=True)


def test_size_and_organisation_are_said_only_where_they_are_known():
    counts = [("a", 9, 1), ("b", 5, 5), ("c", 1, 9)]
    said = responders.sentences(counts, {"a": ("X", "8B"), "b": ("X", "3B"), "c": ("Y", "1B")})
    assert (
        "more often the larger the model (Spearman 1.00" in said[0]
        and "10 % (Y) to 70 % (X)" in said[1]
    )
    assert (
        responders.by_size(counts, {}) == []
        and responders.by_organisation(counts, {}) == []
        and responders.sentences(counts, {}) == []
    )


def test_models_are_drawn_by_size_on_the_page():
    entries = {"fir": ("X", "8B"), "hazel": ("Y", "3B"), "elm": ("Y", ""), "ginkgo": ("X", "1B")}
    data = ReportData(
        title="", responses=W.responses, preferences=W.preferences, responders=entries
    )
    page = render(data, draw(numbers(drawn_contents(data))))
    assert (
        "Chosen and rejected by size of the model" in page
        and "Chosen and rejected by organisation" in page
        and responders.UNSAID in page
    )


def test_health_gathers_what_there_is_by_name():
    rows = [
        metric("position.effect", "1: gpt", 0.1, 0.0, 0.2, 40),
        metric("judges.kappa", "empathy: a & b", 0.6, 0.5, 0.7, 40),
    ]
    assert [part["name"] for part in judge.tables(rows)] == ["position", "judges"]
    own = [
        *MATCH,
        metric("winrate.first_position", "overall:raw", 0.6, 0.5, 0.7, 40),
        metric("winrate.repeat_kappa", "overall:raw", 0.6, 0.5, 0.7, 40),
    ]
    assert [(part["name"], len(part["heads"])) for part in judge.tables(own)] == [("verdicts", 2)]
    assert judge.tables(EXPERTS) == [] and "How far the judge can be trusted" in render(
        ReportData(title="", metrics=rows)
    )


@pytest.mark.parametrize(("low", "said"), [(0.55, True), (0.45, False)])
def test_an_empty_answer_that_beats_chance_stands_in_the_head(low: float, said: bool):
    page = render(
        ReportData(
            title="",
            metrics=[
                metric("null.constant", "overall:raw", 0.6, low, 0.7, 40),
                metric("null.constant.wins", "overall:raw", 24, count=40),
            ],
        )
    )
    assert "win rate" in page and not matches(
        [
            metric("null.constant.wins", "overall:raw", 24, count=40),
            metric("null.constant", "overall:raw", 0.6, low, 0.7, 40),
        ]
    )
    head = page.split("<nav")[0]
    assert ("won over without content" in head) is said and (
        "It is not shown that one warm reply to everyone loses" in head
    ) is not said
    assert "Answers that no one should prefer" in page and "one warm reply to everyone" in page


def test_an_answer_of_the_dataset_may_win_by_merit_and_an_empty_one_that_loses_needs_no_word():
    rows = [
        metric("null.longest", "overall:raw", 0.45, 0.3, 0.6, 40),
        metric("null.echo", "overall:raw", 0.1, 0.0, 0.2, 40),
    ]
    assert judge.warnings(rows) == []
    assert (
        "length" in judge.warnings([metric("null.longest", "overall:raw", 0.65, 0.55, 0.75, 40)])[0]
    )


def test_states_of_the_policy_and_their_differences_are_two_tables():
    rows = [
        metric("systems.winrate", "dpo", 0.6, 0.5, 0.7, 40),
        metric("systems.rank", "dpo", 1, 1, 2, 40),
    ]
    rows += [
        metric("systems.difference", "dpo - start", 0.1, 0.0, 0.2, 40),
        metric("systems.difference.sign_p", "dpo - start", 0.04, count=40),
    ]
    rows += [metric("systems.difference.holm_p", "dpo - start", 0.08, count=40)]
    made = {part["name"]: part["heads"] for part in judge.tables(rows)}
    assert made == {
        "systems": ["win rate", "rank, best to worst"],
        "differences": ["difference in win rate", "p (Holm)"],
    }


def left_over(rows: list[Metric]) -> list[Metric]:
    data = ReportData(title="", metrics=rows)
    return further(data, all_contents(data))


def test_a_figure_that_no_section_knows_is_shown_all_the_same():
    rows = [*MATCH, *EXPERTS, metric("novel.figure", "all", 0.25, 0.2, 0.3, 7)]
    assert [row.name for row in left_over(rows)] == ["novel.figure"]
    assert "novel.figure" in render(ReportData(title="", metrics=rows))
    assert set(ITEMS) > {"empathy"}


def test_what_a_comparison_s_tables_do_not_show_stands_further_down():
    rows = [
        *MATCH,
        metric("winrate.novel", "overall:raw", 0.3, 0.1, 0.5, 40),
        metric("winrate.consistent", "overall:raw", 0.9, 0.8, 1.0, 40),
    ]
    assert [row.name for row in left_over(rows)] == ["winrate.novel"]


def test_guards_that_tripped_are_said_beside_the_policy():
    rows = [
        metric("guard.length", "round:2", 1, count=1),
        metric("guard.ties", "round:3", 0, count=1),
        metric("policy.words", "round:0", 90, 80, 100, 20),
    ]
    page = render(ReportData(title="", metrics=rows))
    assert (
        "Round 2: answers have grown or shrunk by half against the start." in page
        and "Round 3:" not in page
    )


def test_every_figure_is_printed_somewhere():
    """Figures whose values are found nowhere else: each stands on the page, in its section or among
    the further ones.
    """
    base = [row for row in MATCH if row.slice == "overall:raw"]
    names = (
        "length_coefficient",
        "length_controlled",
        "length_matched",
        "words_ours",
        "words_theirs",
        "length_correlation",
        "first_position",
        "novel",
    )
    rows = [
        metric(f"winrate.{name}", "overall:raw", 1234 + n, 1234 + n, 1234 + n, 9)
        for n, name in enumerate(names)
    ]
    rows += [
        metric(f"winrate.{name}", "overall:raw", 2345 + n, count=9)
        for n, name in enumerate(("unmatched", "longer", "shorter"))
    ]
    rows += [
        metric(f"winrate.{name}", "item:empathy:raw", 3456 + n, count=9)
        for n, name in enumerate(("wins", "failed"))
    ]
    rows += [
        metric("winrate.interaction_p", "topics:constrained", 0.0123, count=9),
        metric("winrate.worst", "item:empathy:raw", 0.4567, 0.4, 0.5, 9),
    ]
    rows += [
        metric("reward.novel", "test", 4567, 4567, 4567, 9),
        metric("guard.null_opponents", "overall:raw", 5678, count=9),
    ]
    base += [
        metric("winrate", f"topic:{TOPIC}:raw", 0.5, 0.4, 0.6, 12),
        metric("winrate.pooled", f"topic:{TOPIC}:raw", 0.5, 0.4, 0.6, 12),
    ]
    page = render(ReportData(title="", metrics=[*base, *rows]))
    text = page.replace(",", "")
    for row in rows:
        shown = {
            f"{row.value:.0f}",
            f"{row.value:.2f}",
            f"{row.value:.3f}",
            f"{100 * row.value:.1f}",
        }
        assert any(one in text for one in shown if one != "0" and len(one) > 3), row.name
    assert (
        "Length and winning" in page
        and "winrate.length_coefficient" not in page
        and "length asked for: p 0.012" in page
    )
