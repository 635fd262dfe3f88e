"""Feedback pages: whatever a notebook holds, nothing in its page runs, fetches or leads away."""

from __future__ import annotations

import base64
import re
import shutil
from xml.dom import minidom

import nbformat
import pytest
from bs4 import BeautifulSoup

from autograder.build.source import ROOT
from autograder.checks import grade
from autograder.grader import rendering
from autograder.grader.feedback import folder_name, page, write_page
from autograder.grader.mathml import mathml
from autograder.grader.records import Cell, Mark, Result, as_json, from_json
from autograder.judgement import Finding, Judgement, Verdict
from autograder.lessons.rome import rank_one_update as exercise
from autograder.mutants import mutants_of

EVIL = "https://evil.example/x"
FLAG = "window.ran=1"
SVG = f'<svg xmlns="http://www.w3.org/2000/svg" onload="{FLAG}"><script>{FLAG}</script></svg>'
MARKUP = (
    f"<script>{FLAG}</script>",
    f"<ScRiPt src={EVIL}.js></sCrIpT>",
    f"<img src=x onerror={FLAG}>",
    f'<img src="{EVIL}.png">',
    f'<img srcset="{EVIL}.png 1x" src="/etc/passwd">',
    f'<img src="data:image/svg+xml;base64,{base64.b64encode(SVG.encode()).decode()}">',
    f'<img src="data:image/png;base64,{base64.b64encode(SVG.encode()).decode()}">',
    '<img src="data:image/png;base64,!!!not base64!!!">',
    f'<a href="javascript:{FLAG}">here</a>',
    f'<a href="java\tscript:{FLAG}">here</a>',
    f'<a href="&#106;avascript:{FLAG}">here</a>',
    f'<a href="{EVIL}" target=_top ping="{EVIL}">there</a>',
    f'<a href="data:text/html,<script>{FLAG}</script>">data</a>',
    SVG,
    f'<svg><animate onbegin="{FLAG}" attributeName=x dur=1s></svg>',
    f'<svg><use href="{EVIL}#a"/><image href="{EVIL}"/></svg>',
    f'<div style="background:url({EVIL})">a</div>',
    f"<div style=\"background-color:red;background-image:url('{EVIL}');position:fixed;top:0\">b</div>",
    f'<p style="color:\\75rl({EVIL})">c</p>',
    f"<style>@import '{EVIL}'; body{{background:url({EVIL})}}</style>",
    f'<link rel=stylesheet href={EVIL}><base href={EVIL}><meta http-equiv=refresh content="0;url={EVIL}">',
    f'<iframe src="{EVIL}" srcdoc="<script>{FLAG}</script>"></iframe>',
    f'<object data="{EVIL}"></object><embed src="{EVIL}"><applet code=x></applet>',
    f"<form action={EVIL}><input autofocus onfocus={FLAG}><button formaction={EVIL}>go</button></form>",
    f'<video src="{EVIL}" poster="{EVIL}"><source src="{EVIL}"></video><audio src="{EVIL}" autoplay>',
    f"<details open ontoggle={FLAG}><summary>s</summary></details>",
    f'<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror={FLAG}&gt;">',
    f'<math href="javascript:{FLAG}">x</math><math><maction actiontype="toggle#{EVIL}">y</maction></math>',
    f'<noscript><p title="</noscript><img src=x onerror={FLAG}>">',
    f"<template><img src=x onerror={FLAG}></template><xmp><img src=x onerror={FLAG}></xmp>",
    f"<!-- unclosed <img src=x onerror={FLAG}>",
    f"<!--><img src=x onerror={FLAG}>-->",
    f"</div></section></main></body></html><script>{FLAG}</script>",
    f"</pre></code></bdi></title></style><script>{FLAG}</script>",
    f"<table><tr><td><table><tr><td><table><td><img src=x onerror={FLAG}>",
    f'<body onload="{FLAG}"><html onclick="{FLAG}">',
    f"<div id=points name=cookie class=graded contenteditable onclick={FLAG}>5 of 5 points</div>",
    f"{{{{ 7*7 }}}}{{% for x in cycler.__init__.__globals__ %}}{FLAG}{{% endfor %}}",
    f'`<script>{FLAG}</script>` ![a" onerror="{FLAG}]({EVIL} "t") [b](javascript:{FLAG}) <{EVIL}>',
    f"$\\href{{javascript:{FLAG}}}{{x}}$ $<script>{FLAG}</script>$ $\\text{{</math><img onerror={FLAG}>}}$",
    f'<a title="$x$"> ![$"onerror={FLAG} x="$](y) <img alt="\ue0000\ue001" src=x>',
    f"[r]: {EVIL}\n\n[r] ![r]\n\n<{'div ' * 50}onclick={FLAG}>",
    "\x00\x1b[31m\ud800\u202e\x1b]8;;" + EVIL + "\x07link\x1b]8;;\x07\x1b[38;2;1;2;3mcolour\x1b[0m\x9b",
)
LONG = ("<b>" * 2000, "<b>" * 20_000, "<table><tr><td>" * 900, "A" * 3_000_000, "[" * 9000, "> " * 900)


