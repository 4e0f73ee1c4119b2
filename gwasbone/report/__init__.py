"""The report of a study as a document: chapters in, one self-contained page out.

Nothing here knows what a study is or reads its files; :mod:`gwasbone.report.study_report` does.
"""

from gwasbone.report.document import Chapter, Column, Funnel, Part, Report, Table
from gwasbone.report.page import save_report

__all__ = ["Chapter", "Column", "Funnel", "Part", "Report", "Table", "save_report"]
