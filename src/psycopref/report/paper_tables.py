"""Tables 1 and 2 of the paper from a run's figures: accuracy of reward models and rankers, win rates by coarse topic."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from psycopref.report.figures import matches
from psycopref.tables import Metric

if TYPE_CHECKING:
    from psycopref.report.page import ReportData

Found = Mapping[tuple[str, str], Metric]
FIGURES = {"reward.accuracy": "Accuracy", "reward.auc": "AUC", "reward.ece": "ECE", "reward.brier": "Brier score", "reward.logloss": "Log-loss"}
SETS = {"test": "Best against worst", "test_all": "Every test pair with a gap"}
GROUPS = {"judge:": "Generative judges as rankers", "model:": "Public reward models", "": "Ours", "-": "Without any knowledge of counseling"}
BASELINES = {"tfidf": "Word counts (TF-IDF Bradley-Terry)", "longer": "Length alone"}
ARMS = {"raw": "as they answer", "constrained": "length asked for"}


def table_one(found: Found) -> list[dict[str, Any]]:
    """Per set of test pairs every model that has an accuracy, in the paper's groups; the slices `<set>:judge:<name>` and `<set>:model:<name>` are others'."""
    tables = []
    for place, title in SETS.items():
        rows = list(_models(found, place))
        if rows:
            count = next(cell.count for row in rows for cell in row["cells"] if cell)
            tables.append({"title": title, "count": count, "heads": list(FIGURES.values()), "rows": rows, "longer": found.get(("pairs.longer_chosen", place))})
    return tables


def _models(found: Found, place: str) -> Iterator[dict[str, Any]]:
    slices = [own for name, own in found if name == "reward.accuracy" and (own == place or own.startswith(f"{place}:"))]
    order = list(GROUPS)
    named = sorted(((order.index(_group(own[len(place) + 1 :])), own) for own in slices), key=lambda pair: (pair[0], slices.index(pair[1])))
    last = ""
    for at, own in named:
        group = GROUPS[order[at]]
        yield {"group": group if group != last else "", "name": _model(own[len(place) + 1 :]), "cells": [found.get((field, own)) for field in FIGURES]}
        last = group


def _group(rest: str) -> str:
    return next((start for start in ("judge:", "model:") if rest.startswith(start)), "-" if rest in BASELINES else "")


def _model(rest: str) -> str:
    return BASELINES.get(rest) or rest.removeprefix("judge:").removeprefix("model:") or "Reward model"


def table_two(content: "ReportData", found: Found) -> dict[str, Any]:
    """Win rates by coarse topic and overall, a row for each comparison and arm; empty where nothing was compared."""
    topics: dict[str, None] = dict.fromkeys(content.listed)
    rows: list[dict[str, Any]] = []
    for name in matches(content.metrics):
        for arm, how in ARMS.items():
            cells = {own.removeprefix("topic:").removesuffix(f":{arm}"): row for (field, own), row in found.items() if field == name and _of_topic(own, arm)}
            overall = found.get((name, f"overall:{arm}"))
            if overall or cells:
                topics |= dict.fromkeys(cells)
                rows.append({"title": content.titles.get(name, name), "arm": how, "cells": cells, "overall": overall})
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


def views(found: Found, name: str) -> list[dict[str, Any]]:
    """One win rate seen in several ways, side by side: as judged, at equal length, over those that kept the length."""
    rows = []
    for arm, how in ARMS.items():
        seen = [(title, found.get((name + field, f"overall:{arm}"))) for field, title in VIEWS.items()]
        seen.append(("where the length was kept", found.get((name, f"compliant:{arm}"))))
        rows += [{"arm": how, "view": title, "row": row} for title, row in seen if row]
    return rows if any(row["view"] != VIEWS[""] for row in rows) else []


def parts(found: Found, name: str, kind: str, order: Sequence[str] = ()) -> list[dict[str, Any]]:
    """A comparison's rates by topic or by item (`kind`), with what else there is of each: the pooled rate, the adjusted p-value."""
    rows = []
    for field, place in found:
        if field == name and place.startswith(f"{kind}:") and place.endswith(":raw"):
            also = {title: found.get((f"{name}.{what}", place)) for what, title in (("pooled", "pooled"), ("holm_p", "p (Holm)"))}
            rows.append({"name": place.removeprefix(f"{kind}:").removesuffix(":raw"), "rate": found[field, place], "also": also})
    ranked = {one: at for at, one in enumerate(order)}
    return sorted(rows, key=lambda row: ranked.get(row["name"], len(ranked)))
