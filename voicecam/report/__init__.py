"""One self-contained HTML page of a run: numbers, figures and sound in one file that opens offline.

Computes no metric and no map: it gets plain values (ReportContent), draws them and fills templates/report.html.
"""

from voicecam.report.content import ReportClip, ReportContent, ReportExplanation
from voicecam.report.page import count, interval, render, write_report
from voicecam.report.sections import Answer, Drawing, Section, Sounds

__all__ = [
    "Answer",
    "Drawing",
    "ReportClip",
    "ReportContent",
    "ReportExplanation",
    "Section",
    "Sounds",
    "count",
    "interval",
    "render",
    "write_report",
]