def outputs(text: str) -> tuple[dict, ...]:
    """The text wherever an output can hold one."""
    kinds = (
        "text/html", "text/markdown", "text/latex", "text/plain", "image/svg+xml", "application/javascript",
        "image/png", "image/jpeg", "image/gif", "application/vnd.jupyter.widget-view+json", text[:40],
    )  # fmt: skip
    shown = [
        {"output_type": "display_data", "data": {kind: text}, "metadata": {kind: {"alt": text}}}
        for kind in kinds
    ]
    return (
        *shown,
        {"output_type": "stream", "name": text[:40], "text": text},
        {"output_type": "stream", "name": "stderr", "text": [text, text]},
        {"output_type": "error", "ename": text, "evalue": text, "traceback": [f"\x1b[31m{text}\x1b[0m"]},
        {"output_type": "execute_result", "data": {"text/html": [text], "text/plain": {"a": text}}},
    )


def result(texts: tuple[str, ...]) -> Result:
    """A result in which every string is hostile: name, notes, sources, outputs, cards."""
    cells: list[Cell] = []
    marks: list[Mark] = []
    for number, text in enumerate(texts):
        finding = Finding(text, text, True, Verdict(False, text, text, float("nan"), None, text), text)
        judgement = Judgement(
            text, text, text, 1.0, 0.5, text, (finding,), 0, text, text, text, text, text, text,
            (text[:9],) * 2,
        )  # fmt: skip
        marks.append(Mark(f"{text[:60]}{number}", 0.5, 1.0, judgement))
        cells += [
            Cell(kind, text, outputs(text), marks[-1].id) for kind in ("markdown", "code", "solution", "test")
        ]
    everything = " ".join(texts)[:5000]
    return Result(
        everything[:200], everything[:90], "key", tuple(marks), tuple(cells), texts, everything, everything
    )


def harm(page: str) -> list[str]:
    """Everything in a page that could run, fetch, lead away or lay itself over the page."""
    soup = BeautifulSoup(page, "html.parser")
    forbidden = (
        "script iframe frame object embed applet form input button base link svg video audio source template "
        "noscript textarea select xmp portal foreignobject maction mglyph animate use image"
    ).split()
    found = [str(tag)[:200] for tag in soup.find_all(forbidden)]
    policies = [tag for tag in soup.find_all("meta") if (tag.get("http-equiv") or "").lower()]
    found += [str(tag) for tag in policies if tag["http-equiv"].lower() != "content-security-policy"]
    found += [] if len(policies) == 1 else ["not exactly one policy"]
    found += [] if len(soup.find_all("style")) == 1 else ["not exactly one style sheet"]
    for tag in soup.find_all(True):
        for name, value in tag.attrs.items():
            value = " ".join(value) if isinstance(value, list) else str(value)
            if name.startswith("on") or name in (
                "srcset",
                "ping",
                "action",
                "formaction",
                "srcdoc",
                "background",
            ):
                found.append(f"{tag.name} {name}={value[:80]}")
            if name in ("href", "xlink:href", "data", "poster", "cite") and not re.fullmatch(
                r"#[\w-]+", value
            ):
                found.append(f"{tag.name} {name}={value[:80]}")
            if name == "src" and not re.fullmatch(
                r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/]+=*", value
            ):
                found.append(f"{tag.name} src={value[:80]}")
            if name == "style" and re.search(r"url|\\|expression|@|position|z-index|http", value, re.I):
                found.append(f"{tag.name} style={value[:80]}")
    return found


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def one_cell(cell: Cell, **more: object) -> str:
    return page(Result("ada", "05_rome", "key", cells=(cell,), **more))


