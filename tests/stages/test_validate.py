"""The stage: blind sheets in proportion, and figures that rest on people's answers only."""

import numpy as np
import pytest
from helpers.small_world import small_world
from pydantic import ValidationError

from psycopref.lab import Lab
from psycopref.labels.topic_list import groups
from psycopref.stages.validate import Validate
from psycopref.tables import Annotation, ExpertRating, content_id

W = small_world(size=60)
TOPIC = {row.speech_id: groups(None).get(row.topic, row.topic) for row in W.speeches}


def validated(lab: Lab, annotations=(), pairs: int = 50, scored=(), ratings=(), **settings):
    stage = Validate(pairs=pairs, draws=200, **settings)
    return lab.do(
        stage,
        W.speeches,
        W.responses,
        W.preferences,
        list(annotations),
        list(scored),
        list(ratings),
    )


def figures(out):
    return {(row.name, row.slice): row for row in out.metrics}


def said(preference, who: str, choice: str, item: str = "overall", **more) -> Annotation:
    key = content_id("annotation", preference.preference_id, who, item, more.get("repeat", 0))
    return Annotation(key, preference.preference_id, who, item, choice, **more)


def gave(response, who: str, item: str, score: float) -> ExpertRating:
    return ExpertRating(
        content_id("expert_rating", response.response_id, who, item),
        response.response_id,
        who,
        item,
        score,
    )


def test_without_answers_there_are_sheets_and_counts_that_say_nobody_checked(lab: Lab):
    out = validated(lab, annotators=2, replies=10)
    assert len(out.sheet) == 2 * (50 + 10)
    assert {(row.name, row.value) for row in out.metrics} == {
        ("expert.sheets", 4),
        ("expert.annotators", 0),
    }


def test_the_sheet_holds_the_pairs_texts_on_the_sides_it_says(lab: Lab):
    texts, pairs = (
        {row.response_id: row.text for row in W.responses},
        {row.preference_id: row for row in W.preferences},
    )
    rows = validated(lab, pairs=120).sheet
    for row in rows:
        pair = pairs[row.subject_id]
        sides = (texts[pair.chosen_id], texts[pair.rejected_id])
        assert (row.first, row.second) == (sides if row.shown_first == "chosen" else sides[::-1])
    assert sum(row.shown_first == "chosen" for row in rows) == 60


def test_topics_and_gaps_have_their_share(lab: Lab):
    by_id = {row.preference_id: row for row in W.preferences}
    drawn = [by_id[row.subject_id] for row in validated(lab, pairs=100).sheet]
    for trait in (lambda row: TOPIC[row.speech_id], lambda row: int(min(row.gap, 3))):
        every, some = [trait(row) for row in W.preferences], [trait(row) for row in drawn]
        for value in set(every):
            assert some.count(value) / 100 == pytest.approx(
                every.count(value) / len(every), abs=0.05
            )


def test_replies_are_drawn_from_every_responder_alike(lab: Lab):
    model = {row.response_id: row.model for row in W.responses}
    drawn = [
        model[row.subject_id] for row in validated(lab, replies=80).sheet if row.kind == "scores"
    ]
    assert len(drawn) == 80 and all(abs(drawn.count(one) - 20) <= 4 for one in set(model.values()))


def test_fewer_pairs_than_asked_are_all_taken(lab: Lab):
    assert len(validated(lab, pairs=10_000).sheet) == len(W.preferences)


def test_layouts_change_no_step_and_a_strange_safety_item_is_refused(lab: Lab):
    validated(lab), validated(lab, layouts=("csv", "argilla"))
    assert [entry["found"] for entry in lab.taken] == [False, True]
    with pytest.raises(ValidationError, match="'harm' is no item"):
        Validate(replies=5, safety="harm")


def test_agreement_of_two_experts(lab: Lab):
    """ann agrees with the label on .9, ben on .8, both alike on .9 of 60 pairs. Of sides (each
    named first as often) kappa is 2 x .9 - 1; of what was said of the label it is low, because both
    said 'chosen' of 85 %.
    """
    rows = W.preferences[:60]
    notes = [said(row, "ann", "chosen" if n % 10 else "rejected") for n, row in enumerate(rows)]
    notes += [said(row, "ben", "chosen" if n % 5 else "rejected") for n, row in enumerate(rows)]
    found = figures(validated(lab, notes, pairs=10_000))
    assert found["expert.agreement", "overall:ann"].value == pytest.approx(0.9)
    assert found["expert.agreement", "overall:ben"].value == pytest.approx(0.8)
    assert found["expert.agreement", "overall"].count == 120
    assert found["expert.kappa", "overall:ann"].value == pytest.approx(2 * 0.9 - 1)
    assert (
        found["experts.raw", "overall"].value == pytest.approx(0.9)
        and found["experts.raw", "overall"].count == 60
    )
    assert found["experts.kappa", "overall"].value == pytest.approx(0.8)
    assert found["experts.kappa.labels", "overall"].value == pytest.approx(
        (0.9 - 0.74) / (1 - 0.74)
    )
    assert found["experts.prevalence", "overall"].value == pytest.approx(0.85)
    assert (
        found["experts.ac1.labels", "overall"].value
        > found["experts.alpha.labels", "overall"].value
    )
    assert (
        found["expert.annotators", "all"].value == 2
        and found["expert.answered", "pairs:ann"].value == 60
    )


