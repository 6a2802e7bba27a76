"""What the run cost: the time of its steps, the calls that the workspace keeps."""

from psycopref.report.data import ReportData
from psycopref.report.section import Content, Section


def content(run: ReportData) -> Content:
    """Steps and calls as they were counted."""
    return {"steps": run.steps, "calls": run.calls}


SECTION = Section(
    "cost", "Cost", lambda content: bool(content["steps"] or content["calls"]), content
)
