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
#   title: 'Lesson 11 · Any knowledge: AnyEdit and UnKE'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 11 · Any knowledge: AnyEdit and UnKE
#
# *100 minutes · 7 exercises · 19 points · before this: lesson 10 (in-context editing); you need lessons 05 (the search for a state) and 06 (MEMIT, AlphaEdit)*
#
# ## Promise
#
# So far a new fact was a name: *Taipei* in place of *Seattle*. But knowledge may be a program, a poem, a proof, a paragraph. Can an editor
# write sixty new words into a model?
#
# Below, one program of 61 tokens was written into the same matrix of the same model in two ways. With **one** changed state, as ROME and MEMIT do it, the
# first words come through and then the model gets lost. With a state for every 12 tokens it recites the program to the end.
#
# At the end of the lesson the second way is your function.

# %%
# One variable chooses the model. Graded checks always use the bundled one, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

import re
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import torch
from IPython.display import display
from jaxtyping import Float
from torch import Tensor

import edu_edit
import edu_edit.methods.anyedit as library
from autograder import check, grade, hint, progress, quiz
from edu_edit import Edit, load, moment, record
from edu_edit.answering import continued, text_of
from edu_edit.defaults import long_defaults
from edu_edit.methods.alphaedit import alphaedit_update, null_projector
from edu_edit.methods.chunk_states import chunk_state
from edu_edit.methods.memit import memit_update
from edu_edit.metrics import TOKEN
from edu_edit.show import plots, widgets
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site
from edu_edit.world.measure.reach import measured_reach, reach

