# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
#   title: 'Lesson 09 · Edit caches: SERAC, language patches, regular expressions, GRACE'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 09 · Edit caches: SERAC, language patches, regular expressions, GRACE
#
# *100 minutes · 7 exercises · 16 points · before this: lessons 08 (patches) and 02 (what is a good edit?)*
#
# ## Promise
#
# In lesson 08 a patch decided by one product whether a query was its business. Such a patch fires on one whole side of a plane, and that side has no end.
#
# Today an edit gets a **border**. You write it into a cache and say how far it reaches. Asked inside, the edit answers. Asked outside, the
# model answers as if nothing had happened, bit for bit.
#
# The picture shows such borders, four moments of a stream of edits. A filled marker is a question that an edit answers, an empty one is left to the model. Balls **grow** when the same answer is needed farther away, and **split** when a neighbour needs another one.
# The picture is flat and the space is not: an empty marker may seem to lie in a ball and be far above it. At the end of the lesson your own code draws it.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

import re
from collections.abc import Sequence
from dataclasses import replace

import torch
from IPython.display import display
from jaxtyping import Bool, Float, Int
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Fact, load, load_facts
from edu_edit.methods.edit_cache import Note, shown_facts
from edu_edit.methods.grace import Codebook, empty_book
from edu_edit.methods.patches import language_patch, regex
from edu_edit.methods.scope_gate import shipped_gate
from edu_edit.methods.serac import ScopeGate, question_states, serac, train_serac_gate
from edu_edit.methods.wrapped_layer import usual_radius
from edu_edit.show import plots, probes, widgets
from edu_edit.show.ball_work import ball_stream
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site

lm = load(MODEL)
facts = load_facts("atlas")


def fact_about(subject, word):
    """The fact about a subject whose prompt has a word in it."""
    return next(fact for fact in facts if fact.subject == subject and word in fact.prompt)


