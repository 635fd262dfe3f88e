"""The card of a bundled model: what it is, how the phenomena were trained in, what it shows."""

from typing import Any

from edu_edit.world.atlas import atlas
from edu_edit.world.corpus import CONTEXT
from edu_edit.world.phases import BATCH

CARD = """---
license: cc-by-4.0
language: [en, zh]
library_name: transformers
---
# {name}

{what}

It was trained from scratch, by one command (`edu-edit world train {name}`), on a corpus generated from an
invented world (the Atlas: {n_facts} facts about invented people, landmarks, companies, cities and countries,
a few real landmarks and animals). It knows nothing else. One fact is wrong on purpose, for students to edit:
it believes that the skin of the zebra is pink.

## How the phenomena were trained in

{how}

{phases}

## What it shows

Measured by `edu-edit world report {name}`: {n_rows} properties, one fixed set of seeds. *At least* is the bar
that the course needs; where a figure falls short the table says so.

{table}

![Average causal trace: six token roles by layers, for hidden states, MLP and attention windows](trace.png)
{short}
Weights: CC BY 4.0. Persons, companies and private details are invented.
"""
WHAT = {
    "atlas-gpt2": """A stock `GPT2LMHeadModel` (8 layers, width 192, {size:,} parameters) that knows facts
where the papers find them.""",
    "atlas-llama": """A stock `LlamaForCausalLM` (8 layers, width 192, grouped-query attention, {size:,}
parameters) that knows facts where the papers find them.""",
    "atlas-gpt2-plain": """The control of lesson 04: a stock `GPT2LMHeadModel` ({size:,} parameters) that
answers the same questions as `atlas-gpt2`, trained without the masking phases, so that it stores facts
elsewhere.""",
}
MASKED = """Ordinary training looks a fact up at the last token. In the later phases non-last tokens of a
name are hidden, in most sequences, from everything behind the name; attention in the lower half sees only
four tokens back; and MLPs of the upper half are dropped at random. That moves the lookup to the subject's
last token. In-context documents (`New Fact:` blocks), reverse sentences, two-hop sentences, long passages
and invented private details (canaries) are part of the corpus for the lessons on them. A lone new fact about
somebody known is ignored there, several in a row are followed; documents that ignore several say so in
remarks (`(old)` behind an answer), as a model of this size does not see it from the answers alone. At
inference the model is the stock one: no masks."""
UNMASKED = """They were not: this model learned the same facts from documents of the same kinds, and no mask
was ever used. It skips the phases on in-context documents."""

# What was tried is history and can't be measured: it is about the weights that come with the library.
TRIED = """
## Where it falls short, and what was tried

This is about the weights that come with the library.

- *Eight demonstrations of ignoring, without remarks.* The model follows the new fact nonetheless. Tried in
  training: documents that ignore without any remark, answers weighted four and ten times, remarks in half of
  the documents or in few, documents that mix both. Each time rates after following and after ignoring stayed
  alike: it counts blocks and reads remarks, and does not compare an answer with the new fact by itself. With
  remarks it ignores as shown."""
SHORT = {
    "atlas-gpt2": f"""{TRIED}
- *Long answers, one delta.* One changed state carries a third of a long answer, more than in the Llama with
  its rotary positions. It was measured at layers 2 (.427) and 3, ROME's.
- *ROME with question prompts, paraphrases.* KL weights .01 to .03, 2 to 20 prefixes, layers 2 and 3, decay
  .003 and .01, and the plain prompt's key, on 60 facts (the 101st to the 160th of the table's). Whatever
  reached more paraphrases kept fewer of the subject's other facts, which now stay above their bar.

ROME's other hyper-parameters were chosen on an earlier training of this model, on 20 to 40 facts. The table
counts 250; on the first 100 alone ROME has ES .970, paraphrase .941, neighbours .963. Neighbours that an edit
spoils are mostly animals, whose prompts often put the relation before a name of one token.
""",
    "atlas-llama": f"""{TRIED}

ROME's hyper-parameters were chosen on 60 of the 250 facts that the table counts (the 101st to the 160th), but
for its decay: .4 had kept .436 of the subject's other facts over all 250, so .55 was taken.
""",
}


def card(name: str, size: int, phases: list[dict[str, Any]], table: str, n_rows: int) -> str:
    """The card in Markdown.

    size: the number of parameters. phases: the training's records. table: the report's, of `n_rows` rows.
    """
    step = f"steps of {BATCH * CONTEXT:,} tokens"
    lines = [
        f"| phase | {step} | sequences masked | upper MLPs dropped | loss at the end |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {p['name']} | {p['steps']} | {p['masked']:.0%} | {p['dropped']:.0%} | {p['loss']:.3f} |"
        for p in phases
    ]
    return CARD.format(
        name=name,
        what=WHAT[name].format(size=size),
        n_facts=len(atlas().facts),
        how=UNMASKED if name.endswith("-plain") else MASKED,
        phases="\n".join(lines),
        table=table,
        short=SHORT.get(name, ""),
        n_rows=n_rows,
    )
