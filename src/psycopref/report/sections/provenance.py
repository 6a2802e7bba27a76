"""Where every figure comes from: the run's steps, with what each asked and was made from."""

from psycopref.report.data import ReportData
from psycopref.report.section import Content, Section


def content(run: ReportData) -> Content:
    """All steps but the report's own."""
    return {"steps": run.lineage}


SECTION = Section("provenance", "Provenance", lambda content: bool(content["steps"]), content)