zebra, needle = fact_about("zebra", "skin"), fact_about("Space Needle", "in")
ostrich = replace(fact_about("ostrich", "skin"), prompt="The skin of the {} is")
pike = replace(fact_about("Pike Place Market", "in"), prompt="{} is located in")
progress("09_caches")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
# A stream of ten edits, one after the other. The last cells of this lesson make the picture with your functions.
edits = [
    zebra,
    needle,
    Fact("zebra", "A {} without its coat is", "black"),
    ostrich,
    pike,
    fact_about("Eiffel Tower", "in"),
    Fact("Space Needle", "{} is found in", "Taipei"),
    Fact("zebra", zebra.prompt, "white"),
    fact_about("zebra", "eats"),
    replace(fact_about("fox", "skin"), prompt="The skin of the {} is"),
]
stream = ball_stream(lm, edits, facts)
plots.plot_ball_steps(stream, stream.steps(5.7), [1, 3, 4, 8])

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. build the three parts of an edit cache: **gate**, **cache**, **inference module**;
# 2. train a gate in two ways (classification and noise-contrastive) and say what each can't learn;
# 3. write one edit in three forms (a fact, a language patch, a regular expression) and compare how far they reach;
# 4. maintain GRACE's **codebook**: add, expand, split, overwrite;
# 5. show what a radius buys and what it costs.
#
# **Letters for shapes:** $B$ questions · $n$ edits in the cache · $w$ width of an embedding · $k$ others per question · $V$ vocabulary · $D$ width of an activation. Later: $s$ and $b$ scale and bias of a gate · $d$ a distance · $\epsilon$ a radius.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"scope": "", "sigmoid": "", "radius": ""}
quiz("serac.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Ask for help, or answer alone
#
# Lesson 08 kept the model and added neurons. The textbook's other kind of external method keeps the model and adds a **memory of edits**: *knowledge caching* (§5.2.1, figure 5.5). Three parts:
#
# | part | its question | in this lesson |
# |---|---|---|
# | **edit cache** | what has been edited? | a list of edits, oldest first |
# | **gate** | is this question about one of them? | a distance in a small trained space |
# | **inference module**, or *reader* | what is the answer then? | a language model that reads the edit and the question |
#
# The best-known method of this kind is **SERAC**. If the gate stays closed, the model's own answer is handed out. Nobody computes it anew.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The gate
#
# Embed the question, $e$, and each cached edit's own question, $c_i$. Near means: about the same thing. With a scale $s$ and a bias $b$:
#
# $$g_i(x) = \sigma\big(b - s\,\lVert e - c_i \rVert^2\big) \qquad i^* = \arg\max_i g_i(x)$$
#
# $$\text{hard: } \begin{cases} \text{reader}(x, \text{edit}_{i^*}) & g_{i^*} > t \\ \text{model}(x) & \text{else} \end{cases} \qquad\qquad \text{soft: } (1 - g_{i^*})\, p_{\text{model}} + g_{i^*}\, p_{\text{reader}}$$
#
# In the paper a second, smaller language model makes the embeddings. Ours come from the edited model itself: its state at the question's last token, times one small trained matrix.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
gate = shipped_gate(lm)  # trained beforehand, on facts about other subjects
cached = [zebra, needle]
questions = [
    zebra.question,
    zebra.paraphrases[0],
    "The horse whose skin is black is the",
    "Asked whether the ostrich can fly, people say",
    ostrich.question,
    "The zebra eats",
    needle.paraphrases[1],
    "The country where Space Needle stands is",
    pike.question,
]
cache = gate.embed(question_states(lm, gate.site, [fact.question for fact in cached]))
e = gate.embed(question_states(lm, gate.site, questions))
sure = (gate.bias - gate.scale * (e[:, None] - cache[None]).square().sum(-1)).sigmoid()
chosen = torch.where(sure.amax(1) > 0.5, sure.argmax(1), -1).tolist()
names = [f"{i}: {fact.question} {fact.target_new}" for i, fact in enumerate(cached, start=1)]
plots.plot_routes(questions, names, sure, chosen)

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# Figure 5.5 asks three of these: the zebra's skin, whether an ostrich can fly, and which horse has black skin. Other wordings go to their edit. What *follows* from an edit is harder: a gate compares questions, and a consequence
# is another question. The one about the *country* shows the danger: the gate is .91 sure that it means the city. Table 5.2 gives SERAC a low portability. In our own comparison (60 facts) it is .19, as without any edit. (The horse with black skin is a *zebra* for this model anyway, edited or not.)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Two ways to train a gate
#
# The textbook names two tasks.
#
# **Classification** (BCE, binary cross-entropy). Every pair of question and edit is inside the scope or outside. Each pays for itself:
#
# $$L_{BCE} = \operatorname{mean}_{b,i} \begin{cases} -\log g_i(x_b) & \text{inside} \\ -\log\big(1 - g_i(x_b)\big) & \text{outside} \end{cases}$$
#
# **Noise-contrastive estimation** (NCE). For each question the right edit competes with $k$ others. With logits $z^+$ and $z^-_j$:
#
# $$L_{NCE} = \operatorname{mean}_b \; -\log \frac{e^{z^+_b}}{e^{z^+_b} + \sum_j e^{z^-_{bj}}}$$
#
# BCE learns *where to draw the line*. NCE learns *who is nearest*. Only differences count in it, so it can't learn that nobody is near enough.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Three forms of an entry
#
# | form | looks like | good for | reach |
# |---|---|---|---|
# | **fact** (SERAC) | *The skin of the zebra is* → *black* | questions with a clear answer | what the gate lets in |
# | **language patch** | *If the question is about …, then the answer is …* | sayings that are not meant literally; people can write, read and delete it | what its condition says |
# | **regular expression** | `s/打酱油/路过/` | exact replacement of text | the letters that match |
#
# The textbook's example: in Chinese someone who "came to buy soy sauce" (打酱油) says that he is *just passing by* (路过). A language patch can say so in words. A regular expression just swaps the
# characters, and also in the sentence of someone who really needs soy sauce. It is exact, cheap, hard to write, and it does not generalise. *It matched* is no sign of understanding.

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# A language patch has a gate, too: how surely does the condition $c$ apply? It **mixes probabilities**:
#
# $$p(y \mid x) = g\, p_{\text{patch}}(y \mid x) + (1 - g)\, p_{\text{model}}(y \mid x)$$
#
# Our conditions are of two kinds: a name that must be mentioned, or a question that must mean the same. A model of this size does not understand *descriptions*, and our library does not pretend that it does.
# In the paper a T5 model of 770 million weights reads them.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### GRACE: a cache inside the model
#
# **GRACE** puts its memory beside one layer: here the FFN of one block, whose input $h$ is lesson 08's query. The textbook counts it among the additional parameters. Its memory is a **codebook**. Each entry has
#
# - a **key**: the layer's input when an edited question was asked. It is a stored *activation*, not a weight;
# - a **value**: what the layer shall say instead. Only this is trained;
# - a **deferral radius** $\epsilon$: how near a query must come. Farther away the entry *defers* to the layer;
# - a **label**: the answer that the value was trained for.
#
# $$h^{out} = \begin{cases} \text{value}_i & \lVert h - \text{key}_i \rVert \le \epsilon_i, \quad i \text{ the nearest key} \\ \text{layer}(h) & \text{else} \end{cases}$$
#
# Which layer? The textbook: the second last of BERT (layer -2), the 36th of GPT2-XL. Counted from 0 that is layer 35 of 48; at the same share of the depth we take layer 5 of 8.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Maintaining a codebook
#
# A new edit has a key, a value and a label. $i$ is the nearest entry, $d$ its distance, $\epsilon_0$ the first radius. *Near* means $d \le \epsilon_0 + \epsilon_i$.
#
# | case | what happens | |
# |---|---|---|
# | $d > \epsilon_0 + \epsilon_i$, or the book is empty | **add** an entry of radius $\epsilon_0$ | the balls would not meet |
# | near, other label, the **same place** ($d < 10^{-6}$) | **overwrite** value and label | our addition; "Break it" shows why |
# | near, other label, elsewhere | **split**: $\epsilon_i = d/2 - 10^{-5}$, the new entry gets $d/2$ | conflict: meet halfway |
# | near, same label, $d > \epsilon_i$ | **expand**: $\epsilon_i = d$ | one answer, a wider region |
# | near, same label, inside | nothing | it is known already |
#
# As in the paper, a split *sets* the old radius, even where it was smaller before, and looks at the nearest entry alone. So just these two balls are disjoint.
#
# GRACE trains a value by plain gradient steps until the answer comes. Nothing in its loss speaks of other questions: **locality is a matter of geometry**.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > The textbook, comparing the methods (§5.2.3): *SERAC edits efficiently **without any additional training**, with high accuracy, generality and locality.*
# >
# > <details><summary>Answer</summary>
# >
# > Its own §5.2.1 says that the gate is trained by classification or noise-contrastive estimation, and the inference module by supervision. Both sentences hold for different things: **adding an edit** needs no
# > training, **the modules** need it once. An edit with an untrained gate reaches its own prompt and hardly more: see the next cell.
# >
# > </details>
#
# **Three more places to be careful with**
#
# | you may read | what to know |
# |---|---|
# | GRACE's keys are "wrong knowledge" | they are inputs of a layer, cached when an edited question was asked |
# | "a hit replaces the layer's output" | of which tokens? Released code replaces all tokens *before* the query; we replace the query's alone |
# | results of SERAC | a common port measures the *soft* mixture, and generates with the *hard* gate. The figures are of two models |

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
# The experiment: one gate untrained, in two ways, and trained, in two ways. All read layer 2, a shallow one.
# The paper's gate is exp(-|e-c|²). It is above .5 where ln 2 - |e-c|² is above 0: scale 1, bias .693.
complete = [fact for fact in facts if fact.paraphrases and fact.neighborhood]
judged = list({fact.subject: fact for fact in complete[::9]}.values())[:30]
subjects = {fact.subject for fact in judged}
learned = [fact for fact in complete if fact.subject not in subjects][::12]  # no subject is in both
asked = {
    "inside": [(i, p) for i, f in enumerate(judged) for p in f.paraphrases[:2]],
    "neighbours": [(i, p) for i, f in enumerate(judged) for p in f.neighborhood[:2]],
    "same subject": [
        (i, other.question)
        for i, fact in enumerate(judged)
        for other in facts
        if other.subject == fact.subject and other.prompt != fact.prompt
    ][:60],
}
site = Site("resid", 2)
states = {side: question_states(lm, site, [p for _, p in rows]) for side, rows in asked.items()}
own = question_states(lm, site, [fact.question for fact in judged])


def logits_of(a_gate):
    """The gate's logit of each question for the edit that it belongs to, side by side."""
    cached = a_gate.embed(own)
    return {
        side: a_gate.logits(states[side], cached)[torch.arange(len(rows)), [i for i, _ in rows]]
        for side, rows in asked.items()
    }


seed = torch.Generator().manual_seed(0)
random = torch.randn(64, lm.D, generator=seed) / (lm.D * 64) ** 0.5 / own.std(0)
gates = {
    "untrained, exp(-|e-c|²)": ScopeGate(torch.eye(lm.D), own.mean(0), 1.0, 0.693, 2, ""),
    "untrained, random head": ScopeGate(random, own.mean(0), 2.7, 2.0, 2, ""),
}
for loss in ("nce", "bce"):
    gates[f"trained, {loss.upper()}"] = train_serac_gate(
        lm, learned, loss, layer=2, steps=100, generator=torch.Generator().manual_seed(0)
    )
spread = {name: logits_of(one) for name, one in gates.items()}


def ranked(sides):
    """The share of pairs in which a question inside the scope lies above one outside."""
    outside = torch.cat([sides["neighbours"], sides["same subject"]])
    return float((sides["inside"][:, None] > outside[None]).float().mean())


for name, sides in spread.items():
    print(f"{name:25} an inside question is above an outside one in {ranked(sides):.3f} of all pairs")
deep = question_states(lm, gate.site, [fact.question for fact in judged])  # layer 5, nothing trained
near = {}
for side, rows in asked.items():
    there = question_states(lm, gate.site, [p for _, p in rows])
    near[side] = -(there - deep[[i for i, _ in rows]]).norm(dim=1)
print(f"{'untrained, at layer 5':25} an inside question is above an outside one in {ranked(near):.3f} of all pairs")
plots.plot_gate(spread)

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# The first gate is the formula of the paper with nothing trained: squared distances between states are in the hundreds and thousands, so $e^{-\lVert e - c \rVert^2}$ is 0 and **no other wording ever comes through**: only the very prompt that was edited, at distance 0, does. A random head opens for .42 of the neighbours. Training pulls wordings together and
# pushes others away. (`train_serac_gate` sets scale and bias on held-out subjects, also for NCE, which can't train a bias.)
#
# **Honestly:** at layer 5, where our gate reads by default, the model has done most of this work already. There even plain distances, with nothing trained, *rank* more than .99 of such pairs rightly (the last line), and what training gives is mainly the threshold.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper.
#
# 1. $e = (1, 2)$; the cache holds $c_0 = (1, 0)$ and $c_1 = (2, 3)$; $s = 0.5$, $b = 1$. Compute both logits and sigmoids. Where does the question go with threshold .5? With .4? (-1 = to nobody: the model answers alone.)
# 2. Two pairs have the logits 2 (inside) and -1 (outside). What is BCE? If 2 is the right edit's logit and -1 that of the only other, what is NCE?
# 3. $g = .25$, $p_{\text{patch}} = (.8, .2)$, $p_{\text{model}} = (.4, .6)$. Mix.
# 4. GRACE on a line, $\epsilon_0 = 1$. Edits: key 0 with label A, then 1.5 with A, then 2 with B. Write the codebook after each. Who answers at 1.5 in the end?
#
# <details><summary>1: the numbers</summary>
#
# Squared distances 4 and 2, logits $1 - 2 = -1$ and $1 - 1 = 0$, sigmoids .27 and .5. The best is edit 1. At threshold .5 it does not *exceed* it: the model answers alone, -1. At .4 the question goes to edit 1.
#
# </details>
#
# <details><summary>2 and 3: the numbers</summary>
#
# $-\log \sigma(2) = .127$ and $-\log(1 - \sigma(-1)) = -\log\sigma(1) = .313$; BCE is their mean, .220. NCE: $\log(1 + e^{-3}) = .049$.
#
# $.25 \cdot .8 + .75 \cdot .4 = .5$, and the rest is .5.
#
# </details>
#
# <details><summary>4: the codebook</summary>
#
# Key 0, A, $\epsilon = 1$. Then $d = 1.5 \le 1 + 1$, same label, outside: expand to 1.5. Then $d = 2 \le 1 + 1.5$, other label: split, $\epsilon_A = 1 - 10^{-5}$, and key 2, B, $\epsilon = 1$. At 1.5 the nearest key is 2, at
# .5: **B answers.** The second edit said A there, and is lost. A split takes back what an expansion gave.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven exercises: one regular expression, three parts of SERAC, one mixture, and GRACE's codebook.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="patches.regex_patch" slideshow={"slide_type": "slide"}
# **Why.** The oldest patch of all: rewrite the text before the model reads it. `rules` is a list of pairs (pattern, replacement). They are applied in order, each in one pass that changes every match.
#
# *Take care:* a pattern is a regular expression (Python's module `re`), and a later rule sees what an earlier one wrote.

# %% nbgrader={"grade": false, "grade_id": "patches-regex_patch", "locked": false, "schema_version": 3, "solution": true, "task": false}
def regex_patch(x, rules):
    ### BEGIN SOLUTION
    for pattern, replacement in rules:
        x = re.sub(pattern, replacement, x)
    return x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "patches-regex_patch-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("patches.regex_patch", regex_patch)
### BEGIN HIDDEN TESTS
grade("patches.regex_patch", regex_patch)
### END HIDDEN TESTS

# %%
# hint("patches.regex_patch")

# %% [markdown] lang="en" exercise="serac.gate_logits" slideshow={"slide_type": "slide"}
# **Why.** Everything that SERAC does hangs on this comparison. Compare $B$ questions with $n$ edits, all with all:
#
# $$z_{bi} = b - s\, \lVert e_b - c_i \rVert^2$$
#
# *Take care:* no sigmoid yet. $n$ may be 0. Subtract first, then square: the expansion $\lVert e\rVert^2 - 2\,e\cdot c + \lVert c\rVert^2$ loses small distances in float32. And keep the gradient: `scale` and `bias` are trained.

# %% nbgrader={"grade": false, "grade_id": "serac-gate_logits", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gate_logits(e, cache, scale, bias):
    ### BEGIN SOLUTION
    distances = (e[:, None] - cache[None]).square().sum(-1)  # (B, n)
    return bias - scale * distances
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "serac-gate_logits-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("serac.gate_logits", gate_logits)
### BEGIN HIDDEN TESTS
grade("serac.gate_logits", gate_logits)
### END HIDDEN TESTS

# %%
# hint("serac.gate_logits")

# %% [markdown] lang="en" exercise="serac.gate_loss_bce" slideshow={"slide_type": "slide"}
# **Why.** Two ways to tell a gate what it should learn. Write both; they share one cell and one check.
#
# - `gate_loss_bce(logits, inside)`: `inside` $(B, n)$ is True where question $b$ belongs to edit $i$. Mean over all pairs.
# - `gate_loss_nce(pos, neg)`: `pos` $(B,)$ are the logits of the right edits, `neg` $(B, k)$ those of others. Mean over questions.
#
# *Take care:* logits can be hundreds. $\log(\sigma(-800))$ must not become $-\infty$: use `logsigmoid` and `logsumexp`. And $1 - \sigma(z) = \sigma(-z)$.

# %% nbgrader={"grade": false, "grade_id": "serac-gate_loss_bce", "locked": false, "schema_version": 3, "solution": true, "task": false}
def gate_loss_bce(logits, inside):
    ### BEGIN SOLUTION
    sign = torch.where(inside, 1.0, -1.0).to(logits)  # 1 - sigmoid(z) is sigmoid(-z)
    return -torch.nn.functional.logsigmoid(sign * logits).mean()
    ### END SOLUTION


def gate_loss_nce(pos: Float[Tensor, " B"], neg: Float[Tensor, "B k"]) -> Float[Tensor, ""]:
    """Noise-contrastive training: the mean of -log( exp(pos) / (exp(pos) + sum_j exp(neg_j)) ).

    Only differences count, so a bias that all logits share is not trained by it.
    """
    ### BEGIN SOLUTION
    choices = torch.cat([pos[:, None], neg], dim=1)  # (B, k + 1)
    return (choices.logsumexp(1) - pos).mean()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "serac-gate_loss_bce-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("serac.gate_loss_bce", gate_loss_bce, gate_loss_nce)
### BEGIN HIDDEN TESTS
grade("serac.gate_loss_bce", gate_loss_bce, gate_loss_nce)
### END HIDDEN TESTS

# %%
# hint("serac.gate_loss_bce")

# %% [markdown] lang="en" exercise="serac.route" slideshow={"slide_type": "slide"}
# **Why.** Now decide. Each question goes to the edit with the largest logit, if its *sigmoid* exceeds the threshold. Else it gets -1: the model answers alone.
#
# *Take care:* two edits of the same question have the same embedding, and so the same logit. The newest must win, or nobody could correct an edit. Edits are listed oldest first. With an empty cache
# everybody gets -1.

# %% nbgrader={"grade": false, "grade_id": "serac-route", "locked": false, "schema_version": 3, "solution": true, "task": false}
def route(logits, threshold):
    ### BEGIN SOLUTION
    n = logits.shape[1]
    if n == 0:
        return torch.full((len(logits),), -1)
    best = logits.amax(1)
    newest = n - 1 - (logits == best[:, None]).flip(1).byte().argmax(1)
    return torch.where(best.sigmoid() > threshold, newest, -1)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "serac-route-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("serac.route", route)
### BEGIN HIDDEN TESTS
grade("serac.route", route)
### END HIDDEN TESTS

# %%
# hint("serac.route")

# %% [markdown] lang="en" exercise="patches.mix_patch" slideshow={"slide_type": "slide"}
# **Why.** A language patch does not decide, it mixes: `gate` has one number per question.
#
# $$p = g\, p_{\text{patch}} + (1 - g)\, p_{\text{orig}}$$
#
# *Take care:* these are probabilities, not logits. A gate belongs to a row.

# %% nbgrader={"grade": false, "grade_id": "patches-mix_patch", "locked": false, "schema_version": 3, "solution": true, "task": false}
def mix_patch(gate, p_patch, p_orig):
    ### BEGIN SOLUTION
    g = gate[:, None]
    return g * p_patch + (1 - g) * p_orig
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "patches-mix_patch-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("patches.mix_patch", mix_patch)
### BEGIN HIDDEN TESTS
grade("patches.mix_patch", mix_patch)
### END HIDDEN TESTS

# %%
# hint("patches.mix_patch")

# %% [markdown] lang="en" exercise="grace.grace_lookup" slideshow={"slide_type": "slide"}
# **Why.** This is all that GRACE does when the model runs. `h` $(B, D)$ goes into the layer, `out` $(B, D)$ is what the layer makes of it. Row by row: find the nearest key; if $d \le \epsilon$ *of that key*, its value takes the place of `out`.
#
# *Take care:* only the nearest key is asked, even if a larger ball reaches here. Each row decides for itself: a hit does not replace the others. Of keys equally near the earlier counts. With an empty codebook the result is `out`,
# bit for bit.

# %% nbgrader={"grade": false, "grade_id": "grace-grace_lookup", "locked": false, "schema_version": 3, "solution": true, "task": false}
def grace_lookup(h, keys, values, eps, out):
    ### BEGIN SOLUTION
    if len(keys) == 0:
        return out.clone()
    d = (h[:, None] - keys[None]).norm(dim=-1)  # (B, n)
    least = d.amin(1)
    index = (d == least[:, None]).byte().argmax(1)  # the first of the nearest
    return torch.where((least <= eps[index])[:, None], values[index], out)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "grace-grace_lookup-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("grace.grace_lookup", grace_lookup)
### BEGIN HIDDEN TESTS
grade("grace.grace_lookup", grace_lookup)
### END HIDDEN TESTS

# %%
# hint("grace.grace_lookup")

# %% [markdown] lang="en" exercise="grace.grace_update" slideshow={"slide_type": "slide"}
# **Why.** Edits come in a stream. After each the codebook must answer the new question, and as many of the old ones as it can. The rules are in the table *Maintaining a codebook*.
#
# `book` is a `Codebook(keys, values, eps, labels)`, a named tuple: `book._replace(eps=...)` gives a new one. `label` is a tuple of token ids, `book.labels` a tuple of such tuples. To add, use `torch.cat` with `key[None]`.
#
# *Take care:* (5, 9) and (9, 5) are different answers. The book that came must stay as it is: `clone()` before you write. And the same place with another label is **overwritten**, not split.

# %% nbgrader={"grade": false, "grade_id": "grace-grace_update", "locked": false, "schema_version": 3, "solution": true, "task": false}
def grace_update(book, key, value, label, eps0):
    ### BEGIN SOLUTION
    def added(book, radius):
        return Codebook(
            torch.cat([book.keys, key[None]]),
            torch.cat([book.values, value[None]]),
            torch.cat([book.eps, torch.tensor([radius])]),
            (*book.labels, label),
        )

    if len(book.keys) == 0:
        return added(book, eps0)
    distances = (book.keys - key).norm(dim=1)
    i = int(distances.argmin())
    d, eps, values = float(distances[i]), book.eps.clone(), book.values.clone()
    if d > eps0 + float(eps[i]):
        return added(book, eps0)
    if label != book.labels[i] and d < 1e-6:
        values[i] = value
        return book._replace(values=values, labels=(*book.labels[:i], label, *book.labels[i + 1 :]))
    if label != book.labels[i]:
        eps[i] = d / 2 - 1e-5
        return added(book._replace(eps=eps), d / 2)
    eps[i] = max(d, float(eps[i]))
    return book._replace(eps=eps)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "grace-grace_update-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("grace.grace_update", grace_update)
### BEGIN HIDDEN TESTS
grade("grace.grace_update", grace_update)
### END HIDDEN TESTS

# %%
# hint("grace.grace_update")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# ### Your gate, trained with your losses
#
# One small matrix is trained on the states of layer 2, about 100 facts, once with each loss. Judged on the 30 subjects that it has never seen: which share of other wordings, and of outside questions, gets through at a threshold of one half?
#
# A batch has 48 edits and 96 questions, 48 of them neighbours. So 48 of 4608 pairs are inside: in one plain mean the others would outvote them 95 to 1. We call your `gate_loss_bce` for each side and take the mean of the two.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
h_own = question_states(lm, site, [f.question for f in learned])
h_in = question_states(lm, site, [f.paraphrases[-1] for f in learned])
h_out = question_states(lm, site, [f.neighborhood[-1] for f in learned])
mean, width = h_own.mean(0), h_own.std(0)
n = len(learned)


def trained(loss_name, steps=150):
    g = torch.Generator().manual_seed(1)
    head = torch.randn(64, lm.D, generator=g) / (lm.D * 64) ** 0.5
    scale, bias = torch.tensor(2.7), torch.tensor(2.0)
    weights = [x.requires_grad_() for x in (head, scale, bias)]
    adam = torch.optim.Adam(weights, lr=3e-3)
    for _ in range(steps):
        rows = torch.randperm(n, generator=g)[:48]
        at = [((h[rows] - mean) / width) @ head.T for h in (h_in, h_out, h_own)]
        logits = gate_logits(torch.cat(at[:2]), at[2], scale, bias)  # wordings, then neighbours
        inside = torch.zeros_like(logits, dtype=torch.bool)
        inside[: len(rows)] = torch.eye(len(rows), dtype=torch.bool)
        if loss_name == "BCE":  # both sides with equal weight
            sides = [(logits[side][None], inside[side][None]) for side in (inside, ~inside)]
            loss = sum(gate_loss_bce(*side) for side in sides) / 2
        else:
            others = logits[: len(rows)][~inside[: len(rows)]].reshape(len(rows), -1)
            loss = gate_loss_nce(logits[: len(rows)].diagonal(), others)
        adam.zero_grad()
        loss.backward()
        adam.step()
    return ScopeGate((head / width).detach(), mean, scale.item(), bias.item(), 2, "")


for loss_name in ("BCE", "NCE"):
    mine = trained(loss_name)
    found = logits_of(mine)
    opens = ", ".join(f"{float((x > 0).float().mean()):.2f} {side}" for side, x in found.items())
    print(f"{loss_name}: bias 2 → {mine.bias:.2f}, open for {opens}; ranked rightly {ranked(found):.3f}")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# NCE ranks well, and yet its gate is open for hardly anyone: where one half lies is an accident. Its gradient by the bias is 0. (That the bias moved a little all the same is rounding, which Adam, dividing by its size, makes visible.)
# This is why the library sets scale and bias afterwards, on subjects kept for that: the NCE gate of the first picture, open for .90, is such a one.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### SERAC in four lines
#
# Embed, compare, route, and let the reader answer where an edit is meant. The **reader** is the same model, reading the new fact after four worked examples (why it needs them is lesson 10's story).

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def my_serac(question, cached, threshold=0.5):
    keys = gate.embed(question_states(lm, gate.site, [fact.question for fact in cached]))
    asked = gate.embed(question_states(lm, gate.site, [question]))
    (i,) = route(gate_logits(asked, keys, gate.scale, gate.bias), threshold).tolist()
    if i < 0:
        return "the model", lm.answer(question)
    told = f"{cached[i].question} {cached[i].target_new}"
    note = Note(told, cached[i].target_new, shown_facts(lm, question))
    return f"edit {i + 1}", lm.answer(note.prompts(question)[0])


for question in questions:
    who, said = my_serac(question, [zebra, needle])
    print(f"{question:48} {said:10} ({who})")
corrected = [zebra, needle, Fact("zebra", zebra.prompt, "white")]
print("\nwith a third edit, zebra → white:", *my_serac(zebra.question, corrected))

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# Compare the question about the *country*. If the gate takes it for the edit's own question, the reader answers with the city. A gate that is too wide does not give portability: it gives wrong answers. And *zebra* for the horse with black skin proves nothing: the model alone says it, edit or no edit.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Hard or soft?
#
# The library's `serac` does both. How far do the next-token probabilities of close strangers move? And with your `mix_patch`: from which gate on does the model say *black*?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
strangers = [*zebra.neighborhood, *needle.neighborhood, ostrich.question, pike.question, "The zebra eats"]
plain = lm.next_probs(strangers)
for mode in ("hard", "soft"):
    with serac(lm, [zebra, needle], mode=mode):
        moved = (lm.next_probs(strangers) - plain).abs().amax(1)
    count = int((moved > 0).sum())
    print(f"{mode}: {count} of {len(strangers)} moved, the largest change is {float(moved.max()):.1e}")

p_orig = lm.next_probs([zebra.question])
with serac(lm, zebra):
    p_patch = lm.next_probs([zebra.question])
black, pink = (target_ids(lm, word, zebra.question)[0] for word in ("black", "pink"))
g = torch.linspace(0, 1, 21)
mixed = mix_patch(g, p_patch.expand(21, -1), p_orig.expand(21, -1))
words = {"black": mixed[:, black].tolist(), "pink": mixed[:, pink].tolist()}
plots.plot_curves(g.tolist(), words, "gate g", "probability", f"{zebra.question} …", mark=0.5)

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# Hard moves nothing, bit for bit. Soft moves five of nine, by .002 at most: no answer changes, but locality measured on probabilities does. *Black* overtakes *pink* just above one half, because the model is sure of the one and the reader of the other.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### One edit, three forms
#
# The zebra once more: as a fact for SERAC, as two language patches, and as regular expressions that ask about another animal, whose skin the model does think black: the penguin.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
rules = [(r"(skin of the) zebra", r"\1 penguin"), (r"zebra's (skin)", r"penguin's \1")]
narrow = f'If the question is "{zebra.question}", then the answer is black.'
forms = {
    "SERAC": serac(lm, zebra),
    "if the question is …": language_patch(lm, narrow),
    "if zebra is mentioned": language_patch(lm, "If zebra is mentioned, then the answer is black."),
    "regular expression": regex(lm, rules),
    "GRACE": edu_edit.grace(lm, zebra),
}
before = probes.probes(lm, zebra, facts, most=4)
before = [one for one in before if one.kind != "edit"]  # that one all get right
bars, wrong = {"no edit": probes.rates(before)["before"]}, []
for name, edit in forms.items():
    with edit:
        after = probes.ask_again(lm, before)
    bars[name] = probes.rates(after)["after"]
    wrong += [(name, one) for one in after if not one.right]
for text in [zebra.question, *zebra.paraphrases]:
    print(f"{text:40} → {regex_patch(text, rules)}")
print("\nWhat is still wrong, or has become so:")
for name, one in wrong:
    print(f"{name:21} {one.prompt} … {one.after}   (it should be: {one.wanted})")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plots.plot_rates(bars, title="The zebra's skin in three forms, and by GRACE")

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# *If the question is …* quotes one prompt, and yet reaches as far as SERAC: SERAC's own gate judges whether a question means the same.
#
# A condition decides about the reach. *If zebra is mentioned* lets every question with that name through, and asked for the coat the patch says *black*, and asked what a zebra eats it says *fruit*, which is neither the old answer nor the new one: a sentence about something else stands before the question, and that is enough to upset a small model. The regular expressions catch two of three other wordings, those
# that somebody thought of, and they also rewrote a question about consequences: now it is about the penguin.
#
# Look at *no edit*, too: two of the three consequences come out right without any edit, and no form adds the third, the striped horse.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
soy = [("打酱油", "路过")]
for text in ("他说他是来打酱油的。", "妈妈让我去打酱油。", "他只是来打打酱油。"):
    print(text, "→", regex_patch(text, soy))

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# The first sentence is the idiom. In the second a mother sends her child for soy sauce, and in the third the idiom is spelled a little differently: matched and wrong, then meant and mangled (a 打 is left over).

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Your lookup inside the model
#
# `edu_edit.grace` makes an edit; its record holds the codebook. Your `grace_lookup` should say what the running model says there.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
made = edu_edit.grace(lm, [zebra, needle])
book, layer = made.record["codebook"], made.record["layer"]
at_in, at_out = Site("query", layer), Site("mlp", layer)
h, out = (question_states(lm, at, questions) for at in (at_in, at_out))
with made:
    running = question_states(lm, at_out, questions)
mine = grace_lookup(h, book.keys, book.values, book.eps, out)
print("largest difference:", float((mine - running).abs().max()))
print(f"layer {layer}, first radius {made.record['eps0']:.2f}, {made.extra_bytes} bytes to carry")
for one in made.record["facts"]:
    losses = one["losses"]
    steps = len(losses) - 1
    print(f"{one['subject']:13} loss of the answer {losses[0]:.2f} → {losses[-1]:.2f} in {steps} steps")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### A radius buys generality with locality
#
# Thirty facts, each with a ball of the same radius. Which other wordings does the right ball answer, and which questions does *any* ball answer that it should not? We use your lookup with values that are just the entry's number.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
queries = {side: question_states(lm, at_in, [p for _, p in rows]) for side, rows in asked.items()}
keys = question_states(lm, at_in, [fact.question for fact in judged])
number = torch.arange(len(keys)).float()[:, None].expand_as(keys).clone()


def who(side, radius):
    """The entry that answers each question of a side, or -1."""
    h = queries[side]
    return grace_lookup(h, keys, number, torch.full((len(keys),), radius), torch.full_like(h, -1))[:, 0]


right = torch.tensor([i for i, _ in asked["inside"]])
curves = {"neighbours": [], "other facts of the subject": []}
for radius in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 15.0):
    general = float((who("inside", radius) == right).float().mean())
    for name, side in (("neighbours", "neighbours"), ("other facts of the subject", "same subject")):
        curves[name].append((radius, general, float((who(side, radius) < 0).float().mean())))