def shown(output: dict) -> str:
    return one_cell(Cell("code", "", (output,)))


def data(kind: str, value: object) -> dict:
    return {"output_type": "display_data", "data": {kind: value}, "metadata": {}}


@pytest.mark.parametrize("number", range(len(MARKUP)))
def test_nothing_that_runs_fetches_or_leads_away_survives(number):
    made = page(result((MARKUP[number],)))
    assert harm(made) == []


def test_all_of_it_on_one_page_stays_one_well_formed_page(tmp_path):
    path = write_page(result(MARKUP), tmp_path)
    made = path.read_text(encoding="utf-8")
    assert harm(made) == []
    soup = BeautifulSoup(made, "html.parser")
    assert len(soup.find_all("body")) == len(soup.find_all("main")) == len(soup.find_all("h1")) == 1
    assert len(soup.select("section.graded")) == len(MARKUP)
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in soup.find_all("a", href=True)} <= set(ids)


def test_the_oracle_sees_harm_where_there_is_some():
    for markup in MARKUP[:20]:
        if "<" in markup and "data:image/png;base64,P" not in markup:
            assert harm(f"<html><body>{markup}</body></html>"), markup


def test_the_policy_allows_no_script_and_no_request():
    soup = BeautifulSoup(one_cell(Cell("markdown", "x")), "html.parser")
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules and "connect-src" not in rules


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:4])
def test_huge_and_deep_things_are_cut_and_the_page_says_so(text):
    made = page(result((text,)))
    assert harm(made) == []
    assert len(made) < 3_000_000
    if len(text) > 100_000:
        assert "characters left out" in made


def test_a_page_has_an_end_whatever_a_notebook_prints():
    output = data("text/html", "<p>" + "word " * 60_000)
    made = one_cell(Cell("code", "", (output,) * 300))
    assert "240 more outputs were left out" in made
    made = page(Result("ada", "05_rome", "key", cells=(Cell("code", "", (output,) * 60),) * 20))
    assert "This page is full" in made and len(made) < 14_000_000


def test_a_picture_is_shown_if_it_is_what_it_says():
    made = BeautifulSoup(shown(data("image/png", PNG + "\n")), "html.parser")
    assert made.img["src"] == f"data:image/png;base64,{PNG}"
    for kind, value in {
        "image/jpeg": PNG,
        "image/png": PNG[:-9] + "!",
        "image/gif": base64.b64encode(b"GIF89a<script>").decode(),
        "image/webp": PNG,
    }.items():
        made = BeautifulSoup(shown(data(kind, value)), "html.parser")
        assert made.img is None
        assert "left out" in made.select_one(".note").text


def test_a_small_file_that_unfolds_to_a_wall_of_pixels_is_no_picture():
    huge = base64.b64decode(PNG)[:16] + (60_000).to_bytes(4, "big") * 2 + base64.b64decode(PNG)[24:]
    made = BeautifulSoup(shown(data("image/png", base64.b64encode(huge).decode())), "html.parser")
    assert made.img is None


def test_svg_and_javascript_are_named_and_left_out_beside_what_can_be_shown():
    bundle = {"image/svg+xml": SVG, "application/javascript": FLAG, "text/plain": "<Figure size 640x480>"}
    made = shown({"output_type": "display_data", "data": bundle, "metadata": {}})
    words = BeautifulSoup(made, "html.parser").text
    assert "An SVG picture was left out" in words and "JavaScript was left out" in words
    assert "<Figure size 640x480>" in words and FLAG not in words


def test_tables_pictures_with_descriptions_and_folded_parts_of_honest_work_stay():
    frame = (
        '<style scoped>td{}</style><table border="1" class="dataframe"><tr><th>a</th><td>1</td></tr></table>'
    )
    made = BeautifulSoup(shown(data("text/html", frame)), "html.parser").select_one(".output")
    assert made.table.th.text == "a" and made.table.td.text == "1"
    figure = f'<img alt="two bars" width="300" style="max-width:100%" src="data:image/png;base64,{PNG}">'
    made = BeautifulSoup(shown(data("text/html", figure)), "html.parser").img
    assert (made["alt"], made["width"], made["style"]) == ("two bars", "300", "max-width:100%")


