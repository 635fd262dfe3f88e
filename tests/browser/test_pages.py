"""Every page and slide in a browser, opened from the disk: all is there, nothing runs over its edge."""

from pathlib import Path

import pytest

from autograder.build import build_pages, lesson_slugs
from autograder.build.pages import write_index

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LESSONS = lesson_slugs()
TYPESET = "() => window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => true)"
UNSEEN_PICTURES = "() => [...document.images].filter(x => !x.complete || !x.naturalWidth).length"
RUN_OVER = """() => {
    const inside = [...Reveal.getCurrentSlide().querySelectorAll('p, li, table, img, pre, svg')];
    const seen = inside.filter(x => x.checkVisibility()).map(x => x.getBoundingClientRect());
    const low = Math.max(0, ...seen.map(x => x.bottom)), right = Math.max(0, ...seen.map(x => x.right));
    return [Math.round(low - window.innerHeight), Math.round(right - window.innerWidth)];
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    for slug in LESSONS:
        build_pages(slug, out)
    write_index(out)
    return out


def test_the_index_opens_and_leads_to_every_lesson(site, tab):
    tab.page.goto((site / "index.html").as_uri())
    links = tab.page.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert {f"{slug}.html" for slug in LESSONS} <= set(links)
    assert not tab.failed


@pytest.mark.parametrize("slug", LESSONS)
def test_a_page_shows_its_equations_and_pictures_and_loads_nothing_else(site, tab, slug):
    tab.page.goto((site / f"{slug}.html").as_uri())
    assert tab.page.evaluate(TYPESET)
    assert tab.page.locator("mjx-container svg").count() > 0
    assert tab.page.locator("mjx-container [data-mml-node=merror]").count() == 0
    assert tab.page.evaluate(UNSEEN_PICTURES) == 0
    wide = tab.page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, f"{wide} pixels of the page hang over the right edge"
    assert not tab.failed


@pytest.mark.parametrize("slug", LESSONS)
def test_no_slide_runs_over_its_edge(site, tab, slug):
    tab.page.goto((site / f"{slug}.slides.html").as_uri())
    tab.page.wait_for_function("() => window.Reveal && Reveal.isReady()")
    assert tab.page.evaluate(TYPESET)
    over = []
    for place in tab.page.evaluate("() => Reveal.getSlides().map(x => Reveal.getIndices(x))"):
        tab.page.evaluate("({h, v}) => Reveal.slide(h, v, 99)", place)
        low, right = tab.page.evaluate(RUN_OVER)
        if low > 4 or right > 4:
            title = tab.page.evaluate("() => (Reveal.getCurrentSlide().innerText || '').trim().slice(0, 60)")
            over.append((place["h"], place.get("v"), low, right, title))
    assert not over
    assert not tab.failed
