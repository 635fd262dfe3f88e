"""Two whole lessons in a real JupyterLab: run, checked, hinted, quizzed, played with (pictures: tmp_path)."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import pytest

from autograder.build.source import ROOT, exercises_of, grade_id

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200)]
PATIENCE = 600_000  # milliseconds for a whole lesson on a busy machine
QUIET = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # all cells on the page, seen or not
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
# The last widget of a lesson: a button of it, and what must then look different.
PLAY = {"03_memory": ("off (× 0)", "text"), "07_mend": ("every next token", "picture")}


def solved(slug: str) -> Any:
    """The student's notebook with every solution filled in."""
    student = nbformat.read(ROOT / "lessons" / "en" / slug / f"{slug}.ipynb", as_version=4)
    ours = nbformat.read(ROOT / "solutions" / slug / f"{slug}.ipynb", as_version=4)
    sources = {c.metadata.nbgrader.grade_id: c.source for c in ours.cells if "nbgrader" in c.metadata}
    for cell in student.cells:
        role = cell.metadata.get("nbgrader", {})
        if role.get("solution"):
            cell.source = sources[role.grade_id]
    return student


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    """A JupyterLab of its own on this machine alone; gives its address and its folder."""
    folder, settings = tmp_path / "lessons", tmp_path / "settings"
    folder.mkdir()
    for name, values in QUIET.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"JUPYTERLAB_SETTINGS_DIR": settings, "EDU_EDIT_HOME": tmp_path / "progress"}
    places |= {name: tmp_path / name for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command, env=os.environ | {k: str(v) for k, v in places.items()}, stdout=log, stderr=log
        )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address, folder
    finally:
        server.terminate()
        server.wait(30)


def picture(tmp_path: Path, name: str, shown: Any) -> None:
    shown.scroll_into_view_if_needed()
    shown.screenshot(path=tmp_path / f"{name}.png")


def run_all(page: Any) -> None:
    """Run > Run All Cells, once more where JupyterLab forgot it, as it may while a kernel connects."""
    prompts = "() => [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(x => x.innerText)"
    for _ in range(4):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_timeout(8000)
        if any(prompt.strip() != "[ ]:" for prompt in page.evaluate(prompts)):
            return


@pytest.mark.parametrize("slug", PLAY)
def test_a_lesson_runs_and_its_cards_hints_quiz_and_widget_answer(lab, tab, tmp_path, slug):
    address, folder = lab
    nbformat.write(solved(slug), folder / f"{slug}.ipynb")
    page = tab.page
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(f"{address}/lab/tree/{slug}.ipynb")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=120_000)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=120_000)
    run_all(page)
    done = """() => {
        const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(x => x.innerText);
        return prompts.length && prompts.every(x => /\\[\\d+\\]/.test(x));
    }"""
    page.wait_for_function(done, timeout=PATIENCE)
    assert page.locator("[data-mime-type*=error], [data-mime-type*=stderr]").count() == 0

    exercises = exercises_of(slug)
    for exercise in exercises:
        card = page.locator(".jp-OutputArea-output", has_text=f"{exercise.points} / {exercise.points} points")
        assert card.filter(has_text=f"✓ {exercise.id}").count() == 1, exercise.id
    picture(tmp_path, "card", page.locator(".jp-OutputArea-output", has_text=f"✓ {exercises[0].id}").first)

    quiz = page.locator(".jp-OutputArea-output .widget-radio").first
    quiz.locator("input").first.check()
    page.get_by_text("Not quite.").or_(page.get_by_text("✓ Right.")).first.wait_for(timeout=20_000)
    picture(tmp_path, "quiz", page.locator(".jp-OutputArea-output", has=page.locator(".widget-radio")).first)

    asked = f'hint("{exercises[0].id}")'
    cell = page.locator(".jp-CodeCell", has_text=f"# {asked}").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.type(asked)
    page.keyboard.press("Shift+Enter")
    shown = page.locator(".jp-CodeCell", has_text=asked).first.locator(".jp-OutputArea-output")
    shown.get_by_text("1 of 3").or_(shown.get_by_text("Hint 1")).first.wait_for(timeout=20_000)
    picture(tmp_path, "hint", shown.first)

    button, what = PLAY[slug]
    widget = page.locator(".jp-OutputArea-output", has=page.get_by_role("button", name=button)).last
    before = widget.inner_text() if what == "text" else widget.locator("img").last.get_attribute("src")
    picture(tmp_path, "widget-before", widget)
    widget.get_by_role("button", name=button).click()
    changed = """([node, old, what]) => {
        const picture = [...node.querySelectorAll('img')].at(-1);
        return (what == 'text' ? node.innerText : picture.src) != old;
    }"""
    page.wait_for_function(changed, arg=[widget.element_handle(), before, what], timeout=30_000)
    picture(tmp_path, "widget-after", widget)
    assert not tab.failed
    assert grade_id(exercises[0]) in (folder / f"{slug}.ipynb").read_text(encoding="utf-8")