def test_every_figure_has_an_interval_or_is_a_count(lab: Lab):
    notes = [
        said(row, who, "chosen" if (n + len(who)) % 7 else "tie", item)
        for n, row in enumerate(W.preferences[:40])
        for who in ("a", "bb", "ccc")
        for item in ("overall", "safety")
    ]
    scores = [
        gave(row, who, item, 1 + (n + len(who)) % 5)
        for n, row in enumerate(W.responses[:40])
        for who in ("a", "bb")
        for item in ("safety", "empathy")
    ]
    out = validated(lab, notes, scored=scores, ratings=W.ratings, replies=40)
    assert len(out.metrics) > 60
    for row in out.metrics:
        assert row.count > 0
        if row.name not in (
            "expert.sheets",
            "expert.annotators",
            "expert.answered",
            "expert.unsafe",
        ):
            assert (
                row.low is not None and row.high is not None and row.low <= row.value <= row.high
            ), row


def test_one_expert_has_nobody_to_agree_with(lab: Lab):
    out = validated(lab, [said(row, "ann", "chosen") for row in W.preferences[:5]])
    assert not [row for row in out.metrics if row.name.startswith("experts.")]
    agreement = figures(out)["expert.agreement", "overall"]
    assert agreement.value == 1 and agreement.low < 0.8, "five pairs are no proof"


def test_three_experts_have_pairs_of_their_own(lab: Lab):
    said_by = {"ann": 0, "ben": 1, "cem": 2}
    notes = [
        said(row, who, "chosen" if (n + shift) % 4 else "rejected")
        for n, row in enumerate(W.preferences[:60])
        for who, shift in said_by.items()
    ]
    found = figures(validated(lab, notes))
    assert (
        found["experts.raw", "overall:ann & ben"].value == pytest.approx(0.5)
        and ("experts.kappa", "overall") not in found
    )
    assert (
        found["experts.raw", "overall"].value == pytest.approx(0.25)
        and ("experts.fleiss", "overall") in found
    )


def test_who_is_silent_does_not_lower_the_prevalence(lab: Lab):
    notes = [
        said(row, who, "chosen")
        for n, row in enumerate(W.preferences[:30])
        for who in ("ann", "ben", "cem")
        if who != ("ann", "ben", "cem")[n % 3]
    ]
    assert figures(validated(lab, notes))["experts.prevalence", "overall"].value == 1


def test_topics_with_enough_pairs_have_figures_of_their_own(lab: Lab):
    notes = [said(row, who, "chosen") for row in W.preferences for who in ("ann", "ben")]
    found = figures(validated(lab, notes, topic_min=20))
    counts: dict[str, int] = {}
    for row in W.preferences:
        counts[TOPIC[row.speech_id]] = counts.get(TOPIC[row.speech_id], 0) + 1
    assert {
        slice_ for name, slice_ in found if name == "expert.agreement" and ":topic:" in slice_
    } == {f"overall:topic:{t}" for t, n in counts.items() if n >= 20}
    assert min(counts.values()) < 20 <= max(counts.values())


def test_position_and_repetition_are_shown(lab: Lab):
    """An expert who always takes the first reply is seen by both; one who takes the better one by
    neither.
    """
    rows = W.preferences[:40]
    notes = []
    for n, row in enumerate(rows):
        shown, other = ("chosen", "rejected") if n % 2 else ("rejected", "chosen")
        notes += [
            said(row, "lazy", shown, shown_first=shown),
            said(row, "keen", "chosen", shown_first=shown),
        ]
        notes += (
            [
                said(row, "lazy", other, shown_first=other, repeat=1),
                said(row, "keen", "chosen", shown_first=other, repeat=1),
            ]
            if n < 12
            else []
        )
    found = figures(validated(lab, notes))
    assert (
        found["expert.first", "overall:lazy"].value == 1
        and found["expert.first", "overall:keen"].value == 0.5
    )
    assert (
        found["expert.repeat", "overall:lazy"].value == 0
        and found["expert.repeat", "overall:keen"].value == 1
    )
    assert (
        found["expert.repeat", "overall"].count == 24
        and found["expert.agreement", "overall"].count == 80
    ), "repetitions are in no other figure"


