"""A neuron's card in words: sentences for figures and widget, and the card as an HTML table (lesson 03)."""

import html
from collections.abc import Mapping, Sequence

from edu_edit.locate.neuron_cards import NeuronCard
from edu_edit.show.trace_figures import token_label

PREFIX = 38  # letters of a prefix's end that are shown


def tail(text: str, most: int = PREFIX) -> str:
    """The end of a prefix on one line: its last letters decide what comes next."""
    line = text.replace("\n", "⏎").strip()
    return line if len(line) <= most else "…" + line[1 - most :]


def agreed(card: NeuronCard, chance: float) -> str:
    """The agreement of a card's triggers and value in a sentence, beside chance."""
    hits = round(card.agreement * len(card.triggers))
    return (
        f"The value's first word follows {hits} of these {len(card.triggers)} triggers "
        f"({card.agreement:.0%}; by chance in this layer {chance:.1%})."
    )


def scaled_in_words(scaled: Mapping[float, float], answer: str, what: str) -> str:
    """P(answer) with the activations multiplied by each factor, in a sentence."""
    found = ", ".join(f"× {factor:g}: {p:.3f}" for factor, p in scaled.items())
    return f"P({answer}) with {what} {found}."


def describe_card(card: NeuronCard, said: Sequence[str]) -> str:
    """A neuron's card in words."""
    triggers = "; ".join(
        f"{tail(t.text)} [{token_label(t.next_token)}] {t.coefficient:.2f}" for t in card.triggers
    )
    words = ", ".join(f"{token_label(w)} {p:.2f}" for w, p in card.words)
    return (
        f"Card of layer {card.layer}, neuron {card.neuron}. Best triggers, with the token that follows and "
        f"the coefficient: {triggers}. First words of the value: {words}. {' '.join(said)}"
    )


def card_table(card: NeuronCard, said: str) -> str:
    """A card as two HTML tables with headings that a screen reader can follow."""
    look = "text-align:left;padding:1px 10px"
    triggers = "".join(
        f'<tr><td style="{look}">{html.escape(tail(t.text, 60))}</td>'
        f'<td style="{look}"><b>{html.escape(token_label(t.next_token))}</b></td>'
        f'<td style="{look}">{t.coefficient:.2f}</td></tr>'
        for t in card.triggers
    )
    words = "".join(
        f'<tr><td style="{look}">{html.escape(token_label(w))}</td><td style="{look}">{p:.3f}</td></tr>'
        for w, p in card.words
    )
    head = '<th scope="col" style="' + look + '">{}</th>'
    return (
        f"<p><b>Layer {card.layer}, neuron {card.neuron}.</b> {html.escape(said)}</p>"
        '<div style="display:flex;gap:2em;line-height:1.4;flex-wrap:wrap"><table>'
        "<caption>Best triggers of its key</caption>"
        f"<thead><tr>{head.format('prefix')}{head.format('what follows')}{head.format('a')}</tr>"
        f"</thead><tbody>{triggers}</tbody></table><table><caption>First words of its value</caption>"
        "<thead><tr>"
        f"{head.format('word')}{head.format('probability')}</tr></thead><tbody>{words}</tbody></table></div>"
    )
