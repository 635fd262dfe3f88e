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
#   title: 'Lesson 04 · Where does a fact live? Causal tracing and severing'
# ---

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# # Lesson 04 · Where does a fact live? Causal tracing and severing
#
# *110 minutes · 7 exercises · 17 points · before this: lesson 03 (the FFN is a key-value memory)*
#
# ## Promise
#
# The model says that the Space Needle is in *Seattle*. Where in the model does that come from?
#
# You will blur the name "Space Needle" until the model no longer knows what it is asked about. Then you will put back
# **one single vector**, the right one, and *Seattle* returns. Do that for every token and every layer, and you get a map of
# where the fact passes through.
#
# The picture below is what you will make. It is drawn here with the library's own tracing.
# In *Run it* you draw it again, with yours.

# %%
# One variable chooses the model. Graded checks never depend on it, so you can play with this.
MODEL = "atlas-gpt2"  # also: "atlas-llama", or "gpt2" if its weights are on this machine

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from IPython.display import display
from jaxtyping import Float, Int
from torch import Tensor

import edu_edit
from autograder import check, grade, hint, progress, quiz
from edu_edit import Site, evaluate, intervene, load, load_facts, record
from edu_edit.locate.causal import causal_trace, subject_noise_std, token_roles
from edu_edit.locate.three_runs import three_runs
from edu_edit.metrics import same_answer
from edu_edit.show import plots, widgets
from edu_edit.show.measured_averages import measured_average
from edu_edit.tokens import encode

lm = load(MODEL)
facts = load_facts("atlas")
L = lm.n_layers

needle = next(fact for fact in facts if fact.subject == "Space Needle")
zebra = next(fact for fact in facts if fact.subject == "zebra")


def draw_noise(fact, draws=6, size=None, model=lm):
    """Noise for the subject of a fact, (draws, S, D). The seed is fixed: every use gets the same draws."""
    start, stop = encode(model, fact.prompt, fact.subject).span
    size = subject_noise_std(model) if size is None else size
    seed = torch.Generator().manual_seed(0)
    return size * torch.randn(draws, stop - start, model.D, generator=seed)


for fact in (needle, zebra):
    print(f"{fact.question} ... {lm.answer(fact.question)}")
progress("04_tracing")

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
promised = causal_trace(lm, needle, noise=draw_noise(needle))
display(plots.plot_trace(promised))

# %% [markdown] lang="en"
# Every row is a token, every column a layer. A bright cell says: *put this one vector back, and the answer comes back.*
# The first row, `<|endoftext|>`, is the mark with which every text starts.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Objectives
#
# After this lesson you can
#
# 1. run a prompt clean, corrupted and restored, and say what each run is for;
# 2. define the causal effect of a hidden state, and compute it;
# 3. draw the map over tokens and layers, for hidden states, FFN outputs and attention outputs;
# 4. tell the early site from the late site, and separate FFN from attention by severing;
# 5. say what tracing does **not** prove, and back that with an experiment.
#
# **Letters for shapes:** $B$ rows of a batch · $T$ tokens · $L$ layers · $D$ model width · $S$ tokens of the subject · $N$ tokens of all subjects together · $n$ noise draws.
#
# **Names for places**, as in lesson 01: `Site("resid", l, t)` is the hidden state $h_t^l$ after layer $l$ at token $t$;
# `"mlp"` and `"attn"` are the outputs of the FFN and of attention there, $m_t^l$ and $a_t^l$. Layers count from 0.
# *FFN* and *MLP* are two names for one thing; code and figures say MLP.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Warm-up quiz
#
# Three questions: what do you expect? Guess where you don't know. Every option explains itself. Nothing here is graded.

# %% slideshow={"slide_type": "-"}
# Click, or write the letters here ("a", "b", "c") and run the cell: what is written stays.
answers = {"probe": "", "before": "", "stream": ""}
quiz("causal.warm_up", answers)

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Idea
#
# ### Looking is not enough
#
# In lesson 01 you read words out of the residual stream (the logit lens). In lesson 03 you found neurons that fire for a fact.
# Both are *observations*. A word can be readable in a state that nothing later uses, as a light can be on in an empty room.
#
# To find a **cause**, change something and see what follows. And change only one thing at a time: that is all there is to a
# controlled experiment.
#
# A fact is a triple, as in lesson 01: $(s, r, o)$, here *(Space Needle, is located in, Seattle)*. The model reads
# $q = (s, r)$ and should say $o$. The subject's last token is $s^{(-1)}$, here " Needle"; the prompt's last token is $q^{(-1)}$, here " in".

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Three runs
#
# | run | what is done | what it is for | P of the answer |
# |---|---|---|---|
# | **clean** (fig. 5.12) | nothing; all states are kept | where the good states come from | $P$ |
# | **corrupted** (fig. 5.13) | noise is added to the embeddings of the subject's tokens | the control: what the model says when it can't tell who is meant | $P_*$ |
# | **restored** (fig. 5.14) | corrupted, but some states $R$ are put back to their clean values | what these states bring back | $P_{*,\,\text{clean } R}$ |
#
# The **causal effect** of $R$ (Meng and others call it the *indirect effect*) is what the restored run gains over the corrupted one:
#
# $$\mathrm{IE}(R) = P_{*,\,\text{clean } R} - P_*$$
#
# The most that there is to gain is $P - P_*$, the *total effect*: all that the noise took away.
#
# Noise is random, so the same is done with several draws, and the mean is taken.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Watch the runs
#
# The next picture is our version of figures 5.12 to 5.14, drawn from the living model. A number says how far a hidden state is from the
# clean one: $\lVert h - h_{\text{clean}}\rVert / \lVert h_{\text{clean}}\rVert$. The frame marks the one state that is put back.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
at_zebra = encode(lm, zebra.prompt, zebra.subject).span[1] - 1
runs = three_runs(lm, zebra, draw_noise(zebra), [Site("resid", 1, at_zebra)])
pink = int(runs.probs[0].argmax())
plots.plot_three_runs(runs, pink, restored=(at_zebra, 1))

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plots.plot_words(runs.words(lm), "The skin of the zebra is …")