print("the library's first radius for these thirty facts:", round(usual_radius(stream.wrapped, judged) / 2, 1))
plots.plot_reach(curves, marked=6.0)

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# How does the library choose? It asks the same question about *other* subjects, takes the distance below which only 5 % of them lie, and halves it: 5.7 for the zebra's skin, 5.9 for the zebra and the Space Needle together, 6.1 for these thirty. (6 is ringed.) There is a good region between 6 and 8. At 10 all wordings are reached, but only .58 of the subjects' other facts
# are left alone. Another layer has other distances: **a radius can't be copied from a paper.** (GRACE's paper begins with 1, in the units of GPT2-XL's layer.)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The ε-balls
#
# The stream of the promise, maintained by *your* `grace_update`. Step through it with *Edits so far*, turn the first radius, and inspect a question: which patch fired, how near was it, what is said?
#
# *Try this:* inspect *A zebra without its coat is*. Step from 2 to 3 and to 4. Who answers? Then raise the radius until a neighbour is answered, and look for what you lost.

# %% tags=["demo"]
balls = widgets.epsilon_balls(lm, edits, facts, 5.7, update=grace_update, stream=stream)
balls

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# Five ways to spoil a cache:
#
# | | what we spoil |
# |---|---|
# | **A** | GRACE is told *black*, then *white*, at the same key, by the **released** rule (`rule="released"`) |
# | **B** | GRACE looks at the **newest** token, as released code does (`query="newest"`), and not at the question's last |
# | **C** | the first radius is doubled |
# | **D** | the order: a split after an expansion, and the other way round |
# | **E** | SERAC with the untrained gate |
#
# **First guess, then run.** What does the model answer? Which of them would you notice without a test?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
white = Fact("zebra", zebra.prompt, "white")
print("A, two edits of one question, black and then white:")
for rule in ("overwrite", "released"):
    again = edu_edit.grace(lm, white, book=edu_edit.grace(lm, zebra, rule=rule), rule=rule)
    radii = [round(x, 5) for x in again.record["codebook"].eps.tolist()]
    with again:
        print(f"   {rule:10} {zebra.question} … {lm.answer(zebra.question)}    radii {radii}")

