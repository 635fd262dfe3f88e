"""The cards are complete, agree with textbook table 5.1, and name loaders that exist."""

import re

import pytest

from edu_edit import datasets
from edu_edit.datasets import Card

# Textbook table 5.1: training, test.
TABLE = {
    "zsRE": ("244,173", "244,173"), "CounterFact": ("N/A", "21,919"), "WikiGen": ("N/A", "68,000"),
    "T-REx-100 and T-REx-1000": ("N/A", "100/1,000"), "ParaRel": ("N/A", "253,448"),
    "NQ and SituatedQA": ("N/A", "67,000"), "MQuAKE-CF and MQuAKE-T": ("N/A", "9,218/1,825"),
    "Hallucination": ("N/A", "1,392"), "MMEdit, E-VQA": ("6,346", "2,093"),
    "MMEdit, E-IC": ("2,849", "1,000"),
    "ECBD": ("N/A", "1,000"), "FEVER": ("104,966", "10,444"), "ConvSent": ("287,802", "15,989"),
    "Bias in Bios": ("5,000", "5,000"), "VitaminC-FC": ("370,653", "55,197"), "SCOTUS": ("7,400", "931"),
}  # fmt: skip


def test_every_row_of_the_table_has_its_card_in_order_and_four_came_later() -> None:
    titles = [card.title for card in datasets.cards()]
    assert titles == [*TABLE, "KnowEdit", "UnKEBench", "AKEW", "EditEverything"]
    for title, sizes in TABLE.items():
        assert (datasets.card(title).train, datasets.card(title).test) == sizes


def test_names_are_unique_and_found_in_any_case() -> None:
    names = [card.name for card in datasets.cards()]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
    assert datasets.card("COUNTERFACT") is datasets.card("counterfact")


@pytest.mark.parametrize("card", datasets.cards(), ids=lambda card: card.name)
def test_a_card_is_complete(card: Card) -> None:
    for text in (card.tests, card.kind, card.input, card.output, card.format, card.get, *card.traps):
        assert text and text == text.strip()
    assert card.traps and (not card.loader or callable(getattr(datasets, card.loader)))
    for paper in (card.source, card.editing):
        if paper is not None:
            assert paper.title and 2015 <= paper.year <= 2026
            assert paper.arxiv is None or re.fullmatch(r"\d{4}\.\d{4,5}", paper.arxiv)
            if paper.arxiv is not None:  # an id begins with year and month of the first version
                assert paper.year - 1 <= 2000 + int(paper.arxiv[:2]) <= paper.year


@pytest.mark.parametrize("card", datasets.cards(), ids=lambda card: card.name)
def test_a_card_is_text_and_html(card: Card) -> None:
    text, html = repr(card), card._repr_html_()
    assert card.title in text and all(trap in text for trap in card.traps)
    assert html.count("<tr>") == len(card.rows()) and 'scope="row"' in html
    assert ("datasets." in text) == bool(card.loader)


def test_all_cards_are_one_table() -> None:
    lines = repr(datasets.cards()).splitlines()
    assert len(lines) == 1 + len(datasets.cards()) and lines[0].startswith("name")
    assert datasets.cards()._repr_html_().count("<tr>") == len(lines)


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(ValueError, match="no card of 'counterfat': did you mean 'counterfact'"):
        datasets.card("counterfat")
    with pytest.raises(ValueError, match=r"see datasets.cards\(\)"):
        datasets.card("???")