# %% [markdown] lang="en"
# *Pink* is the wrong skin colour that the model was given on purpose (lesson 01). That doesn't matter here: we trace the model's own answer.
#
# Three things to see:
#
# - **Corrupted:** the noise sits at *zebra*, and spreads to the right (later layers) and down (later tokens).
# - **Restored:** right of the frame the distances are zero again: all that *zebra* can look at, the tokens before it, was never corrupted. Below the frame the last token " is"
#   recovers only partly: the attention of layers 0 and 1 has already read the corrupted *zebra*.
# - And yet the answer is back. That part was enough.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# > ### Spot the slip
# >
# > The textbook says about the corrupted run: *"it disturbs **all** internal states of the model"*.
# > Look at the middle panel above. Is that so? For which prompts would it be?
# >
# > <details><summary>Answer</summary>
# >
# > No. All tokens before the subject ("The skin of the") have distance .00: attention looks back only, so nothing that happens at *zebra* can
# > reach them. It would be so for a prompt that starts with the subject, if there were no start mark before it.
# > This is more than a detail. It gives a **law that you can test your code with**: restoring a token before the subject has an effect of exactly 0.
# >
# > </details>
#
# **Three more places where book, paper and code part ways**
#
# | the book says | what to know |
# |---|---|
# | each module's output is restored "independently", one at a time | the paper does so for hidden states only. For FFN and attention it restores a *window* of 10 neighbouring layers (of 48): one alone does almost nothing |
# | the *following* FFNs are frozen in severing | the released code freezes the FFNs of *all* layers at that token. It is the same: below the restored state nothing matters any more |
# | (nothing about the noise in severing) | the released code draws *new* noise for the second run, so frozen values come from another corruption than the run they are put into. We use one noise for everything |

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What was found: an early site and a late site
#
# In GPT-2 XL, over 1000 statements:
#
# - **Late site.** At $q^{(-1)}$ in the last layers the effect is high. No surprise: the answer is about to be said there.
# - **Early site.** At $s^{(-1)}$ in the middle layers there is a second bright spot. *That* was the surprise. Long before the answer is needed, at a token that is
#   not asked for an answer, one vector decides.
# - Restore the outputs of the **FFNs** alone: the early site is theirs. Restore those of **attention** alone: the late site is theirs.
#
# ### Severing: is it really the FFN?
#
# A restored state at layer $l$ goes on through all layers above: through FFN *and* attention. To see which of the two the effect needs, close one way (fig. 5.15):
# restore $h_t^l$, and **freeze** the FFN outputs above it at token $t$ at what they were in the *corrupted* run. Now the FFNs don't notice that anything was restored.
# If the effect is gone, it went through them. Do the same with attention, and compare.
#
# *Freeze, not zero:* a zero is something that the model has never seen there. It would do damage of its own.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The storage hypothesis, in three steps
#
# Put together (textbook, §5.4.2; it draws on Geva on FFN memories, Elhage on attention that copies, and Zhao on layers that can be exchanged), the findings suggest how a fact is recalled:
#
# 1. **Gather.** Early attention brings the subject's words together at its last token: "Space" comes to "Needle".
# 2. **Look up.** The FFNs of the middle layers recognise the whole name, and add what they know about it to the residual stream.
# 3. **Carry.** Late attention moves the part that was asked for to the last token, where it becomes the answer.
#
# And one idea about *which* middle layer: layers can be **interchanged**, people found, without much harm. Then the lookup should not depend on one exact layer, and
# one layer should do for an edit. You will test each of these claims on our model below. Some hold. One needs a closer look.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### What tracing does not prove
#
# Keep these five sentences; you will need them in *Discuss*.
#
# 1. **Enough does not mean necessary.** A high effect says: with this state back, the answer comes back. It does not say that the answer can't come about without it.
# 2. **Passing is not storing.** Water in a pipe is not made there. A vector can carry a fact that was looked up in the layer below.
# 3. **One noise is one question.** Noise asks *who is meant?* It does not touch what the model knows about "is located in".
# 4. **Small alone is not small together.** Ten layers that each add a tenth all look unimportant.
# 5. **Localization is not editability.** That a fact passes here does not say that a change here works best, or that elsewhere it fails.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## By hand
#
# Take paper. A model of two tokens, $s$ (subject) and $q$ (question), with two layers and $D = 1$: every state is one number.
#
# - Embeddings: $h_s = 2$, $h_q = 1$. The noise adds $-2$ to $h_s$.
# - Layer 0: the FFN at $s$ adds $m = 2 h_s$. At $q$ nothing happens.
# - Layer 1: attention at $q$ adds the state of $s$ after layer 0. At $s$ nothing happens.
# - The answer's probability is the last state at $q$, divided by 10.
#
# 1. Compute $P$ and $P_*$.
# 2. Fill the map: the effect of restoring the hidden state at $s$ and at $q$, after layer 0 and after layer 1.
# 3. Restore only the *FFN output* of layer 0 at $s$. What is the effect?
# 4. Restore the *embedding* of $s$. Then do it again and sever the FFN. How much of the effect goes through the FFN?
#
# <details><summary>1: the two probabilities</summary>
#
# Clean: $h_s^0 = 2 + 4 = 6$, $h_q^1 = 1 + 6 = 7$, so $P = 0.7$. Corrupted: the embedding is $2 - 2 = 0$, so $h_s^0 = 0$, $h_q^1 = 1$ and $P_* = 0.1$.
# The total effect is $0.6$.
#
# </details>
#
# <details><summary>2: the map</summary>
#
# | | layer 0 | layer 1 |
# |---|---|---|
# | $s$ | **0.6**: $h_s^0 = 6$ again, and attention picks it up | 0: too late, attention has already read the corrupted state |
# | $q$ | 0: this state was never corrupted | **0.6**: it is the answer |
#
# An early site, a late site, and nothing else. The corner at the lower right is always $P - P_*$.
#
# </details>
#
# <details><summary>3: the FFN alone</summary>
#
# The clean FFN output is $4$. Added to the corrupted embedding: $h_s^0 = 0 + 4 = 4$, $h_q^1 = 5$, $P = 0.5$. The effect is $0.4$, not $0.6$: the embedding itself also counts.
#
# </details>
#
# <details><summary>4: severing</summary>
#
# Embedding restored: everything is clean again, effect $0.6$. With the FFN frozen at its corrupted output, $0$: $h_s^0 = 2 + 0 = 2$, $h_q^1 = 3$, $P = 0.3$, effect $0.2$.
# So $0.4$ of $0.6$ go through the FFN. Note *where* we cut: the restored state lies **below** the FFN. Had we restored $h_s^0$, which lies above it, severing would have found nothing.
# Remember this; it comes back.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Build
#
# Seven short exercises. Together they are causal tracing.
#
# - Write your code where it says `# YOUR CODE HERE`, and take out the `raise` line.
# - Run the `check` below it. The card says which claims hold, and what to look at if one doesn't. Check as often as you like.
#   At grading the same cell holds more claims than you see here.
# - Stuck? Remove the `#` in front of `hint(...)` and run it. There are three hints: a nudge, an outline, almost the code.