def test_terminal_colours_become_spans_and_a_progress_bar_its_last_state():
    trace = ["\x1b[31mValueError\x1b[39m: <b>", "\x1b[38;5;241mgrey\x1b[0m"]
    error = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": trace}
    made = BeautifulSoup(shown(error), "html.parser").select_one(".output.error")
    assert made.select_one(".ansi-red-fg").text == "ValueError"
    assert "ValueError: <b>" in made.text and made.b is None and "\x1b" not in made.text
    bar = {"output_type": "stream", "name": "stdout", "text": "10%\r50%\r100%\ndone\r\n"}
    assert BeautifulSoup(shown(bar), "html.parser").select_one(".output pre").text == "100%\ndone\n"


def test_a_card_claimed_by_a_students_output_has_nothing_of_ours():
    fake = '<section class="graded" id="mark-0"><h3>Graded <b class="points">99 of 99</b></h3></section>'
    made = BeautifulSoup(shown(data("text/html", fake)), "html.parser")
    assert not made.select(".graded, #mark-0, .points, h3") and made.select_one(".output section")


def hidden_answer() -> tuple[Mark, str]:
    """A real grading of an answer that tells all it sees: by printing, and by stopping with it."""
    secrets: list[str] = []

    def rank_one_update(W, C, k_star, v_star):
        seen = " ".join(f"{float(x):.6f}" for x in k_star.flatten()[:6])
        secrets.append(seen)
        print(seen)
        raise ValueError(seen)

    score = grade(exercise.__name__.removeprefix("autograder.lessons."), rank_one_update, seed=7)
    return Mark("rome.rank_one_update", float(score), 5, score.judgement), "\n".join(secrets)


def test_a_hidden_claim_shows_its_sentence_and_nothing_that_the_answer_saw():
    mark, secrets = hidden_answer()
    claims = {claim.name: claim for claim in exercise.CLAIMS}
    hidden = [finding for finding in mark.judgement.findings if not finding.open]
    assert hidden and all(finding.verdict == Verdict(finding.kept) for finding in hidden)
    source = "check(1)\n### BEGIN HIDDEN TESTS\ngrade('secret line')\n### END HIDDEN TESTS\nlast(2)"
    leak = {"output_type": "stream", "name": "stdout", "text": f"hidden {secrets}"}
    result = Result("ada", "05_rome", "k", (mark,), (Cell("test", source, (leak,), mark.id),))
    words = BeautifulSoup(page(from_json(as_json(result))), "html.parser").text
    assert (
        "secret line" not in words
        and "HIDDEN TESTS" not in words
        and "check(1)" in words
        and "last(2)" in words
    )
    opened = sum(claim.open for claim in claims.values())
    seen = secrets.splitlines()
    assert len(seen) >= len(claims)
    for number, numbers in enumerate(seen):
        if number >= opened:
            assert numbers not in words
    for finding in hidden:
        assert finding.sentence.split("`")[0] in words


def test_an_answer_that_only_hidden_claims_meet_with_an_error_shows_no_error():
    findings = (
        Finding("a", "An open claim", True, Verdict(True)),
        Finding(
            "b", "A hidden claim", False, Verdict(False, "mine", "theirs", 0.5), "f stopped with E: 0.123"
        ),
    )
    judgement = Judgement("rome.rome", "t", "e", 5, 1, "h", findings, traceback="tb 0.123", printed="p 0.123")
    words = BeautifulSoup(
        page(Result("a", "05_rome", "k", (Mark("rome.rome", 1, 5, judgement),))), "html.parser"
    ).text
    assert "A hidden claim" in words
    assert not any(leak in words for leak in ("0.123", "mine", "theirs", "5.0e-01"))


