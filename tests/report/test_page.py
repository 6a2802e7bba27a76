"""The page: self-contained, escaped, and only what there is."""

import dataclasses
import re
import time
from html.parser import HTMLParser

from helpers.small_world import ITEMS, LISTED, small_world

from psycopref.config.toml_files import DATA
from psycopref.report.data import ReportData
from psycopref.report.figures import DRAWINGS, draw, numbers
from psycopref.report.frames import item_order
from psycopref.report.page import all_contents, drawn_contents, render
from psycopref.report.print import number, seconds
from psycopref.report.sections import SECTIONS
from psycopref.tables import Dropped, Failure, Preference, Response, metric

W = small_world()
METRICS = [
    metric("speeches.read", "all", 43, count=43),
    metric("reward.accuracy", "test_all", 0.81, 0.7, 0.9, 90),
    metric("reward.accuracy", "test_all:tfidf", 0.88, 0.8, 0.95, 90),
    metric("reward.accuracy_over", "test_all:tfidf", -0.07, -0.12, -0.02, 90),
    *[
        metric("policy.gold_reward", f"round:{n}", n / 2, n / 2 - 0.3, n / 2 + 0.3, 16)
        for n in range(4)
    ],
    metric("winrate", "overall:raw", 0.61, 0.5, 0.7, 16),
    metric("winrate", "topic:Social Issues:raw", 1.0, 0.4, 1.0, 3),
    *[
        metric(f"winrate.{name}", "overall:raw", value, count=16)
        for name, value in (("wins", 9), ("ties", 2), ("losses", 5), ("flips", 1), ("failed", 0))
    ],
]


def content(**more) -> ReportData:
    dropped = [Dropped(f"dropped-{n}", f"speech-{n}", "row 1", "too short") for n in range(3)]
    failures = [
        Failure("failure-1", "s", "refused: respond"),
        Failure("failure-2", "s", "unrated: pair"),
    ]
    given = {
        "title": "a run",
        "speeches": W.speeches,
        "dropped": dropped,
        "responses": W.responses,
        "ratings": W.ratings,
        "failures": failures,
        "preferences": W.preferences,
        "metrics": METRICS,
        "recipe": 'flow = "paper"',
        "steps": [
            {
                "stage": "rate",
                "step": "rate-01",
                "found": True,
                "seconds": 0.1,
                "made_seconds": 75.0,
                "calls": 280,
                "rows": {"ratings": 1120},
            }
        ],
        "calls": [
            {
                "stage": "rate",
                "model": "judge",
                "outcome": "ok",
                "calls": 280,
                "tokens_in": 2_000_000,
                "tokens_out": 500_000,
                "dollars": None,
            }
        ],
    }
    return ReportData(**{"listed": LISTED, "items": ITEMS, **given, **more})


def page_of(**more) -> str:
    """The page of the small world, with its figures."""
    data = content(**more)
    contents = drawn_contents(data)
    return render(data, draw(numbers(contents)), contents)


