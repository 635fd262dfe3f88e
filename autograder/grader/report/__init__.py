"""The class report: what a class did in one lesson, for the lecturer who plans the next hour.

`class_report` counts, `write_report` makes a page, `print_report` prints to a terminal.
"""

from autograder.grader.report.figures import Report, class_report
from autograder.grader.report.page import write_report
from autograder.grader.report.terminal import print_report

__all__ = ["Report", "class_report", "print_report", "write_report"]