def test_what_the_course_itself_says_about_a_hidden_claim_stays():
    mutant = next(mutant for mutant in mutants_of("rome.rank_one_update") if mutant.name == "identity")
    score = grade("rome.rank_one_update", mutant.make())
    missed = [finding for finding in score.judgement.findings if not finding.kept]
    mark = Mark("rome.rank_one_update", float(score), 5, score.judgement)
    words = BeautifulSoup(page(Result("a", "05_rome", "k", (mark,))), "html.parser").text
    assert missed and mutant.sentence.split("`")[0] in words
    for finding in missed:
        assert finding.said.split("`")[0] in words


def test_the_summary_links_each_exercise_to_its_card_and_shows_notes_date_and_level():
    judged = Judgement("rome.rome", "Put the pieces together", "", 5, 2.5, "half", note="Not started yet.")
    marks = (Mark("rome.rome", 2.5, 5, judged), Mark("rome.subject_key", 0, 2))
    cells = (Cell("markdown", "# Title"), Cell("test", "check()", (), "rome.rome"))
    result = Result(
        "ada",
        "05_rome",
        "k",
        marks,
        cells,
        ("A cell ran too long.",),
        "2026-05-03T14:05:00+02:00",
        "bubblewrap",
    )
    soup = BeautifulSoup(page(result), "html.parser")
    rows = [
        [cell.text.split(" rome.")[0] for cell in row.find_all(["th", "td"])]
        for row in soup.select("tbody tr")
    ]
    assert [row[:2] for row in rows] == [
        ["Put the pieces together", "2.5 of 5"], ["Read the key of a subject", "0 of 2"],
    ]  # fmt: skip
    for link in soup.select("tbody a"):
        assert soup.select_one(link["href"]).h3
    assert "2.5 of 7 points" in " ".join(soup.header.text.split())
    assert "3 May 2026, 14:05" in soup.header.text and "bubblewrap" in soup.header.text
    assert soup.select_one(".notes li").text == "A cell ran too long."


def test_a_page_can_be_read_by_everyone():
    soup = BeautifulSoup(page(lesson_result()), "html.parser")
    assert soup.html["lang"] == "en" and soup.title.text and soup.main and soup.header
    levels = [int(tag.name[1]) for tag in soup.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(levels, levels[1:], strict=False))
    assert all(table.caption for table in soup.select("table.figures"))
    assert all(picture.get("alt") for picture in soup.find_all("img"))


@pytest.mark.parametrize("part", [0, 1], ids=["light", "dark"])
def test_every_ink_stands_out_from_its_paper(part):
    css = (ROOT / "autograder" / "grader" / "templates" / "page.css").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#\w{6});", css.split("prefers-color-scheme")[part]))

    def light(colour: str) -> float:  # WCAG 2.2, relative luminance
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for paper in ("paper", "shade"):
        for ink in ("ink", "soft", "link", "red", "keyword", "string", "number", "comment", "name"):
            low, high = sorted((light(colours[ink]), light(colours[paper])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, paper)


def lesson_result() -> Result:
    """The solution notebook of a lesson as a result."""
    notebook = nbformat.read(ROOT / "solutions" / "05_rome" / "05_rome.ipynb", as_version=4)
    cells = []
    for cell in notebook.cells:
        role = cell.metadata.get("nbgrader", {})
        kind = "test" if role.get("grade") else "solution" if role.get("solution") else cell.cell_type
        id = role.get("grade_id", "").removesuffix("-test").replace("-", ".", 1)
        cells.append(Cell(kind, cell.source, tuple(map(dict, cell.get("outputs", ()))), id))
    return Result("ada", "05_rome", "k", (Mark("rome.rome", 5, 5),), tuple(cells))


def test_a_whole_lesson_keeps_its_words_pictures_and_formulas():
    result = lesson_result()
    soup = BeautifulSoup(page(result), "html.parser")
    pictures = sum("image/png" in output.get("data", {}) for cell in result.cells for output in cell.outputs)
    assert pictures and len(soup.find_all("img")) == pictures
    assert len(soup.find_all("math")) > 40 and not soup.select("code.tex")
    for cell in result.cells:
        if cell.kind == "solution":
            line = max(cell.source.splitlines(), key=len).strip()
            assert line in soup.text


FORMULAS = sorted(
    {
        formula
        for path in (ROOT / "solutions").glob("*/*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
        for formula in re.findall(r"(?s)\$\$(.+?)\$\$|\$(.+?)\$", re.sub("`[^`]*`", "", cell.source))
    }
)


def test_every_formula_of_the_course_is_mathml_that_an_xml_parser_reads():
    for block, inline in FORMULAS:
        made = mathml(block or inline, bool(block))
        assert made.startswith("<math"), made
        minidom.parseString(made)


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:x}{y}", r"\style{x}{y}", r"\class{a}{b}", r"\input{/etc/passwd}",
        r"\def\a{\a\a}\a", "{" * 5000, "x^" * 900, r"\frac" * 900, r"\left(" * 50, "x}", "^",
        r"\begin{aligned}x", r"\begin{evil}x\end{evil}", r"\text{\href{x}{y}}",
    ],
)  # fmt: skip
def test_unknown_broken_and_endless_tex_is_shown_as_its_source(tex):
    made = BeautifulSoup(mathml(tex), "html.parser")
    assert [tag.name for tag in made.find_all(True)] == ["code"] and made.text == tex


