"""Tables 1 and 2 of the paper from a run's figures: accuracy of reward models and rankers, win
rates by coarse topic.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from psycopref.report.figures import matches
from psycopref.tables import Metric

if TYPE_CHECKING:
    from psycopref.report.data import ReportData

Found = Mapping[tuple[str, str], Metric]
FIGURES = {
    "reward.accuracy": "Accuracy",
    "reward.auc": "AUC",
    "reward.flipped": "flips with the order",
    "reward.accuracy_over": "ours less it",
    "reward.unscored": "pairs not scored",
}
# How far the scores can be taken for probabilities, before and after a temperature.
CALIBRATION = {
    "reward.ece": "ECE",
    "reward.ece_floor": "ECE if calibrated",
    "reward.ece_scaled": "ECE, scaled",
    "reward.brier": "Brier score",
    "reward.brier_scaled": "Brier score, scaled",
    "reward.logloss": "Log-loss",
    "reward.logloss_scaled": "Log-loss, scaled",
}
SHARES = ("reward.accuracy", "reward.auc", "reward.flipped", "reward.accuracy_over")
SETS = {"test": "Best against worst", "test_all": "Every test pair with a gap"}
GROUPS = (
    "Generative judges as rankers",
    "Public reward models",
    "Ours",
    "Without any knowledge of counseling",
    "No pair scored",
)
BASELINES = {"tfidf": "Word counts (TF-IDF Bradley-Terry)", "longer": "Length alone"}
PARTS = ("topic", "gap", "length")
ARMS = {"raw": "as they answer", "constrained": "length asked for"}


def table_one(found: Found) -> list[dict[str, Any]]:
    """Per set of test pairs every model that was asked, in the paper's groups, its accuracy on
    parts of the set, and its calibration.

    Slices are `<set>` for the run's own model and `<set>:<name>` for others, with `:topic:...`,
    `:gap:...` or `:length:...` behind for a part. A ranker has no reward and so no AUC. A model
    that scored no pair has a count of these and nothing else.
    """
    places = list(
        dict.fromkeys(
            place for name, place in found if name in ("reward.accuracy", "reward.unscored")
        )
    )
    sets = sorted(
        {place.partition(":")[0] for place in places},
        key=lambda one: (list(SETS).index(one) if one in SETS else len(SETS), one),
    )
    return [
        _set(found, one, [place for place in places if place == one or place.startswith(f"{one}:")])
        for one in sets
    ]


def _set(found: Found, name: str, places: Sequence[str]) -> dict[str, Any]:
    models = [place for place in places if not _part(place, name)]
    measured = [place for place in models if ("reward.accuracy", place) in found]
    heads = {
        field: title
        for field, title in FIGURES.items()
        if any((field, place) in found for place in models)
    }
    order = sorted(
        models, key=lambda place: (GROUPS.index(_group(found, place, name)), models.index(place))
    )
    rows: list[dict[str, Any]] = []
    for place in order:
        cells = [found.get((field, place)) for field in heads]
        rows.append(
            {"group": _group(found, place, name), "name": _model(place, name), "cells": cells}
        )
    for before, row in reversed(list(pairwise(rows))):
        row["group"] = "" if row["group"] == before["group"] else row["group"]
    parts: dict[str, dict[str, Metric]] = {}
    for place in places:
        if part := _part(place, name):
            parts.setdefault(part, {})[place.removesuffix(f":{part}")] = found[
                "reward.accuracy", place
            ]
    order = [place for place in order if place in measured]
    return {
        "title": SETS.get(name, name),
        "count": max(found["reward.accuracy", place].count for place in order) if order else 0,
        "heads": list(heads.values()),
        "shares": [field in SHARES for field in heads],
        "counts": [field == "reward.unscored" for field in heads],
        "rows": rows,
        "length": found.get(("reward.length_correlation", name)),
        "calibration": _calibration(found, name, order),
        "longer": found.get(("pairs.longer_chosen", name)),
        "parts": {
            "heads": [_model(place, name) for place in order],
            "rows": [(part, [own.get(place) for place in order]) for part, own in parts.items()],
        },
    }


def _calibration(found: Found, name: str, places: Sequence[str]) -> dict[str, Any]:
    """A line for each model whose scores are taken for probabilities, with the temperature of its
    dev pairs; empty where there is none.
    """
    heads = {
        field: title
        for field, title in CALIBRATION.items()
        if any((field, place) in found for place in places)
    }
    rows = [
        {
            "name": _model(place, name),
            "cells": [found.get((field, place)) for field in heads],
            "hot": found.get(("reward.temperature", _dev(place, name))),
        }
        for place in places
        if any((field, place) in found for field in heads)
    ]
    return {"heads": list(heads.values()), "rows": rows} if rows else {}


def _dev(place: str, name: str) -> str:
    rest = place[len(name) + 1 :]
    return f"dev:{rest}" if rest else "dev"


def _part(place: str, name: str) -> str:
    """The part of a set that a slice is of ('topic:Career'); '' for the whole."""
    pieces = place.split(":")
    at = next(
        (at for at, piece in enumerate(pieces[1:3], 1) if piece in PARTS and len(pieces) > at + 1),
        0,
    )
    return ":".join(pieces[at:]) if at else ""


def _group(found: Found, place: str, name: str) -> str:
    rest = place[len(name) + 1 :]
    if ("reward.accuracy", place) not in found:
        return GROUPS[4]
    if not rest:
        return GROUPS[2]
    return (
        GROUPS[3]
        if rest in BASELINES
        else (
            GROUPS[1]
            if ("reward.auc", place) in found or ("reward.brier", place) in found
            else GROUPS[0]
        )
    )


def _model(place: str, name: str) -> str:
    rest = place[len(name) + 1 :]
    return BASELINES.get(rest) or rest or "Reward model"


def table_two(content: "ReportData", found: Found) -> dict[str, Any]:
    """Win rates by coarse topic and overall, a row for each comparison and arm; empty where nothing
    was compared.
    """
    topics: dict[str, None] = dict.fromkeys(content.listed)
    rows: list[dict[str, Any]] = []
    for name in matches(content.metrics):
        for arm, how in ARMS.items():
            cells = {
                own.removeprefix("topic:").removesuffix(f":{arm}"): row
                for (field, own), row in found.items()
                if field == name and _of_topic(own, arm)
            }
            overall = found.get((name, f"overall:{arm}"))
            if overall or cells:
                topics |= dict.fromkeys(cells)
                rows.append(
                    {
                        "title": content.titles.get(name, name),
                        "arm": how,
                        "cells": cells,
                        "overall": overall,
                    }
                )
    for row in rows:
        row["by_topic"] = [row["cells"].get(topic) for topic in topics]
    return {"topics": list(topics), "rows": rows} if any(row["cells"] for row in rows) else {}


def _of_topic(place: str, arm: str) -> bool:
    return place.startswith("topic:") and place.endswith(f":{arm}")


VIEWS = {
    "": "as judged",
    ".length_controlled": "at equal length (model of length)",
    ".length_matched": "on pairs of about one length",
    ".pooled": "pooled over topics",
}
NOT_GIVEN = {
    "no_overlap": "too few prompts on one side of it",
    "separated": "length alone tells wins from losses",
}


def views(found: Found, name: str) -> list[dict[str, Any]]:
    """One win rate seen in several ways, side by side: as judged, at equal length, over those that
    kept the length.
    """
    rows = []
    for arm, how in ARMS.items():
        seen = [
            (title, found.get((name + field, f"overall:{arm}"))) for field, title in VIEWS.items()
        ]
        for why, said in NOT_GIVEN.items():
            if (f"{name}.length_controlled.{why}", f"overall:{arm}") in found:
                seen.append(
                    (
                        f"at equal length: not given, {said}",
                        found[f"{name}.length_controlled.{why}", f"overall:{arm}"],
                    )
                )
        seen.append(("where the length was kept", found.get((name, f"compliant:{arm}"))))
        rows += [
            {"arm": how, "view": title, "row": row, "given": ": not given" not in title}
            for title, row in seen
            if row
        ]
    return rows if any(row["view"] != VIEWS[""] for row in rows) else []


def by_length(found: Found, name: str) -> list[dict[str, Any]]:
    """What length has to do with winning, by arm: log-odds of a win per standard deviation of the
    difference, prompts with the longer and shorter answer.
    """
    rows = []
    for arm, how in ARMS.items():
        cells = [
            found.get((f"{name}.{what}", f"overall:{arm}"))
            for what in ("length_coefficient", "longer", "shorter")
        ]
        if any(cells):
            rows.append({"arm": how, "cells": cells})
    return rows


ALSO = {
    "pooled": "pooled",
    "holm_p": "p (Holm)",
    "wins": "won",
    "ties": "tied",
    "losses": "lost",
    "flips": "flips",
}
ALSO |= {"failed": "failed", "worst": "if all failed were lost", "best": "if won"}


def parts(found: Found, name: str, kind: str, order: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A comparison's rates by topic or by item (`kind`), with what else there is of each: the
    pooled rate, the adjusted p-value.
    """
    rows: list[dict[str, Any]] = []
    for place in dict.fromkeys(place for field, place in found if field in (name, f"{name}.wins")):
        if place.startswith(f"{kind}:") and place.endswith(":raw"):
            also = {title: found.get((f"{name}.{what}", place)) for what, title in ALSO.items()}
            rows.append(
                {
                    "name": place.removeprefix(f"{kind}:").removesuffix(":raw"),
                    "rate": found.get((name, place)),
                    "also": also,
                }
            )
    if kind == "topic" and not any(any(row["also"].values()) for row in rows):
        return []  # Table 2 has all there is
    ranked = {one: at for at, one in enumerate(order)}
    return sorted(rows, key=lambda row: ranked.get(row["name"], len(ranked)))
