"""Figures in print."""

from psycopref.tables import Metric

SHARES = ("reward.accuracy", "reward.auc")  # printed in %, as every win rate is


def number(value: float | None, places: int = 3) -> str:
    """A figure in print: fixed places, a true minus, a dash for none."""
    return "–" if value is None else f"{value:.{places}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: float) -> str:
    """A share in print."""
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def count(value: float) -> str:
    """A whole number in print, its thousands set apart."""
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """A span of time: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def interval(row: Metric) -> str:
    """A metric's interval as the opening of a note; '' where it has none."""
    if row.low is None or row.high is None:
        return ""
    shares = row.name in SHARES or row.name.startswith("winrate")
    ends = [f"{100 * end:.1f}" if shares else number(end, 2) for end in (row.low, row.high)]
    return f"95\N{NO-BREAK SPACE}% interval {ends[0]} to {ends[1]}; "