class Checker(HTMLParser):
    """Counts elements and open tags that were never closed."""

    VOID = {"meta", "link", "br", "img", "path", "use", "rect", "line", "circle"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.seen: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    return checker


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere():
    page = page_of()
    found = checked(page)
    assert len(found.ids) == len(set(found.ids))
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "@import" not in page and "url(http" not in page
    assert not [tag for tag, _ in found.seen if tag in ("script", "link", "iframe")]


def test_every_figure_has_a_label_and_every_table_heads():
    found = checked(page_of())
    drawings = [attrs for tag, attrs in found.seen if tag == "svg"]
    assert len(drawings) == 6 and all(attrs["role"] == "img" for attrs in drawings)
    named = [one for attrs in drawings for one in attrs["aria-labelledby"].split()]
    assert len(named) == 12 and set(named) <= set(found.ids), "a title and a description each"
    assert all("scope" in attrs for tag, attrs in found.seen if tag == "th")
    assert ("html", {"lang": "en"}) in found.seen


def test_a_script_in_a_response_a_name_or_a_recipe_is_text():
    evil = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    responses = [
        dataclasses.replace(row, text=evil, model=f"m{evil}" if row.model == "fir" else row.model)
        for row in W.responses
    ]
    ratings = [dataclasses.replace(row, rationale=evil) for row in W.ratings]
    speeches = [dataclasses.replace(row, text=evil, topic=evil) for row in W.speeches]
    page = page_of(
        title=evil,
        speeches=speeches,
        responses=responses,
        ratings=ratings,
        recipe=evil,
        titles={"winrate": evil},
    )
    found = checked(page)
    assert "<script" not in page and "<img" not in page
    assert not [name for _, attrs in found.seen for name in attrs if name.startswith("on")]


def test_mathematics_signs_in_names_are_drawn_as_they_are():
    responses = [dataclasses.replace(row, model="cost $5 to $6_x") for row in W.responses]
    data = ReportData(title="", responses=responses, preferences=W.preferences)
    assert "cost $5 to $6_x" in draw(numbers(drawn_contents(data)))["chosen"]


def test_a_dataset_without_training_has_no_empty_sections():
    page = render(content(metrics=METRICS[:1]))
    ids = checked(page).ids
    assert {"dataset", "responders", "cases", "accounts", "cost", "limits"} <= set(ids)
    assert not {"reward", "policy", "winrates", "experts"} & set(ids)
    assert "gold judge" not in page and "Win rates were judged" not in page


def test_a_title_alone_is_a_page():
    ids = checked(render(ReportData(title="empty"))).ids
    assert "limits" in ids and not {"dataset", "cases", "accounts", "cost"} & set(ids)


def test_accounts_add_up_or_say_by_how_much_they_do_not():
    assert ">adds up<" in render(content())
    more = [*content().dropped, Dropped("dropped-x", "speech-x", "row 2", "too long")]
    assert "1 counted twice" in render(content(dropped=more))
    assert "2 unaccounted for" in render(content(dropped=more[:1]))


def test_unrated_responses_are_missed_in_the_accounts():
    assert "7 unaccounted for" in render(content(ratings=W.ratings[:-7]))
    lost = [
        Failure(f"failure-{item}", W.responses[-1].response_id, f"malformed: rate {item}")
        for item in ITEMS
    ]
    page = render(content(ratings=W.ratings[:-7], failures=lost))
    assert "unaccounted" not in page and "malformed: rate" in page


def test_losing_to_word_counts_is_said():
    assert "behind word counts by 7.0 points" in render(content())
    unclear = [
        (
            row
            if row.name != "reward.accuracy_over"
            else metric(row.name, row.slice, -0.01, -0.05, 0.03, 90)
        )
        for row in METRICS
    ]
    assert "neither the reward model nor word counts" in render(content(metrics=unclear))


def test_three_cases_of_different_topics_show_marks_ratings_and_rationales():
    page = render(content())
    assert page.count('<article class="case">') == 3
    assert page.count("✓ chosen") == page.count("✗ rejected") == 3
    assert page.count('class="pips"') == 3 * 4 * len(ITEMS)
    assert "because of empathy" in page


def test_a_pair_whose_response_is_gone_is_no_case():
    gone = [
        Preference(
            "preference-x", W.speeches[0].speech_id, "response-gone", "response-too", 3.0, "test"
        )
    ]
    assert "cases" not in checked(render(content(preferences=gone))).ids


def test_limits_stand_only_where_they_apply():
    page = render(content())
    assert (
        "disjoint half" in page
        and "none was invented" in page
        and "never shown to clients unreviewed" in page
    )
    assert "asked in both orders" in render(content(judge="gpt-4o-2024-08-06"))
    experts = [*METRICS, metric("experts.ac1", "overall", 0.8, 0.7, 0.9, 200)]
    page = render(content(metrics=experts))
    assert "none was invented" not in page and "Gwet&#39;s AC1" in page


def test_a_policy_judged_by_the_reward_model_it_was_trained_against_is_said_to_be():
    plain = "judged by the reward model it was trained against"
    own = [row for row in METRICS if row.name != "policy.gold_reward"]
    assert plain in render(content(metrics=own)) and "disjoint half" not in render(
        content(metrics=own)
    )
    assert plain not in render(content()), "a gold reward model judged"
    assert plain not in render(content(metrics=own, judge="gpt-4o-2024-08-06"))
    assert plain not in render(content(metrics=METRICS[:1]))


def test_turns_of_one_session_on_both_sides_are_a_limit():
    assert "give one row per session, or a split column" in render(content())
    assert "one row per session" not in render(ReportData(title="empty"))


def test_prices_make_costs():
    row = {
        "stage": "rate",
        "model": "judge",
        "outcome": "ok",
        "calls": 280,
        "tokens_in": 2_000_000,
        "tokens_out": 500_000,
    }
    assert (
        "$10.00" in render(content(calls=[{**row, "dollars": 10.0}]))
        and "$" not in render(content(calls=[{**row, "dollars": None}])).split("<main")[-1]
    )
    assert "$" not in re.sub(r"<style>.*?</style>", "", render(content()), flags=re.DOTALL)


def test_rendering_is_quick_when_the_figures_are_there():
    data = content()
    contents = drawn_contents(data)
    figures = draw(numbers(contents))
    began = time.monotonic()
    render(data, figures, contents)
    assert time.monotonic() - began < 2


def test_more_than_four_responses_are_counted():
    speech = {row.preference_id: row for row in W.preferences}
    extra = [
        Response(f"response-{n}-{one}", one, "more", "More.")
        for one in {row.speech_id for row in speech.values()}
        for n in range(2)
    ]
    assert "2 more responses to this speech are not shown" in render(
        content(responses=[*W.responses, *extra])
    )


def test_numbers_in_print():
    assert (number(-0.5, 1), number(None), number(2.0)) == ("\N{MINUS SIGN}0.5", "–", "2.000")
    assert [seconds(value) for value in (0.42, 12.3, 185, 7800)] == [
        "0.4 s",
        "12 s",
        "3 min 05 s",
        "2 h 10 min",
    ]


def test_notes_stand_in_the_head():
    page = render(content(notes=["The judge <b>x</b> is kin."]))
    assert page.index("The judge &lt;b&gt;x") < page.index(
        '<nav aria-label="Sections">'
    ) and "Note:" not in render(content())


def test_dropout_is_shown_where_something_was_lost():
    rows = [
        metric("rate.lost", "all", 0.02, 0.01, 0.03, 1120),
        metric("rate.lost.refused", "all", 0.02, 0.01, 0.03, 1120),
        metric("rate.lost", "model:fir", 0.0, 0, 0.01, 280),
    ]
    crisis = [
        metric("rate.lost", "topic:Crisis and Safety Concerns", 0.2, 0.1, 0.3, 100),
        metric("rate.lost.refused", "topic:Crisis and Safety Concerns", 0.2, 0.1, 0.3, 100),
    ]
    page = render(content(metrics=[*METRICS, *rows, *crisis]))
    checked(page)
    assert (
        "topic: Crisis and Safety Concerns" in page
        and "refused 20.0 %" in page
        and "Who was left out" in page
    )
    assert "Who was left out" not in render(
        content(metrics=[*METRICS, metric("rate.lost", "all", 0.0, 0, 0.01, 1120)])
    )


def test_ratings_of_several_judges_add_up():
    twice = [
        *W.ratings,
        *(
            dataclasses.replace(row, rating_id=f"{row.rating_id}-2", judge="second")
            for row in W.ratings
        ),
    ]
    page = render(
        content(
            ratings=twice,
            metrics=[*METRICS, metric("ratings.asked", "all", len(twice), count=len(twice))],
        )
    )
    assert "unaccounted" not in page and "counted twice" not in page and f"{len(twice):,}" in page
    assert "7 unaccounted for" in render(
        content(
            ratings=twice[:-7],
            metrics=[*METRICS, metric("ratings.asked", "all", len(twice), count=len(twice))],
        )
    )


def test_sections_and_figures_have_names_of_their_own_and_templates() -> None:
    keys = [section.key for section in SECTIONS]
    assert keys[0] == "head" and len(keys) == len(set(keys))
    names = [name for section in SECTIONS for name in section.figures]
    assert len(names) == len(set(names)) == len(DRAWINGS)
    templates = {path.stem for path in (DATA / "report" / "sections").glob("*.html")}
    assert templates == set(keys)


def test_the_navigation_leads_to_every_section_on_the_page() -> None:
    page = page_of()
    listed = page.partition('<nav aria-label="Sections">')[2].partition("</nav>")[0]
    targets = re.findall(r'href="#(\w+)"', listed)
    sections = re.findall(r'<section id="(\w+)"', page)
    assert targets == [key for key in sections if key not in ("further", "recipe")]


def test_a_run_with_its_own_list_and_instrument_is_grouped_by_them() -> None:
    """Names of the shipped list under other heads, and an instrument in an order of its own."""
    mine = ["warmth", *reversed(ITEMS[:3]), "aloofness"]
    listed = {"Body": ["Sleep-improvement", "Eating-disorders"], "Bond": ["Marriage"]}
    names = ["Sleep-improvement", "Marriage", "Eating-disorders", "Elsewhere"]
    speeches = [dataclasses.replace(row, topic=names[n % 4]) for n, row in enumerate(W.speeches)]
    ratings = [
        dataclasses.replace(row, item=mine[ITEMS.index(row.item)])
        for row in W.ratings
        if row.item in ITEMS[:5]
    ]
    data = content(speeches=speeches, ratings=ratings, listed=listed, items=mine, verdicts=())
    contents = all_contents(data)
    dataset, responders, cases = (contents[key] for key in ("dataset", "responders", "cases"))
    assert set(dataset["topics"]) == {"Body", "Bond", "Elsewhere"}
    assert [row["name"] for row in dataset["topic_table"]["rows"]] == ["Body", "Bond", "Elsewhere"]
    assert responders["items"] == mine
    assert {row["topic"] for row in responders["by_topic"]} == {"Body", "Bond", "Elsewhere"}
    assert {case["coarse"] for case in cases["cases"]} == {"Body", "Bond", "Elsewhere"}
    answer = cases["cases"][0]["answers"][0]
    assert [rating["item"] for rating in answer["ratings"]] == mine


def test_items_that_the_instrument_does_not_have_come_last_by_name() -> None:
    assert item_order(["b", "a", "y", "x"], ["x", "y", "z"]) == ["x", "y", "a", "b"]