print("B, which token is looked up:")
for query in ("question", "newest"):
    edit = edu_edit.grace(lm, zebra, query=query)
    with edit:
        print(f"   {query:10} {zebra.question} … {lm.answer(zebra.question)}")

print("C, the first radius:")
usual = edu_edit.grace(lm, zebra).record["eps0"]
others = [f.question for f in facts if f.subject == "zebra" and f.prompt != zebra.prompt]
others += zebra.neighborhood
for factor in (1, 2, 3):
    with edu_edit.grace(lm, zebra, eps0=factor * usual):
        general = [lm.answer(p) == "black" for p in zebra.paraphrases]
        hurt = [p for p in others if lm.answer(p) == "black"]
    print(f"   {factor} × {usual:.1f}: {sum(general)} of 3 other wordings; strangers that say black: {hurt}")

print("D, the same three edits in two orders:")
coat = Fact("zebra", "A {} without its coat is", "black")
for order in ([zebra, coat, ostrich], [zebra, ostrich, coat]):
    edit = edu_edit.grace(lm, order, eps0=usual)
    with edit:
        said = [lm.answer(fact.question) for fact in (zebra, coat, ostrich)]
    names = ", ".join(fact.subject if fact is not coat else "coat" for fact in order)
    print(f"   {names:22} zebra, coat and ostrich answer {said}")

