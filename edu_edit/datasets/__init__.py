"""The datasets of the field: what they test (cards), and their files as facts (loaders).

Textbook section 5.1.4, table 5.1. Nothing is downloaded and nothing is shipped: a card says where a dataset
comes from and what to mind, a loader reads your own copy of its file.

    from edu_edit import datasets

    datasets.cards()                                    # one line for each dataset
    datasets.card("counterfact")                        # all about one of them
    facts = datasets.counterfact("counterfact.json")    # facts, and which rows were left out, and why
"""

from edu_edit.datasets.cards import Card, Cards, card, cards
from edu_edit.datasets.facts import akew, counterfact, knowedit, zsre
from edu_edit.datasets.loaded import Loaded, Skipped
from edu_edit.datasets.long_answers import akew_texts, editeverything, unkebench
from edu_edit.datasets.references import counterfact_references

__all__ = [
    "Card",
    "Cards",
    "Loaded",
    "Skipped",
    "akew",
    "akew_texts",
    "card",
    "cards",
    "counterfact",
    "counterfact_references",
    "editeverything",
    "knowedit",
    "unkebench",
    "zsre",
]