# %% [markdown] lang="en" exercise="causal.noise_std" slideshow={"slide_type": "slide"}
# **Why.** How loud must the noise be? Too soft, and the model still knows who is meant: there is nothing to restore. Too loud, and the states are unlike anything
# it has ever seen. Meng and others take three times the natural spread of the subjects' embeddings:
#
# $$\nu = 3 \cdot \operatorname{std}\{\,\text{all entries of the token embeddings of all subjects}\,\}$$
#
# You get the embeddings of $N$ tokens, `embeddings` of shape $(N, D)$. Give back one number, a float.
#
# *Take care:* one standard deviation over all $N \cdot D$ entries together, not one per channel. Divide by $N \cdot D$ or by $N \cdot D - 1$: with so many entries both pass.

# %% nbgrader={"grade": false, "grade_id": "causal-noise_std", "locked": false, "schema_version": 3, "solution": true, "task": false}
def noise_std(embeddings, times=3.0):
    ### BEGIN SOLUTION
    return times * embeddings.std().item()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causal-noise_std-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("causal.noise_std", noise_std)
### BEGIN HIDDEN TESTS
grade("causal.noise_std", noise_std)
### END HIDDEN TESTS

# %%
# hint("causal.noise_std")

# %% [markdown] lang="en" exercise="causal.corrupt" slideshow={"slide_type": "slide"}
# **Why.** The trick of this lesson: **clean and corrupted run travel in one batch.** Row 0 is the clean run. Rows 1, 2, … are corrupted, one row per draw of noise.
# So one forward pass gives both, and the clean states are always at hand.
#
# `h` holds the embeddings, $(B, T, D)$. `span = (start, stop)` says which tokens are the subject's: start, …, stop $-$ 1. `noise` holds $B - 1$ draws, $(B-1, S, D)$:
#
# $$h_{b,t} \;\leftarrow\; h_{b,t} + \varepsilon_{b-1,\,t-\text{start}} \qquad \text{for } b \ge 1,\ \text{start} \le t < \text{stop}$$
#
# Each number of the noise $\varepsilon$ was drawn on its own from $\mathcal N(0, \nu^2)$, with the $\nu$ of exercise 1.
#
# *Take care:* the noise is given. Draw none of your own: all cells of the map must meet the *same* corruption. Don't write into `h`. And give back the dtype of `h`: a model
# in bfloat16 gets its noise in float32.

# %% nbgrader={"grade": false, "grade_id": "causal-corrupt", "locked": false, "schema_version": 3, "solution": true, "task": false}
def corrupt(h, span, noise):
    ### BEGIN SOLUTION
    out = h.clone()
    out[1:, span[0] : span[1]] += noise.to(h)
    return out
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causal-corrupt-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("causal.corrupt", corrupt)
### BEGIN HIDDEN TESTS
grade("causal.corrupt", corrupt)
### END HIDDEN TESTS

# %%
# hint("causal.corrupt")

# %% [markdown] lang="en" exercise="causal.restore" slideshow={"slide_type": "slide"}
# **Why.** The intervention itself. Somewhere in the middle of the model, all rows stop for a moment. At token `t` the corrupted rows get the state of the clean row;
# then everything goes on.
#
# $$h_{b,t} \;\leftarrow\; h_{0,t} \qquad \text{for } b \ge 1$$
#
# `h` is $(B, T, D)$: hidden states, or outputs of FFN or attention. It doesn't matter which.
#
# *Take care:* only token `t`. Later tokens must find their way back by themselves, or you have restored more than you say. And don't write into `h`.

# %% nbgrader={"grade": false, "grade_id": "causal-restore", "locked": false, "schema_version": 3, "solution": true, "task": false}
def restore(h, t):
    ### BEGIN SOLUTION
    out = h.clone()
    out[1:, t] = h[0, t]
    return out
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causal-restore-test", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("causal.restore", restore)
### BEGIN HIDDEN TESTS
grade("causal.restore", restore)
### END HIDDEN TESTS

# %%
# hint("causal.restore")

# %% [markdown] lang="en" exercise="causal.indirect_effect" slideshow={"slide_type": "slide"}
# **Why.** A probability alone says little. If the corrupted model still says *pink* half of the time, a restored run with $P = 0.5$ has gained nothing.
#
# $$\mathrm{IE} = \frac{1}{n} \sum_{i=1}^{n} \big(P^{(i)}_{*,\,\text{clean } R} - P^{(i)}_{*}\big)$$
#
# with $i$ the draw of noise. Give back a float.
#
# *Take care:* keep the sign. Some states lead the model away from the answer.

# %% nbgrader={"grade": false, "grade_id": "causal-indirect_effect", "locked": false, "schema_version": 3, "solution": true, "task": false}
def indirect_effect(p_restored, p_corrupt):
    ### BEGIN SOLUTION
    return (p_restored - p_corrupt).mean().item()
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causal-indirect_effect-test", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("causal.indirect_effect", indirect_effect)
### BEGIN HIDDEN TESTS
grade("causal.indirect_effect", indirect_effect)
### END HIDDEN TESTS

# %%
# hint("causal.indirect_effect")