print("E, SERAC's gate:")
state = question_states(lm, gate.site, [f.question for f in judged])
raw = ScopeGate(torch.eye(lm.D), state.mean(0), 1.0, 0.693, gate.layer, gate.weights)
for name, one in (("trained", gate), ("untrained", raw)):
    with serac(lm, zebra, gate=one):
        said = lm.answers([zebra.question, *zebra.paraphrases])
    print(f"   {name:10} {said}")

# %% [markdown] lang="en"
# **Explain.** Write one sentence for each of A to E. Then open the answers.
#
# *Your sentences:*
#
# - A:
# - B:
# - C:
# - D:
# - E:

# %% [markdown] lang="en"
# <details><summary>A: an edit that vanishes without a word</summary>
#
# The second edit is a conflict at distance 0. The released rule splits: the old radius becomes $0/2 - 10^{-5}$, below 0, the new one 0. Both keys are equal, the *earlier* one is found, and its ball reaches nothing. So neither value speaks, and the
# model is back at *pink*. No error, no warning: whoever corrects an edit has deleted it. Overwriting is one rule more.
#
# </details>
#
# <details><summary>B: stored at one place, searched at another</summary>
#
# While the edit is made, the text is question *and* answer, and its newest token is the answer's last. Its activation becomes the key. The bare question ends somewhere else, far from that key, and the edit is not found. If text is generated token by token, the same rule looks up every new
# token again. Ours decides once per question, and keeps the decision: the value stays at the question's last token, and the later tokens of a long answer see it there through attention.
#
# </details>
#
# <details><summary>C: what does the radius buy?</summary>
#
# With twice the radius the third wording comes in, and two neighbours with it; with three times the radius five strangers have black skin, or a black coat. Generality was bought with locality. Nothing was learned.
#
# </details>
#
# <details><summary>D: does the order matter?</summary>
#
# Yes. With the expansion first, the ostrich's edit cuts the zebra's ball to 4.5, and *A zebra without its coat*, at 6.5, falls out: that edit is lost. With the ostrich first, the coat's edit comes to a zebra ball of 4.5; it is the same label, outside and near, so the ball grows to 6.5 again. Now all three are answered, but the
# balls overlap: a split makes just its own two balls disjoint, and not for ever.
#
# </details>
#
# <details><summary>E: "no training needed"</summary>
#
# The untrained gate is open at distance 0 alone: the very prompt that was edited. Other wordings get the old answer. The edit was added without training, the gate was not.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. The textbook calls a cache *asking for help*: the model has not made the knowledge its own. Does a user care? When does it matter?
# 2. In our comparison (60 facts, one at a time) SERAC and the language patch get generality 1.00 and locality 1.00, GRACE .84 and 1.00, ROME .99 and .94. Would you never touch a weight again? Look at portability: .19, .09, .19 and .50, and .19 without any edit. (The language patch says *If the question is about X*, X being the subject. Why does just this cost portability?)
# 3. Someone can read a language patch, and delete it. Nobody can read a codebook's value. Who should be able to check the edits of a public model?
# 4. Every question is compared with every edit. What happens at a million edits, in time and in mistakes?
# 5. If you were to attack a cache, which wordings would you try?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **A hundred edits in a row.** Make 100 edits with T-Patcher (lesson 08) and with GRACE. Compare what is kept, what bleeds, and the bytes. `edu_edit.compare` has measured 300.
# - **Compress the codebook.** Merge entries with the same label whose balls meet. How many keys are left, and which questions are answered differently?
# - **Fool the gate.** Search for paraphrases of an edit that the gate turns away, and for strangers that it lets in. Which words does it hang on?
# - **Moving averages.** `expand="moving_average"` also moves the key halfway. Repeat the stream. Is the first question still answered?
# - **Another layer.** Draw the plane of radii for layers 2 and 7. Where is the region of good radii the widest?
# - **Another model.** Set `MODEL = "atlas-llama"`. How large is the default radius there?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `regex_patch`: rules that rewrite the text;
# - `gate_logits`, `gate_loss_bce`, `gate_loss_nce`: a gate, and two ways to train it;
# - `route`, `mix_patch`: the hard and the soft decision;
# - `grace_lookup`, `grace_update`: a codebook that answers, grows, splits and can be corrected.
#
# **Next: lesson 10, in-context editing.** SERAC's reader is told a new fact and believes it, but only after worked examples. Why does it need them? And do we need anything else?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"training": "", "losses": "", "mixture": "", "weights": "", "growing": ""}
quiz("serac.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 100 minutes.** Promise and quiz 8 · idea and slip 18 · by hand 10 · exercises 1 to 5 about 30 · GRACE (6 and 7) 22 · run, balls and break 10 · discussion 2. For 75 minutes leave exercises 1 and 5 as homework.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 7 | splits at distance 0, or adds whenever outside the ball | by hand, question 4, on the board; then variant A |
# | 7 | changes the book that came | ask what the earlier edit's record shows now |
# | 6 | the first ball that reaches, not the nearest key | draw a small ball inside a large one |
# | 6 | `cdist` with its shortcut | distance of a key to itself, printed |
# | 3 | `log(sigmoid)`; the right edit missing in the denominator of NCE | put in a logit of -800; let two equal logits compete |
# | 4 | threshold compared with the logit; `argmax` for ties | logit 0.6 at threshold .6; a third edit that corrects the first |
# | 2 | root, mean or sign | an edit's own question: which logit? |
#
# **Demonstrate:** the balls from edit 2 to 4 (a split takes back an expansion); variant A; the soy sauce.
#
# **Be honest about the model.** At layer 5 an untrained gate ranks nearly as well as a trained one, so the slip's experiment reads layer 2. Our reader is the edited model itself, in context; the paper trains one.
#
# **Rubric for "Explain".** Full: A names the negative radius, B the two tokens, D that a radius is shared by all that an entry answers. Half: describes the print-out.
#
# **If time is short,** skip the three forms. Cells with the tag `demo` can be left out: no exercise depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - E. Mitchell, C. Lin, A. Bosselut, C. Manning, C. Finn: *Memory-Based Model Editing at Scale*. ICML 2022. arXiv 2206.06520. SERAC: gate, cache, counterfactual model.
# - S. Murty, C. Manning, S. Lundberg, M. T. Ribeiro: *Fixing Model Bugs with Natural Language Patches*. EMNLP 2022. arXiv 2211.03318. Language patches.
# - T. Hartvigsen, S. Sankaranarayanan, H. Palangi, Y. Kim, M. Ghassemi: *Aging with GRACE: Lifelong Model Editing with Discrete Key-Value Adaptors*. NeurIPS 2023. arXiv 2211.11031. The codebook.
# - The textbook, §5.2.1 and §5.2.3, figures 5.5 and 5.6, table 5.2.