def test_the_parts_of_a_formula_stand_where_they_belong():
    made = BeautifulSoup(mathml(r"\frac{v_* - W k_*}{\sqrt{2}} \tag{5.21}", True), "html.parser")
    assert [part.name for part in made.mfrac.find_all(recursive=False)] == ["mrow", "msqrt"]
    assert [sub.text for sub in made.find_all("msub")] == ["v*", "k*"]
    assert made.find_all("mtext")[-1].text == "(5.21)"
    assert made.math["alttext"] == r"\frac{v_* - W k_*}{\sqrt{2}} \tag{5.21}"


def test_markdown_keeps_its_form_and_says_where_a_link_would_lead():
    made = BeautifulSoup(
        rendering.markdown("# A\n\n**b** [c](https://a.example) `d`\n\n|x|y|\n|-|-|\n|1|2|\n\n- e"),
        "html.parser",
    )
    assert made.h3.text == "A" and made.strong.text == "b" and made.code.text == "d" and made.li.text == "e"
    assert made.table and "c (https://a.example)" in made.text and made.a is None


@pytest.mark.parametrize(
    "name", ["../../etc", "/etc/passwd", "..", ".", "", "a/b", "a\\b", "\ud800", "x" * 400, "a\0b"]
)
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    home = tmp_path / "home"
    path = write_page(Result(name, name, "k"), home)
    assert path.resolve().is_relative_to((home / "feedback").resolve())
    assert len(path.relative_to(home).parts) == 4
    assert [each for each in tmp_path.iterdir()] == [home]


def test_plain_names_are_nbgraders_own_place_and_others_stay_apart(tmp_path):
    path = write_page(Result("ada.l-1@uni", "05_rome", "k"), tmp_path)
    assert path == tmp_path / "feedback" / "ada.l-1@uni" / "05_rome" / "05_rome.html"
    assert len({folder_name(name) for name in ("a b", "a/b", "a_b", "..a_b")}) == 4


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("policy", ["with its policy", "without"])
def test_in_a_browser_nothing_of_a_hostile_page_runs_or_asks(tmp_path, policy):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    path = write_page(result(MARKUP), tmp_path)
    if policy == "without":  # what is left must be harmless even where a browser ignores the policy
        made = path.read_text(encoding="utf-8")
        path.write_text(
            re.sub('<meta http-equiv="Content-Security-Policy"[^>]*>', "", made), encoding="utf-8"
        )
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        tab = browser.new_page()
        tab.set_content(f"<img src=x: onerror={FLAG}>")
        tab.wait_for_function("window.ran")  # so the flag would be seen
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: asked.append(dialog.message))
        tab.on("popup", lambda popup: asked.append(popup.url))
        tab.goto(path.as_uri())
        tab.evaluate(
            """() => { for (const tag of document.querySelectorAll('*'))
            for (const kind of ['click', 'mouseover', 'focus', 'toggle', 'error', 'load', 'animationstart'])
                tag.dispatchEvent(new Event(kind, {bubbles: false})); }"""
        )
        tab.wait_for_timeout(1500)
        assert tab.evaluate("window.ran") is None
        assert [url for url in asked if not url.startswith("data:image/")] == [path.as_uri()]
        assert tab.url == path.as_uri() and tab.title().startswith("Feedback")
        browser.close()