lm = load(MODEL)
measured = measured_reach("atlas-gpt2")  # five answers, edited beforehand in chunks of several sizes
program = measured["program"]
progress("11_anyedit")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
ways = {"unedited": program["unedited"], "one anchor": program["whole"], "chunks of 12": program[12]}
display(plots.plot_barrier(ways, range(0, 61, 12), title=f"{program['whole'].prompt} {program['whole'].target[:32]} ..."))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. show the **single-token barrier** on a long answer, and read two measures of it: with the right text given, and on the model's own;
# 2. cut an answer into chunks, by **window** and by **sentence**;
# 3. use the **chain rule** of probability to see that chunks can be raised one by one;
# 4. edit chunk by chunk with any base method: AnyEdit;
# 5. say how UnKE trains a whole block, and compare texts by ROUGE-L.
#
# **Letters:** $X$ the prompt · $Y$ the new answer, its tokens $y_1, y_2, \dots$ ($T_y$ of them) · $Y_1 \dots Y_N$ its **chunks** ·
# $D, F$ widths of stream and FFN · $h$ the stream at a token, $z$ the state that is searched for it · $K$ keys at the anchors, $K_p$ those of all other
# tokens, $R$ what is missing at the anchors · $C, \lambda, \Delta$ as in lesson 06.
# An **anchor** is a token whose state is edited.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"one_state": "", "product": "", "forced": ""}
quiz("anyedit.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Locate, then edit: what was silently assumed
#
# ROME, MEMIT and AlphaEdit share two steps. **Locate**: choose one token of the prompt (the subject's last) and a layer. **Edit**: search a state for that
# token which makes the answer likely,
#
# $$z = h + \delta, \qquad \delta = \arg\min_\delta\; -\log P(Y \mid X;\; h := h + \delta)$$
#
# and write it into the weights. One token, one vector of $D$ numbers, for the whole of $Y$. For *Taipei* that is plenty.
#
# The authors of **AnyEdit** name two limits of this.
#
# 1. **Format.** Facts are triples, and their objects are words that the model finds likely anyway. Code, verse and proofs are not: each token of
#    them is improbable at first. One state must lift all of them.
# 2. **Length.** The state acts on a late token only through attention, across all that was said in between. Its influence fades, they say.

# %% [markdown] lang="en" slideshow={"slide_type": "subslide"}
# ### The barrier, measured
#
# Five new texts for `atlas-gpt2`: a *song* (verse), a *recipe*, a *program* (code), a *proof*, and a *chronicle* (facts about years and cities), 57 to 64 tokens each. What did an edit add
# to $P(y_t)$, when the right text before $y_t$ is shown? The lines average five texts and nine neighbouring tokens.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def gain(chunks, width=9):
    """What the edit added to P(y_t), by place in the answer: the mean over the five texts."""
    length = min(len(kind[chunks].probs) for kind in measured.values())
    rows = [
        torch.tensor(kind[chunks].probs[:length]) - torch.tensor(kind["unedited"].probs[:length])
        for kind in measured.values()
    ]
    return torch.stack(rows).mean(0).unfold(0, width, 1).mean(1).tolist()


curves = {"one anchor": gain("whole"), "chunks of 12": gain(12), "chunks of 5": gain(5)}
plots.plot_curves(
    [place + 5 for place in range(len(curves["one anchor"]))],
    curves,
    "token of the answer",
    "gain of P(token)",
    title="What the edit adds, along the answer",
    top=0.7,
)

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# One anchor adds .03 to .14 at any place; a state for every 12 tokens adds .29 to .51. The paper calls this the **efficacy barrier** of single-token editing
# and claims three things: what one token can do has an upper limit; the limit falls as the answer gets longer and stranger; no better optimiser removes it.
# Our figure shows the first. It does not show a gain that fades with the distance: one anchor adds most at the two ends (why, we don't know). And all five
# answers have about one length, and one optimiser made them.
#
# **A word of honesty.** Our model is small and its texts are made up of simple patterns (`a = b + c ;`), so a third of their tokens is guessed right without any edit. Over
# 24 such texts, of the tokens that were wrong before, one state makes .33 the model's first choice (with the right text before them) and one state per 12 tokens .87. (States put in place, not yet written into weights.) The paper works with texts of
# up to 458 tokens and models of 8 billion weights. The barrier is of the same kind. How high it is depends on the model.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The chain rule: why an answer may be cut
#
# Cut $Y$ into chunks $Y_1, \dots, Y_N$. Whatever the cuts are,
#
# $$\log P(Y \mid X) = \sum_{n=1}^{N} \log P(Y_n \mid X, Y_{<n})$$
#
# This is the **chain rule** of probability. (The authors argue with **mutual information**, which has the same chain rule.) So the whole answer becomes likely
# if every chunk becomes likely *after the chunks before it*, and the chunks may be raised one by one, each at an anchor of its own. Which token? The last one that is read **before** the chunk. For $Y_1$ it is the prompt's last token, for $Y_2$ the last token
# of $Y_1$, and so on.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### AnyEdit in four steps
#
# 1. **Cut** the answer: by a window of fixed size, or where sentences end.
# 2. **Locate** the anchor of each chunk, and the layer (as the base method does; ours is the last of its layers).
# 3. **Search** the states one after the other. For $z_n$ the model reads $X$ and $Y_{<n}$ *with $z_1 \dots z_{n-1}$ in place*:
#
# $$z_n = \arg\min_z\; -\tfrac{1}{|Y_n|} \log P(Y_n \mid X, Y_{<n};\; z_1, \dots, z_{n-1}, z)$$
#
# 4. **Write** all $z_n$ at once, by the base method's least squares. For MEMIT with $K$ the keys at the anchors and $R = z - h$:
#
# $$\Delta = R K^\top \,(\lambda C + K_p K_p^\top + K K^\top)^{-1}$$
#
# $K_p$ holds the keys of all *other* tokens of the text: they shall stay as they are.
#
# Steps 3 and 4 don't care who made $z$ or who writes it. So AnyEdit is a plug: MEMIT, AlphaEdit or UnKE fit in.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### UnKE: a whole block instead of one matrix
#
# **UnKE** (unstructured knowledge editing) came before AnyEdit. It searches one state $z$ for the whole answer, at the prompt's last token. But then it does not solve for one matrix. It
# trains **all parameters of one block**, attention and norms included, so that the block gives $z$ at the anchor, and what it gave before everywhere else:
#
# $$L = \operatorname{mean}\, \bigl(\text{block}(H) - H^*\bigr)^2 \;+\; \operatorname{mean}\, \bigl(\text{block}(H_{\text{keep}}) - H^*_{\text{keep}}\bigr)^2$$
#
# Squared entry by entry; each mean is over all entries, tokens times $D$.
#
# Its benchmark is **UnKEBench**: questions with answers of many sentences. **AKEW** tells the same update as a triple and as a text. **EditEverything**
# came with AnyEdit: mathematics, code, poems, news, up to 458 tokens. `edu_edit.datasets` has a card for each, with traps, and reads your copies.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > From an article about AnyEdit, in our words: *"Of each chunk, the **last token** is chosen as the one to edit. Perturbing its hidden state makes the model generate the chunk."*
# >
# > <details><summary>Answer</summary>
# >
# > The model has read a chunk's last token only when the chunk has been said. A state there can't call it up. The released code edits the position
# > `length of the input - length of the chunk`, where the input ends *before* the chunk's last token. That is the last token before chunk $n$, in other words the last one of chunk $n - 1$, and perhaps the author had that in mind. "Break it" tries both.
# >
# > </details>
#
# **Three more places where paper, code and retellings part ways**
#
# | you may read | what to know |
# |---|---|
# | windows may overlap | the released loop goes on `while start < length`. With an overlap it can make a last chunk that lies *inside* its predecessor |
# | sentences as chunks | in the released code this stands in a comment only, and it is English only |
# | ROUGE-L, BLEU | the released ROUGE is recall alone, and "BLEU" is counted on letters. Compare figures only if they were computed in the same way |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper.
#
# 1. An answer has 10 tokens. Cut it into windows of 5 that overlap by 2, as ranges (start, stop): (0, 5) are tokens 0 to 4. The prompt has 6 tokens: at which positions, counted from 0, are the chunks called up?
# 2. Four tokens have the probabilities 0.9, 0.5, 0.5, 0.8, each given those before it. The chunks are (0, 2) and (2, 4). How probable is each chunk, and the whole?
# 3. The reference is *a c x d b*, the model wrote *a b c d*. What is the longest common subsequence? And 2 LCS / (sum of the lengths)?
#
# <details><summary>1: the numbers</summary>
#
# $(0, 5), (3, 8), (6, 10)$. The third reaches the end, so there is no fourth. Positions: $6 + 0 - 1 = 5$, $6 + 3 - 1 = 8$, $6 + 6 - 1 = 11$.
# Each token before a later chunk lies *inside* the chunk before: the answer's token 2 in the first, its token 5 in the second.
#
# </details>
#
# <details><summary>2: the numbers</summary>
#
# $0.9 \cdot 0.5 = 0.45$ and $0.5 \cdot 0.8 = 0.4$, together $0.18$. In logarithms $-0.80$ and $-0.92$, together $-1.71$.
#
# </details>
#
# <details><summary>3: the numbers</summary>
#
# *a c d*, so LCS = 3, and $2 \cdot 3 / (4 + 5) = 0.67$. Recall alone would say $3/5 = 0.6$.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven exercises. The first five are AnyEdit.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="anyedit.chunk_by_window" slideshow={"slide_type": "slide"}
# **Why.** The simplest chunks: `size` tokens each, whatever they mean. The number of anchors then grows with the length of the answer, by itself.
#
# Ranges are half-open, as in Python: `(0, 5)` are tokens 0 to 4. With an overlap each chunk begins that many tokens before its predecessor ends.
#
# *Take care:* stop as soon as a chunk has reached the end. A further one would hold nothing new.

# %% nbgrader={"grade": false, "grade_id": "anyedit-chunk_by_window", "locked": false, "schema_version": 3, "solution": true, "task": false}
def chunk_by_window(n_tokens, size, overlap=0):
    ### BEGIN SOLUTION
    if n_tokens < 1 or size < 1 or not 0 <= overlap < size:
        raise ValueError(f"n_tokens={n_tokens}, size={size}, overlap={overlap}: this can't be cut.")
    last = max(n_tokens - overlap, 1)
    return [(start, min(start + size, n_tokens)) for start in range(0, last, size - overlap)]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "anyedit-chunk_by_window-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("anyedit.chunk_by_window", chunk_by_window)
### BEGIN HIDDEN TESTS
grade("anyedit.chunk_by_window", chunk_by_window)
### END HIDDEN TESTS

# %%
# hint("anyedit.chunk_by_window")

# %% [markdown] lang="en" exercise="anyedit.chunk_by_sentence" slideshow={"slide_type": "slide"}
# **Why.** A window may cut a thought in two. Sentences are the natural joints of a text, and lines those of a poem. Code is neither: a dot in `x = 3. * y` ends nothing, so a block between fences
# (three backquotes) stays whole.
#
# Pieces must join back to the text, blank for blank. Else their tokens would not be the answer's tokens.
#
# *Take care:* Chinese ends its sentences by 。！？ and puts no blank after them. An English dot ends a sentence only if white space comes next. A blank between two sentences belongs to the later one.
# White space alone is no piece: the line break after a full stop stays with its sentence.

# %% nbgrader={"grade": false, "grade_id": "anyedit-chunk_by_sentence", "locked": false, "schema_version": 3, "solution": true, "task": false}
def chunk_by_sentence(text):
    ### BEGIN SOLUTION
    if not text.strip():
        raise ValueError("The text is empty: there is nothing to cut.")
    end_of_sentence = r"(?<=[。！？\n])|(?<=[.!?])(?=\s)"
    pieces, lead = [], ""
    for part in re.split(r"(```.*?(?:```\n?|\Z))", text, flags=re.DOTALL):
        for piece in [part] if part.startswith("```") else re.split(end_of_sentence, part):
            if piece.strip():
                pieces.append(lead + piece)
                lead = ""
            elif pieces:
                pieces[-1] += piece
            else:
                lead += piece
    return pieces
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "anyedit-chunk_by_sentence-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("anyedit.chunk_by_sentence", chunk_by_sentence)
### BEGIN HIDDEN TESTS
grade("anyedit.chunk_by_sentence", chunk_by_sentence)
### END HIDDEN TESTS

# %%
# hint("anyedit.chunk_by_sentence")

# %%
# One text in both languages. Are the pieces what you would have cut by hand?
pieces_of_text = chunk_by_sentence("The bridge is 3.5 m wide. Is it open?\n桥开了。没有人睡觉！ Go!")
pieces_of_text

# %% tags=["demo"]
# `anyedit` below wants ranges of tokens. How many tokens has the text up to the end of each piece?
ends = [len(target_ids(lm, "".join(pieces_of_text[: i + 1]), "News:")) for i in range(len(pieces_of_text))]
list(zip([0, *ends[:-1]], ends, strict=True))

# %% [markdown] lang="en" exercise="anyedit.edit_positions" slideshow={"slide_type": "slide"}
# **Why.** Here is the slip of above, as code. The state at position $p$ gives the prediction of token $p + 1$, and later tokens read it. It can't reach token $p$ itself, nor any earlier one. So
# the place from which *all* of a chunk can be moved is the token before it.
#
# The prompt's tokens come first: token `start` of the answer is at position `prompt_len + start`.
#
# *Take care:* with an overlap the token before a chunk is not the last one of the chunk before. No open claim has an overlap, but grading does: try yours on *By hand*, 1.

# %% nbgrader={"grade": false, "grade_id": "anyedit-edit_positions", "locked": false, "schema_version": 3, "solution": true, "task": false}
def edit_positions(prompt_len, chunks):
    ### BEGIN SOLUTION
    if prompt_len < 1:
        raise ValueError("The prompt needs a token for the answer to follow.")
    return [prompt_len + start - 1 for start, stop in chunks]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "anyedit-edit_positions-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("anyedit.edit_positions", edit_positions)
### BEGIN HIDDEN TESTS
grade("anyedit.edit_positions", edit_positions)
### END HIDDEN TESTS

# %%
# hint("anyedit.edit_positions")

# %% [markdown] lang="en" exercise="anyedit.chunk_logprobs" slideshow={"slide_type": "slide"}
# **Why.** The chain rule as a measuring instrument: which chunk is to blame that an answer is unlikely? You get $\log P(y_t \mid X, y_{<t})$ of each token,
# and give each chunk its share.
#
# *Take care:* no means, or the shares don't add up. Where chunks overlap, a token counts once, in the earlier chunk. Chunks that leave out a token, or reach too far, are refused with `ValueError`.

# %% nbgrader={"grade": false, "grade_id": "anyedit-chunk_logprobs", "locked": false, "schema_version": 3, "solution": true, "task": false}
def chunk_logprobs(logp, chunks):
    ### BEGIN SOLUTION
    done, shares = 0, []
    for start, stop in chunks:
        if start > done or stop > len(logp):
            raise ValueError(f"The chunk ({start}, {stop}) leaves a gap or reaches too far.")
        shares.append(logp[done:stop].sum())
        done = stop
    if done != len(logp):
        raise ValueError(f"The chunks end at {done}, the answer at {len(logp)}.")
    return torch.stack(shares)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "anyedit-chunk_logprobs-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("anyedit.chunk_logprobs", chunk_logprobs)
### BEGIN HIDDEN TESTS
grade("anyedit.chunk_logprobs", chunk_logprobs)
### END HIDDEN TESTS

# %%
# hint("anyedit.chunk_logprobs")

# %% tags=["demo"]
# The program of the promise: log P of each chunk of 12 tokens (nats), and of the whole.
for name, way in {"unedited": program["unedited"], "one anchor": program["whole"], "chunks of 12": program[12]}.items():
    shares = chunk_logprobs(torch.tensor(way.probs).clamp(min=1e-4).log(), chunk_by_window(len(way.probs), 12))
    print(f"{name:14}" + "".join(f"{share:8.1f}" for share in shares) + f"   together {shares.sum():7.1f}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Given: the plumbing
#
# - `target_ids(lm, target, prompt)`: the answer's tokens as they follow the prompt, a list. `lm.tok(prompt)["input_ids"]`: the prompt's.
# - `read(lm, text, layer)`: for one text, a tensor of token ids $(T)$, the keys $(T, F)$ of a layer and the stream $(T, D)$ after it.
# - `settings(lm)`: the layer that long answers are written into (one is enough here; all states are read after it), and $\lambda$, which counts in multiples of $F$ as in lesson 06.
# - `chunk_state`: a ready-made `solve`. It does what your `optimise_value` of lesson 05 did, with the earlier states in place. `memit_update`: a ready-made `update`, your own of lesson 06.
#
# `pieces` says whose functions are used. It starts with the library's, so that a slip in an earlier exercise can't cost you points
# twice. In *Run it* you switch to yours.

# %%
def read(lm, text, layer):
    """Keys (T, F) and stream (T, D) of one text, token ids (T,), in the model as it is now."""
    sites = [Site("key", layer), Site("resid", layer)]
    held = record(lm, (text[None], torch.ones_like(text[None])), sites)
    return held[sites[0]][0].double(), held[sites[1]][0].double()


def settings(lm):
    """The layer to write into, and λ."""
    own = long_defaults(lm.name, lm.n_layers)
    return own.layers[-1], own.lam * lm.F


pieces = SimpleNamespace(edit_positions=library.edit_positions)
print("layer {}, λ = {:.1f}".format(*settings(lm)))

# %% [markdown] lang="en" exercise="anyedit.anyedit" slideshow={"slide_type": "slide"}
# **Why.** The pieces become a method, and the method takes any `solve` and `update`.
#
# 1. For each chunk, from left to right: `solve(lm, ids, position, target_ids, earlier)`. `ids` are all tokens before the chunk, the prompt's first. `earlier` is the dictionary
#    `{position: z}` of the chunks before. Put the new $z$ into it *afterwards*.
# 2. Read keys and stream of the whole text, once, in the unedited model.
# 3. $K$: the keys at the positions, a column each. $R$: the states less the stream there. $K_p$: the keys of all other tokens.
# 4. `update(C, K, R, lam)` with $C$ = `moment(lm, layer)` $+\, K_p K_p^\top / \lambda$, and an `Edit` around what it gives.
#
# Why that $C$? `update` multiplies it by $\lambda$, so that $\lambda C + K_pK_p^\top$ comes out.
#
# *Take care:* give each search a copy, `dict(states)`. Don't switch the edit on.

# %% nbgrader={"grade": false, "grade_id": "anyedit-anyedit", "locked": false, "schema_version": 3, "solution": true, "task": false}
def anyedit(lm, prompt, target, chunks, solve, update):
    ### BEGIN SOLUTION
    asked = list(lm.tok(prompt)["input_ids"])
    text, X = torch.tensor(asked + target_ids(lm, target, prompt)), len(asked)
    states = {}
    for (start, stop), position in zip(chunks, pieces.edit_positions(X, chunks), strict=True):
        states[position] = solve(lm, text[: X + start], position, text[X + start : X + stop], dict(states))
    layer, lam = settings(lm)
    keys, h = read(lm, text, layer)
    at = list(states)
    others = [t for t in range(len(text)) if t not in states]
    K, K_p = keys[at].T, keys[others].T
    R = torch.stack(list(states.values()), 1).double() - h[at].T
    C = moment(lm, layer).double() + K_p @ K_p.T / lam
    return Edit(lm, {layer: update(C, K, R, lam)})
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "anyedit-anyedit-test", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("anyedit.anyedit", anyedit)
### BEGIN HIDDEN TESTS
grade("anyedit.anyedit", anyedit)
### END HIDDEN TESTS

# %%
# hint("anyedit.anyedit")

# %% [markdown] lang="en" exercise="unke.unke_loss" slideshow={"slide_type": "slide"}
# **Why.** UnKE's second half is training, and this is what it trains by. First term: the edited text, whose wanted outputs are the old ones except at the anchors, where they are $z$. Second term:
# other texts, whose outputs shall stay.
#
# *Take care:* each term is a mean over its own entries. There may be no text to keep; the mean of no numbers is NaN.

# %% nbgrader={"grade": false, "grade_id": "unke-unke_loss", "locked": false, "schema_version": 3, "solution": true, "task": false}
def unke_loss(out_edit, want_edit, out_keep, want_keep):
    ### BEGIN SOLUTION
    loss = (out_edit - want_edit).square().mean()
    if want_keep.numel():
        loss = loss + (out_keep - want_keep).square().mean()
    return loss
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "unke-unke_loss-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("unke.unke_loss", unke_loss)
### BEGIN HIDDEN TESTS
grade("unke.unke_loss", unke_loss)
### END HIDDEN TESTS

# %%
# hint("unke.unke_loss")

# %%
def words(text):
    """The words of a text in order; each Chinese character is a word by itself. For the next exercise."""
    return TOKEN.findall(text)


words("The bridge is open. 桥开了。")

# %% [markdown] lang="en" exercise="metrics.rouge_l" slideshow={"slide_type": "slide"}
# **Why.** How good is a text that is nearly right? Place by place, one word left out makes all the rest wrong. **ROUGE-L** looks for the longest common subsequence (LCS): words that occur in both texts in the
# same order, gaps allowed.
#
# $$F_1 = \frac{2 \cdot \text{LCS}}{|\text{prediction}| + |\text{reference}|}$$
#
# It is the harmonic mean of LCS / |prediction| and LCS / |reference|. `words(text)`, in the cell before this, is given: words between blanks, Chinese characters one by one.
#
# *Take care:* trying all subsequences takes for ever. A table of prefixes takes $|a| \cdot |b|$ steps. An empty prediction scores 0; a reference without a word is refused with `ValueError`.

# %% nbgrader={"grade": false, "grade_id": "metrics-rouge_l", "locked": false, "schema_version": 3, "solution": true, "task": false}
def rouge_l(prediction, reference):
    ### BEGIN SOLUTION
    a, b = words(prediction), words(reference)
    if not b:
        raise ValueError("The reference has no word to compare with.")
    L = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            L[i + 1][j + 1] = L[i][j] + 1 if x == y else max(L[i][j + 1], L[i + 1][j])
    return 2 * L[-1][-1] / (len(a) + len(b))
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "metrics-rouge_l-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("metrics.rouge_l", rouge_l)
### BEGIN HIDDEN TESTS
grade("metrics.rouge_l", rouge_l)
### END HIDDEN TESTS

# %%
# hint("metrics.rouge_l")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# A new program of 33 tokens, under a title that the model knows another program for. All pieces are yours; the search is quicker than the library's (40 steps, not 100).

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
pieces = SimpleNamespace(edit_positions=edit_positions)
prompt = "The program called red teacher:"
target = "q = y * 3 ; x = r * 5 ; p = n + 1 ; t = n + 6 ; r = k + 9 ; c = a"
length = len(target_ids(lm, target, prompt))
quick = partial(chunk_state, steps=40, lr=0.8)
found = {}  # every state that is searched, by chunk


def search(lm, ids, position, chunk, earlier):
    """`quick`, which keeps what it found: the same states serve again below."""
    found[position, len(chunk)] = quick(lm, ids, position, chunk, earlier)
    return found[position, len(chunk)]


def says(prompt, n=length):
    """The n tokens that the model, going on by itself, puts after the prompt."""
    return text_of(lm, continued(lm, [prompt], n)[0]).strip()


chunks = chunk_by_window(length, 12)
mine = anyedit(lm, prompt, target, chunks, search, memit_update)
one = anyedit(lm, prompt, target, [(0, length)], search, memit_update)
print("chunks", chunks, "at", edit_positions(len(lm.tok(prompt)["input_ids"]), chunks))
print(f"\n{'wanted':14}{target}")
for name, edit in (("unedited", Edit(lm, {})), ("one anchor", one), ("yours", mine)):
    with edit:
        text = says(prompt)
    print(f"{name:14}{text}\n{'':14}ROUGE-L {rouge_l(text, target):.2f}")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def look(edit):
    """What the model says with an edit on, None = unedited: `probs` and `own` of each token, `others`."""
    return reach(lm, "program", prompt, target, edit, 12)  # the kind and the 12 are labels


seen = {"unedited": look(None), "MEMIT, one anchor": look(one), "MEMIT, chunks": look(mine)}
ways = {
    "unedited": seen["unedited"],
    "one anchor": seen["MEMIT, one anchor"],
    "yours, chunks of 12": seen["MEMIT, chunks"],
}
plots.plot_barrier(ways, [start for start, _ in chunks], title=f"{prompt} {target[:24]} ...")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **Two measures, two stories.** Above: the probability of each token when the *right* text stands before it (**teacher forced**). Below: what the model writes *by itself*. With one anchor many tokens are likely after the right text, and yet the
# model gets lost early: after its first slip it reads its own wrong token. ROUGE-L is kinder. All these programs share `=` and `;`, so even the unedited model's own program scores well above 0.
#
# Report more than one figure, and the value before the edit with each.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Plug and play
#
# The states are found. Who writes them? Five ways, the searches not repeated. `anyedit` is yours; UnKE trains the block with the loss of exercise 6 (the library's copy of it).

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def known(lm, ids, position, chunk, earlier):
    return found[position, len(chunk)]


C = moment(lm, settings(lm)[0]).double()
P = null_projector(C, 0.02)


def in_null_space(C_all, K, R, lam):
    """AlphaEdit's update: what anyedit put into C comes out again as earlier keys."""
    ridge = 0.1 * float((K * (P @ K)).sum(0).median())
    return alphaedit_update(P, K, R, lam * (C_all - C), ridge)


written = {
    "UnKE, one anchor": edu_edit.unke(lm, prompt, target, solve=known),
    "AlphaEdit, chunks": anyedit(lm, prompt, target, chunks, known, in_null_space),
    "UnKE, chunks": edu_edit.unke(lm, prompt, target, chunks=12, solve=known),
}
seen |= {name: look(edit) for name, edit in written.items()}
print(f"{'':20}{'mean P':>8}{'by itself':>12}{'other passages':>17}")
for name in sorted(seen, key=lambda name: ("chunks" in name, "one" in name)):
    r = seen[name]
    print(f"{name:20}{sum(r.probs) / length:8.2f}{sum(r.own):6} of {length}{r.others:17.2f}")

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# The number of anchors decides, not the base method: all three reach far with chunks, and neither of the two with one anchor. The last column is the share of the tokens of eight other, trained passages that are still said. UnKE
# pays more there. It was given no texts to keep (`keep=`): its loss lacks the second term.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### How large should a chunk be?
#
# The five answers of 57 to 64 tokens again, with the library's search, measured beforehand. Left end: many small chunks. *by itself* counts tokens that come at their place, *others* tokens of eight other passages that are still said.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
sizes = (3, 5, 8, 12, 20)


def mean(size, value):
    rows = [value(kind[size]) for kind in measured.values()]
    return sum(rows) / len(rows)


plots.plot_curves(
    sizes,
    {
        "mean P(token)": [mean(size, lambda r: sum(r.probs) / len(r.probs)) for size in sizes],
        "by itself": [mean(size, lambda r: sum(r.own) / len(r.own)) for size in sizes],
        "others": [mean(size, lambda r: r.others) for size in sizes],
    },
    "tokens per chunk",
    "share",
    title="Five long answers, by the size of the chunks",
)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# **Smaller is not always better.** Given the right text, yes: the mean $P$ rises from .80 with chunks of 12 to .88 with chunks of 3. On its own the model does best with 12, on average: .72 of the tokens come, .63 with 3.
# And others pay: of the eight other passages .97 of the tokens are still said with 12, .90 with 5. Each chunk is a key to be written beside the others, and a search to be paid. The texts by themselves:

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
columns = {"unedited": "unedited", "one anchor": "whole", "of 12": 12, "of 5": 5, "of 3": 3}
print(f"{'mean P / by itself':20}" + "".join(f"{name:>14}" for name in columns))
for kind, runs in measured.items():
    rows = [runs[chunks] for chunks in columns.values()]
    print(f"{kind:20}" + "".join(f"{sum(r.probs) / len(r.probs):8.2f} /{sum(r.own) / len(r.own):4.2f}" for r in rows))
means = {
    "mean P": lambda r: sum(r.probs) / len(r.probs),
    "by itself": lambda r: sum(r.own) / len(r.own),
    "‖Δ‖ / ‖W‖": lambda r: r.size,
}
for what, value in means.items():
    print(f"{'all: ' + what:20}" + "".join(f"{mean(chunks, value):14.2f}" for chunks in columns.values()))

# %% [markdown] lang="en" slideshow={"slide_type": "fragment"}
# With one anchor the model says by itself *fewer* right tokens than before: .27 against .34. It has lost the old text, and not found the new one. The best size by itself is 12 for recipe and program,
# 5 for proof and chronicle, 3 for the song.
#
# Why is verse the worst? Its words are drawn at random from a list, so nothing makes one likelier than another: the unedited model gives its tokens .10, those of the others .34 to .56. This is the limit of *format*. The next figure shows it.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
song = measured["song"]
plots.plot_barrier(
    {"one anchor": song["whole"], "chunks of 12": song[12], "chunks of 3": song[3]},
    title=f"{song['whole'].prompt} {song['whole'].target[:36]} ...",
)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The barrier plot
#
# Choose an answer and the size of its chunks (keyboard: Tab and the arrow keys). All curves but yours were measured beforehand; a picture is drawn when it is first asked for, and then kept. The button
# makes the same edit with *your* `anyedit`, in ten seconds or more, and draws it on top. It should lie on the measured curve.
#
# *Try this:* find the best size for the program and for the song. Where does a model that goes on by itself get lost: in the middle of a chunk, or where one begins?

# %% tags=["demo"]
def my_editor(prompt, target, size):
    chunks = chunk_by_window(len(target_ids(lm, target, prompt)), size)
    return anyedit(lm, prompt, target, chunks, chunk_state, memit_update)


widgets.barrier_plot(lm, my_editor, kind="chronicle")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# First the slip from above. The library knows it as an option: `anchor="last"` puts each state at its chunk's own last token.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
W = lm.ffn(settings(lm)[0]).W_out.detach()
print(f"{'anchor':10}{'positions':24}‖Δ‖ / ‖W‖")
for anchor in ("before", "last"):
    solve = known if anchor == "before" else partial(chunk_state, steps=2)
    edit = edu_edit.anyedit(lm, prompt, target, 12, solve, anchor=anchor)
    (change,) = edit.delta.values()
    print(f"{anchor:10}{edit.record['texts'][0]['positions']!s:24}{change.norm() / W.norm():.6f}")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# The second change is nothing at all. No prediction inside the chunk reads that state, so the loss has no slope and the search stays where it began.
#
# Now four more ways to spoil your edit of the 33-token program:
#
# | | what we spoil |
# |---|---|
# | **A** | the chunks are searched independently: `earlier` is empty |
# | **B** | the other tokens of the text are not kept: $K_p$ is left out |
# | **C** | $C = I$ instead of the moment |
# | **D** | smaller chunks: 8 tokens each |
#
# **First guess, then run.** Which one does most harm, and by which column? Which is hardly seen, and why?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def alone(lm, ids, position, chunk, earlier):
    return quick(lm, ids, position, chunk, {}) if earlier else known(lm, ids, position, chunk, earlier)


spoiled = {
    "A: independent": anyedit(lm, prompt, target, chunks, alone, memit_update),
    "B: nothing kept": anyedit(lm, prompt, target, chunks, known, lambda _, K, R, lam: memit_update(C, K, R, lam)),
    "C: C = I": edu_edit.anyedit(lm, prompt, target, chunks, known, C="identity"),
    "D: chunks of 8": anyedit(lm, prompt, target, chunk_by_window(length, 8), quick, memit_update),
}
print(f"{'':18}{'mean P':>8}{'by itself':>12}{'other passages':>17}{'‖Δ‖ / ‖W‖':>12}")
rows = {"unedited": seen["unedited"], "as it should be": seen["MEMIT, chunks"]}
rows |= {name: look(edit) for name, edit in spoiled.items()}
for name, r in rows.items():
    print(f"{name:18}{sum(r.probs) / length:8.2f}{sum(r.own):6} of {length}{r.others:17.2f}{r.size:12.2f}")

# %% [markdown] lang="en"
# **Explain.** Write one sentence for each. Then open the answers.
#
# *Your sentences:*
#
# - `anchor="last"`:
# - A:
# - B:
# - C:
# - D:

# %% [markdown] lang="en"
# <details><summary>A: are chunks independent after all?</summary>
#
# No, but on a text of three chunks the harm is hardly seen: 29 of 33 tokens by itself instead of 33. A state found without the earlier ones fits a model in which they are missing. Attention of later tokens does read
# the changed states, only not very much. The more chunks, the more such differences add up.
#
# </details>
#
# <details><summary>B: why do tokens that nobody edits matter?</summary>
#
# Their keys look like those at the anchors: it is one text, with `=` and `;` all over. A change that maps three keys to far-away values drags them along. Then the model reads another text between the
# anchors than the one that the states were found for. By itself the model then says 15 of 33 tokens, the fewest of the four: the most harm by this column. By the mean $P$ it is C.
#
# </details>
#
# <details><summary>C: the change is smaller. Isn't that good?</summary>
#
# With $I$ the same $\lambda$ is a higher price (lesson 06, *Break it*, C): old keys are short. So the change is weak, and less of each $z$ arrives: the mean $P$ is .64, the lowest of the four, and by itself the model says 21 of 33 tokens.
#
# </details>
#
# <details><summary>D: more anchors, and worse?</summary>
#
# We think that keys that are much alike compete for one matrix, and five do more than three. On this text 8 does worse than 12, .87 against .94. (On the five long texts it has the higher mean $P$, .82 against .80.) And chunks of a *single* token? We tried: all 33 tokens, with a smaller change (0.54). A state for one token need not go far. But it costs 33 searches, and on a text where every
# token is a surprise the keys crowd again. There is no rule but measuring.
#
# </details>
#
# <details><summary>And an overlap?</summary>
#
# With windows of 12 that share 4 tokens, all 33 come, at four searches instead of three. Shared tokens are asked for twice. The paper's own setting is no overlap, so its released slip shows only if you turn the overlap on:
#
# </details>

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
# The tail chunk of the released loop lies inside its predecessor. Yours must not have it.
print("released:", library.chunk_by_window(10, 5, 2, released=True))
print("ours:    ", library.chunk_by_window(10, 5, 2))

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. A company wants to put its 20-page manual into a model's weights. AnyEdit, a prompt (lesson 10), or a database that the model may search? What would change your mind?
# 2. After an edit the model recites a program. Does it *know* the program? Which questions would you ask it? (UnKEBench and AKEW ask about details.)
# 3. Teacher-forced accuracy, exact text, ROUGE-L: which would you report to somebody who wants to use the model, and which to somebody who improves the method?
# 4. A poem under copyright, written into a model in a minute. Whose text is the model's answer then?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **Chunks by surprise.** Begin a chunk where the unedited model's entropy is high. Same number of anchors: is it better than a window?
# - **How far does one state reach?** Put only $z_1$ in place (`put_in_place` of `edu_edit.methods.chunk_states`) and plot the shift of $P(y_t)$ against the distance. This is causal tracing (lesson 04) along an answer; the Chinese article does it in a figure.
# - **Unstructured facts.** Tell one Atlas fact in a paragraph of three sentences, edit it with `chunks="sentence"`, then ask the plain question. Does the model use what it can recite? (AKEW's question.)
# - **Keep.** Give `edu_edit.unke` ten other passages as `keep=`. What does the last column of *Plug and play* say now?
# - **Measure another model.** `python -m edu_edit.world.measure.reach atlas-llama` takes a while; then the widget shows that model's barrier, too. On that model's 24 texts one state makes .14 of the wrong tokens the first choice, one per 12 tokens .73.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `chunk_by_window`, `chunk_by_sentence`: a long answer in pieces that can be called up;
# - `edit_positions`: the token *before* each chunk;
# - `chunk_logprobs`: whose share of $\log P(Y \mid X)$ is missing;
# - `anyedit`: chunk by chunk, each after the edited ones, written by any base method;
# - `unke_loss`, `rouge_l`: how a block is trained, and how a text is judged.
#
# **Next: lesson 12, side by side.** You now know every method of the textbook's table 5.2 and some that are younger. Time to measure all of them with one ruler, and to see where the table agrees.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"anchor": "", "earlier": "", "tail": "", "smaller": "", "unke": ""}
quiz("anyedit.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 100 minutes.** Promise and quiz 8 · idea 15 · by hand 8 · exercises 1 to 4 about 30 · exercise 5 18 · exercises 6 and 7 12 · run and break 9. For
# 90 minutes leave exercise 2 or 7 as homework.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 3 | the chunk's own last token | which tokens are predicted from a state at $p$? |
# | 1 | a tail chunk when there is an overlap | let them list the *new* tokens of each chunk |
# | 2 | `strip()` on the pieces | join them and compare with the text |
# | 5 | `earlier` empty, or the same dictionary that is changed later | what does chunk 3 read? `dict(states)` |
# | 5 | $R = z$ | the layer gives $h$ already |
# | 5 | $K_pK_p^\top$ not divided by $\lambda$ | multiply the sum out |
# | 4 | shared tokens counted twice | the sum must be $\log P(Y \mid X)$ |
# | 7 | longest run instead of subsequence | *a b c d* against *a c x d b* on the board |
#
# **Demonstrate:** the promise, twice: above (teacher forced) and below (by itself); `anchor="last"`, whose change is zero; the song in the widget, from 20 down to 3.
#
# **Be honest about the model.** A third of the tokens is guessed without an edit, texts are made of patterns, and sizes that work here say nothing about 8 billion weights.
#
# **Rubric for "Explain".** Full: last = no prediction reads it; A = found in another model; B = keys of one text are alike; C = price; D = keys compete. Half: describes the table.
#
# **If time is short,** skip *Plug and play*. Cells with the tag `demo` can be left out: no exercise depends on them.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - H. Jiang, J. Fang, N. Zhang, G. Ma, M. Wan, X. Wang, X. He, T.-S. Chua: *AnyEdit: Edit Any Knowledge Encoded in Language Models*. 2025. arXiv 2502.05628. AnyEdit, EditEverything.
# - J. Deng, Z. Wei, L. Pang, H. Ding, H. Shen, X. Cheng: *Everything is Editable: Extend Knowledge Editing to Unstructured Data in Large Language Models*. ICLR 2025. arXiv 2405.15349. UnKE, UnKEBench.
# - X. Wu, L. Pan, W. Y. Wang, A. T. Luu: *AKEW: Assessing Knowledge Editing in the Wild*. EMNLP 2024. arXiv 2402.18909.
# - The course's Chinese article on AnyEdit, with the four steps and the figures of the two limits.
# - The textbook, §5.2.3, table 5.2.
# - C.-Y. Lin: *ROUGE: A Package for Automatic Evaluation of Summaries*. 2004.
# - K. Meng and others: *Mass-Editing Memory in a Transformer*. ICLR 2023. arXiv 2210.07229. The least squares of step 4.
