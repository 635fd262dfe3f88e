"""JUnit XML for dashboards: `junit.xml`, a test suite per student, a test case per question.

testsuites > testsuite (name, tests, failures, errors, skipped, time) > testcase (name, classname, time) >
failure, error or skipped (message, type), as in Jenkins' schema junit-10.xsd. A question without full
points is a failure, a rejected file an error, a missing one skipped. Characters that XML 1.0 can't hold are
left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from autograder.grader.exports.entries import Entry, number, write_text
from autograder.grader.feedback import sentences_only
from autograder.grader.records import Mark
from autograder.plain import plain_card

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(folder: Path, lesson: str, entries: Sequence[Entry]) -> Path:
    """junit.xml"""
    root = Element("testsuites", name=legal(lesson))
    for entry in entries:
        root.append(_suite(lesson, entry))
    for count in ("tests", "failures", "errors"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in root):.3f}")
    indent(root)
    text = tostring(root, encoding="unicode")
    return write_text(folder / "junit.xml", f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')


def legal(text: str) -> str:
    """The text without the characters that an XML 1.0 document can't hold."""
    return ILLEGAL.sub("", text)


def _suite(lesson: str, entry: Entry) -> Element:
    name = legal(entry.student)
    suite = Element("testsuite", name=name)
    seconds = 0.0
    for mark in entry.result.marks if entry.result else ():
        seconds += mark.seconds
        case = SubElement(suite, "testcase", name=legal(mark.id), classname=f"{lesson}.{name}")
        case.set("time", f"{mark.seconds:.3f}")
        if mark.earned < mark.points:
            case.append(_failure(mark))
    if entry.result is None:
        case = SubElement(suite, "testcase", name="submission", classname=f"{lesson}.{name}", time="0.000")
        if entry.rejection:
            SubElement(case, "error", type="rejected", message=legal(entry.reason))
        else:
            SubElement(case, "skipped", message="Nothing was handed in.")
    counts = {"tests": "testcase", "failures": ".//failure", "errors": ".//error", "skipped": ".//skipped"}
    for count, path in counts.items():
        suite.set(count, str(len(suite.findall(path))))
    suite.set("time", f"{seconds:.3f}")
    return suite


def _failure(mark: Mark) -> Element:
    message = f"{number(mark.earned)} of {number(mark.points)} points"
    failure = Element("failure", type="points", message=message)
    failure.text = legal(plain_card(sentences_only(mark.judgement))) if mark.judgement else message
    return failure