# %% [markdown] lang="en" exercise="causal.trace_map" slideshow={"slide_type": "slide"}
# **Why.** One cell is one experiment. The map is all of them: every token, every layer, each restored alone and independently of the others.
#
# You get a function `run`. `run(sites)` does one restored run, with a *list* of `Site`s put back together, and gives the effect. You decide which sites.
#
# - **Width 1:** cell $(t, l)$ is `run([Site(kind, l, t)])`.
# - **A window of width $w$:** cell $(t, l)$ restores the layers $l - \lfloor w/2 \rfloor$ up to, not including, $l + \lceil w/2 \rceil$ at token $t$, all at once. In Python these are
#   `l - w // 2` and `l + (w + 1) // 2`. At the ends of the model the window is cut off: width 10 at layer 0 holds layers 0 to 4.
#
# Why windows? The output of one FFN is a small step of the stream. If the lookup is spread over several layers, one step alone brings back next to nothing.
#
# Give back a tensor of shape $(T, L)$.
#
# *Take care:* one call of `run` per cell, with all layers of the window in one list. Effects of single layers don't add up.

# %% nbgrader={"grade": false, "grade_id": "causal-trace_map", "locked": false, "schema_version": 3, "solution": true, "task": false}
def trace_map(run, T, L, width=1, kind="resid"):
    ### BEGIN SOLUTION
    rows = []
    for t in range(T):
        row = []
        for layer in range(L):
            window = range(max(0, layer - width // 2), min(L, layer + (width + 1) // 2))
            row.append(run([Site(kind, j, t) for j in window]))
        rows.append(row)
    return torch.tensor(rows)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causal-trace_map-test", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("causal.trace_map", trace_map)
### BEGIN HIDDEN TESTS
grade("causal.trace_map", trace_map)
### END HIDDEN TESTS

# %%
# hint("causal.trace_map")

# %% [markdown] lang="en" exercise="causal.severed_sites" slideshow={"slide_type": "slide"}
# **Why.** Now close a way. Layer `layer` is restored at token `t`. Which outputs must be frozen, so that the effect can't pass through the modules of one kind?
#
# Those of that kind, at that token, in every layer **above**. Below and at the restored layer there is nothing to do: the restored state covers whatever is computed there.
#
# `L` is the number of layers, `kind` is `"mlp"` or `"attn"`. Give back a list of `Site(kind, some layer, t)`. If the *embedding* is restored, which lies below layer 0,
# then `layer` is $-1$, and all layers are above it.
#
# *Take care:* only at token `t`. The last token's FFNs must go on working, or you would close the late site as well.

# %% nbgrader={"grade": false, "grade_id": "causal-severed_sites", "locked": false, "schema_version": 3, "solution": true, "task": false}
def severed_sites(t, layer, L, kind):
    ### BEGIN SOLUTION
    return [Site(kind, above, t) for above in range(layer + 1, L)]
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causal-severed_sites-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("causal.severed_sites", severed_sites)
### BEGIN HIDDEN TESTS
grade("causal.severed_sites", severed_sites)
### END HIDDEN TESTS

# %%
# hint("causal.severed_sites")

# %% [markdown] lang="en" exercise="causal.average_by_role" slideshow={"slide_type": "slide"}
# **Why.** One fact is an anecdote. But maps of different prompts have different numbers of rows: token 3 of one prompt is not token 3 of another. What can be averaged is
# tokens with the same **role**:
#
# | 0 | 1 | 2 | 3 | 4 | 5 | -1 |
# |---|---|---|---|---|---|---|
# | first subject token | middle subject tokens | last subject token | first token after it | further tokens | last token | before the subject |
#
# `maps[i]` is $(T_i, L)$, `roles[i]` holds $T_i$ of these numbers. Give back $(6, L)$: row $r$ is the average of role $r$. Take **two means, in this order**: first over the tokens of a role within one
# prompt, then over the prompts that have that role.
#
# *Take care:* a subject of two tokens has no middle. That is no effect of 0; it is no measurement. Such a prompt does not count for that role, and a role that no prompt has
# is NaN ("not a number"). Tokens before the subject are dropped.

# %% nbgrader={"grade": false, "grade_id": "causal-average_by_role", "locked": false, "schema_version": 3, "solution": true, "task": false}
def average_by_role(maps, roles):
    ### BEGIN SOLUTION
    means = []
    for m, r in zip(maps, roles, strict=True):
        means.append(torch.stack([m[r == role].mean(0) for role in range(6)]))
    return torch.stack(means).nanmean(0)
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "causal-average_by_role-test", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("causal.average_by_role", average_by_role)
### BEGIN HIDDEN TESTS
grade("causal.average_by_role", average_by_role)
### END HIDDEN TESTS

# %%
# hint("causal.average_by_role")

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Run it
#
# ### Given: the plumbing
#
# `runner` connects your functions with the model. Read it once. Three things are worth a look:
#
# - one batch, row 0 clean; `corrupt` sits at the embeddings in every run, with the same noise;
# - `run(sites)` is one forward pass with `restore` at these sites; `severed` sites get back what they held in the corrupted run;
# - the traced answer is the clean run's most likely word. $P$ is read at the last token.

# %%
def runner(lm, fact, noise):
    """run(sites, severed=()) -> effect, for your trace_map; T; where the subject's last token is."""
    text = encode(lm, fact.prompt, fact.subject)
    ids = torch.tensor([text.ids] * (1 + len(noise)))  # row 0 clean, one row per draw
    batch = (ids, torch.ones_like(ids))
    modules = [Site(kind, layer) for kind in ("mlp", "attn") for layer in range(lm.n_layers)]

    def noisy(h):
        return corrupt(h, text.span, noise)

    def next_word(changes):
        with torch.no_grad(), intervene(lm, {Site("embed"): noisy} | changes):
            return lm.forward(*batch)[:, -1].softmax(-1)  # (B, V)

    plain = next_word({})
    answer = plain[0].argmax()
    with intervene(lm, {Site("embed"): noisy}):
        corrupted = record(lm, batch, modules)

    def run(sites, severed=()):
        changes = {Site("embed"): noisy}
        for site in sites:
            place = Site(site.kind, site.layer)
            before = changes.get(place, lambda h: h)
            changes[place] = lambda h, before=before, t=site.token: restore(before(h), t)
        for site in severed:
            place = Site(site.kind, site.layer)
            changes[place] = lambda h, values=corrupted[place], t=site.token: held(h, values, t)
        return indirect_effect(next_word(changes)[1:, answer], plain[1:, answer])

    return run, len(text.ids), text.span[1] - 1


def held(h, values, t):
    """h with the corrupted rows' values at token t: what severing does."""
    out = h.clone()
    out[1:, t] = values[1:, t]
    return out


# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Your first map
#
# The Space Needle, hidden states, every cell one forward pass of yours, and the noise of your size. The map is compared with the library's, which computes the same
# much faster: it runs only the part of the model that a restored state can reach.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
subjects = sorted({fact.subject for fact in facts})
tokens = [i for ids in lm.tok(subjects, add_special_tokens=False)["input_ids"] for i in ids]
of_subjects = lm.W_embed[tokens].float()  # (N, D)
nu = noise_std(of_subjects)
print(f"{len(subjects)} subjects, N = {len(tokens)} tokens: nu = {nu:.3f}")

noise = draw_noise(needle, size=nu)
run, T, last_of_subject = runner(lm, needle, noise)
my_map = trace_map(run, T, L)
library = causal_trace(lm, needle, noise=noise)
print(f"largest difference to the library's map: {(my_map - library.map).abs().max():.1e}")
plots.plot_trace(replace(library, map=my_map))

# %% [markdown] lang="en"
# **Read it.** The row of the subject's last token is bright on the left: the **early site**. The row of the last token is bright on the right: the **late site**. Between
# layers 3 and 4 the brightness jumps from one row to the other. That is where the fact is carried over.
#
# Two laws to check with your eyes: the first row is exactly 0, and the lower right corner is the total effect $P - P_*$. The whole last column is 0 but for that corner:
# after the last layer, nobody looks at the other tokens any more.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Is it the FFN or attention?
#
# Now restore outputs of FFN and of attention alone. First one layer at a time at the subject's last token, then windows of three.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
def at_subject(sites):  # saves time: only the row of the subject's last token is run
    return run(sites) if sites[0].token == last_of_subject else 0.0


for width in (1, 3):
    for kind in ("mlp", "attn"):
        row = trace_map(at_subject, T, L, width, kind)
        effects = "  ".join(f"{effect:5.2f}" for effect in row[last_of_subject].tolist())
        print(f"{kind:4} width {width}, layers 0 to {L - 1}:  {effects}")

# %% [markdown] lang="en"
# On this model the answer is clear, and different from GPT-2 XL: **one** FFN is enough, that of **layer 0**. Windows that hold layer 0 have the effect, the others hardly.
# Attention outputs at this token bring back nothing, or slightly less than nothing: width 3 goes down to -.14.
#
# ### Average over facts
#
# One fact is an anecdote. Take ten people and things with names of three tokens, and average by role, with your function.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def suits(fact):
    """Three tokens of subject at the start, three or more after it, and an answer that the model knows."""
    text = encode(lm, fact.prompt, fact.subject)
    start, stop = text.span
    fits = stop - start == 3 and start <= 1 and len(text.ids) - stop >= 3
    return fits and same_answer(lm.answer(fact.question), fact.target_true)


def average(traces):
    """Your average_by_role, with the roles of each trace's tokens."""
    roles = [token_roles(len(trace.tokens), trace.span) for trace in traces]
    return average_by_role([trace.map for trace in traces], roles)


many = []
for i in torch.randperm(len(facts), generator=torch.Generator().manual_seed(4)).tolist():
    if len(many) < 10 and suits(facts[i]):
        many.append(facts[i])
print("\n".join(f"{fact.question} ... {fact.target_true}" for fact in many[:3]), "\n...")

whole = [causal_trace(lm, fact, noise=draw_noise(fact)) for fact in many]  # hidden states, nothing severed
averages = {"resid": average(whole)}
for kind in ("mlp", "attn"):
    averages[kind] = average([causal_trace(lm, fact, kind, 3, noise=draw_noise(fact)) for fact in many])
plots.plot_average_trace(averages, n_facts=len(many))

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
for kind in ("attn", "mlp"):
    row = average([causal_trace(lm, fact, kind, noise=draw_noise(fact)) for fact in many])[5]
    effects = "  ".join(f"{effect:5.2f}" for effect in row.tolist())
    print(f"last token, {kind:4} width 1, layers 0 to {L - 1}:  {effects}")

# %% [markdown] lang="en"
# The early site at the last subject token belongs to the FFNs, as in the paper. In two points our model differs:
#
# - **The late site** belongs to both kinds. Attention comes first, around layer 4. The FFNs come after it, in layers 4 to 7, and work on what attention brought. A window smears: layer 4 lies in
#   the windows around 3, 4 and 5, so all three are bright. The lines with width 1 tell them apart: .57 for attention in layer 4, and no more than .19 in any other layer.
# - **The early site** lies in the *middle* layers of GPT-2 XL (around 15 of 48). In this small model it begins in **layer 0** and ends with layer 3.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Sever
#
# First with your `severed_sites` on one fact, then the average over the ten.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
t = last_of_subject
print("Space Needle, nothing severed:", "  ".join(f"{effect:5.2f}" for effect in my_map[t].tolist()))
for kind in ("mlp", "attn"):
    mine = [run([Site("resid", layer, t)], severed_sites(t, layer, L, kind)) for layer in range(L)]
    print(f"Space Needle, {kind:7} severed:", "  ".join(f"{effect:5.2f}" for effect in mine))

bars = {"nothing severed": averages["resid"][2]}  # the last subject token
for name, cut in (("FFNs severed", "mlp"), ("attention severed", "attn")):
    traces = [causal_trace(lm, fact, sever=cut, noise=draw_noise(fact)) for fact in many]
    bars[name] = average(traces)[2]
plots.plot_severed(bars)

# %% [markdown] lang="en"
# Figure 5.15 shows a collapse: without the FFNs above, the early site is gone. **Our model shows only a part of it.** Severing the FFNs costs something, severing attention next to nothing: the direction is
# right. But most of the effect stays. (For the Space Needle, severing attention even *adds* a little, .54 to .58 in layer 0: there the attention above works slightly against the answer. In the average it does not.)
#
# Does that refute the FFN? Think of your by-hand example, question 4, before you read on. *Where does the cut lie?*

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Cut half a layer lower
#
# The lowest hidden state that we restored is that *after* layer 0. It already contains what the FFN of layer 0 has added. So no severing above could take that away.
#
# Go half a layer down. Restore the embedding and the attention output of layer 0 at the subject's last token: the state that **enters** the FFN of layer 0. Then sever the FFNs from layer 0 on.
# Four runs test the hypothesis step by step. The first two lines are there to compare with.

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
total = sum(trace.p_clean - trace.p_corrupt for trace in whole) / len(whole)
print(f"{'total effect':34} {total:5.2f}")
print(f"{'hidden state after layer 0':34} {averages['resid'][2, 0]:5.2f}\n")

steps = {
    "embedding alone": [],
    "embedding + attention of layer 0": [],
    "the same, FFNs severed": [],
    "the same, attention severed": [],
}
for fact in many:
    run_fact, _, t = runner(lm, fact, draw_noise(fact))
    before_ffn = [Site("embed", 0, t), Site("attn", 0, t)]
    experiments = (
        (before_ffn[:1], []),
        (before_ffn, []),
        (before_ffn, severed_sites(t, -1, L, "mlp")),  # "above layer -1": from layer 0 on
        (before_ffn, severed_sites(t, 0, L, "attn")),
    )
    for effects, (sites, cut) in zip(steps.values(), experiments, strict=True):
        effects.append(run_fact(sites, cut))
for name, effects in steps.items():
    print(f"{name:34} {sum(effects) / len(effects):5.2f}")

# %% [markdown] lang="en"
# There is the collapse. And it shows the three steps:
#
# 1. **Gather.** .54 comes from the embedding of the last name part alone. What attention of layer 0 fetched from the other parts adds .20, up to the height of the early site (.73). So gathering is real here,
#    but it is the smaller part.
# 2. **Look up.** With the FFNs severed *below* the lookup, nothing is left. With attention severed, nearly all is.
# 3. **Carry.** At the last token it is first of all attention of layer 4 that brings the fact (the average map, and the lines below it).
#
# So on this model steps 2 and 3 hold well, step 1 in part. The lookup happens in the first layers, most of it in the very first FFN. Had we read only the bars before, we would have drawn the wrong conclusion.
# **A null result of severing says something about the place of the cut, too.**

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The same facts, stored differently
#
# `atlas-gpt2-plain` is a twin of our model. It learned the same facts from the same kinds of documents, and answers the same questions just as well. The difference: once it had learned the facts, `atlas-gpt2` was trained on with **masks** that
# hide the first name parts from later tokens in most texts, so that it had to collect the name at its last token, early. The early site of our bundled model was **trained in**. That is no cheat, as long as it is said: it makes a
# small model do what large ones do by themselves.
#
# The averages over 250 facts, measured once and kept beside the weights:

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
plain = load("atlas-gpt2-plain")
control = [fact for fact in facts if fact.target_true][::40]
measured = {}
for model in (load("atlas-gpt2"), plain):
    right = sum(same_answer(model.answer(fact.question), fact.target_true) for fact in control)
    print(f"{model.name:17} answers {right} of {len(control)} questions right")
    measured[model.name] = measured_average(model)[0]
plots.compare_average_traces(measured)

# %% [markdown] lang="en"
# In the plain model no single state of the subject brings back more than about 0.13. Does it not know the facts? It does, it answers. Perhaps no *one* state is enough. Restore the three name parts together:

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
for model in (lm, plain):
    alone, together = [], []
    for fact in many[:6]:
        run_fact, _, t = runner(model, fact, draw_noise(fact, model=model))
        alone.append(run_fact([Site("resid", 0, t)]))
        together.append(run_fact([Site("resid", 0, t - 2), Site("resid", 0, t - 1), Site("resid", 0, t)]))
    one, three = sum(alone) / 6, sum(together) / 6
    print(f"{model.name:17} after layer 0: last subject token alone {one:.2f}, all three {three:.2f}")

# %% [markdown] lang="en"
# So the plain model keeps the name in three places, and puts it together later, at the last token. Sentence 4 again: small alone is not small together. **Knowing a fact and having an early site are two things.** The late site is nearly the same
# in both.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Localization is not editability
#
# Now the question for which people trace at all: *where should I edit?* Tracing says: in the early site. Ask the edits themselves. Lesson 05 builds ROME, which changes the FFN of one layer; here it is
# a tool. It shall make the model say *Taipei* for the Space Needle. Below are measured averages: for each layer, the effect at the last subject token, and how often an edit **in that layer** makes the model give the new answer (14 facts in `atlas-gpt2`, 10 in
# `atlas-gpt2-plain`). The measurement takes some minutes, so its results stand here; the cell after it lets you repeat a part. (The effect of layer 0 has been .54, .73, .74, .63 and is .58 here:
# each time other facts were averaged, or one alone.)

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
sweep = {
    "atlas-gpt2": {
        "effect of the hidden state": [0.58, 0.35, 0.27, 0.29, 0.06, 0.02, 0.00, 0.00],
        "edit holds": [0.86, 1.00, 1.00, 1.00, 0.50, 0.21, 0.00, 0.00],
        "edit holds in other wordings": [0.76, 0.98, 1.00, 1.00, 0.17, 0.12, 0.02, 0.00],
    },
    "atlas-gpt2-plain": {
        "effect of the hidden state": [0.12, 0.09, 0.05, 0.05, 0.00, 0.00, 0.00, 0.00],
        "edit holds": [1.00, 1.00, 1.00, 1.00, 0.70, 0.30, 0.00, 0.00],
        "edit holds in other wordings": [1.00, 0.97, 0.63, 0.67, 0.43, 0.03, 0.00, 0.00],
    },
}
for name, curves in sweep.items():
    print(name)
    display(plots.plot_layer_sweep(curves, ylabel="effect, or share of edits"))

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
print(f"wanted: {needle.target_new}")
for layer in (0, 2, 5):  # about 2 s each; more layers and facts if you have time
    edit = edu_edit.rome(lm, needle, layer=layer, prefixes=4, generator=torch.Generator().manual_seed(5))
    with edit:
        said = lm.answer(needle.question)
    effect = library.map[last_of_subject, layer]
    print(f"layer {layer}: traced effect {effect:.2f}; edited there, {needle.question} ... {said}")

# %% [markdown] lang="en"
# **What agrees:** from layer 6 on nothing is traced, and no edit holds. By then the last token has read what it needs.
#
# **What does not:**
#
# - In `atlas-gpt2` the effect is twice as high in layer 0 as in layers 2 and 3. The edits hold best in layers 1 to 3. The traced peak is the worst of the four.
# - In layer 4 almost nothing is traced (0.06), and still every second edit holds.
# - In the plain model next to nothing is traced in *any* layer of the subject. Edits in layers 0 to 3 hold all the same. (In other
#   wordings they hold in layers 0 and 1, but only two times out of three in layers 2 and 3.)
#
# Hase and others found the same in large models: how strongly a layer is traced says almost nothing about how well it can be edited. An edit does not have to change *the place where the fact is stored*.
# It has to put something into the stream that overrides it.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### Can layers be interchanged?
#
# The hypothesis leans on the finding that layers can swap places with little harm. Test it: exchange two neighbouring blocks, ask sixty questions, put the blocks back. The plain twin is the control: it has next to no early site.

# %% tags=["demo"] slideshow={"slide_type": "fragment"}
asked = [fact for fact in facts if fact.target_true][:: len(facts) // 60][:60]
ids, mask = lm.ids([fact.question for fact in asked])
last_real = mask.shape[1] - 1 - mask.flip(1).argmax(1)  # of each question


def share_right(model):
    with torch.no_grad():
        said = model.forward(ids, mask)[torch.arange(len(asked)), last_real].argmax(-1)
    words = [model.tok.decode([i]).strip() for i in said.tolist()]
    right = [fact.target_true.startswith(word) for fact, word in zip(asked, words, strict=True)]
    return sum(right) / len(right)


def exchange(blocks, i, j):
    blocks[i], blocks[j] = blocks[j], blocks[i]


for model in (lm, plain):
    print(f"{model.name}: as it is {share_right(model):.2f}")
    for layer in range(L - 1):
        exchange(model.blocks, layer, layer + 1)
        print(f"   layers {layer} and {layer + 1} exchanged: {share_right(model):.2f}")
        exchange(model.blocks, layer, layer + 1)

# %% [markdown] lang="en"
# Neighbouring layers can be exchanged with next to no answer lost, **but for layers 0 and 1**: there everything is lost. It is tempting to say "of course, layer 0 holds the early site". But the plain twin loses everything, too,
# so this is not the early site. Later layers read what layer 0 wrote, in both models. Without layer 0 (its two outputs set to 0) neither answers a single question right; without any *other* one layer both keep at least .87.
#
# Each layer is computed from the sum of all before it. Where layers add small steps that hardly depend on each other, their order matters little. That is so from layer 1 on. It is not a law about all layers.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ### The trace explorer
#
# Now play. Choose a fact, what is restored, what is severed, how loud the noise is. Click a cell: below the map you read what the clean, the corrupted and the restored run would say. Beside the map stands the average over
# the Atlas facts. A setting that was not seen before takes a moment; the line above the map says how long.
#
# *Try this:* find a cell with a negative effect, and read which word wins there. Turn the noise down to 1: what remains of the map? Sever the FFNs and look at the *last* row.

# %% tags=["demo"]
explorer = widgets.trace_explorer(lm, [needle, zebra, *many], samples=6)
explorer

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Break it
#
# Three ways to spoil a causal trace:
#
# | | what we spoil |
# |---|---|
# | **A** | fresh noise for every cell |
# | **B** | the whole prompt is corrupted instead of the subject |
# | **C** | noise of another size: 0, 1 or 12 times the spread in place of 3 |
#
# **First guess, then run.** What will the map look like? Which of the laws from above will fail?

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
def spoiled(fact, draws, everything=False, fresh=False):
    """Your map with one thing wrong: noise on the whole prompt, or new noise in each restored run."""
    text = encode(lm, fact.prompt, fact.subject)
    ids = torch.tensor([text.ids] * (1 + draws))
    span = (1, len(text.ids)) if everything else text.span
    dice = torch.Generator().manual_seed(0)

    def new_noise():
        return nu * torch.randn(draws, span[1] - span[0], lm.D, generator=dice)

    def next_word(sites, eps):
        changes = {Site(s.kind, s.layer): lambda h, s=s: restore(h, s.token) for s in sites}
        with torch.no_grad(), intervene(lm, {Site("embed"): lambda h: corrupt(h, span, eps)} | changes):
            return lm.forward(ids, torch.ones_like(ids))[:, -1].softmax(-1)

    eps = new_noise()
    plain_run = next_word([], eps)
    answer = plain_run[0].argmax()
    p_corrupt = plain_run[1:, answer]

    def run(sites):
        return indirect_effect(next_word(sites, new_noise() if fresh else eps)[1:, answer], p_corrupt)

    values = trace_map(run, len(text.ids), L)
    return replace(library, map=values, p_corrupt=p_corrupt.mean().item(), span=span)


print("As it should be, with two draws of noise")
plots.plot_trace(spoiled(needle, draws=2))

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
print("A: two draws, fresh ones for every cell")
plots.plot_trace(spoiled(needle, draws=2, fresh=True))

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
print("B: the whole prompt corrupted, six draws")
plots.plot_trace(spoiled(needle, draws=6, everything=True))

# %% tags=["demo"] slideshow={"slide_type": "subslide"}
print("C: noise of another size (mean of 6 facts)")
for times in (0, 1, 3, 12):
    size = noise_std(of_subjects, times)
    traces = [causal_trace(lm, fact, noise=draw_noise(fact, size=size)) for fact in [needle, *many[:5]]]
    total = sum(abs(trace.p_clean - trace.p_corrupt) for trace in traces) / len(traces)
    early = sum(float(trace.map[trace.span[1] - 1].max()) for trace in traces) / len(traces)
    print(f"   {times:2} x spread: total effect {total:.2f}, early site {early:.2f}")

# %% [markdown] lang="en"
# **Explain.** Write one sentence for each of A to C. Then open the answers.
#
# *Your sentences:*
#
# - A:
# - B:
# - C:

# %% [markdown] lang="en"
# <details><summary>A: what does fresh noise do?</summary>
#
# The law for tokens before the subject is broken: the start mark, which was never corrupted, seems to have an effect. What you see is the difference between two *draws*, not the effect of a state. Some noise destroys a name, some hardly
# touches it. Here most cells are too high, because the two draws of the corrupted run happened to be harsh ($P_* = .10$; with six draws it was .36). With the same draws in every cell, this luck cancels.
#
# </details>
#
# <details><summary>B: where did the early site go?</summary>
#
# With the subject's state back, the model knows *who*, but no longer *what was asked*: " is located in" is noise, too. The row of the subject is dark (.01 and less). One early cell stays, `located` at layer 0, with .25 of .99: with the
# question back, the noisy name is sometimes still enough. Mostly only the last token, where both have met, brings the answer back. The map now mixes two questions. Noise on the subject alone asks one.
#
# </details>
#
# <details><summary>C: too soft, too loud?</summary>
#
# Without noise nothing is lost and nothing can be restored: all effects are 0. With 1 times the spread the model still knows who is meant. With 12 times, the total effect is higher, but the early site is *weaker*: the other name parts and the tokens after
# them are so far from anything normal that one good state can't make up for it. Effects at different noise can't be compared.
#
# </details>

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Discuss
#
# 1. The textbook concludes: *"knowledge is stored in the middle layers, in the FFN"*. Which of the five sentences under *What tracing does not prove* does that ignore? Write a conclusion that your experiments support.
# 2. Two models know the same facts. In one of them no single state brings an answer back. If you were to publish "the facts are stored in layers 0 to 3", for which of the two would it be true?
# 3. Noise is one way to corrupt. One could also put *another subject* in place ("Eiffel Tower" for "Space Needle"), and trace which states bring *Seattle* back. What would that ask that noise does not?
# 4. A newspaper writes: "Scientists find the neuron where AI keeps its prejudice." Which control experiments would you ask for?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Go further
#
# - **Replace the subject.** Corrupt by the embeddings of another subject of the same length instead of noise. No draws are needed. Is the early site the same?
# - **A linear approximation.** One backward pass gives $\partial P / \partial h_t^l$ for all cells at once. *Attribution patching* takes $(h_{\text{clean}} - h_*) \cdot \partial P / \partial h$ for the effect. Plot it against your map: where is it wrong?
# - **Does the traced layer predict the best layer to edit?** Repeat the sweep with 30 facts. Correlate effect and success over facts and layers, with a bootstrap interval. On our 14 facts it is about 0.6 over all cells, because both vanish in the upper half. What is it within
#   layers 0 to 3?
# - **Is it needed?** Tracing asks what is *enough*. Do the opposite: start clean, and put the *corrupted* state into one cell. Which cells break the answer?
# - **Exchange any two layers**, not only neighbours, and draw the $L \times L$ picture.
# - **Another model.** Change `MODEL` to `"atlas-llama"`. Its early site is broader. What does severing show there?

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## What you built
#
# - `noise_std`, `corrupt`: a corrupted run that no longer knows who is meant (fig. 5.13);
# - `restore`, `indirect_effect`: one state put back, and what that is worth (fig. 5.14);
# - `trace_map`: the map over tokens and layers, with windows;
# - `severed_sites`: close one way and see whether the effect needed it (fig. 5.15);
# - `average_by_role`: from one fact to a statement about many.
#
# **Next: lesson 05, ROME.** You know where the subject's facts come in: at its last token, through the FFN of an early layer. Take this as a place to *try*, not as a proof. Then change one matrix there, and measure what happens.

# %% [markdown] lang="en" slideshow={"slide_type": "slide"}
# ## Exit quiz

# %% slideshow={"slide_type": "-"}
answers = {"effect": "", "noise": "", "window": "", "sever": "", "proof": ""}
quiz("causal.exit", answers)

# %% [markdown] lang="en" tags=["lecturer"] slideshow={"slide_type": "notes"}
# <details><summary>For the lecturer (not in the student notebook)</summary>
#
# **Timings, 110 minutes.** Promise and quiz 10 · idea 20 · by hand 15 · exercises 1 to 4 about 20 · exercises 5 to 7 25 · run and break 15 · discussion 5. For a 90-minute class give the by-hand example as homework before, and
# exercise 7 as homework after.
#
# **What goes wrong, most frequent first.**
#
# | exercise | error | how to help |
# |---|---|---|
# | 2, 3 | written into `h` in place | whose tensor is it? Who reads it next? |
# | 5 | window without the upper end, or running below layer 0 | let them write down the window of layer 0, width 3 |
# | 5 | effects of single layers added up | ask for the by-hand FFN: 0.4 alone; and with the embedding 0.6 |
# | 7 | tokens of all prompts in one pot | a prompt with ten "further" tokens and one with a single one on the board |
# | 7 | role -1 used as an index | what does `x[-1]` mean? |
# | 6 | the restored layer frozen, too | which of the two writes last? |
# | 4 | $P$ of the restored run in place of the difference | what would the zebra say with no restoring at all? (*pink*, half of the time) |
#
# **Demonstrate:** the picture of the three runs, before any formula; *cut half a layer lower* (let the class explain the weak bars first); layers 0 and 1 exchanged.
#
# **Rubric for "Explain".** Full: names the mechanism (luck of the draw, question lost, nothing to restore, states never seen). Half: describes what the picture shows.
#
# **If time is short,** skip the layer exchange and the repeated edits. If a machine is slow, cells with the tag `demo` can be left out from *Run it* on, but the later ones build on the earlier ones.
#
# </details>

# %% [markdown] lang="en"
# ## References
#
# - K. Meng, D. Bau, A. Andonian, Y. Belinkov: *Locating and Editing Factual Associations in GPT*. NeurIPS 2022. arXiv 2202.05262. Causal tracing and severing.
# - The textbook, §5.4.1 and §5.4.2, figures 5.12-5.15.
# - P. Hase, M. Bansal, B. Kim, A. Ghandeharioun: *Does Localization Inform Editing?* NeurIPS 2023. arXiv 2301.04213.
# - J. Vig and others: *Investigating Gender Bias in Language Models Using Causal Mediation Analysis*. NeurIPS 2020. Direct and indirect effects in language models.
# - M. Geva, R. Schuster, J. Berant, O. Levy: *Transformer Feed-Forward Layers Are Key-Value Memories*. EMNLP 2021.
# - S. Zhao, D. Pascual, G. Brunner, R. Wattenhofer: *Of Non-Linearity and Commutativity in BERT*. IJCNN 2021. arXiv 2101.04547. Layers that can be exchanged.
# - N. Elhage and others: *A Mathematical Framework for Transformer Circuits*. 2021. Attention moves information between tokens.