def test_seconds_are_a_rows_not_an_items(lab: Lab):
    notes = [
        said(row, "ann", "chosen", item, seconds=10.0 + n % 2)
        for n, row in enumerate(W.preferences[:20])
        for item in ("overall", "safety")
    ]
    found = figures(validated(lab, notes))["expert.seconds", "pairs:ann"]
    assert found.value == pytest.approx(10.5) and found.count == 20


def test_the_experts_intervals_draw_whole_speeches(lab: Lab):
    """Pairs of one speech that are judged alike say no more than one of them: the interval is that
    of the speeches.
    """
    own: dict[str, list] = {}
    for row in W.preferences:
        own.setdefault(row.speech_id, []).append(row)
    groups = [rows[:3] for rows in own.values() if len(rows) >= 3]
    assert len(groups) >= 20
    notes = [
        said(row, who, "chosen" if who == "ann" or n % 3 else "rejected")
        for n, rows in enumerate(groups)
        for row in rows
        for who in ("ann", "ben")
    ]
    found = figures(validated(lab, notes))["experts.raw", "overall"]
    share = found.value
    assert found.count == 3 * len(groups) and share == pytest.approx(
        np.mean([n % 3 > 0 for n in range(len(groups))])
    )
    by_speech, by_pair = (
        3.92 * np.sqrt(share * (1 - share) / n) for n in (len(groups), 3 * len(groups))
    )
    assert (
        found.high - found.low == pytest.approx(by_speech, rel=0.25)
        and found.high - found.low > 1.3 * by_pair
    )


def test_judges_beside_experts_on_the_same_replies(lab: Lab):
    """The judge gives a point more than ann, whose scores ben shares: bias 1, and the ceiling is
    perfect.
    """
    truth = {row.response_id: 1 + n % 4 for n, row in enumerate(W.responses[:60])}
    replies = W.responses[:60]
    scores = [
        gave(row, who, "safety", truth[row.response_id])
        for row in replies
        for who in ("ann", "ben")
    ]
    judged = [row for row in W.ratings if row.item == "safety" and row.subject_id in truth]
    judged = [
        type(row)(
            row.rating_id, row.subject_id, "safety", "judge", float(truth[row.subject_id] + 1)
        )
        for row in judged
    ]
    found = figures(validated(lab, scored=scores, ratings=judged, replies=60))
    assert (
        found["judge.expert.bias", "safety:judge"].value == 1
        and found["judge.expert.bias", "safety:judge"].count == 120
    )
    assert found["judge.expert.spearman", "safety:judge:ann"].value == pytest.approx(1)
    assert found["judge.expert.safety_recall", "safety:judge"].value == pytest.approx(2 / 3), (
        "of 1, 2 and 3 the 3 becomes a 4"
    )
    assert found["judge.expert.safety_false_alarm", "safety:judge"].value == 0
    assert (
        found["expert.unsafe", "safety"].value == 90
        and found["expert.unsafe", "safety"].count == 120
    )
    assert found["experts.safety_recall", "safety"].value == 1 and found[
        "experts.score.kappa", "safety"
    ].value == pytest.approx(1)
    assert found["experts.score.kappa", "safety"].low < 1
    assert found["expert.score", "safety"].value == pytest.approx(np.mean(list(truth.values())))


def test_overall_is_the_weighted_mean_of_those_who_scored_every_item(lab: Lab):
    names = [item.name for item in Validate().instrument.items]
    scores = [
        gave(row, "ann", name, 1 + at % 5)
        for row in W.responses[:10]
        for at, name in enumerate(names)
    ]
    scores += [gave(row, "ben", name, 5) for row in W.responses[:10] for name in names[:3]]
    found = figures(validated(lab, scored=scores, ratings=W.ratings, replies=10))
    assert (
        found["expert.score", "overall"].value
        == pytest.approx(np.mean([1 + at % 5 for at in range(7)]))
        and found["expert.score", "overall"].count == 10
    )
    models = {row.model for row in W.responses[:10]}
    assert {
        slice_
        for name, slice_ in found
        if name == "expert.score" and slice_.startswith("safety:model:")
    } <= {f"safety:model:{one}" for one in models}
